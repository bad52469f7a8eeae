"""The small parts of `parse`: text, character sets, encoded words, transfer encodings, names, HTML, spans."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.mail.message import SpanKind
from gateway.parse.charsets import CODECS, decode_bytes
from gateway.parse.content import parse_parameters, safe_name
from gateway.parse.html import html_to_text, is_simple_enough
from gateway.parse.spans import split_spans
from gateway.parse.text import clean_line, clean_text
from gateway.parse.transfer import decode_transfer
from gateway.parse.words import decode_words


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("a\tb\nc", "a\tb\nc"),
        ("a\0b\x1bc\x7f\x9fd", "abcd"),
        ("a\r\nb\rc\u2028d\u0085e", "a\nb\nc\nd\ne"),
        ("a\ud800b\ufffec\uffff", "abc"),
        ("Z" + "\u0301" * 50 + "y", "Z" + "\u0301" * 8 + "y"),
        ("Z" + "\u0301" * 8 + "y", "Z" + "\u0301" * 8 + "y"),
        ("👍" * 20, "👍" * 20),
        ("Ω" + "\U000101fd" * 12 + "👍", "Ω" + "\U000101fd" * 8 + "👍"),
        ("日本語のテキスト、長い", "日本語のテキスト、長い"),
    ],
)
def test_clean_text(text: str, clean: str) -> None:
    assert clean_text(text) == clean


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("> as written", "> as written"),
        ("  two\t\tblanks \r\n ", "two blanks"),
        ("a\u202eb\u2066c\u200f", "abc"),
        ("wide\u3000blank", "wide\u3000blank"),
        ("\u202e \u202e", ""),
    ],
)
def test_clean_line(text: str, clean: str) -> None:
    assert clean_line(text) == clean


@pytest.mark.parametrize(
    ("data", "label", "text"),
    [
        ("Grüße".encode(), "", "Grüße"),
        ("Grüße".encode("cp1252"), "iso-8859-1", "Grüße"),
        (b"\x93quoted\x94", "ISO-8859-1", "“quoted”"),
        ("Grüße".encode(), "us-ascii", "Grüße"),
        ("Привет, как дела? Это письмо без указания кодировки.".encode("koi8-r"), "koi8-r", None),
        ("Привет, как дела? Это письмо без указания кодировки.".encode("cp1251"), "", None),
        ("텍스트".encode("cp949"), "ks_c_5601-1987", "텍스트"),
        ("テスト".encode("cp932"), "shift_jis", "テスト"),
        (b"a\x00b", "punycode", "a\x00b"),
        (b"abc", "no such thing", "abc"),
        (b"\xef\xbb\xbfabc", "utf-8", "abc"),
    ],
)
def test_charsets(data: bytes, label: str, text: str | None) -> None:
    expected = "Привет, как дела? Это письмо без указания кодировки." if text is None else text
    assert decode_bytes(data, label) == expected


def test_each_codec_of_the_table_exists_and_reads_text() -> None:
    assert all(isinstance("".encode(codec), bytes) for codec in CODECS.values())


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (b" plain", " plain"),
        (b"=?utf-8?q?a_b=C3=A9?= c", "a bé c"),
        (b"=?utf-8?b?w6k=?=\n =?utf-8?b?w6k=?=", "éé"),
        (b"=?utf-8?b?w6k=?= and =?utf-8?b?w6k=?=", "é and é"),
        (b"=?utf-8*en?q?x?=", "x"),
        (b"=?utf-8?x?no?=", "=?utf-8?x?no?="),
        (b"=?zlib?q?x?=", "x"),
        (b"=?=?=?=?", "=?=?=?=?"),
        ("roh Grüße".encode("latin-1"), "roh Grüße"),
    ],
)
def test_words(value: bytes, text: str) -> None:
    assert decode_words(value) == text


@given(st.binary(max_size=300), st.sampled_from(["base64", "quoted-printable", "7bit", "x-uuencode", ""]))
def test_decoding_never_makes_more(data: bytes, encoding: str) -> None:
    assert len(decode_transfer(data, encoding)) <= len(data)


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\temp\\evil.exe", "evil.exe"),
        (".profile", "profile"),
        ("a\r\nb.txt", "a b.txt"),
        ("gpj.\u202etxt.exe", "gpj.txt.exe"),
        ("<script>.html", "_script_.html"),
        ("", ""),
        ("...", ""),
        ("e\u0301.txt", "\u00e9.txt"),
    ],
)
def test_safe_name(name: str, safe: str) -> None:
    assert safe_name(name) == safe


def test_a_long_name_keeps_its_extension() -> None:
    name = safe_name("é" * 400 + ".tar.gz")
    assert len(name.encode()) <= 255
    assert name.endswith(".gz")


def test_parameters() -> None:
    found = parse_parameters(b'text/plain; CHARSET = "a;\\"b"; name=x y.txt;;; x; charset=late; open="to the end; a=b')
    assert found == {b"charset": b'a;"b', b"name": b"x y.txt", b"open": b"to the end; a=b"}


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>one</p><p>two", "one\n\ntwo"),
        ("<img src='http://track.example/x.gif'>seen", "seen"),
        ("<a href='https://a.example/'>https://a.example/</a>", "https://a.example/"),
        ("<a href='javascript:alert(1)'>x</a>", "x"),
        ("", ""),
        ("<!-- only -->", ""),
        ("<div>" * 400, None),
        ("<b></b>" * 15_000, None),
    ],
)
def test_html(html: str, text: str | None) -> None:
    found = html_to_text(html)
    assert (found.strip() if found is not None else None) == text


def test_html_of_real_programs_is_simple_enough() -> None:
    assert is_simple_enough("<html><body>" + "<p><o:p>&nbsp;</o:p><br><table><tr><td>x</table>" * 1_000)


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("", []),
        ("\n \n", []),
        ("one", ["text"]),
        ("> a\n> b", ["quote"]),
        ("> a\n\nno", ["text"]),
        ("Run this:\n> ls", ["text"]),
        ("At 20:15 run this:\n> ls", ["text"]),
        ("Bob wrote:\n\n> ls", ["attribution", "quote"]),
        ("> a\n> b\nyes\n> c\nno", ["quote", "text", "quote", "text"]),
        ("> a\n> b\nyes\n>>> NOTE\nno", ["quote", "text"]),
        ("text\n-- \nme", ["text", "signature"]),
        ("text\n--\nme", ["text", "signature"]),
        ("a\n-- \nb\n-- \nme", ["text", "signature"]),
        ("top\n-- \nme\n> a\n> b\nbelow", ["text", "signature", "quote", "text"]),
        ("> a\n> -- \n> b", ["quote"]),
    ],
)
def test_spans(text: str, kinds: list[str]) -> None:
    assert [span.kind.value for span in split_spans(text)] == kinds


@given(st.lists(st.sampled_from(["> a", ">> b", "c", "", "-- ", ">", "> > d", "x wrote:", ">From f"]), max_size=30))
def test_no_line_is_lost(lines: list[str]) -> None:
    spans = split_spans("\n".join(lines))
    found = [line for span in spans for line in span.text.split("\n")]
    bare = [line.replace(">", "").replace(" ", "") for line in lines]
    while bare and not bare[-1] and not lines[len(bare) - 1].strip():
        bare.pop()
    skipped = next((index for index, line in enumerate(lines) if line.strip()), len(lines))
    assert [line.replace(">", "").replace(" ", "") for line in found] == bare[skipped:] or not spans
    assert all(span.depth > 0 for span in spans if span.kind is SpanKind.QUOTE)
