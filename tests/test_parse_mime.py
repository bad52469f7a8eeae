"""Parts that are no plain text: mails within mails, signed and encrypted ones, invitations, names of files."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.mail.message import Message
from gateway.parse.armour import ENCRYPTED as TEXT_ENCRYPTED
from gateway.parse.armour import unwrap_armour
from gateway.parse.attachments import attachment_bytes
from gateway.parse.calendar import summarise_calendar
from gateway.parse.content import parse_content
from gateway.parse.enriched import enriched_to_text
from gateway.parse.flowed import unfold_flowed
from gateway.parse.header import split_header
from gateway.parse.message import parse_message
from gateway.parse.sealed import ENCRYPTED, SIGNED

MAILS = Path(__file__).parent / "mails"


def text_of(message: Message) -> str:
    return "\n".join(span.text for span in message.spans)


INVITATION = "Invitation: Planning; the big one, 2026-11-22 10:00 to 11:00 Europe/Paris, Room 4"


@pytest.mark.parametrize(
    ("name", "text", "files"),
    [
        ("signed-pgp", "The signed words.", []),
        ("signed-smime", "The signed words.", ["plan.pdf"]),
        ("encrypted-pgp", ENCRYPTED, ["encrypted.asc"]),
        ("encrypted-smime", ENCRYPTED, ["smime.p7m"]),
        ("signed-smime-opaque", SIGNED, ["smime.p7m"]),
        ("signed-inline", "Before.\n\nThe signed words.\n-- not a dash any more\n\nAfter.", []),
        ("encrypted-inline", f"Hello,\n{TEXT_ENCRYPTED}\nbye", []),
        ("invitation", f"See you.\n\n{INVITATION}", ["invite.ics"]),
        ("forwarded-base64", "See below.", ["Grüße.eml"]),
        ("same-file-twice", "Twice.", ["one.txt"]),
        ("winmail", "Sent by Outlook.", ["winmail.dat"]),
        ("richtext", "bold & <plain>\nnext", []),
    ],
)  # fmt: skip
def test_mails(name: str, text: str, files: list[str]) -> None:
    raw = (MAILS / f"{name}.eml").read_bytes()
    message = parse_message(raw)
    assert (text_of(message), [file.name for file in message.attachments]) == (text, files)
    for file in message.attachments:
        assert len(attachment_bytes(raw, file)) == file.size


CMS = b"\x30\x80\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07"


@pytest.mark.parametrize(
    ("parameters", "data", "note"),
    [
        ("", CMS + b"\x03\xa0", ENCRYPTED),
        ("; smime-type=signed-data", CMS + b"\x03\xa0", ENCRYPTED),
        ("", CMS + b"\x02\xa0", SIGNED),
        ("; smime-type=certs-only", CMS + b"\x02\xa0", ""),
        ("; smime-type=enveloped-data", b"damaged", ENCRYPTED),
        ("; name=smime.p7m", b"damaged", ""),
    ],
)
def test_smime_objects(parameters: str, data: bytes, note: str) -> None:
    head = f"Content-Type: application/x-pkcs7-mime{parameters}\nContent-Transfer-Encoding: base64\n\n"
    assert text_of(parse_message(head.encode() + base64.encodebytes(data))) == note


SIGNED_TEXT = (
    "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\n- -----dashes\nwords\n"
    "-----BEGIN PGP SIGNATURE-----\n\n{}\n-----END PGP SIGNATURE-----"
)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\n" + SIGNED_TEXT.format("iQ==\n=abcd") + "\nb", "a\n-----dashes\nwords\nb"),
        (SIGNED_TEXT.format("Version: x\n\niQ=="), "-----dashes\nwords"),
        (SIGNED_TEXT.format("these are words"), None),
        (SIGNED_TEXT.format("iQ==").rpartition("\n")[0], None),
        ("-----BEGIN PGP MESSAGE-----\n\nhQ==\n-----END PGP MESSAGE-----", TEXT_ENCRYPTED),
        ("-----BEGIN PGP MESSAGE-----\nis how such a text begins, and\n-----END PGP MESSAGE-----", None),
        ("-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nmQ==\n-----END PGP PUBLIC KEY BLOCK-----", None),
        ("> -----BEGIN PGP MESSAGE-----\n> hQ==\n> -----END PGP MESSAGE-----", None),
    ],
)
def test_armour(text: str, shown: str | None) -> None:
    assert unwrap_armour(text) == (text if shown is None else shown)


def event(*lines: str, method: str = "REQUEST") -> str:
    return "\r\n".join(["BEGIN:VCALENDAR", f"METHOD:{method}", "BEGIN:VEVENT", *lines, "END:VEVENT", "END:VCALENDAR"])


def times(begin: str, end: str) -> str:
    """An event named x with these two properties."""
    return event("SUMMARY:x", f"DTSTART{begin}", end)


IN_PARIS = ";TZID=Europe/Paris:20261122T100000"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (times(IN_PARIS, "DTEND;TZID=Europe/Paris:20261122T110000"), "Invitation: x, 2026-11-22 10:00 to 11:00 Europe/Paris"),
        (times(IN_PARIS, "LOCATION:Room 4"), "Invitation: x, 2026-11-22 10:00 Europe/Paris, Room 4"),
        (times(":20261122T100000Z", "DURATION:PT1H30M"), "Invitation: x, 2026-11-22 10:00 to 11:30 UTC"),
        (times(":20261122T230000", "DURATION:P1D"), "Invitation: x, 2026-11-22 23:00 to 2026-11-23 23:00"),
        (times(";VALUE=DATE:20261122", "DTEND;VALUE=DATE:20261125"), "Invitation: x, 2026-11-22 to 2026-11-24"),
        (times(";VALUE=DATE:20261122", "DTEND;VALUE=DATE:20261123"), "Invitation: x, 2026-11-22"),
        (event("SUMMARY:a\\, b\\;", " c\\nd", method="CANCEL"), "Cancelled: a, b;c d"),
        (event("SUMMARY:x", "STATUS:CANCELLED", method="PUBLISH"), "Cancelled: x"),
        (event("SUMMARY:x", 'ATTENDEE;CN="a:b";PARTSTAT=ACCEPTED:mailto:a@b', method="REPLY"), "Accepted: x"),
        (event("DTSTART:soon", "RRULE:FREQ=DAILY", method="PUBLISH"), "Event: (no title), repeated"),
        (event("BEGIN:VALARM", "SUMMARY:ring", "END:VALARM", "SUMMARY:x"), "Invitation: x"),
        (event("SUMMARY:x", "DTSTART:99991231T235959Z", "DURATION:P9999W"), "Invitation: x, 9999-12-31 23:59 UTC"),
        ("BEGIN:VCALENDAR\nEND:VCALENDAR", ""),
        ("SUMMARY:x", ""),
        ("", ""),
    ],
)  # fmt: skip
def test_calendar(text: str, line: str) -> None:
    assert summarise_calendar(text) == summarise_calendar(text.replace("\r\n", "\n")) == line


EVENT_LINES = ["BEGIN:VEVENT", "END:VEVENT", 'SUMMARY;X="', "SUMMARY:x", "DTSTART:20261122", "DTEND:00010101", " x", ":", ""]


@given(st.lists(st.sampled_from(EVENT_LINES)))
def test_any_calendar_is_one_line(lines: list[str]) -> None:
    assert "\n" not in summarise_calendar("\n".join(lines))


@pytest.mark.parametrize(
    ("text", "is_richtext", "plain"),
    [
        ("one\ntwo\n\nthree", False, "one two\nthree"),
        ("<bold>a</bold><color><param>red</param>b</color> << c", False, "ab < c"),
        ("one\ntwo<nl>three<lt>", True, "one two\nthree<"),
        ("a < b", False, "a < b"),
    ],
)
def test_enriched(text: str, is_richtext: bool, plain: str) -> None:
    assert enriched_to_text(text, is_richtext=is_richtext) == plain


@pytest.mark.parametrize(
    ("text", "is_delsp", "plain"),
    [
        ("a \nb\nc", False, "a b\nc"),
        ("a \nb", True, "ab"),
        ("> a \n> b\nc", False, "> a b\nc"),
        ("> a \n>> b \n>> c", False, "> a \n>> b c"),
        (" From me\n  two", False, "From me\n two"),
        ("a \n-- \nme", False, "a \n-- \nme"),
        ("> a\n> -- \n> me", False, "> a\n> -- \n> me"),
        ("a ", False, "a "),
    ],
)
def test_flowed(text: str, is_delsp: bool, plain: str) -> None:
    assert unfold_flowed(text, is_delsp=is_delsp) == plain


@pytest.mark.parametrize(
    ("field", "name"),
    [
        ("attachment; filename=plain.txt", "plain.txt"),
        ("attachment; filename=two words.txt; size=3", "two words.txt"),
        ('attachment; filename="a;b.txt"', "a;b.txt"),
        ('attachment; filename="open.txt', "open.txt"),
        ("attachment; filename*=utf-8''caf%C3%A9.txt", "café.txt"),
        ("attachment; filename*=\"utf-8''caf%C3%A9.txt\"", "café.txt"),
        ("attachment; filename*=caf%C3%A9.txt", "café.txt"),
        ("attachment; filename*=''caf%E9.txt", "café.txt"),
        ("attachment; filename*=iso-8859-1'de'caf%E9.txt; filename=other.txt", "café.txt"),
        ("attachment; filename*=; filename=other.txt", "other.txt"),
        ("attachment; filename*0*=utf-8''caf%C3; filename*1*=%A9; filename*2=\" %41.txt\"", "café %41.txt"),
        ("attachment; filename*1=two.txt; filename*0=one", "onetwo.txt"),
        ("attachment; filename*1=one; filename*2=two.txt", "onetwo.txt"),
        ('attachment; filename="=?utf-8?q?caf=C3=A9.txt?="', "café.txt"),
        ("attachment; filename==?utf-8?q?caf=C3=A9.txt?=", "café.txt"),
        ('attachment; filename="=?utf-8?b?Y2Fmw6k=?=\n =?utf-8?q?.txt?="', "café.txt"),
        ('attachment; filename*0="=?utf-8?q?caf=C3"; filename*1="=A9.txt?="', "café.txt"),
        ("attachment; filename*=utf-8''=?utf-8?q?caf=C3=A9.txt?=", "café.txt"),
        ('attachment; filename="café.txt"', "café.txt"),
        ('attachment; filename="C:\\\\temp\\\\x.txt"', "x.txt"),
        ("attachment; filename*=utf-8''..%2F..%2Fetc%2Fpasswd%0D%0Ax", "passwd x"),
        ("attachment; FILENAME = x.txt", "x.txt"),
        ("attachment", ""),
    ],
)  # fmt: skip
def test_names(field: str, name: str) -> None:
    as_type = field.replace("attachment", "text/x").replace("filename", "name").replace("FILENAME", "NAME")
    for form in (f"Content-Disposition: {field}\n\n", f"Content-Type: {as_type}\n\n"):
        assert parse_content(split_header(form.encode())).name == name


def test_a_name_in_the_charset_of_old_programs() -> None:
    header = split_header(b'Content-Disposition: attachment; filename="caf\xe9.txt"\n\n')
    assert parse_content(header).name == "café.txt"
