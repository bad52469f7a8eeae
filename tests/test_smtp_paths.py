"""Addresses of MAIL and RCPT: a table, the tricks of relays, and any bytes at all."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.mail.address import parse_address
from gateway.smtp.paths import Keyword, Parameters, Path, parse_parameters, parse_path
from gateway.smtp.replies import Event

HOME = "gw.example"
LONG_LABEL = "d" * 63

MAILBOXES = [
    ("a@b", "a@b"),
    ("anna@sender.example", "anna@sender.example"),
    ("Anna.B+x=y@Sender.EXAMPLE", "Anna.B+x=y@sender.example"),
    ("!#$%&'*+-/=?^_`{|}~@x.example", "!#$%&'*+-/=?^_`{|}~@x.example"),
    ("user%victim@gw.example", "user%victim@gw.example"),
    ("evil.example!user@gw.example", "evil.example!user@gw.example"),
    ("@relay.example:user@evil.example", "user@evil.example"),
    ("@a.example,@b.example:user@evil.example", "user@evil.example"),
    ("a@" + ".".join([LONG_LABEL] * 3), "a@" + ".".join([LONG_LABEL] * 3)),
    ("a" * 64 + "@b.example", "a" * 64 + "@b.example"),
    ("jürgen@gw.example", "jürgen@gw.example"),
    ("用户@例え.example", "用户@例え.example"),
]
NOT_MAILBOXES = [
    ("<pepe>", Event.BAD_PATH),
    ("user@sender.example", Event.BAD_PATH),
    ("<user@sender.example", Event.BAD_PATH),
    ("user@sender.example>", Event.BAD_PATH),
    ("<<user@sender.example>>", Event.BAD_PATH),
    ("<user@[192.0.2.1]>", Event.BAD_PATH),
    ("<user@[IPv6:2001:db8::1]>", Event.BAD_PATH),
    ("<user@xn--->", Event.BAD_PATH),
    ("<user@-x.example>", Event.BAD_PATH),
    ("<user@x..example>", Event.BAD_PATH),
    ("<user@.example>", Event.BAD_PATH),
    ("<user@x.example.>", Event.BAD_PATH),
    ("<.user@x.example>", Event.BAD_PATH),
    ("<us..er@x.example>", Event.BAD_PATH),
    ("<user.@x.example>", Event.BAD_PATH),
    ("<us er@x.example>", Event.BAD_PATH),
    ("<user(comment)@x.example>", Event.BAD_PATH),
    ("<user@x.example(comment)>", Event.BAD_PATH),
    ("<user@evil.example@gw.example>", Event.BAD_PATH),
    ("<@gw.example>", Event.BAD_PATH),
    ("<@>", Event.BAD_PATH),
    ("<user@>", Event.BAD_PATH),
    ("< user@x.example>", Event.BAD_PATH),
    ("<user@x.example>SIZE=1", Event.BAD_PATH),
    ("Anna <anna@x.example>", Event.BAD_PATH),
    ('<"user"@x.example>', Event.BAD_LOCAL_PART),
    ('<"user@evil.example"@gw.example>', Event.BAD_LOCAL_PART),
    ('<"a\\\r\nb"@gw.example>', Event.BAD_LOCAL_PART),
    ("<" + "a" * 65 + "@b.example>", Event.BAD_LOCAL_PART),
    ("<a@" + ".".join([LONG_LABEL] * 4) + ">", Event.BAD_PATH),
    ("<a@" + "d" * 64 + ".example>", Event.BAD_PATH),
    ("<user@x.example\r\nRCPT TO:<victim@evil.example>>", Event.BAD_PATH),
    ("<us\0er@x.example>", Event.BAD_PATH),
    ("<=?utf-8?q?=0d=0a=3cvictim=40evil.org=3e?=@gw.example\x7f>", Event.BAD_PATH),
    ("<us\u0085er@x.example>", Event.BAD_PATH),
    ("<us\u2028er@x.example>", Event.BAD_PATH),
]


@pytest.mark.parametrize("blank", ["", " "])
@pytest.mark.parametrize("keyword", list(Keyword))
@pytest.mark.parametrize(("text", "expected"), MAILBOXES)
def test_mailboxes(text: str, expected: str, keyword: Keyword, blank: str) -> None:
    found = parse_path(f"{keyword.name.title()}:{blank}<{text}> X=1".encode(), keyword, HOME)
    assert isinstance(found, Path)
    assert str(found.address) == expected
    assert found.parameters == b"X=1"


@pytest.mark.parametrize("keyword", list(Keyword))
@pytest.mark.parametrize(("text", "expected"), NOT_MAILBOXES)
def test_not_mailboxes(text: str, expected: Event, keyword: Keyword) -> None:
    assert parse_path(f"{keyword.name}:{text}".encode(), keyword, HOME) is expected


@pytest.mark.parametrize("argument", [b"", b"<a@b.example>", b"LALA:<a@b.example>", b"FROM <a@b.example>", b"FROM", b":<>"])
def test_not_an_argument(argument: bytes) -> None:
    assert parse_path(argument, Keyword.FROM, HOME) is Event.BAD_ARGUMENT


def test_null_reverse_path_is_no_recipient() -> None:
    assert parse_path(b"FROM:<>", Keyword.FROM, HOME) == Path(None, b"")
    assert parse_path(b"FROM:<> SIZE=3", Keyword.FROM, HOME) == Path(None, b"SIZE=3")
    assert parse_path(b"TO:<>", Keyword.TO, HOME) is Event.BAD_PATH


def test_postmaster_needs_no_domain_as_recipient() -> None:
    found = parse_path(b"TO:<PostMaster>", Keyword.TO, HOME)
    assert isinstance(found, Path)
    assert str(found.address) == "postmaster@gw.example"
    assert parse_path(b"FROM:<postmaster>", Keyword.FROM, HOME) is Event.BAD_PATH


def test_what_is_not_utf8_is_no_address() -> None:
    assert parse_path(b"TO:<j\xfcrgen@gw.example>", Keyword.TO, HOME) is Event.BAD_PATH


def test_encoded_words_stay_letters() -> None:
    """The standard library reads this as two lines and somebody else's address."""
    text = "=?utf-8?q?=0d=0a=3cvictim=40evil.org=3e?="
    found = parse_path(f"FROM:<{text}@gw.example>".encode(), Keyword.FROM, HOME)
    assert isinstance(found, Path)
    assert str(found.address) == f"{text}@gw.example"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"SIZE=0", Parameters()),
        (b"size=26214400 body=8bitmime", Parameters(26214400)),
        (b"BODY=7BIT  SMTPUTF8", Parameters(0, True)),
        (b"SIZE=-1", Event.BAD_ARGUMENT),
        (b"SIZE", Event.BAD_ARGUMENT),
        (b"SIZE=" + b"9" * 21, Event.BAD_ARGUMENT),
        (b"SIZE=\xc2\xb2", Event.BAD_ARGUMENT),
        (b"SIZE=1 SIZE=2", Event.BAD_ARGUMENT),
        (b"BODY=BINARYMIME", Event.BAD_ARGUMENT),
        (b"SMTPUTF8=YES", Event.BAD_ARGUMENT),
        (b"RET=FULL", Event.UNKNOWN_PARAMETER),
        (b"AUTH=<>", Event.UNKNOWN_PARAMETER),
        (b"=", Event.UNKNOWN_PARAMETER),
    ],
)
def test_parameters(text: bytes, expected: Parameters | Event) -> None:
    assert parse_parameters(text) == expected


_PIECES = st.sampled_from([b"<", b">", b"@", b":", b",", b".", b"a", b"b.example", b'"', b" ", b"\r\n", b"\0", b"\xc3\xbc", b"%"])


@given(st.one_of(st.binary(max_size=300), st.lists(_PIECES, max_size=30).map(b"".join)), st.sampled_from(Keyword))
@example(b"<" + b"a" * 2000, Keyword.FROM)
@example(b"<a@" + b"a-" * 1000 + b">", Keyword.TO)
def test_any_bytes(inside: bytes, keyword: Keyword) -> None:
    for argument in (inside, keyword.name.encode() + b":" + inside, keyword.name.encode() + b":<" + inside + b">"):
        found = parse_path(argument, keyword, HOME)
        if isinstance(found, Path):
            assert not set(found.parameters) & {*range(32), 127}
            if found.address is not None:
                text = str(found.address)
                assert not any(ord(letter) <= 32 or 127 <= ord(letter) < 160 for letter in text)
                assert text.count("@") == 1
                assert parse_address(text) == found.address


@given(st.binary(max_size=200))
def test_any_parameters(text: bytes) -> None:
    assert isinstance(parse_parameters(text), Parameters | Event)
