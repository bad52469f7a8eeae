"""Which entry stands nearest above a piece of an answer, block after block (design 8.4). Pure.

In: blocks, in order. Out: a `Verdict` for each. What a block says of headings holds for the next ones, until another says more.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from gateway.digest.asked import Evidence
from gateway.digest.blocks import Block, Verdict
from gateway.digest.evidence import Known, Names
from gateway.digest.lines import Line, is_link
from gateway.digest.printed import FOOT, HEAD
from gateway.digest.shingles import weight
from gateway.mail.message import SpanKind

# Words of so many letters are another entry's, whatever stands above them.
STRONG: Final = 24
# Below so many entries, with nothing said between them, nobody can tell which is meant.
MANY: Final = 3
CANDIDATES_MAX: Final = 20
_LOOKS_MAX: Final = 12
# A quote that is interrupted goes on so near; one that says little must go on right there.
_GAP_MAX: Final = 40
_GAP_SHORT: Final = 4
_RULE = re.compile(r"[\s\-_=*>|]*\Z")
_HOW = {"marker": Evidence.MARKER, "mention": Evidence.MARKER, "heading": Evidence.HEADING}


@dataclass(slots=True)
class _Walk:
    """What was found so far, from the bottom of a quote upwards."""

    words: tuple[int, ...] = ()
    says: int = 0
    line: Line | None = None
    looks: int = 0
    last: Line | None = None
    is_mixed: bool = False
    has_text: bool = False
    heading: Names | None = None
    unknown: tuple[str, ...] = ()
    zone: int = 0
    start: int = 0


@dataclass(slots=True)
class Nearest:
    """Goes through the blocks of one answer; `_section` is the entry whose heading was last, and how it was known."""

    known: Known
    lines: Sequence[Line]
    whole: str
    _base: int = 1
    _section: int | None = None
    _how: Evidence = Evidence.UNKNOWN
    _below_foot: bool = field(default=False)
    _end: int = -1
    _quoted: list[Line] = field(default_factory=list)
    _named: list[Names] = field(default_factory=list)
    # Whether something in a gap may say more.
    has_missed: bool = False
    _read: dict[int, list[Names]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._base = min((line.depth for line in self.lines if line.is_quote and line.stretch and line.depth), default=1)

    def is_below_foot(self, block: Block) -> bool:
        """Whether the block that was looked at last stands below the foot of an issue, or below nothing that says anything."""
        quote = [line for line in block.quote if line.kind is not SpanKind.ATTRIBUTION]
        return self._below_foot or not any(line.stretch or not _RULE.match(line.text) for line in quote)

    def above(self, block: Block, *, is_alone: bool) -> Verdict:
        """What the words of a block answer; `is_alone`: they are the only ones, and nothing is quoted below."""
        names = self._names(block)
        walk = self._walk(block.quote, names)
        self._below_foot = walk.zone == FOOT and not walk.has_text
        address = block.address(self.known)
        verdict = self._settle(walk) if block.quote else Verdict(self._section, self._how)
        if block.is_doubtful or (walk.heading is not None and walk.heading.how == "mention" and block.begins_doubtful):
            verdict = Verdict(candidates=() if self._section is None else (self._section,), detail="below what may be a quote")
        if block.is_new or is_alone:
            quoted, named = [*self._quoted, *block.quote], [*self._named, *names]
            self._quoted, self._named = [], []
        else:
            self._quoted += block.quote
            self._named += names
        if is_alone and verdict.entry is not None and len(seen := self._seen(quoted, named)) >= MANY:
            verdict = Verdict(None, candidates=_few([verdict.entry, *seen]), detail="below several entries")
        self._remember(block.quote, names, walk, verdict)
        unknown = (*block.unknown(self.known), *walk.unknown)
        if address is not None:
            verdict = address
        return Verdict(
            verdict.entry,
            verdict.evidence if verdict.entry is not None else Evidence.UNKNOWN,
            verdict.candidates,
            unknown,
            verdict.detail,
            walk.start if block.quote else 0,
        )

    def below(self, blocks: Sequence[Block]) -> Verdict:
        """What words above all that is quoted answer: what is quoted, when that is one entry."""
        heads: dict[int, Evidence] = {}
        mentions: dict[int, None] = {}
        said: dict[int, Line] = {}
        doubts: list[tuple[tuple[int, ...], Line]] = []
        unknown: list[str] = []
        is_whole = False
        # What stands below a line of context is another entry's.
        has_more = any(line.is_doubtful for block in blocks[1:] for line in block.own)
        quote = [pair for block in blocks for pair in zip(block.quote, self._names(block), strict=True)]
        for line, names in quote:
            unknown += names.unknown
            if names.how == "mention":
                mentions |= dict.fromkeys(names.entries)
            elif names.how == "foot":
                is_whole = is_whole or len(heads) > 1
            elif names.how and len(names.entries) == 1:
                heads.setdefault(names.entries[0], _HOW[names.how])
            elif line.stretch and (zone := self.known.zone(line)):
                is_whole = is_whole or zone == HEAD
            elif line.stretch and len(said) <= MANY and len(heads) <= MANY:
                has_more = has_more or line.says
                entries, _ = self._said_by(line)
                if len(entries) == 1:
                    said.setdefault(entries[0], line)
                elif entries and len(doubts) < _LOOKS_MAX:
                    doubts.append((entries, line))
        found = dict(heads)
        for entry, line in said.items():
            if not any(self.known.holds(head, line, self.whole) for head in heads):
                found.setdefault(entry, Evidence.WORDS)
        self.has_missed = self.has_missed or (len(heads) < MANY and any(line.is_gap for line, _ in quote))
        if not found:
            found = self._alike(doubts) or dict.fromkeys(mentions, Evidence.MARKER)
        candidates = _few([*found, *(entry for entries, _ in doubts for entry in entries)])
        is_context = has_more and not (heads or said or doubts)
        if len(found) == 1 and not is_context and not (is_whole and len(self.known.entries) > 1) and not unknown:
            (entry,) = found
            if all(entry in entries or self.known.holds(entry, line, self.whole) for entries, line in doubts):
                return Verdict(entry, found[entry], detail="the only entry in the quote below")
        detail = "above a quote of more than one entry" if found else "above a quote that says nothing"
        return Verdict(candidates=candidates, unknown=tuple(unknown), detail=detail)

    def _alike(self, doubts: Sequence[tuple[tuple[int, ...], Line]]) -> dict[int, Evidence]:
        """The entries that have all that is quoted."""
        common: dict[int, Evidence] = {}
        for at, (entries, _) in enumerate(doubts):
            common = {entry: Evidence.WORDS for entry in entries if at == 0 or entry in common}
        return common

    def _names(self, block: Block) -> list[Names]:
        if id(block) not in self._read:
            nothing, quote = Names(), block.quote
            self._read[id(block)] = [
                self.known.names(line, quote[at + 1] if at + 1 < len(quote) else None) if line.stretch else nothing
                for at, line in enumerate(quote)
            ]
        return self._read[id(block)]

    def _walk(self, quote: Sequence[Line], names: Sequence[Names]) -> _Walk:
        walk = _Walk()
        for at in range(len(quote) - 1, -1, -1):
            line, name = quote[at], names[at]
            if line.is_gap:
                self.has_missed = True
                break
            if not line.stretch:
                walk.has_text = walk.has_text or (line.kind is SpanKind.QUOTE and not _RULE.match(line.text))
                continue
            walk.unknown += name.unknown
            if name.how == "mention" and walk.has_text:
                walk.start = walk.start or at + 1
                continue
            if not name.how and is_link(line, quote[at + 1] if at + 1 < len(quote) else None):
                continue
            if name.how == "foot":
                walk.zone, walk.start = FOOT, walk.start or at + 1
                break
            if name.how:
                walk.heading, walk.start = name, walk.start or at + 1
                break
            if zone := self.known.zone(line):
                walk.zone, walk.start = zone, walk.start or at + 1
                break
            self._look(walk, line)
            if walk.is_mixed or (walk.words and (guess := self.known.owner(line)) is not None and guess not in walk.words):
                walk.start = walk.start or at + 1
        return walk

    def _look(self, walk: _Walk, line: Line) -> None:
        """Takes the words of one more line into account."""
        walk.has_text = walk.has_text or line.says
        walk.last = walk.last or line
        if walk.is_mixed or len(walk.words) == 1 or walk.looks >= _LOOKS_MAX:
            return
        entries, says = self._said_by(line)
        if not entries:
            return
        walk.looks += 1
        common = tuple(entry for entry in walk.words if entry in entries)
        if not walk.words or common:
            walk.words, walk.says, walk.line = common or entries, max(says, walk.says), line
        else:
            walk.is_mixed = True

    def _said_by(self, line: Line) -> tuple[tuple[int, ...], int]:
        return self.known.said_by(line, self.whole, is_deep=line.is_deep or line.depth > self._base)

    def _settle(self, walk: _Walk) -> Verdict:
        """The entry that heading and words agree on."""
        heading = walk.heading
        if heading is not None and heading.entries:
            how = _HOW[heading.how]
            if len(heading.entries) > 1:
                common = tuple(entry for entry in heading.entries if not walk.words or entry in walk.words)
                return self._told(common or (*walk.words, *heading.entries), how, "a heading that several entries have")
            return self._agreed(heading.entries[0], how, walk, is_near=True)
        if heading is not None or walk.zone:
            if walk.words and (walk.zone != HEAD or walk.has_text):
                return self._told(walk.words, Evidence.WORDS, "the words quoted above")
            candidates = () if heading is not None or self._section is None else (self._section,)
            return Verdict(candidates=candidates, detail="below what is no entry of the issue")
        if self._section is not None:
            return self._agreed(self._section, self._how, walk, is_near=False)
        return self._told(walk.words, Evidence.WORDS, "the words quoted above")

    def _agreed(self, entry: int, how: Evidence, walk: _Walk, *, is_near: bool) -> Verdict:
        """A heading and the words below it."""
        found = Verdict(entry, how, detail="the nearest heading above" if how is not Evidence.WORDS else "the words quoted above")
        if not walk.words or walk.line is None:
            # Words that are too few, or not in the issue: right below its heading they are an entry's, further down who knows.
            is_sure = is_near or not walk.has_text or (walk.last is not None and self.known.has_alone(entry, walk.last))
            return found if is_sure else Verdict(candidates=(entry,), detail="words that are not in the issue")
        if entry in walk.words or (is_near and self.known.holds(entry, walk.line, self.whole)):
            if is_near or walk.words == (entry,) or self._goes_on(walk.line):
                return found
            return self._told(walk.words, how, "words that were quoted before", entry)
        if walk.says < STRONG and is_near:
            return found
        return self._told(walk.words, Evidence.WORDS, "the words quoted above, below another heading", entry)

    def _goes_on(self, line: Line) -> bool:
        """Whether it stands in the issue right behind what was quoted before: then it is the same one's."""
        gap = _GAP_MAX if weight(line.stretch) >= STRONG else _GAP_SHORT
        return self._end >= 0 and any(0 <= run.there - self._end <= gap for run in line.runs)

    def _told(self, entries: Sequence[int], how: Evidence, detail: str, *others: int) -> Verdict:
        if len(entries) == 1:
            return Verdict(entries[0], how, detail=detail)
        what = f"{detail}: {len(entries)} entries" if entries else "nothing that is known is quoted"
        return Verdict(candidates=_few([*entries, *others]), detail=what)

    def _seen(self, quote: Sequence[Line], names: Sequence[Names]) -> list[int]:
        """The entries that a quote holds, the last first: those that it heads, else the last ones that have its words."""
        headed: dict[int, None] = {}
        for name in reversed(names):
            # A heading without its marker may be that of the marker below it.
            if name.how in ("marker", "heading") and name.entries and not any(entry in headed for entry in name.entries):
                headed[name.entries[0]] = None
        # Below headings an entry may quote others in a way that nobody can see any more.
        least = MANY + 2 if headed else MANY
        found: dict[int, None] = {}
        for line in reversed(quote):
            if line.depth <= self._base and not line.is_deep and (entry := self.known.teller(line)) is not None:
                found[entry] = None
            if len(found) >= least:
                break
        return list(found) if len(found) >= least else list(headed)

    def _remember(self, quote: Sequence[Line], names: Sequence[Names], walk: _Walk, verdict: Verdict) -> None:
        if (last := next((line for line in reversed(quote) if line.runs), None)) is not None:
            self._end = max(run.there + run.size for run in last.runs)
        if walk.heading is None and not walk.zone and verdict.entry == self._section:
            return
        if verdict.entry is not None:
            self._section, self._how = verdict.entry, verdict.evidence
        elif walk.heading is not None or walk.zone or walk.words:
            self._section, self._how = None, Evidence.UNKNOWN


def _few(entries: Iterable[int]) -> tuple[int, ...]:
    """Each once."""
    return tuple(dict.fromkeys(entries))[:CANDIDATES_MAX]
