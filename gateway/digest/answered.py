"""An answer as lines: which are the author's own, and which are quoted, with marks or without (design 6, 8.4). Pure.

In: the spans of a mail, and the texts of the issue. Out: its `Line`s, with what was found out. Some programs put no marks before
a quote, and others lose them where they break a line: there a line is a quote when it stands in the issue.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from gateway.digest.lines import LEFT, Line, header_of, lay_out
from gateway.digest.shingles import Texts
from gateway.mail.message import Span, SpanKind
from gateway.parse.quotes import attribution_at, divider_of, header_block_at, is_client_footer

# So much of a line, in letters, is no coincidence where nothing else says that it is quoted.
UNMARKED_MIN: Final = 24
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
_MARKER_SIZE: Final = 8
_DIGIT = re.compile(r"\d")
_LINK = re.compile(r"\s*<?mailto:")
_LINK_ALONE = re.compile(r"\s*<?mailto:\S+>?\s*\Z")
# What stands between entries of a digest, in every language.
_FRAME = re.compile(r"\s*(?:\S.*\[#[0-9a-z]{8,16}\]|-{3,}|\*{3,}|_{3,}|mailto:\S+|<?https?://\S+>?|<?mailto:\S+>?)\s*\Z")


def read_lines(spans: Sequence[Span], texts: Texts, *, has_gaps: bool = True) -> tuple[list[Line], str]:
    """The lines of an answer, and all of it bare; with gaps where nobody needs to look, if there may be some."""
    lines, whole = lay_out(spans, texts, has_gaps=has_gaps)
    for start, end in _stretches(lines):
        _decide(lines, start, end, texts)
    for line in lines:
        line.is_quote = line.is_quote or line.is_gap
    return lines, whole


def _stretches(lines: Sequence[Line]) -> list[tuple[int, int]]:
    """Where lines of one kind without marks begin and end."""
    found: list[tuple[int, int]] = []
    start = 0
    for end in range(1, len(lines) + 1):
        if end == len(lines) or (lines[end].kind, lines[end].is_marked) != (lines[start].kind, lines[start].is_marked):
            if not lines[start].is_marked and lines[start].kind not in LEFT:
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
        _decide_unmarked(part, texts)
    # Else it is another mail altogether: passed on, or answered by mistake; none of its words may be lost.
    _smooth(part)
    _mark_announced(part, texts)
    if not is_text:
        _sign(part)
    _doubt(part)


def _decide_unmarked(part: Sequence[Line], texts: Texts) -> None:
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
    _go_on(part[head:], texts)


def _go_on(part: Sequence[Line], texts: Texts) -> None:
    """Finds the short lines of a quote without marks: they stand in the issue right behind the line above."""
    end = -1
    for line in part:
        if not line.says:
            continue
        if end >= 0 and not line.is_quote and 0 < len(line.stretch) < UNMARKED_MIN:
            # The marker may have been taken out.
            for skip in (0, _MARKER_SIZE):
                if texts.stretch(end + skip, len(line.stretch)) == line.stretch:
                    line.is_quote, end = True, end + skip + len(line.stretch)
                    break
            else:
                end = -1
        else:
            end = line.runs[-1].there + line.runs[-1].size if line.is_quote and line.runs else -1


def _head(part: Sequence[Line]) -> int:
    """How many lines announce the mail that follows, where nothing stands above it."""
    texts = [line.text for line in part[:_HEAD_LINES]]
    for at, text in enumerate(texts):
        if size := header_block_at(texts, at):
            return at + header_of(texts[at : at + size])
        if text.strip() and not divider_of(text):
            break
    return 0


def _mark_announced(part: Sequence[Line], texts: Texts) -> None:
    """In text that turned out to quote: what announces the quote, and lines that stand around entries."""
    lines = [line.text for line in part]
    is_below = False
    for at in range(len(part) - 1, -1, -1):
        line = part[at]
        # The issue has some words of an announcement too: the name of the forum, its address.
        count = attribution_at(lines, at) if is_below and _may_announce(line) else 0
        for one in part[at - count + 1 : at + 1]:
            # Who wrote the digest when is not what it says.
            one.is_quote, one.stretch, one.runs = True, "", ()
        if line.is_quote and line.stretch:
            is_below = True
        elif line.says and is_below:
            is_below = count > 0 or _is_around(part, at) or _is_heading(line, texts) or _is_between(part, at)
            line.is_quote = line.is_quote or is_below


def _may_announce(line: Line) -> bool:
    """Whether a line may say who wrote what follows, and does not stand in the issue itself."""
    is_issue_s = line.is_quote and line.covered == len(line.stretch)
    return line.says and not is_issue_s and line.text.rstrip().endswith((":", "："))


def _is_heading(line: Line, texts: Texts) -> bool:
    """Whether a line above a quoted one may be a part of its heading: a number and a name, or a date, as the issue has it."""
    return len(line.stretch) >= _OURS_MIN // 2 and _DIGIT.search(line.text) is not None and bool(texts.owners_of(line.stretch))


def _is_between(part: Sequence[Line], at: int) -> bool:
    """Whether a line above a quoted one stands in the issue and right below a quoted one: a title below a name."""
    line, above = part[at], part[at - 1] if at else None
    is_issue_s = len(line.runs) > 0 and line.covered == len(line.stretch)
    return is_issue_s and above is not None and above.is_quote and above.stretch != ""


def _doubt(part: Sequence[Line]) -> None:
    """Finds short lines of the author's that may be a quote without marks: what follows may answer them."""
    if not any(line.is_quote and line.stretch for line in part):
        return
    for at, line in enumerate(part):
        if line.is_quote or line.kind in LEFT or not 0 < len(line.stretch) < _DOUBT_MAX:
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
        elif above is not None and above.is_quote and above.stretch and _LINK_ALONE.match(line.text):
            # A link of the issue that was broken off.
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
