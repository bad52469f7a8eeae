"""The policy of `parse.references`, as a table."""

from __future__ import annotations

import pytest

from gateway.parse.header import split_header
from gateway.parse.references import clean_id, parse_ancestors, parse_msgid


@pytest.mark.parametrize(
    ("fields", "ancestors"),
    [
        # In-Reply-To is one id: it is the parent, References fill in above it.
        (b"In-Reply-To: <p@x>\nReferences: <r@x> <p@x>", ("p@x", "r@x")),
        (b"In-Reply-To: <p@x>\nReferences: <r@x> <q@x>", ("p@x", "q@x", "r@x")),
        (b"In-Reply-To: <p@x> (a comment <c@x>)\nReferences: <q@x>", ("p@x", "q@x")),
        (b"In-Reply-To: <<p@x>>", ("p@x",)),
        (b"In-Reply-To: <p\n @x>", ("p@x",)),
        (b"In-Reply-To: p@x", ("p@x",)),
        (b"In-Reply-To: <p@x", ("p@x",)),
        # Doubtful: the last good Reference if it is named, else the first of the ids.
        (b"In-Reply-To: <p@x> <q@x>\nReferences: <r@x> <q@x>", ("q@x", "r@x")),
        (b"In-Reply-To: <p@x> <q@x>\nReferences: <r@x>", ("p@x", "r@x")),
        (b"In-Reply-To: <p@x> <q@x>", ("p@x",)),
        (b"In-Reply-To: Your message of Monday <p@x>\nReferences: <r@x> <q@x>", ("q@x", "r@x")),
        (b'In-Reply-To: Message from "A" <p@x> of Monday', ("p@x",)),
        (b"In-Reply-To: Joe <joe@x>'s message <p@x>\nTo: Joe <Joe@x>", ("p@x",)),
        # Rubbish is none.
        (b"In-Reply-To: your mail of Monday", ()),
        (b"In-Reply-To: joe@x\nTo: joe@x", ()),
        (b"In-Reply-To: <>\nReferences: <r@x>", ("r@x",)),
        (b"References: <a> <@> <@x> <x@> <ok@x>", ("ok@x",)),
        # Each once, never its own; the first field counts; comments are passed over.
        (b"References: <a@x> <own@x> <b@x> <a@x>", ("a@x", "b@x")),
        (b"References: <a@x>\nReferences: <b@x>", ("a@x",)),
        (b"References: (see <c@x>) <a@x>", ("a@x",)),
        (b"References: ( <a@x>", ("a@x",)),
        (b"References: <a(1)@x>", ("a(1)@x",)),
        # Encoded words are part of the id, case is kept.
        (b"References: <=?utf-8?q?a?=@X>", ("=?utf-8?q?a?=@X",)),
    ],
)
def test_ancestors(fields: bytes, ancestors: tuple[str, ...]) -> None:
    assert parse_ancestors(split_header(fields + b"\n\n"), "own@x") == ancestors


@pytest.mark.parametrize(
    ("value", "msgid"),
    [
        (b"<a@b>", "a@b"),
        (b" bare@b ", "bare@b"),
        (b"<no-at-sign>", "no-at-sign"),
        (b"<x>", ""),
        (b"<>", ""),
        (b"", ""),
        (b"two words", ""),
        (b"<a@b> <c@d>", "a@b"),
        ("<grüße@b>".encode(), "grüße@b"),
    ],
)
def test_msgid(value: bytes, msgid: str) -> None:
    assert parse_msgid(split_header(b"Message-ID: " + value + b"\n\n")) == msgid


@pytest.mark.parametrize("raw", [b"a" * 245 + b"@x", b"\xff\xfe@x", b"a\x00b@x", "a\u202eb@x".encode()])
def test_what_no_database_takes_becomes_a_hash(raw: bytes) -> None:
    text = clean_id(raw)
    assert text.endswith("@hashed.invalid")
    assert text == clean_id(raw) != clean_id(raw + b"y")


def test_the_nearest_of_many_are_kept() -> None:
    value = b" ".join(b"<%d@x>" % number for number in range(5_000))
    found = parse_ancestors(split_header(b"References: " + value + b"\n\n"), "own@x")
    assert found == tuple(f"{number}@x" for number in range(4_999, 4_979, -1))
