"""From the spans of a post to blocks: paragraphs of new text or of a quote, with their lines. Both parts of a letter
are made from the same blocks.

In: `Span`s as parse made them. Out: `Block`s without blank lines, signatures and footers. A paragraph is prose when its
lines were broken by a mail program: it may flow again. Verse, lists, tables and code keep their lines.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from gateway.mail.message import Span, SpanKind

# A program breaks lines near column 72; a poet, a list and a table break them sooner.
PROSE_MIN, PROSE_MAX = 45, 100
# Lines that all begin with the same characters were not broken, they are a log.
ALIKE = 5
QUOTE_MAX = 5
_HIDDEN = (SpanKind.SIGNATURE, SpanKind.CLIENT_FOOTER, SpanKind.LIST_FOOTER)

# C0 and C1 without LF; line and paragraph separators; marks that turn the direction of other people's lines; halves of
# a pair, which no encoding takes.
_UNPRINTABLE = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ufeff\ufff9-\uffff\ud800-\udfff]")
_GAP = re.compile(r"(?:\[(?:\.{2,4}|…|snip)\]|<(?:\.{2,4}|…|snip)>|\.{2,4}|…|\(\.{2,4}\))[ \t]*\Z", re.IGNORECASE)
_GAP_STARTS = frozenset("[<.…(")
_ITEM = re.compile(r"(?:\d{1,3}[.)]|\(?[a-z]\)|[-*•]) {1,3}(?=\S)")
_ENDS = (".", "!", "?", ":")
_BULLETS = frozenset("-*•·")
_EMPTY_ITEM = re.compile(r"\n {1,8}[-*•·]\Z")
_KEEPS_LINES = frozenset(" -*+|>#=~•·\t0123456789[]<{}$%/\\@&;")


# Ends of statements; lines of patches, logs and prompts; comments; indented expressions; calls; columns.
_CODE = re.compile(
    r"[;{}\\]\s*\Z|\A(?:[+-] {2,}|\+\S|\+\Z|--- |@@ |diff |index [0-9a-f]|new file mode|[$#] \S|\[ *\d+\.\d| +\* | *//| */\*)"
    r"|\A {2,}[^\s-].*[=({<|]|\w\(.*\)\s*[:{]?\Z|->|::|[^.!?:\s]  +\S|\b\d\d:\d\d:\d\d\b"
)
# A line without any of these is none of them, and most are: known in a twentieth of the time.
_CODE_SIGN = re.compile(r"[;{}\\+@$#\[*/(>:]")
_CODE_STARTS = ("--- ", "diff ", "index ", "new file mode")


class Block(NamedTuple):
    """Lines without blank ones; `depth` 0 is new text, more is a quote."""

    depth: int
    is_prose: bool
    lines: list[str]


def split_blocks(spans: Iterable[Span]) -> list[Block]:
    """The blocks to show, in order. Signatures and footers are left out."""
    blocks: list[Block] = []
    for span in spans:
        if span.kind in _HIDDEN:
            continue
        depth = min(max(span.depth, 1), QUOTE_MAX) if span.kind is SpanKind.QUOTE else 0
        for paragraph in _paragraphs(span.text):
            for lines in _parts(paragraph.split("\n")):
                blocks.append(Block(depth, _is_prose(lines), lines))
    return blocks


def is_code(lines: list[str]) -> bool:
    """Whether most lines of a block that is no prose are code, a patch, a log or a table: a fixed pitch suits them."""
    return sum(map(_is_code_line, lines)) * 2 > len(lines)


def _is_code_line(line: str) -> bool:
    if _CODE_SIGN.search(line) is None and "  " not in line and not line.startswith(_CODE_STARTS):
        return False
    return "://" not in line and _CODE.search(line) is not None


class Cleaned(str):
    """Text that is made of nothing but cleaned text: a template need not look through it again."""

    __slots__ = ()


def clean(text: str) -> str:
    """`text` without control characters but LF; tabs become spaces."""
    if text.isprintable():
        return text
    # The expression is asked last: it takes ten times as long. Of what it looks for two characters are printable.
    is_clean = text.replace("\n", "").isprintable() and "\ufffc" not in text and "\ufffd" not in text
    if is_clean or not _UNPRINTABLE.search(text):
        return text
    return _UNPRINTABLE.sub("", text.expandtabs(8) if "\t" in text else text)


def one_line(text: str) -> str:
    """`text` cleaned, with every run of white space as one space."""
    if text.isprintable() and "  " not in text:
        return text.strip(" ")
    return clean(" ".join(text.split()))


def _paragraphs(text: str) -> list[str]:
    text = clean(text).strip("\n")
    if " \n" in text:
        text = "\n".join(map(str.rstrip, text.split("\n")))
    if not text or text.isspace():
        return []
    if "\n\n" not in text:
        return [text]
    parts = [part.strip("\n") for part in text.split("\n\n") if part and not part.isspace()]
    # Some programs put the sign of a list item into a line of its own, or leave an item empty.
    return [_EMPTY_ITEM.sub("", part) for part in parts if part.strip(" ") not in _BULLETS] or parts


def _parts(lines: list[str]) -> Iterator[list[str]]:
    """A paragraph in one piece, or where it has no blank line between two; lines that say that something was left out alone."""
    start = 0
    for place, line in enumerate(lines):
        if line[:1] in _GAP_STARTS and _GAP.match(line):
            yield from (part for part in (lines[start:place], [line]) if part)
            start = place + 1
        elif len(line) < PROSE_MIN and line.endswith(_ENDS) and _ends_paragraph(lines, start, place):
            yield lines[start : place + 1]
            start = place + 1
    if start < len(lines):
        yield lines[start:]


def _ends_paragraph(lines: list[str], start: int, place: int) -> bool:
    """Whether the sentence that ends there, early in its line, has lines that a program broke, and the next begins a new one."""
    if not start < place < len(lines) - 1:
        return False
    following = lines[place + 1]
    return following[:1].isupper() and len(following) >= PROSE_MIN and _is_prose(lines[start : place + 1])


def _is_prose(lines: list[str]) -> bool:
    if len(lines) == 1:
        return not lines[0].startswith(" ")
    if item := _ITEM.match(lines[0]):
        # One item of a list, with its other lines under its first word or at the margin.
        size = item.end() if lines[1].startswith(" ") else 0
        lines = [lines[0][item.end() :], *(line[size:] if line[:size].isspace() else line for line in lines[1:])]
    sizes = list(map(len, lines))
    if max(sizes) > PROSE_MAX or min(sizes[:-1]) < PROSE_MIN:
        return False
    alike = lines[0][: ALIKE if len(lines) > 2 else 2 * ALIKE]
    return _KEEPS_LINES.isdisjoint([line[:1] for line in lines]) and not all(line.startswith(alike) for line in lines)
