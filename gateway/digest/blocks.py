"""The lines of an answer as blocks: a quote, and what the author says below it (design 8.4). Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from gateway.digest.asked import Evidence
from gateway.digest.evidence import Known
from gateway.digest.lines import SIGNS, Line
from gateway.digest.printed import leading_marker
from gateway.mail.message import Span, SpanKind

_LEFT = (SpanKind.SIGNATURE, SpanKind.CLIENT_FOOTER)
_LAST_WORD = 32
_LAST_NAME = 12
_LAST_LINES = 12
_NUMBER = re.compile(r"(?:(?:re|ad|to|zu|an|@|#)\s*:?\s*#?)?(\d{1,5}(?:\.\d{1,5}){1,12})\s*:?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Which entry, by its place, and why; `start` is where in the quote above what is answered begins."""

    entry: int | None = None
    evidence: Evidence = Evidence.UNKNOWN
    candidates: tuple[int, ...] = ()
    unknown: tuple[str, ...] = ()
    detail: str = ""
    start: int = 0


@dataclass(slots=True)
class Block:
    """`own` has the author's lines, with his signature; `has_words`: one of them says something; `is_new`: what no issue has."""

    quote: list[Line] = field(default_factory=list)
    own: list[Line] = field(default_factory=list)
    has_words: bool = False
    is_doubtful: bool = False
    is_new: bool = False

    @property
    def begins_doubtful(self) -> bool:
        """Whether the first line may be a quote, and is not all that is said."""
        said = [line for line in self.own if line.stretch]
        return len(said) > 1 and said[0].is_doubtful

    def address(self, known: Known) -> Verdict | None:
        """Whom the author names in front of his words, by marker or by number; None for nobody."""
        line = next((line for line in self.own if not line.is_blank), None)
        if line is None:
            return None
        entry = known.entry_of(leading_marker(line.text))
        if entry is not None:
            return Verdict(entry, Evidence.TYPED, detail="the marker in front of the words")
        if number := _NUMBER.fullmatch(line.text.strip()):
            entries = known.numbered(number[1])
            if len(entries) == 1:
                return Verdict(entries[0], Evidence.NUMBER, detail="the number in front of the words")
        return None

    def unknown(self, known: Known) -> tuple[str, ...]:
        """Markers in front of the words that are none of the issue's."""
        line = next((line for line in self.own if not line.is_blank), None)
        marker = leading_marker(line.text) if line is not None else ""
        return (marker,) if marker and known.entry_of(marker) is None else ()

    def context(self, verdict: Verdict) -> tuple[Span, ...]:
        """What is quoted of what is answered, the outermost level first."""
        lines = [line for line in self.quote[verdict.start :] if line.kind is not SpanKind.ATTRIBUTION]
        least = min((line.depth for line in lines if line.says), default=1)
        spans: list[Span] = []
        for depth, group in groupby(lines, key=lambda line: max(line.depth - least, 0) + 1):
            text = "\n".join([line.text for line in group]).strip("\n")
            if text.strip():
                spans.append(Span(SpanKind.QUOTE, text, depth))
        return tuple(spans)


def cut_blocks(lines: Sequence[Line], known: Known) -> list[Block]:
    """The blocks of an answer, in order. A marker at the start of a line of the author's begins one without a quote.

    So does a paragraph of the author's that may be a short quote without marks, when there is more than a last word below it.
    """
    blocks = [Block()]
    for at, line in enumerate(lines):
        if line.kind is SpanKind.LIST_FOOTER:
            continue
        if line.is_quote:
            if blocks[-1].has_words:
                blocks.append(Block())
            blocks[-1].quote.append(line)
            continue
        if blocks[-1].has_words and line.kind not in _LEFT and leading_marker(line.text):
            blocks.append(Block())
        elif blocks[-1].has_words and line.is_doubtful and known.has(line) and _goes_on(lines, at):
            blocks.append(Block(is_doubtful=True))
        block = blocks[-1]
        block.own.append(line)
        says = line.kind not in _LEFT and not SIGNS.match(line.text)
        block.has_words = block.has_words or says
        block.is_new = block.is_new or (says and not known.has(line))
    return blocks


def _goes_on(lines: Sequence[Line], at: int) -> bool:
    """Whether the author says more below that line than one says at the end."""
    size = 0
    for line in lines[at + 1 : at + 1 + _LAST_LINES]:
        if line.is_quote or line.kind in _LEFT:
            break
        size += len(line.stretch)
    return size >= (_LAST_NAME if lines[at].is_alone else _LAST_WORD)


def said_spans(lines: Iterable[Line]) -> tuple[Span, ...]:
    """The author's lines as spans; what was found in a quote without marks is text."""
    spans: list[Span] = []
    for kind, group in groupby(lines, key=lambda line: SpanKind.TEXT if line.kind is SpanKind.QUOTE else line.kind):
        text = "\n".join([line.text for line in group])
        text = text.strip("\n") if kind is SpanKind.TEXT else text
        if text.strip():
            spans.append(Span(kind, text))
    return tuple(spans)
