"""Letters on the wire: the header that was asked for and no other, ids whole, lines short, text that reads back."""

from __future__ import annotations

import email
import email.policy
from dataclasses import replace
from datetime import UTC, datetime
from email.message import EmailMessage
from html import unescape
from urllib.parse import parse_qs, unquote, urlsplit
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.mail.address import Address
from gateway.mail.forum import Forum
from gateway.render.body import BadBody, alternative_body, text_body
from gateway.render.digest import Rendering
from gateway.render.fields import BadField, Field, text_field
from gateway.render.letter import BadLetter, Personal, check_letter
from gateway.render.letter import compose as compose_letter
from gateway.render.links import mailto
from gateway.render.places import Placeholder

NOON = datetime(2021, 9, 10, 12, 0, tzinfo=UTC)
FORUM = Forum(id=UUID(int=1), name="wombats", domain="forum.example", title='Wombats "&" Friends, All of Them')
RENDERING = Rendering(subject="Wombats Digest, Issue 1: 2 new", text="Hello\n", html="<!DOCTYPE html>\n<p>Hello\n")
NAMES = [
    "From",
    "To",
    "Subject",
    "Date",
    "Message-ID",
    "Reply-To",
    "List-Id",
    "List-Post",
    "List-Help",
    "List-Subscribe",
    "List-Unsubscribe",
    "List-Owner",
    "Precedence",
    "X-Auto-Response-Suppress",
    "Feedback-ID",
    "Auto-Submitted",
    "MIME-Version",
]
any_text = st.text(st.characters(codec="utf-8"), max_size=400)


def compose(rendering: Rendering = RENDERING, forum: Forum = FORUM, form: str = "html", **more: object) -> bytes:
    boundary = str(more.pop("boundary", "=_0123456789abcdef"))
    body = alternative_body(rendering.text, rendering.html, boundary) if form == "html" else text_body(rendering.text)
    values: dict[str, object] = {
        "forum": forum,
        "personal": Personal(to=Address("reader", "home.example"), leave=Address("wombats-leave", forum.domain)),
        "subject": rendering.subject,
        "msgid": "d1.wombats@forum.example",
        "reply_to": Address("wombats+d-token", "forum.example"),
        "date": NOON,
        "kind": "digest",
    }
    return compose_letter(body, **(values | more))  # type: ignore[arg-type]


def read(raw: bytes) -> EmailMessage:
    message = email.message_from_bytes(raw, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    return message


def part_of(raw: bytes, kind: str) -> str:
    part = read(raw).get_body((kind,))
    assert isinstance(part, EmailMessage)
    return str(part.get_content()).replace("\r\n", "\n")


def test_header_is_what_was_asked_for() -> None:
    message = read(compose(references=["d0.wombats@forum.example"]))
    assert message.keys() == [*NAMES[:5], "References", *NAMES[5:], "Content-Type"]
    assert message["From"].addresses[0].display_name == 'Wombats "&" Friends, All of Them'
    assert message["From"].addresses[0].addr_spec == "wombats@forum.example"
    assert message["Date"] == "Fri, 10 Sep 2021 12:00:00 +0000"
    assert message["List-Id"] == "<wombats.forum.example>"
    assert message["List-Unsubscribe"] == "<mailto:wombats-leave@forum.example>"
    assert message["List-Help"] == "<mailto:wombats-request@forum.example?Subject=help>"
    assert message["Auto-Submitted"] == "auto-generated"


def test_the_same_arguments_give_the_same_bytes() -> None:
    assert compose() == compose()


def test_alternative_has_text_first_and_plain_has_text_only() -> None:
    assert [part.get_content_type() for part in read(compose()).iter_parts()] == ["text/plain", "text/html"]
    plain = compose(form="plain")
    assert (read(plain).get_content_type(), part_of(plain, "plain")) == ("text/plain", "Hello\n")


def test_long_ids_and_links_are_never_encoded() -> None:
    references = [f"{'x' * 120}{n}@mail.example" for n in range(20)]
    forum = replace(FORUM, domain=f"{'d' * 60}.example")
    raw = compose(forum=forum, references=references, msgid=f"{'y' * 200}@forum.example")
    header = raw.partition(b"\r\n\r\n")[0].replace(b"\r\n ", b" ").decode()
    assert "References: " + " ".join(f"<{each}>" for each in references) in header
    assert f"Message-ID: <{'y' * 200}@forum.example>" in header
    assert f"List-Unsubscribe: <mailto:wombats-leave@{forum.domain}>" in header
    assert "=?" not in header


@given(any_text, any_text)
def test_hostile_titles_stay_in_their_fields(title: str, subject: str) -> None:
    raw = compose(replace(RENDERING, subject=subject), replace(FORUM, title=title))
    names = [
        line.partition(b":")[0].decode() for line in raw.partition(b"\r\n\r\n")[0].split(b"\r\n") if not line.startswith(b" ")
    ]
    assert names == [*NAMES, "Content-Type"]
    assert raw.partition(b"\r\n\r\n")[0].isascii()


@pytest.mark.parametrize("subject", ["Grüße an 袋熊, " * 10 + "!", "=?utf-8?q?trick?=", "x" * 150, "two  spaces", "plain"])
def test_subjects_read_back(subject: str) -> None:
    field = text_field("Subject", subject).serialise()
    assert all(len(line) <= 78 for line in field.split(b"\r\n"))
    assert read(field + b"\r\n")["Subject"] == subject


@pytest.mark.parametrize("value", ["a\r\nBcc: x@y.example", "a\nb", "a\0b", "a\x85b", "\u2028", ""])
def test_a_field_refuses_what_ends_it(value: str) -> None:
    with pytest.raises(BadField):
        Field("Subject", (value,))


@pytest.mark.parametrize("msgid", ["a b@c", "a>\r\nBcc: x", "", "<a@b>"])
def test_a_msgid_is_one(msgid: str) -> None:
    with pytest.raises(BadField):
        compose(msgid=msgid)


@given(any_text)
def test_text_reads_back_and_the_wire_is_clean(text: str) -> None:
    text = text.replace("\r", "").replace("\0", "")
    raw = compose(replace(RENDERING, text=text, html=f"<p>{text}</p>"))
    assert raw.count(b"\r\n") == raw.count(b"\n") == raw.count(b"\r")
    assert max(map(len, raw.split(b"\r\n"))) <= 998
    assert part_of(raw, "plain").rstrip("\n") == text.rstrip("\n")


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("Hello\n", "7bit"),
        ("From me\nFrom you\n", "quoted-printable"),
        ("Grüße = 1 \n" + "é" * 30 + "x" * 200 + "\n", "quoted-printable"),
        ("a" * 2000, "quoted-printable"),
        ("袋熊" * 50, "base64"),
    ],
)
def test_encodings(text: str, encoding: str) -> None:
    raw = compose(replace(RENDERING, text=text), form="plain")
    assert read(raw)["Content-Transfer-Encoding"] == encoding
    assert part_of(raw, "plain").rstrip("\n") == text.rstrip("\n")
    assert b"\nFrom " not in raw
    assert encoding == "7bit" or max(map(len, raw.partition(b"\r\n\r\n")[2].split(b"\r\n"))) <= 76


def test_a_boundary_in_the_text_is_found() -> None:
    with pytest.raises(BadBody):
        compose(replace(RENDERING, text="--=_0123456789abcdef--\n"))


@pytest.mark.parametrize(
    "raw",
    [
        b"From: a\r\nBcc: b\r\n\r\n",
        b"From: a\r\n\r\nbare\nline\r\n",
        b"From: a\r\n\r\nbare\rline\r\n",
        b"From: a\r\n\r\n\0\r\n",
        b"From: a\r\n\r\n" + b"x" * 999 + b"\r\n",
        b"From: a\r\nFrom: b\r\n\r\n",
    ],
)
def test_check_letter_refuses(raw: bytes) -> None:
    with pytest.raises(BadLetter):
        check_letter(raw, ["From"])


def test_check_letter_passes_a_line_of_998() -> None:
    check_letter(b"From: a\r\n\r\n" + b"x" * 998 + b"\r\n", ["From"])


@given(any_text, any_text)
def test_mailto_parses_back(subject: str, body: str) -> None:
    link = mailto(Address("a+b", "forum.example"), subject=subject, in_reply_to="i&d%@x", body=body)
    parts = urlsplit(link)
    fields = parse_qs(parts.query, keep_blank_values=True, strict_parsing=True)
    assert link.isascii()
    assert (parts.scheme, unquote(parts.path)) == ("mailto", "a+b@forum.example")
    expected = {"In-Reply-To": ["<i&d%@x>"], "Subject": [subject], "Body": [body.replace("\n", "\r\n")]}
    assert fields == {name: value for name, value in expected.items() if value != [""]}


def filled(text: str, html: str = "") -> str:
    body = alternative_body(text, html, "=_b") if html else text_body(text)
    raw = body.filled({"leave": "https://a.example/?a=1&b=2", "leave_at": "me@a.example"}).decode("ascii")
    message = "".join(f"{line}" for line in (field.serialise().decode() for field in body.fields))
    part = read(f"{message}\r\n{raw}".encode()).get_body(("html",) if html else ("plain",))
    assert isinstance(part, EmailMessage)
    return str(part.get_content()).replace("\r\n", "\n")


@pytest.mark.parametrize("around", ["plain words", "größer", "漢字だけの文" * 20, "a = b= " * 40 + "c", ""])
@pytest.mark.parametrize("shape", ["{p}", "{a}\n{p}", "{p}\n{a}", "{a}\n\nat {p}, {p} or {q}\n{a}\n{p}", "{a} {p}\n{q}\n{q}"])
def test_what_is_personal_is_filled_in_whatever_the_encoding(around: str, shape: str) -> None:
    shared = shape.format(a=around, p=Placeholder("leave"), q=Placeholder("leave_at"))
    personal = shape.format(a=around, p="https://a.example/?a=1&b=2", q="me@a.example")
    assert filled(shared).rstrip() == personal.rstrip()
    assert unescape(filled("x", f"<p>{shared}</p>")).rstrip() == f"<p>{personal}</p>"
