"""Whole mails, one trouble each (tests/mails), and what makes two mails the same."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway.mail.envelope import Raw
from gateway.mail.message import Message, Span, SpanKind
from gateway.parse.limits import ORDINARY_MAX, PARTS_MAX
from gateway.parse.message import is_ordinary, parse_message, unread_message

MAILS = Path(__file__).parent / "mails"


def read(name: str) -> Message:
    return parse_message((MAILS / f"{name}.eml").read_bytes())


def text_of(message: Message) -> str:
    return "\n".join(span.text for span in message.spans)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("no-separator", "This line is the body already.\nSo is this: yes."),
        ("flowed", "A paragraph in two linesand a half.\n >not a quote\n> a quoted paragraph\n-- \nAda"),
        ("iso-2022-jp-unlabelled", "こんにちは、世界。"),
        ("gb2312-beyond", "朱镕基"),
        ("utf-7", "Hi Mom ☺!"),
        ("charset-that-is-a-codec", "back\\u0041slash"),
        ("base64-that-is-none", "these are plain words in several lines\nand nobody has encoded them"),
        ("base64-broken", "Hello, world!"),
        ("quoted-printable-odd", "soft break, café, 100=% sure"),
        ("alternative", "The plain words."),
        ("alternative-plain-empty", "Only here <https://example.org/x>."),
        ("mixed", "Before.\n\nAfter."),
        ("forwarded", "See below."),
        ("wrong-boundary", "preamble\n--=_other\n\nThe words are here.\n--=_other--"),
        ("not-closed", "The words are here."),
        ("lone-quote-mark", "> I thought so\n\nand >From here on\n>From the start it was so."),
    ],
)
def test_text(name: str, text: str) -> None:
    assert text_of(read(name)) == text


@pytest.mark.parametrize(
    ("name", "author", "subject"),
    [
        ("plain", "Ada Example", "A plain one"),
        ("two-message-ids", "Ada Example", "First wins"),
        ("mbox-from-line", "Ada Example", "Out of a mailbox"),
        ("from-comment", "Ada Example", "Name in a comment"),
        ("from-without-domain", "Ada Example", "x"),
        ("from-raw-latin-1", "Käthe Müller", "Grüße"),
        ("from-encoded", "Käthe Müller", "Grüße aus Köln"),
        ("subject-with-line-end", "Ada Example", "one Bcc: twothree"),
        ("no-message-id", "", "no id"),
        ("words-damaged", "Ada Example", "café und Tee"),
    ],
)
def test_author_and_subject(name: str, author: str, subject: str) -> None:
    message = read(name)
    assert (message.author_name, message.subject) == (author, subject)
    assert str(message.author_address) == ("None" if name == "from-without-domain" else "ada@example.org")


def test_a_list_in_from_is_no_part_of_the_name() -> None:
    message = read("from-via-list")
    assert (message.author_name, str(message.author_address)) == ("Ada Example", "discuss@lists.example.org")


@pytest.mark.parametrize(
    ("name", "date"),
    [
        ("plain", datetime(2024, 2, 12, 9, 11, 12, tzinfo=UTC)),
        ("date-obsolete", datetime(1998, 2, 12, 15, 11, tzinfo=UTC)),
        ("date-before-1990", None),
    ],
)
def test_date(name: str, date: datetime | None) -> None:
    assert read(name).date == date


@pytest.mark.parametrize(
    ("name", "ancestors"),
    [
        ("plain", ()),
        ("references-cut", ("c3@exam", "b2@example.org", "a1@example.org")),
        ("in-reply-to-free-text", ("parent@example.org",)),
        ("in-reply-to-bare", ("parent@example.org",)),
        ("in-reply-to-address", ("root@example.org",)),
    ],
)
def test_ancestors(name: str, ancestors: tuple[str, ...]) -> None:
    assert read(name).ancestors == ancestors


@pytest.mark.parametrize(
    ("name", "files"),
    [
        ("mixed", [("p.png", "image/png", b"\0\1\2\3"), ("notes.txt", "text/plain", b"notes")]),
        ("part-header-lost-fold", [("unnamed", "application/zip", b"\0\1\2")]),
        ("name-rfc2231", [("café %41.exe .txt", "application/octet-stream", b"x")]),
    ],
)
def test_attachments(name: str, files: list[tuple[str, str, bytes]]) -> None:
    found = read(name).attachments
    assert [(file.name, file.type, file.size, file.sha256) for file in found] == [
        (name, kind, len(data), hashlib.sha256(data).hexdigest()) for name, kind, data in files
    ]


def test_a_forwarded_mail_is_one_file_named_by_its_subject() -> None:
    (file,) = read("forwarded").attachments
    assert (file.name, file.type) == ("Inner _ subject.eml", "message/rfc822")


def test_an_attachment_is_found_in_raw_with_either_line_end() -> None:
    raw = (MAILS / "mixed.eml").read_bytes()
    lines = raw.split(b"\n")
    mixed = b"".join(line + (b"\r\n" if number % 3 else b"\n") for number, line in enumerate(lines[:-1]))
    for form in (raw, raw.replace(b"\n", b"\r\n"), mixed):
        picture, notes = parse_message(form).attachments
        assert form[picture.start : picture.end] == b"AAECAw=="
        assert form[notes.start : notes.end] == b"notes"


def test_quotes_and_signature() -> None:
    assert read("quotes").spans == (
        Span(SpanKind.ATTRIBUTION, "On 1 Feb 2024 Bob <bob@example.org> wrote:"),
        Span(SpanKind.QUOTE, "first", 1),
        Span(SpanKind.QUOTE, "older", 2),
        Span(SpanKind.QUOTE, "third", 1),
        Span(SpanKind.TEXT, "\nMy answer.\n"),
        Span(SpanKind.QUOTE, "one line", 1),
        Span(SpanKind.TEXT, "Short answer.\n-- Ogden Nash"),
        Span(SpanKind.SIGNATURE, "-- \nAda"),
    )


def test_fields_that_decide() -> None:
    message = read("automatic")
    assert (message.auto_submitted, message.precedence) == ("auto-replied", "bulk")
    assert (message.list_ids, message.received_count) == (("the.list.example.org",), 2)


@pytest.mark.parametrize("path", sorted(MAILS.glob("*.eml")), ids=lambda path: path.stem)
def test_crlf_reads_as_lf(path: Path) -> None:
    lf = path.read_bytes()
    first, second = parse_message(lf), parse_message(lf.replace(b"\n", b"\r\n"))
    assert without_places(first) == without_places(second)


def without_places(message: Message) -> Message:
    return replace(message, attachments=tuple(replace(file, start=0, end=0) for file in message.attachments))


HEADER = b"From: a@b.example\nSubject: s\n"


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        (HEADER + b"\nx\n", b"Received: y\nList-Id: <z>\n" + HEADER + b"\nx\n", True),
        (HEADER + b"\nx\n", HEADER.replace(b"b.ex", b"b.ex") + b"\nx  \n\n\n", True),
        (b"Subject: a b\n\nx", b"Subject: a\n  b\n\nx", True),
        (b"Subject: s\nX-Trace: 1\n\nx", b"Subject: s\n\nx", True),
        (HEADER + b"\nx\n", HEADER + b"\ny\n", False),
        (HEADER + b"\nx\n", HEADER + b"Content-Type: text/html\n\nx\n", False),
        (HEADER + b"\nx\n", HEADER + b"References: <a@b>\n\nx\n", False),
    ],
)
def test_content_hash(one: bytes, other: bytes, is_same: bool) -> None:
    first, second = parse_message(one), parse_message(other)
    assert (first.content_hash == second.content_hash) is is_same
    assert (first.msgid == second.msgid) is is_same
    assert first.msgid.endswith("@derived.invalid")


def test_limits_hold_the_mail() -> None:
    many = b'Content-Type: multipart/mixed; boundary="b"\n\n' + b"--b\n\nx\n" * (PARTS_MAX + 5)
    deep = b"".join(b'Content-Type: multipart/mixed; boundary="%d"\n\n--%d\n' % (level, level) for level in range(30))
    wide = b'Content-Type: multipart/mixed; boundary="%s"\n\n--b\n' % (b"b" * 3000)
    for raw in (many, deep, wide):
        message = parse_message(raw)
        assert message.is_unreadable
        assert "mime limits" in message.defects


def test_a_long_text_is_cut_with_a_note() -> None:
    message = parse_message(HEADER + b"\n" + b"word \xc3\xa9\n" * 200_000)
    assert len(text_of(message).encode()) < (1 << 20) + 200
    assert message.spans[-1].text.endswith("The mail is kept as it was received.]")
    assert not message.is_unreadable


def test_more_files_than_are_listed() -> None:
    part = b"".join(b"--b\nContent-Type: image/png\n\n%d\n" % number for number in range(120))
    message = parse_message(b"Content-Type: multipart/mixed; boundary=b\n\n" + part + b"--b--\n")
    assert len(message.attachments) == 100
    assert "listed" in message.spans[-1].text


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (HEADER + b"\nx\n", True),
        (HEADER.replace(b"\n", b"\r\n") + b"\r\nx\r\n", True),
        (HEADER + b"\n" + b"x" * ORDINARY_MAX, False),
        (HEADER + b"\n" + b"--b\n" * 200, False),
        (b"Subject: " + b"=?a?b??= " * 400 + b"\n\n" + b"=?" * 400, False),
        (b"Subject: s\n\n" + b"=?" * 400, True),
        (b"A: b\n" * 20_000, False),
        (b"Content-Type: TEXT/HTML\n\n" + b"x" * 90_000, False),
        (b"Content-Type: TEXT/HTML\n\n" + b"<p>" * 5_000, False),
        (b"Content-Type: text/plain\n\n" + b"<p>" * 30_000, True),
    ],
)
def test_is_ordinary(raw: bytes, expected: bool) -> None:
    assert is_ordinary(Raw.of(raw)) is expected


def test_an_unread_message_still_says_what_decides(tmp_path: Path) -> None:
    data = (MAILS / "automatic.eml").read_bytes() + b"x" * 3_000_000
    path = tmp_path / "spool"
    path.write_bytes(data)
    message = unread_message(Raw(size=len(data), path=path), "why")
    assert message == unread_message(Raw.of(data), "why")
    assert message.is_unreadable
    assert (message.defects, message.msgid) == (("why",), "auto@example.org")
    assert message.content_hash == hashlib.sha256(data).digest()
    assert (message.auto_submitted, message.received_count, message.spans) == ("auto-replied", 2, ())


def test_an_author_in_the_text_archive_of_a_list() -> None:
    message = read("from-of-pipermail")
    assert (message.author_name, str(message.author_address)) == ("Ann Lée", "ann.lee@example.org")
    assert message.date == datetime(2026, 1, 2, 12, tzinfo=UTC)  # no zone is UTC
    assert message.ancestors == ("first@example.org",)
