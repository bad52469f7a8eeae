"""Body text to spans: what is quoted, what is the signature, what is the author's own.

In: clean text of one part, LF ends. Out: spans whose lines, in order, are all lines of the text but the blank ones around
it. One pass over the lines, no expression that can run back. In doubt a line is the author's: display drops quotes, and
an author's words must never be dropped.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import groupby
from typing import Final

from gateway.mail.message import Span, SpanKind

SIGNATURE_LINE: Final = "-- "
_ATTRIBUTION_MAX = 400
_MARKS_LINE_MAX = 2_000
_MARKS = re.compile(r">(?: ?>)*")
_YEAR = re.compile(r"\b(?:19|20)[0-9]{2}\b")


def split_spans(text: str) -> tuple[Span, ...]:
    """The spans of `text`.

    A signature begins at the last line that is exactly "-- " and ends where a quote begins. Lines with ">" are a quote
    when two or more follow each other or an attribution stands above them; a lone one counts when the mail has such
    quotes at least as deep. Everything else is text.
    """
    if ">" not in text and SIGNATURE_LINE not in text:
        text = _stripped(text)
        return (Span(SpanKind.TEXT, text),) if text else ()
    lines = _trimmed(text.split("\n"))
    if not lines:
        return ()
    depths = _quote_depths(lines)
    signature = max((index for index, line in enumerate(lines) if line == SIGNATURE_LINE), default=len(lines))
    return tuple(_runs(lines, depths, signature))


def join_spans(parts: list[tuple[Span, ...]]) -> tuple[Span, ...]:
    """The spans of several text parts as those of one body; texts that meet are kept apart by a blank line."""
    joined: list[Span] = []
    for spans in parts:
        if joined and spans and joined[-1].kind is spans[0].kind is SpanKind.TEXT:
            joined[-1] = Span(SpanKind.TEXT, f"{joined[-1].text}\n\n{spans[0].text}")
            spans = spans[1:]
        joined += spans
    return tuple(joined)


def _stripped(text: str) -> str:
    """`text` without blank lines around it; the blanks in front of its first line are the author's."""
    head = text[: len(text) - len(text.lstrip())]
    return text[head.rfind("\n") + 1 :].rstrip()


def _trimmed(lines: list[str]) -> list[str]:
    start, end = 0, len(lines)
    while start < end and not lines[start].strip():
        start += 1
    # A signature line alone at the end is kept: it is one.
    while end > start and not lines[end - 1].strip():
        end -= 1
    return lines[start:end]


def _quote_depths(lines: list[str]) -> list[int]:
    """For each line the depth of the quote that it belongs to; 0 for what is no quote."""
    depths = [0] * len(lines)
    marked = [index for index, line in enumerate(lines) if line[:1] == ">"]
    lone: list[int] = []
    known = frozenset(marked)
    deepest = 0
    for index in marked:
        if index + 1 in known or index - 1 in known or _is_below_attribution(lines, index):
            depths[index] = _count_marks(lines[index])
            deepest = max(deepest, depths[index])
        else:
            lone.append(index)
    for index in lone if deepest else ():
        depth = _count_marks(lines[index])
        if depth <= deepest and not lines[index].startswith(">From "):
            depths[index] = depth
    return depths


def _count_marks(line: str) -> int:
    if line[1:2] == " " and line[2:3] != ">":
        return 1
    marks = _MARKS.match(line[:_MARKS_LINE_MAX])
    return marks[0].count(">") if marks else 0


def _is_below_attribution(lines: list[str], index: int) -> bool:
    above = index - 1
    if above >= 0 and not lines[above].strip():
        above -= 1
    if above < 0:
        return False
    line = lines[above].rstrip()
    if not line.endswith((":", "：")) or len(line) > _ATTRIBUTION_MAX:
        return False
    return "@" in line or line.endswith("wrote:") or _YEAR.search(line) is not None


def _runs(lines: list[str], depths: list[int], signature: int) -> Iterator[Span]:
    start = 0
    in_signature = False
    for depth, group in groupby(depths):
        end = start + len(list(group))
        if depth:
            in_signature = False
            yield Span(SpanKind.QUOTE, "\n".join([_without_marks(line) for line in lines[start:end]]), depth)
        else:
            middle = start if in_signature else signature if start <= signature < end else end
            if middle > start:
                yield Span(SpanKind.TEXT, "\n".join(lines[start:middle]))
            if middle < end:
                in_signature = True
                yield Span(SpanKind.SIGNATURE, "\n".join(lines[middle:end]))
        start = end


def _without_marks(line: str) -> str:
    if line[1:2] == " " and line[2:3] != ">":
        return line[2:]
    marks = _MARKS.match(line[:_MARKS_LINE_MAX])
    rest = line[marks.end() :] if marks else line
    return rest[1:] if rest.startswith(" ") else rest
