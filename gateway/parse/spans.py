"""Body text to spans: what is quoted, what is the signature, what is the author's own (design 6).

In: clean text of one part, LF ends. Out: spans that hold, in order, all lines of the text but the blank ones around it. One
pass over the lines; `parse.quotes` knows what mail programs write around a quote. In doubt a line is the author's: display
drops quotes, and an author's words must never be dropped.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import groupby
from typing import Final

from gateway.mail.message import Span, SpanKind
from gateway.parse.languages import SENT_FROM
from gateway.parse.quotes import (
    LABELS_MIN,
    attribution_at,
    divider_of,
    header_block_at,
    is_client_footer,
    label_of,
    list_footer_at,
    words_before,
)

SIGNATURE_LINE: Final = "-- "
_LABEL_MAX = 28
_BARE_SIGNATURE_LINES = 10
_MARKS_LINE_MAX = 2_000
_MARKS = re.compile(r">(?: ?>)*")
_ENDS = frozenset(":：>-*<")
_STARTS = frozenset({"--", "__", "==", "**", "*-", " -", "—"})
_HINTS = (">", "--", "___", ":\n", "：\n", "==", "**")
_Kind = tuple[SpanKind, int]
# To find a member in its class costs as much as to look at ten lines.
TEXT, QUOTE, FORWARD, ATTRIBUTION = SpanKind.TEXT, SpanKind.QUOTE, SpanKind.FORWARD, SpanKind.ATTRIBUTION
_TEXT: Final[_Kind] = (TEXT, 0)
_ATTRIBUTION: Final[_Kind] = (ATTRIBUTION, 0)
_UNMARKED: Final[_Kind] = (QUOTE, 0)


def split_spans(text: str) -> tuple[Span, ...]:
    """The spans of `text`.

    Lines with ">" are a quote when two or more follow each other or an attribution stands above them; a lone one counts when
    the mail has such quotes at least as deep. What follows a header block, a divider or an attribution without ">" is a quote to
    its end, unless nothing stands above it: then it is a forwarded mail, as is what a forwarding divider announces. A
    signature begins at the last line that is exactly "-- " (or "--" near the end) and ends where a quote begins.
    """
    lines = _trimmed(text.split("\n"))
    labelled = [at for at, line in enumerate(lines) if ":" in line[:_LABEL_MAX] and label_of(line)] if ":" in text else []
    if len(labelled) < LABELS_MIN and not _is_structured(text):
        text = _stripped(text)
        return (Span(TEXT, text),) if text else ()
    return tuple(_runs(lines, _Reading(lines, has_stamps=" GMT" in text).kinds(labelled))) if lines else ()


def join_spans(parts: list[tuple[Span, ...]]) -> tuple[Span, ...]:
    """The spans of several text parts as those of one body; texts that meet are kept apart by a blank line."""
    joined: list[Span] = []
    for spans in parts:
        if joined and spans and joined[-1].kind is spans[0].kind is TEXT:
            joined[-1] = Span(TEXT, f"{joined[-1].text}\n\n{spans[0].text}")
            spans = spans[1:]
        joined += spans
    return tuple(joined)


def _is_structured(text: str) -> bool:
    """Whether a closer look can find anything; most mail that answers nothing has no such sign."""
    if any(hint in text for hint in _HINTS) or text.rstrip().endswith((":", "：")):
        return True
    end = text[-400:].casefold()
    return any(word in end for word in SENT_FROM) or " GMT" in text


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


class _Reading:
    """One body being read: a kind for each line. What no line gives a reason for is not looked for."""

    def __init__(self, lines: list[str], *, has_stamps: bool) -> None:
        self.lines = lines
        self._kinds: list[_Kind] = [_TEXT] * len(lines)
        # Lines that look as if a program had written them; all others are nothing but text or quote.
        self._odd = [index for index, line in enumerate(lines) if line[-1:] in _ENDS or line[:2] in _STARTS]
        if has_stamps:
            self._odd = sorted({*self._odd, *(index for index, line in enumerate(lines) if " GMT" in line)})
        self._attributions: dict[int, int] = {}
        self._below: set[int] = set()
        for index in self._odd:
            if count := attribution_at(lines, index):
                self._attributions[index - count + 1] = count
                self._below |= {index + 1, index + 2 if index + 1 < len(lines) and not lines[index + 1].strip() else index + 1}

    def kinds(self, labelled: list[int]) -> list[_Kind]:
        """A kind for each line; `labelled` are those that may begin with a label ("From:")."""
        end = list_footer_at(self.lines) if self._odd else len(self.lines)
        self._mark_quotes(end)
        self._mark_structure(sorted({*self._odd, *labelled, *self._attributions}), end)
        self._mark(end, len(self.lines), (SpanKind.LIST_FOOTER, 0))
        self._mark_signature(end)
        self._mark_ends_of_text(end)
        return self._kinds

    def _mark(self, start: int, end: int, kind: _Kind) -> None:
        self._kinds[start:end] = [kind] * (end - start)

    def _mark_quotes(self, end: int) -> None:
        """Lines with ">" marks."""
        marked = [index for index, line in enumerate(self.lines) if line[:1] == ">" and index < end]
        if not marked:
            return
        known = frozenset(marked)
        lone: list[int] = []
        deepest = 0
        for index in marked:
            if index + 1 in known or index - 1 in known or index in self._below:
                depth = _count_marks(self.lines[index])
                self._kinds[index] = (QUOTE, depth)
                if depth > deepest:
                    deepest = depth
            else:
                lone.append(index)
        for index in lone if deepest else ():
            depth = _count_marks(self.lines[index])
            if depth <= deepest and not self.lines[index].startswith(">From "):
                self._kinds[index] = (QUOTE, depth)

    def _mark_structure(self, odd: list[int], end: int) -> None:
        """Attributions, and the first divider or header block, behind which everything is another mail."""
        is_quote = [kind[0] is QUOTE for kind in self._kinds]
        has_words = False
        seen = 0
        for index in odd:
            if not seen <= index < end:
                continue
            has_words = has_words or any(self.lines[at].strip() and not is_quote[at] for at in range(seen, index))
            seen = index
            if count := self._attributions.get(index, 0):
                seen += count
                if has_words and not any(is_quote[seen:end]):
                    # Nothing below is marked: all of it is what is said to have been written.
                    self._mark(self._rule_above(index), seen, _ATTRIBUTION)
                    self._mark(seen, end, _UNMARKED)
                    return
                if not has_words or any(is_quote[seen : seen + 2]):
                    self._mark(index, seen, _ATTRIBUTION)
            elif is_quote[index]:
                if divider_of(_without_marks(self.lines[index])) == "forward":
                    # Some programs put a mail that is passed on in marks.
                    stop = next((at for at in range(index, end) if not is_quote[at]), end)
                    self._mark(index, stop, (FORWARD, 0))
                    seen = stop
            elif foreign := self._foreign_at(index, end):
                self._mark_foreign(index, foreign, end, is_forward=not has_words)
                return

    def _rule_above(self, index: int) -> int:
        """That line, or the line of signs right above it, which is none of the author's."""
        return index - 1 if index and divider_of(self.lines[index - 1]) == "rule" else index

    def _foreign_at(self, index: int, end: int) -> str:
        """What announces another mail on that line: "forward", "original" or "block"; "" for nothing."""
        found = divider_of(self.lines[index])
        if found == "rule":
            below = next((at for at in range(index + 1, min(index + 4, end)) if self.lines[at].strip()), end)
            return "block" if below < end and header_block_at(self.lines, below) else ""
        return found or ("block" if header_block_at(self.lines, index) else "")

    def _mark_foreign(self, index: int, foreign: str, end: int, *, is_forward: bool) -> None:
        if foreign == "forward" or (is_forward and not self._is_marked_below(index, end)):
            self._mark(index, end, (FORWARD, 0))
            return
        head = index if label_of(self.lines[index]) else index + 1
        while head < end and not self.lines[head].strip():
            head += 1
        size = header_block_at(self.lines, head) if head < end else 0
        body = head + size if size else index + 1
        self._mark(index, body, _ATTRIBUTION)
        if not self._is_marked_below(index, end):
            self._mark(body, end, _UNMARKED)
            return
        for at in range(body, end):
            if self.lines[at][:1] == ">":
                self._kinds[at] = (SpanKind.QUOTE, _count_marks(self.lines[at]))

    def _is_marked_below(self, index: int, end: int) -> bool:
        """Whether the header block there stands above a quote with marks: what has none is the author's then."""
        head = next((at for at in range(index, min(index + 4, end)) if label_of(self.lines[at])), end)
        size = header_block_at(self.lines, head) if head < end else 0
        below = next((at for at in range(head + size, end) if self.lines[at].strip()), end)
        return size > 0 and below < end and self.lines[below][:1] == ">"

    def _mark_signature(self, end: int) -> None:
        """From the last signature line down to where something else begins."""
        lines, kinds = self.lines, self._kinds
        ours = [i for i in self._odd if i < end and lines[i][:2] == "--" and len(lines[i]) <= 3 and kinds[i][0] is TEXT]
        start = next((index for index in reversed(ours) if lines[index] == SIGNATURE_LINE), -1)
        if start < 0 and ours and ours[-1] > 0 and lines[ours[-1]] == "--":
            below = sum(1 for kind in kinds[ours[-1] : end] if kind[0] is TEXT)
            start = ours[-1] if below <= _BARE_SIGNATURE_LINES + 1 else -1
        if start < 0:
            return
        stop = start
        while stop < end and kinds[stop][0] is TEXT:
            stop += 1
        self._mark(start, stop, (SpanKind.SIGNATURE, 0))

    def _mark_ends_of_text(self, end: int) -> None:
        """Blank stretches, and the last words of the others when a mail program wrote them."""
        for start, stop in self._stretches(end):
            if start and not any(self.lines[at].strip() for at in range(start, stop)):
                # Blank lines between an attribution and its quote, or two parts of a quote, are nobody's words.
                self._mark(start, stop, self._kinds[start - 1])
                continue
            first = stop
            for at in range(stop - 1, start - 1, -1):
                if is_client_footer(self.lines[at]):
                    first = at
                elif self.lines[at].strip():
                    # "... but this may be prejudice" / "from my side." ends a sentence.
                    first = first if first > at + 1 else stop
                    break
            if 0 < first < stop:
                self._mark(first, stop, (SpanKind.CLIENT_FOOTER, 0))

    def _stretches(self, end: int) -> list[tuple[int, int]]:
        """Where text begins and ends."""
        is_text = [kind[0] is TEXT for kind in self._kinds[:end]]
        found: list[tuple[int, int]] = []
        stop = -1
        while True:
            try:
                start = is_text.index(True, stop + 1)
            except ValueError:
                return found
            try:
                stop = is_text.index(False, start)
            except ValueError:
                return [*found, (start, end)]
            found.append((start, stop))


def _count_marks(line: str) -> int:
    if line[1:2] == " " and line[2:3] != ">":
        return 1
    marks = _MARKS.match(line[:_MARKS_LINE_MAX])
    return marks[0].count(">") if marks else 0


def _runs(lines: list[str], kinds: list[_Kind]) -> Iterator[Span]:
    """Runs of one kind; blank lines at their edges stay with them, but a run of blank lines alone is no text."""
    start = 0
    for (kind, depth), group in groupby(kinds):
        end = start + len(list(group))
        run = lines[start:end]
        if kind is QUOTE or (kind is FORWARD and run[0][:1] == ">"):
            yield Span(kind, "\n".join([_without_marks(line) if line[:1] == ">" else line for line in run]), depth)
        elif kind is ATTRIBUTION and (at := words_before(run[0])) and run[0][:at].strip("-_*=> "):
            yield Span(TEXT, run[0][:at].rstrip())
            yield Span(kind, "\n".join([run[0][at:], *run[1:]]))
        else:
            yield Span(kind, "\n".join(run))
        start = end


def _without_marks(line: str) -> str:
    if line[1:2] == " " and line[2:3] != ">":
        return line[2:]
    marks = _MARKS.match(line[:_MARKS_LINE_MAX])
    rest = line[marks.end() :] if marks else line
    return rest[1:] if rest.startswith(" ") else rest
