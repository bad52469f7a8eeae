"""An answer as lines: which are the author's own, and which are quoted, with marks or without (design 6, 8.4). Pure.

In: the spans of a mail, and the texts of the issue. Out: `Line`s that know where in the issue they stand. Some programs put no
marks before a quote, and others lose them where they break a line: there a line is a quote when it stands in the issue.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import pairwise
from typing import Final

from gateway.digest.shingles import Run, Texts, bare, weight
from gateway.mail.message import Span, SpanKind
from gateway.parse.languages import SUBJECT
from gateway.parse.quotes import attribution_at, divider_of, header_block_at, is_client_footer, label_of

# So much of a line must stand in the issue, for the line to stand there.
MOST: Final = 0.6
# So much of a line, in letters, is no coincidence where nothing else says that it is quoted.
UNMARKED_MIN: Final = 24
_PATCH_MAX: Final = 80
_PATCHES_MAX: Final = 300
# Stretches of so many letters show that it is our issue that is quoted; some lines of long ones that it is without marks.
_OURS_MIN: Final = 16
_OURS_SURE: Final = 48
_OURS_LINES: Final = 4
_SIGNATURE_LINES: Final = 11
_HEAD_LINES: Final = 24
_SHORT: Final = 24
# A line of so many letters, alone between blank lines, may be one that was quoted.
_DOUBT_MAX: Final = 48
_DOUBT_MIN: Final = 3
_ALL: Final = 0.9
_DIGIT = re.compile(r"\d")
_LINK = re.compile(r"\s*<?mailto:")
_LEFT = (SpanKind.SIGNATURE, SpanKind.CLIENT_FOOTER, SpanKind.LIST_FOOTER)
_SAYS = re.compile(r"[^\s!-/:-@\[-`{-~\u2000-\u206f\u2500-\u257f·•]")
# What stands between entries of a digest, in every language.
_FRAME = re.compile(r"\s*(?:\S.*\[#[0-9a-z]{8,16}\]|-{3,}|\*{3,}|_{3,}|mailto:\S+|<?https?://\S+>?|<?mailto:\S+>?)\s*\Z")


@dataclass(slots=True)
class Line:
    """One line of an answer. `stretch` is it bare, at `at` in the whole; `runs` are what of the issue it touches.

    `is_marked` had the marks of a quote; `is_quote` is what was found out; an author's line `is_doubtful` that may be a quote,
    `is_alone` when it is a paragraph.
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
        return max(self.runs, key=self.overlap, default=None)

    def overlap(self, run: Run) -> int:
        return min(run.end, self.at + len(self.stretch)) - max(run.at, self.at)


def read_lines(spans: Sequence[Span], texts: Texts) -> tuple[list[Line], str]:
    """The lines of an answer, and all of it bare."""
    lines = _flatten(spans)
    whole = "".join([line.stretch for line in lines])
    runs = texts.runs(whole)
    _cover(lines, sorted([*runs, *_patches(runs, whole, texts)]))
    for start, end in _stretches(lines):
        _decide(lines, start, end, texts)
    return lines, whole


def _flatten(spans: Sequence[Span]) -> list[Line]:
    lines: list[Line] = []
    at = 0
    for span in spans:
        texts = span.text.split("\n")
        skipped = len(texts) if span.kind in _LEFT else _header_of(texts) if span.kind is SpanKind.ATTRIBUTION else 0
        for index, text in enumerate(texts):
            kind = span.kind
            if kind is SpanKind.ATTRIBUTION and index >= skipped and text[:1] != ">":
                # What was answered right below the first line of the quote was taken for the end of the header block.
                kind = SpanKind.QUOTE
            is_marked = kind is SpanKind.ATTRIBUTION or (kind is SpanKind.QUOTE and span.depth > 0)
            stretch = bare(text) if index >= skipped else ""
            lines.append(Line(text, kind, span.depth, stretch, at, is_marked=is_marked, is_quote=is_marked))
            at += len(stretch)
    return lines


def _header_of(texts: Sequence[str]) -> int:
    """How many lines of an attribution are about the mail; a header block may have taken the first lines of the quote too."""
    subject = next((at for at, text in enumerate(texts) if label_of(text) in SUBJECT), len(texts) - 1)
    return subject + 1


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


def _stretches(lines: Sequence[Line]) -> list[tuple[int, int]]:
    """Where lines of one kind without marks begin and end."""
    found: list[tuple[int, int]] = []
    start = 0
    for end in range(1, len(lines) + 1):
        if end == len(lines) or (lines[end].kind, lines[end].is_marked) != (lines[start].kind, lines[start].is_marked):
            if not lines[start].is_marked and lines[start].kind not in _LEFT:
                found.append((start, end))
            start = end
    return found


def _decide(lines: Sequence[Line], start: int, end: int, texts: Texts) -> None:
    """Finds the quoted ones among lines without marks."""
    part = lines[start:end]
    is_text = lines[start].kind is SpanKind.TEXT
    if is_text and sum(line.reach >= _OURS_SURE for line in part) < _OURS_LINES:
        _decide_text(lines, start, end)
    else:
        _decide_unmarked(part)
    # Else it is another mail altogether: passed on, or answered by mistake; none of its words may be lost.
    _smooth(part)
    _mark_announced(part, texts)
    if not is_text:
        _sign(part)
    _doubt(part)


def _decide_unmarked(part: Sequence[Line]) -> None:
    """Of a quote without marks, or what looks like a mail passed on, all that stands in the issue is quoted."""
    head = _head(part) if part[0].kind is SpanKind.FORWARD else 0
    said = [line for line in part[head:] if line.says]
    is_all = bool(said) and all(line.stretch and line.covered >= _ALL * len(line.stretch) for line in said)
    if not is_all and not any(line.is_known and line.reach >= _OURS_MIN for line in part[head:]):
        return
    for at, line in enumerate(part):
        if at < head:
            line.stretch, line.runs = "", ()
        is_ours = is_all or (line.is_known and line.reach >= _OURS_MIN) or _is_around(part, at)
        line.is_quote = at < head or (line.says and is_ours)


def _head(part: Sequence[Line]) -> int:
    """How many lines announce the mail that follows, where nothing stands above it."""
    texts = [line.text for line in part[:_HEAD_LINES]]
    for at, text in enumerate(texts):
        if size := header_block_at(texts, at):
            return at + _header_of(texts[at : at + size])
        if text.strip() and not divider_of(text):
            break
    return 0


def _mark_announced(part: Sequence[Line], texts: Texts) -> None:
    """In text that turned out to quote: what announces the quote, and lines that stand around entries."""
    lines = [line.text for line in part]
    is_below = False
    for at in range(len(part) - 1, -1, -1):
        line = part[at]
        if line.is_quote and line.stretch:
            is_below = True
        elif line.says and is_below:
            count = attribution_at(lines, at) if line.text.rstrip().endswith((":", "：")) else 0
            for one in part[at - count + 1 : at + 1]:
                # Who wrote the digest when is not what it says.
                one.is_quote, one.stretch, one.runs = True, "", ()
            count = count or int(_is_around(part, at) or _is_heading(line, texts))
            line.is_quote = line.is_quote or count > 0
            is_below = count > 0


def _is_heading(line: Line, texts: Texts) -> bool:
    """Whether a line above a quoted one may be a part of its heading: a number and a name, or a date, as the issue has it."""
    return len(line.stretch) >= _OURS_MIN // 2 and _DIGIT.search(line.text) is not None and bool(texts.owners_of(line.stretch))


def _doubt(part: Sequence[Line]) -> None:
    """Finds short lines of the author's that may be a quote without marks: what follows may answer them."""
    if not any(line.is_quote and line.stretch for line in part):
        return
    for at, line in enumerate(part):
        if line.is_quote or line.kind in _LEFT or not 0 < len(line.stretch) < _DOUBT_MAX:
            continue
        is_alone = all(one.is_blank or one.is_quote for one in part[max(at - 1, 0) : at + 2] if one is not line)
        line.is_doubtful = is_alone or _DOUBT_MIN <= len(line.stretch) < _SHORT
        line.is_alone = is_alone


def _is_around(part: Sequence[Line], at: int) -> bool:
    """Whether a line stands around entries: a rule, a link, a heading with its marker, or the name of the link below it."""
    below = part[at + 1].text if at + 1 < len(part) else ""
    return _FRAME.match(part[at].text) is not None or (len(part[at].stretch) < _SHORT and _LINK.match(below) is not None)


def _sign(part: Sequence[Line]) -> None:
    """Marks the author's signature, and what his program adds, below an unmarked quote."""
    last = len(part) - 1
    while last > 0 and (part[last].is_blank or is_client_footer(part[last].text)):
        if not part[last].is_blank:
            part[last].kind, part[last].is_quote = SpanKind.CLIENT_FOOTER, False
        last -= 1
    at = next((at for at in range(last, max(last - _SIGNATURE_LINES, -1), -1) if part[at].text.rstrip() == "--"), len(part))
    if not any(line.overlap(run) >= UNMARKED_MIN for line in part[at:] for run in line.runs):
        for line in part[at:]:
            line.kind, line.is_quote = SpanKind.SIGNATURE, False


def _decide_text(lines: Sequence[Line], start: int, end: int) -> None:
    """Text is the author's, but for what is said to stand in the issue by more than chance."""
    for index in range(start, end):
        line = lines[index]
        above = lines[index - 1] if index else None
        if not line.stretch or not line.is_known:
            continue
        if (
            above is not None
            and above.is_quote
            and above.stretch
            and line.runs[0].at < line.at
            and line.covered == len(line.stretch)
        ):
            # It goes on where the quote above breaks off.
            line.is_quote = True
        elif line.covered >= 0.9 * len(line.stretch) and line.reach >= UNMARKED_MIN:
            # The run may go over many lines, of which this is a short one.
            line.is_quote = True


def _smooth(part: Sequence[Line]) -> None:
    """Blank lines and signs between two quoted lines are quoted."""
    since: list[Line] = []
    has_quote = False
    for line in part:
        if line.is_quote and line.stretch:
            for between in since if has_quote else ():
                between.is_quote = True
            has_quote, since = True, []
        elif line.says and not line.is_quote:
            has_quote, since = False, []
        else:
            since.append(line)
