"""The nouns: addresses that cannot be read twice, and tokens that only we can make."""

from __future__ import annotations

import base64
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.mail.address import Address, parse_address
from gateway.mail.envelope import CHUNK, Raw
from gateway.mail.forum import NAME_MAX, bad_name
from gateway.mail.token import EPOCH, LENGTH, Claims, make_token, read_token

KEY = bytes(range(32))
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
EXPIRES = date(2026, 6, 1)
MARKER, MEMBER = b"marker", b"memb"


def token(key: bytes = KEY, purpose: str = "digest", forum: str = "town.gw.example", expires: date = EXPIRES) -> str:
    return make_token(key, purpose, forum, marker=MARKER, member=MEMBER, expires=expires)


def read(
    text: str, key: bytes = KEY, purpose: str = "digest", forum: str = "town.gw.example", now: datetime = NOW
) -> Claims | None:
    return read_token(key, purpose, forum, text, now)


@pytest.mark.parametrize(
    ("text", "local", "domain"),
    [
        ("ann@example.org", "ann", "example.org"),
        ("  <Ann.B+tag@EXAMPLE.org> ", "Ann.B+tag", "example.org"),
        ("jürgen@münchen.example", "jürgen", "münchen.example"),
        ("用户@例子.example", "用户", "例子.example"),
        ("!#$%&'*+-/=?^_`{|}~@a", "!#$%&'*+-/=?^_`{|}~", "a"),
        (f"{'a' * 64}@b.example", "a" * 64, "b.example"),
    ],
)
def test_address(text: str, local: str, domain: str) -> None:
    address = parse_address(text)
    assert address == Address(local, domain)
    assert str(address) == f"{local}@{domain}"
    assert address is not None
    assert address.is_ascii == text.isascii()


NOT_ADDRESSES = [
    "",
    "@",
    "a@",
    "@b",
    "a",
    "a@b@c",
    "a b@c",
    "a@b c",
    ".a@b",
    "a.@b",
    "a..b@c",
    '"a b"@c',
    '"a@b"@c',
    "a@-b",
    "a@b..c",
    "a@.b",
    "a@b.",
    "a@[127.0.0.1]",
    "a@b\r\nRCPT TO:<x@y>",
    "a\x00@b",
    "a@b\x00",
    "a\u2028b@c",
    "a\ud800@b",
    "a\x80@b",
    "a@b\x7f",
    "a,b@c",
    "a<b@c",
    "<a@b",
    "a@b>",
    "<<a@b>>",
    f"{'a' * 65}@b",
    f"{'ü' * 33}@b",
    f"a@{'b' * 64}.example",
    f"a@{'b.' * 128}c",
]


@pytest.mark.parametrize("text", NOT_ADDRESSES)
def test_not_an_address(text: str) -> None:
    assert parse_address(text) is None
    local, _, domain = text.rpartition("@")
    with pytest.raises(ValueError, match="not an address"):
        Address(local, domain)


@given(st.text(max_size=80))
def test_whatever_is_taken_is_one_address_on_one_line(text: str) -> None:
    address = parse_address(text)
    if address is None:
        return
    assert str(address).count("@") == 1
    assert str(address).isprintable()
    assert not set(str(address)) & set(' <>()[],;:\\"')
    assert parse_address(str(address)) == address
    assert len(address.local.encode()) <= 64


def test_key_folds_case_and_keeps_the_sub_address() -> None:
    keys = {Address(local, "Example.ORG").key for local in ("Ann+x", "ANN+X", "ann+x")}
    assert keys == {"ann+x@example.org"}
    assert Address("ann", "example.org").key not in keys
    assert Address("STRASSE", "a").key == Address("straße", "a").key


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("a", ""),
        ("a-b.c", ""),
        ("9" * NAME_MAX, ""),
        ("a" * (NAME_MAX + 1), "more than 18"),
        ("", "may hold"),
        ("-a", "may hold"),
        ("a.", "may hold"),
        ("A", "may hold"),
        ("a_b", "may hold"),
        ("a+b", "may hold"),
        ("ü", "may hold"),
        ("a\n", "may hold"),
        ("postmaster", "reserved"),
        ("abuse", "reserved"),
    ],
)
def test_bad_name(name: str, complaint: str) -> None:
    found = bad_name(name)
    assert complaint in found
    assert bool(found) == bool(complaint)


def test_token_says_what_it_was_made_of() -> None:
    assert read(token()) == Claims(MARKER, MEMBER, EXPIRES)
    assert len(token()) == LENGTH
    assert read(token().upper()) == read(token().swapcase()) == read(token())


def test_the_longest_address_has_64_octets() -> None:
    assert len(f"{'n' * NAME_MAX}-bounces+{token()}") == 64
    assert Address(f"{'n' * NAME_MAX}-bounces+{token()}", "gw.example").is_ascii


def test_every_single_bit_counts() -> None:
    data = base64.b32decode(token().upper() + "===")
    for bit in range(len(data) * 8):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        assert read(base64.b32encode(bytes(flipped)).decode().rstrip("=").lower()) is None, bit


def test_every_other_character_is_refused() -> None:
    """Also in the last place, whose character has a bit to spare."""
    good = token()
    for place in range(LENGTH):
        for char in "abcdefghijklmnopqrstuvwxyz234567":
            if char != good[place]:
                assert read(good[:place] + char + good[place + 1 :]) is None


@pytest.mark.parametrize(
    "text", ["", "x", token()[:-1], token() + "a", "=" * LENGTH, "1" * LENGTH, "ä" * LENGTH, "\x00" * LENGTH]
)
def test_rubbish_is_no_token(text: str) -> None:
    assert read(text) is None


def test_a_token_is_for_one_key_purpose_and_forum() -> None:
    assert read(token(), key=bytes(32)) is None
    assert read(token(), purpose="bounces") is None
    assert read(token(), forum="hall.gw.example") is None
    # What stands between purpose and forum cannot be moved.
    assert read(token(purpose="digest", forum="a"), purpose="diges", forum="ta") is None


@pytest.mark.parametrize(
    ("now", "is_good"),
    [
        (datetime(2026, 6, 1, 23, 59, 59, tzinfo=UTC), True),
        (datetime(2026, 6, 2, tzinfo=UTC), False),
        # Midnight of Kiritimati is still the day before in UTC.
        (datetime(2026, 6, 2, 13, tzinfo=UTC) - timedelta(hours=14), True),
    ],
)
def test_token_expires_at_the_end_of_its_day(now: datetime, is_good: bool) -> None:
    assert (read(token(), now=now) is not None) == is_good


@given(st.binary(min_size=6, max_size=6), st.binary(min_size=4, max_size=4), st.integers(3000, 65535))
def test_any_claims_come_back(marker: bytes, member: bytes, days: int) -> None:
    expires = EPOCH + timedelta(days=days)
    made = make_token(KEY, "p", "f", marker=marker, member=member, expires=expires)
    assert read_token(KEY, "p", "f", made, NOW) == Claims(marker, member, expires)


@pytest.mark.parametrize(("marker", "member"), [(b"short", MEMBER), (MARKER, b"mem"), (b"marker1", b"mem1")])
def test_a_token_of_wrong_parts_is_not_made(marker: bytes, member: bytes) -> None:
    with pytest.raises(ValueError, match="marker"):
        make_token(KEY, "p", "f", marker=marker, member=member, expires=EXPIRES)


@pytest.mark.parametrize("size", [0, 1, CHUNK, CHUNK + 1, 2 * CHUNK])
def test_raw_is_the_same_from_memory_and_from_a_file(tmp_path: Path, size: int) -> None:
    data = bytes(index % 251 for index in range(size))
    path = tmp_path / "spool"
    path.write_bytes(data)
    for raw in (Raw.of(data), Raw(size=size, path=path)):
        pieces = list(raw.chunks())
        assert b"".join(pieces) == raw.read() == data
        assert all(0 < len(piece) <= CHUNK for piece in pieces)
