"""Text that is safe to store, to compare and to print: the border between strangers' bytes and our strings.

In: str decoded by `charsets` or `words`. Out: `clean_text` for bodies (lines), `clean_line` for one-line fields. Neither
holds control characters but LF and TAB (and `clean_line` none at all), NUL, lone surrogates, U+FFFE or U+FFFF.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache

from gateway.parse.limits import MARKS_MAX

_LINE_ENDS = re.compile("\r\n?|[\u0085\u2028\u2029]")
_UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_BIDI = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_BLANKS = re.compile("[ \t\n\x0b\x0c\r\x85\u2028\u2029]+")

_CONTROLS = bytes(code for code in (*range(32), 127) if code not in (9, 10))
# First bytes in UTF-8 of what _LINE_ENDS and _UNSAFE look for above ASCII; their neighbours come with them.
_C1_LEAD = b"\xc2"
_LINE_SEPARATOR, _PARAGRAPH_SEPARATOR = b"\xe2\x80\xa8", b"\xe2\x80\xa9"
_NO_CHARACTERS_LEAD = b"\xef\xbf"
_HIGH_OR_LOW = b"-" * 0x80 + b"+" * 0x80
# A mark has two bytes or more.
_RUN_OF_HIGH = b"+" * 2 * (MARKS_MAX + 1)


def clean_text(text: str) -> str:
    """Body text with LF ends; marks past the eighth on one base character are cut (else one letter covers a page)."""
    try:
        data = text.encode()
    except UnicodeEncodeError:
        return _cut_marks(_without_unsafe(text))
    # Looking at the bytes costs a tenth of the expressions over str, and most mail has nothing for them.
    if len(data.translate(None, _CONTROLS)) != len(data):
        text = _without_unsafe(text)
    if len(data) == len(text):
        return text
    if _C1_LEAD in data or _LINE_SEPARATOR in data or _PARAGRAPH_SEPARATOR in data or _NO_CHARACTERS_LEAD in data:
        text = _without_unsafe(text)
    return _cut_marks(text) if _RUN_OF_HIGH in data.translate(_HIGH_OR_LOW) else text


def clean_line(text: str) -> str:
    """A one-line field: blanks collapsed, bidi controls out, else as written."""
    if text.isascii() and text.isprintable():
        return " ".join(text.split()) if "  " in text or text[:1] == " " or text[-1:] == " " else text
    text = _UNSAFE.sub("", _BLANKS.sub(" ", text))
    return _BLANKS.sub(" ", _cut_marks(_BIDI.sub("", text))).strip(" ")


def cut_bytes(text: str, limit: int) -> str:
    """The longest head of `text` that has at most `limit` bytes in UTF-8."""
    if len(text) * 4 <= limit:
        return text
    return text.encode("utf-8", "surrogatepass")[:limit].decode("utf-8", "ignore")


def _without_unsafe(text: str) -> str:
    return _UNSAFE.sub("", _LINE_ENDS.sub("\n", text))


def _cut_marks(text: str) -> str:
    return _marks().sub(_cut_run, text)


def _cut_run(run: re.Match[str]) -> str:
    text = run[0]
    if text[0] >= "\U00010000" or text[-1] >= "\U00010000":
        # The expression takes all of the upper planes for marks, emoji and all.
        kept: list[str] = []
        count = 0
        for char in text:
            count = count + 1 if unicodedata.category(char) in ("Mn", "Me") else 0
            if count <= MARKS_MAX:
                kept.append(char)
        return "".join(kept)
    return text[:MARKS_MAX]


@cache
def _marks() -> re.Pattern[str]:
    # Made when first needed. Above U+FFFF each range of a class is tried in turn, so there is only one.
    ranges: list[list[int]] = []
    for code in range(0x300, 0x10000):
        if unicodedata.category(chr(code)) in ("Mn", "Me"):
            if ranges and ranges[-1][1] == code - 1:
                ranges[-1][1] = code
            else:
                ranges.append([code, code])
    body = "".join(f"{chr(first)}-{chr(last)}" for first, last in ranges)
    return re.compile(f"[{body}\U00010000-\U0010ffff]{{{MARKS_MAX + 1},}}")
