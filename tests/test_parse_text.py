"""The small parts of `parse`: text, character sets, encoded words, transfer encodings, names, HTML, spans."""

from __future__ import annotations

from pathlib import Path

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
    assert all(isinstance("".encode(codec), bytes) for codec in set(CODECS.values()) - {"iso-2022-cn"})


# One text in each encoding of tests/whatwg_labels.txt, by what the standard says its labels mean.
SAMPLES = {
    "UTF-8": ("Grüße, 日本", "Grüße, 日本".encode()),
    "IBM866": ("Привет", "Привет".encode("cp866")),
    "ISO-8859-2": ("Zażółć", "Zażółć".encode("iso8859-2")),
    "ISO-8859-3": ("ĉirkaŭ", "ĉirkaŭ".encode("iso8859-3")),
    "ISO-8859-4": ("ķēniņš", "ķēniņš".encode("iso8859-4")),
    "ISO-8859-5": ("Привет", "Привет".encode("iso8859-5")),
    "ISO-8859-6": ("مرحبا", "مرحبا".encode("iso8859-6")),
    "ISO-8859-7": ("Καλημέρα", "Καλημέρα".encode("iso8859-7")),
    "ISO-8859-8": ("שלום", "שלום".encode("iso8859-8")),
    "ISO-8859-10": ("Þŋđ", "Þŋđ".encode("iso8859-10")),
    "ISO-8859-13": ("Ąžuolas", "Ąžuolas".encode("iso8859-13")),
    "ISO-8859-14": ("ŵythnos", "ŵythnos".encode("iso8859-14")),
    "ISO-8859-15": ("cœur €", "cœur €".encode("iso8859-15")),
    "ISO-8859-16": ("știință", "știință".encode("iso8859-16")),
    "KOI8-R": ("Привет", "Привет".encode("koi8-r")),
    "KOI8-U": ("Їжак ґ", "Їжак ґ".encode("koi8-u")),
    "macintosh": ("Grüße", "Grüße".encode("mac_roman")),
    "windows-874": ("สวัสดี", "สวัสดี".encode("cp874")),
    "windows-1250": ("Zażółć „x”", "Zażółć „x”".encode("cp1250")),
    "windows-1251": ("Привет “x”", "Привет “x”".encode("cp1251")),
    "windows-1252": ("Grüße “x” €", "Grüße “x” €".encode("cp1252")),
    "windows-1253": ("Καλημέρα €", "Καλημέρα €".encode("cp1253")),
    "windows-1254": ("İstanbul “ş”", "İstanbul “ş”".encode("cp1254")),
    "windows-1255": ("שלום ₪", "שלום ₪".encode("cp1255")),
    "windows-1256": ("مرحبا پ", "مرحبا پ".encode("cp1256")),
    "windows-1257": ("Ąžuolas €", "Ąžuolas €".encode("cp1257")),
    "windows-1258": ("đường", "đường".encode("cp1258", "ignore")),
    "x-mac-cyrillic": ("Привет", "Привет".encode("mac_cyrillic")),
    "GBK": ("朱镕基 €", "朱镕基 €".encode("gb18030")),
    "gb18030": ("朱镕基 𠀀", "朱镕基 𠀀".encode("gb18030")),
    "Big5": ("顏是家訓", "顏是家訓".encode("big5")),
    "EUC-JP": ("日本語テスト", "日本語テスト".encode("euc_jp")),
    "ISO-2022-JP": ("日本語テスト", "日本語テスト".encode("iso2022_jp")),
    "Shift_JIS": ("日本語テスト①", "日本語テスト①".encode("cp932")),
    "EUC-KR": ("텍스트 뷁", "텍스트 뷁".encode("cp949")),
    "ISO-2022-KR": ("텍스트", "텍스트".encode("iso2022_kr")),
    "HZ": ("中文 text", "中文 text".encode("hz")),
    "ISO-2022-CN": ("中文 text\n交换", b"\x1b$)A\x0eVPND\x0f text\n\x1b$)A\x0e=;;;\x0f"),
    "UTF-16BE": ("Grüße", "Grüße".encode("utf-16-be")),
    "UTF-16LE": ("Grüße", "Grüße".encode("utf-16-le")),
    "UTF-7": ("Hi ☺ Grüße", "Hi ☺ Grüße".encode("utf-7")),
}
LABELS = [line.split() for line in (Path(__file__).parent / "whatwg_labels.txt").read_text("ascii").splitlines()]


@pytest.mark.parametrize(("encoding", "label"), [(line[0], label) for line in LABELS for label in line[1:]])
def test_every_label_of_the_encoding_standard(encoding: str, label: str) -> None:
    text, data = SAMPLES[encoding]
    expected = data.decode("cp1258") if encoding == "windows-1258" else text
    assert decode_bytes(data, label) == decode_bytes(data, f' "{label.upper()}"; ') == expected


@pytest.mark.parametrize("label", ["replacement", "x-user-defined", "binary", "8bit", "x-euc-tw", "none"])
def test_labels_that_are_no_charset_are_guessed_around(label: str) -> None:
    assert decode_bytes("Grüße".encode(), label) == "Grüße"


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
        (b"=?utf-8?q?what??= next", "what? next"),
        (b"=?utf-8?Q?a b c?= d", "a b c d"),
        (b"=? utf-8 ?Q? a?=", " a"),
        (b"=?utf-8?b?w6 k=?=", "é"),
        (b"=?utf-8?b?w6k=?==?utf-8?b?w6k=?=", "éé"),
        (b"=?utf-8?q?=C3?= =?utf-8?q?=A9?=", "é"),
        (b"=?utf-8?q?=C3?= =?UTF-8?b?qQ==?=", "é"),
        (b"=?utf-8?q?caf=C3=A9 and more", "café and more"),
        (b"=?utf-8?b?w6nDqcOp", "ééé"),
        (b"=?utf-8?q?one =?utf-8?q?two?=", "onetwo"),
        (b"=?utf-8?q?=E9t=E9?=", "été"),
        (b"=?iso-8859-1?q?caf=C3=A9?=", "cafÃ©"),
        (b"=?us-ascii?q?caf=C3=A9?=", "café"),
        (b"=??q?caf=C3=A9?=", "café"),
        (b"(=?utf-8?q?a?=)", "(a)"),
        (b'"=?utf-8?q?a=2C_b?="', '"a, b"'),
        ("=?utf-8?q?é?= à".encode(), "é à"),
        (b"=?iso-2022-jp?b?GyRCRnxLXBsoQg==?=", "日本"),
        (b"=?iso-2022-jp?b?GyRCRnw=?= =?iso-2022-jp?b?S1wbKEI=?=", "日本"),
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
