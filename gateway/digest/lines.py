"""The lines of an answer, and where in the issue each of them stands (design 8.4). Pure.

In: the spans of a mail, and the texts of the issue. Out: `Line`s. Who quotes a thousand comments and writes below the last one
answers none of those in the middle: where so much stands as it does in the issue, with no word of anybody's between, a few
entries at either end become lines, and a gap says that there was more.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import accumulate, pairwise
from typing import Final, NamedTuple

from gateway.digest.printed import begins_entry
from gateway.digest.shingles import Run, Texts, bare_lines, weight
from gateway.mail.message import Span, SpanKind
from gateway.parse.languages import SUBJECT
from gateway.parse.quotes import label_of

# So much of a line must stand in the issue, for the line to stand there.
MOST: Final = 0.6
# At either end of a long quote so many entries, or links of the foot, are looked at.
KEPT: Final = 24
# Signs that are no answer by themselves, as "?" and ":-)" are; dots show that a quote was shortened.
SIGNS = re.compile(r"[\s>|\-_=*#~.…]*\Z")
LEFT = (SpanKind.SIGNATURE, SpanKind.CLIENT_FOOTER, SpanKind.LIST_FOOTER)
_PATCH_MAX: Final = 80
_PATCHES_MAX: Final = 300
_NAME_MAX: Final = 24
# So much of the issue may be left out of a quote where nothing else was put in: a marker, a link.
_LEFT_OUT_MAX: Final = 200
_SAYS = re.compile(r"[^\s!-/:-@\[-`{-~\u2000-\u206f\u2500-\u257f·•]")
_LINK_ALONE = re.compile(r"\s*<?mailto:\S+>?\s*\Z")


@dataclass(slots=True)
class Line:
    """One line of an answer. `stretch` is it bare, at `at` in the whole; `runs` are what of the issue it touches.

    `is_marked` had the marks of a quote; `is_quote` is what was found out; an author's line `is_doubtful` that may be a quote,
    `is_alone` when it is a paragraph. `is_gap` stands for lines of the issue that were left out.
    """

    text: str
    kind: SpanKind
    depth: int
    stretch: str
    at: int
    runs: Sequence[Run] = ()
    covered: int = 0
    is_marked: bool = False
    is_quote: bool = False
    is_doubtful: bool = False
    is_alone: bool = False
    is_gap: bool = False

    @property
    def is_blank(self) -> bool:
        return not self.text.strip()

    @property
    def says(self) -> bool:
        """Whether anything is on it but signs: letters, digits, an emoji."""
        return _SAYS.search(self.text) is not None

    @property
    def is_known(self) -> bool:
        """Whether it stands in the issue."""
        return bool(self.stretch) and self.covered >= MOST * len(self.stretch)

    @property
    def is_deep(self) -> bool:
        """Whether it quotes within what it quotes."""
        return self.text.lstrip()[:1] == ">"

    @property
    def reach(self) -> int:
        """How many letters of the issue go on through this line, over those above and below it too."""
        size = max((run.total for run in self.runs), default=0)
        return size if self.stretch.isascii() else size + weight(self.stretch) - len(self.stretch)

    @property
    def main(self) -> Run | None:
        """The run that has most of it."""
        return max(self.runs, key=self.overlap) if len(self.runs) > 1 else self.runs[0] if self.runs else None

    def overlap(self, run: Run) -> int:
        return min(run.end, self.at + len(self.stretch)) - max(run.at, self.at)


class _Sheet(NamedTuple):
    """All lines of a mail side by side: what they say, the same bare, where that begins.

    `starts` is where each span begins among them, `heads` where the lines of its header end.
    """

    texts: list[str]
    stretches: list[str]
    ats: list[int]
    starts: list[int]
    heads: list[int]


def lay_out(spans: Sequence[Span], texts: Texts, *, has_gaps: bool = True) -> tuple[list[Line], str]:
    """The lines of an answer, and all of it bare; with gaps where nobody needs to look, if there may be some."""
    sheet = _sheet(spans)
    whole = "".join(sheet.stretches)
    runs = texts.runs(whole)
    gaps = list(_gaps(spans, sheet, runs)) if has_gaps else []
    lines: list[Line] = []
    since = 0
    for start, stop in gaps:
        lines += _lines(spans, sheet, since, start)
        gap = next(_lines(spans, sheet, start, start + 1))
        gap.text, gap.stretch, gap.is_gap = "", "", True
        lines.append(gap)
        since = stop
    lines += _lines(spans, sheet, since, len(sheet.texts))
    _cover(lines, sorted([*runs, *_patches(runs, whole, texts)]))
    return lines, whole


def _sheet(spans: Sequence[Span]) -> _Sheet:
    texts: list[str] = []
    stretches: list[str] = []
    starts: list[int] = []
    heads: list[int] = []
    for span in spans:
        starts.append(len(texts))
        lines = span.text.split("\n")
        skipped = len(lines) if span.kind in LEFT else header_of(lines) if span.kind is SpanKind.ATTRIBUTION else 0
        heads.append(len(texts) + skipped)
        texts += lines
        stretches += [*[""] * skipped, *bare_lines(lines[skipped:])]
    return _Sheet(texts, stretches, list(accumulate(map(len, stretches), initial=0)), starts, heads)


def header_of(texts: Sequence[str]) -> int:
    """How many lines of an attribution are about the mail; a header block may have taken the first lines of the quote too."""
    subject = next((at for at, text in enumerate(texts) if label_of(text) in SUBJECT), len(texts) - 1)
    return subject + 1


def _lines(spans: Sequence[Span], sheet: _Sheet, first: int, stop: int) -> Iterator[Line]:
    """The lines from one on and before another."""
    number = bisect_right(sheet.starts, first) - 1
    while first < stop:
        span, head = spans[number], sheet.heads[number]
        number += 1
        end = min(sheet.starts[number], stop) if number < len(spans) else stop
        for line in range(first, end):
            text, kind = sheet.texts[line], span.kind
            if kind is SpanKind.ATTRIBUTION and line >= head and text[:1] != ">":
                # What was answered right below the first line of the quote was taken for the end of the header block.
                kind = SpanKind.QUOTE
            is_marked = kind is SpanKind.ATTRIBUTION or (kind is SpanKind.QUOTE and span.depth > 0)
            stretch, at = sheet.stretches[line], sheet.ats[line]
            yield Line(text, kind, span.depth, stretch, at, is_marked=is_marked, is_quote=is_marked)
        first = end


def _gaps(spans: Sequence[Span], sheet: _Sheet, runs: Sequence[Run]) -> Iterator[tuple[int, int]]:
    """From which line to which nobody needs to look."""
    if sum(begins_entry(run.owner) for run in runs) <= 2 * KEPT:
        return
    for heads in _chains(runs, _signs(spans, sheet)):
        if len(heads) > 2 * KEPT:
            start, stop = bisect_left(sheet.ats, heads[KEPT]), bisect_right(sheet.ats, heads[-KEPT]) - 1
            if start < stop:
                yield start, stop


def _signs(spans: Sequence[Span], sheet: _Sheet) -> list[int]:
    """Where something stands that has no letters and may be somebody's answer, or that is no text."""
    bare_of = zip(sheet.texts, sheet.stretches, sheet.ats, strict=False)
    found = [at for text, stretch, at in bare_of if not stretch and text and not SIGNS.match(text)]
    for number, span in enumerate(spans):
        if span.kind not in (SpanKind.TEXT, SpanKind.QUOTE, SpanKind.FORWARD):
            found.append(sheet.ats[sheet.starts[number]])
    return sorted(found)


def _chains(runs: Sequence[Run], signs: Sequence[int]) -> Iterator[list[int]]:
    """Where entries begin, in each stretch that is the issue's without a break."""
    heads: list[int] = []
    last: Run | None = None
    owner = 0
    for run in runs:
        has_sign = bisect_left(signs, run.at) < bisect_right(signs, run.end)
        is_next = last is not None and run.at == last.end and 0 <= run.there - last.there - last.size <= _LEFT_OUT_MAX
        if has_sign or not is_next:
            yield heads
            heads = []
        if begins_entry(run.owner) and not has_sign and (not heads or run.owner != owner or run.owner < 0):
            heads.append(run.at)
            owner = run.owner
        last = None if has_sign else run
    yield heads


def _cover(lines: Sequence[Line], runs: Sequence[Run]) -> None:
    """Tells each line its runs."""
    starts = [run.at for run in runs]
    for line in lines:
        if not line.stretch:
            continue
        end = line.at + len(line.stretch)
        first = max(bisect_left(starts, line.at) - 1, 0)
        last = bisect_left(starts, end, first)
        line.runs = [run for run in runs[first:last] if run.end > line.at]
        line.covered = sum(map(line.overlap, line.runs))


def _patches(runs: Sequence[Run], whole: str, texts: Texts) -> list[Run]:
    """What was changed a little on the way ("10th" to "10^th"), and short lines: the issue has the like at that place."""
    found: list[Run] = []
    for left, right in pairwise(runs):
        here, there = right.at - left.end, right.there - left.there - left.size
        if 0 < here <= _PATCH_MAX and 0 < there <= _PATCH_MAX and len(found) < _PATCHES_MAX:
            ours = texts.stretch(left.there + left.size, there)
            if SequenceMatcher(None, whole[left.end : right.at], ours, autojunk=False).ratio() >= MOST:
                found.append(Run(left.end, here, left.there + left.size, left.owner, left.total))
    return found


def is_link(line: Line, below: Line | None) -> bool:
    """Whether a line is a link of the issue and nothing else, or the name of the one below it."""
    is_name = below is not None and len(line.stretch) < _NAME_MAX and _LINK_ALONE.match(below.text) is not None
    return is_name or _LINK_ALONE.match(line.text) is not None
