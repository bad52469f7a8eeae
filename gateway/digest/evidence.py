"""What of an issue a line of an answer names: an entry by its marker, its heading or its words (design 8.4). Pure.

In: the entries of an issue, the issue as it was shown, and lines that were read with them. Out: which entries a line names. The
contents, the masthead and the foot of an issue name all of them, and so none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from gateway.digest.asked import Asked
from gateway.digest.lines import Line
from gateway.digest.printed import (
    FOOT,
    FRAME,
    HEAD,
    KINDS,
    LINE_MAX,
    MARKER,
    MENTION,
    OWN,
    QUOTED,
    TITLE,
    canonical,
    is_line_of_context,
    owners_of,
    parts_of,
)
from gateway.digest.shingles import Texts, bare, weight
from gateway.mail.message import SpanKind
from gateway.thread.titles import base_subject

# What says less than so many letters is no evidence.
WORDS_MIN: Final = 8
_LINK_ALONE = re.compile(r"\s*<?mailto:\S+\s*\Z")
_MARKED_LINK = re.compile(r"\s*<?mailto:")
_DIGIT = re.compile(r"\d")
_NUMBER = re.compile(r"(?<![\w.])(\d{1,5}(?:\.\d{1,5}){0,12}(?:\+\d{1,6})?)\s+(?=\S)")
_SUBJECT = re.compile(r"\bSubject:\s*(?:(\d{1,5}(?:\.\d{1,5}){0,12}(?:\+\d{1,6})?)(?=\s|\Z))?\s*(.*)", re.DOTALL)
_TRAILER = re.compile(r"\s*End of .{1,80} Digest, Issue \d+|\s*\*{10,}\s*\Z")
_BADGE_MAX: Final = 24
# A line of so many markers is no heading.
_MARKERS_MAX: Final = 4
# Longer lines are found by what they touch.
_HELD_MAX: Final = 48
_ALL: Final = 0.9


@dataclass(frozen=True, slots=True)
class Names:
    """What a line names: `entries` by number, several when it cannot be told which; `how` is "marker", "heading", "mention" for
    a line of context, or "foot" for a link of the foot.

    `unknown` are markers that are none of the entries'.
    """

    how: str = ""
    entries: tuple[int, ...] = ()
    unknown: tuple[str, ...] = ()


@dataclass(slots=True)
class Known:
    """An issue, or several, ready to be compared with."""

    entries: Sequence[Asked]
    texts: Texts
    _markers: dict[str, int] = field(default_factory=dict)
    _numbers: dict[str, list[int]] = field(default_factory=dict)
    _twice: frozenset[int] = frozenset()

    def fresh(self) -> Known:
        """The same for one more answer."""
        return replace(self, texts=self.texts.fresh())

    def entry_of(self, marker: str) -> int | None:
        return self._markers.get(marker)

    def numbered(self, number: str) -> list[int]:
        return self._numbers.get(number, [])

    def names(self, line: Line, below: Line | None) -> Names:
        """What a quoted line names by marker or heading; the one below it tells the links of the foot."""
        text = line.text[:LINE_MAX]
        markers = list(MARKER.finditer(text)) if "#" in text or "＃" in text else []
        if markers:
            return self._marked(line, text, markers, below)
        run = line.main
        if run is not None and run.owner >= 0 and run.owner % KINDS == MENTION and line.is_known:
            return Names("mention", (run.owner // KINDS,))
        if not _DIGIT.search(text, 0, 80) and "Subject:" not in text:
            return Names()
        return self._headed(text) if not self.is_words(line, 8) else Names()

    def _marked(self, line: Line, text: str, found: Sequence[re.Match[str]], below: Line | None) -> Names:
        end = found[-1].end()
        if _MARKED_LINK.match(text, end) or (below and not text[end:].strip() and _MARKED_LINK.match(below.text)):
            return Names("foot")
        if len(found) >= _MARKERS_MAX:
            return Names()
        known: list[int] = []
        unknown: list[str] = []
        for match in found:
            marker = canonical(match[1])
            if not marker or self._is_inside_text(line, marker):
                continue
            entry = self._markers.get(marker)
            known += [] if entry is None else [entry]
            unknown += [marker] if entry is None else []
        if not known:
            return Names("marker" if unknown else "", (), tuple(unknown))
        entry = known[-1]
        return Names("mention" if self._is_mention(text, entry) else "marker", (entry,), tuple(unknown))

    def _is_inside_text(self, line: Line, marker: str) -> bool:
        """Whether a marker stands in the words of somebody, who mentions a comment."""
        at = line.stretch.find(marker)
        if at < 0:
            return False
        start, end = line.at + at, line.at + at + len(marker)
        around = (run for run in line.runs if run.owner >= 0 and run.at <= start and run.end >= end)
        return any(run.owner % KINDS in (OWN, QUOTED) and run.size >= len(marker) + WORDS_MIN for run in around)

    def _is_mention(self, text: str, entry: int) -> bool:
        """Whether it is the line of context that an entry of an earlier issue has: number, title, author, marker."""
        asked = self.entries[entry]
        if entry in self._twice:
            return is_line_of_context(text, asked)
        return not asked.is_shown_in_full and "Subject:" not in text

    def _headed(self, text: str) -> Names:
        if (subject := _SUBJECT.search(text)) is not None:
            title = bare(subject[2])
            numbered = self._numbers.get(subject[1] or "", ())
            fit = [at for at in numbered if _is_start(title, bare(self.entries[at].title))] if title else []
            return self._heading(fit)
        for match in _NUMBER.finditer(text[:200]):
            rest = bare(text[match.end() :])
            fit = [at for at in self._numbers.get(match[1], ()) if _is_by(rest, bare(self.entries[at].author))]
            if fit:
                return self._heading(fit)
        return Names()

    def _heading(self, fit: Sequence[int]) -> Names:
        """A heading; what was in an earlier issue has none, only a line of context."""
        told = tuple(entry for entry in fit if self.entries[entry].is_shown_in_full)
        return Names("heading", told) if told else Names("mention" if fit else "", tuple(fit))

    def zone(self, line: Line) -> int:
        """HEAD or FOOT for what stands in the masthead, the contents or the foot; else 0."""
        if _TRAILER.match(line.text):
            return FOOT
        run = line.main
        return run.owner if run is not None and run.owner in (HEAD, FOOT) and line.is_known else 0

    def is_words(self, line: Line, least: int) -> bool:
        """Whether a line is somebody's words, or what he quoted, in so many letters."""
        run = line.main
        return run is not None and run.owner >= 0 and run.owner % KINDS in (OWN, QUOTED) and line.overlap(run) >= least

    def owner(self, line: Line) -> int | None:
        """The entry whose words a line most likely is; None for a short one. A guess."""
        run = line.main
        if run is None or run.owner < 0 or run.owner % KINDS not in (OWN, FRAME) or not line.is_known or run.size < 2 * WORDS_MIN:
            return None
        return run.owner // KINDS

    def teller(self, line: Line) -> int | None:
        """The entry that has all of a line among its own words, and is the only one."""
        if not line.is_known or weight(line.stretch) < 2 * WORDS_MIN:
            return None
        owners = [owner // KINDS for owner in self.texts.owners_of(line.stretch) if owner >= 0 and owner % KINDS == OWN]
        return owners[0] if len(owners) == 1 else None

    def said_by(self, line: Line, whole: str, *, is_deep: bool = False) -> tuple[tuple[int, ...], int]:
        """The entries whose words a line holds, and how much it says of them; nothing for what is too little.

        Of a quote in a quote (`is_deep`) nobody knows whether it was taken from who said it or from who quotes it.
        """
        stretch = self._stretch(line, whole)
        says = weight(stretch)
        if says < WORDS_MIN:
            return (), 0
        return self._best(self.texts.owners_of(stretch), is_deep=is_deep), says

    def _stretch(self, line: Line, whole: str) -> str:
        """What is looked up of a line: the run that has most of it, without the bits of other lines at its ends."""
        run = line.main
        if run is None:
            return line.stretch
        if not line.is_known and line.overlap(run) < 3 * WORDS_MIN:
            return ""
        start, end = run.at, run.end
        line_end = line.at + len(line.stretch)
        if 0 < line.at - start < WORDS_MIN:
            start = line.at
        if 0 < end - line_end < WORDS_MIN:
            end = line_end
        return whole[start:end]

    def _best(self, owners: Iterable[int], *, is_deep: bool) -> tuple[int, ...]:
        """Whose own words it is; else who has it in a title, a quote or a heading. The contents may have it too."""
        kinds: list[dict[int, None]] = [{} for _ in range(KINDS)]
        for owner in owners:
            if owner >= 0:
                kinds[owner % KINDS][owner // KINDS] = None
        if is_deep:
            kinds[OWN] |= kinds[QUOTED]
        for kind in (OWN, TITLE, QUOTED):
            if kinds[kind]:
                return tuple(kinds[kind])
        # What stands around several entries is the issue's.
        return tuple(kinds[FRAME]) if len(kinds[FRAME]) == 1 else ()

    def has(self, line: Line) -> bool:
        """Whether all of a line stands in the issue, whoever said it."""
        if len(line.stretch) >= _HELD_MAX:
            return line.covered >= _ALL * len(line.stretch) or _LINK_ALONE.match(line.text) is not None
        return bool(self.texts.owners_of(line.stretch))

    def has_alone(self, entry: int, line: Line) -> bool:
        """Whether that entry and no other has a line that says little."""
        owners = [owner for owner in self.texts.owners_of(line.stretch) if owner >= 0]
        return {owner // KINDS for owner in owners} == {entry}

    def holds(self, entry: int, line: Line, whole: str) -> bool:
        """Whether an entry, with its heading and what it quotes, has the words of a line."""
        stretch = self._stretch(line, whole)
        return any(owner >= 0 and owner // KINDS == entry for owner in self.texts.owners_of(stretch))


def know(entries: Sequence[Asked], frame: Sequence[str] = ()) -> Known:
    """Entries ready to be compared with; `frame` are the texts of the issue as it was sent, and its page as text."""
    texts: list[Sequence[tuple[int, str]]] = []
    numbers: dict[str, list[int]] = {}
    markers: dict[str, int] = {}
    twice: set[int] = set()
    for at, asked in enumerate(entries):
        own = bare("\n".join([span.text for span in asked.spans if span.kind in (SpanKind.TEXT, SpanKind.FORWARD)]))
        quotes = [bare(span.text) for span in asked.spans if span.kind is SpanKind.QUOTE]
        texts += [[(at * KINDS + OWN, own)], *([(at * KINDS + QUOTED, quote)] for quote in quotes)]
        texts.append([(at * KINDS + TITLE, bare(base_subject(asked.title)))])
        numbers.setdefault(asked.number, []).append(at)
        first = markers.setdefault(canonical(asked.marker), at)
        if first != at:
            # Two issues have it: once in full, if at all.
            twice |= {first, at}
            markers[canonical(asked.marker)] = at if asked.is_shown_in_full else first
    for text in frame:
        lines = text.split("\n")
        texts.append(parts_of(lines, owners_of(lines, entries, markers)))
    return Known(entries, Texts(texts), markers, numbers, frozenset(twice))


def _is_start(one: str, other: str) -> bool:
    return bool(one and other) and (one.startswith(other) or other.startswith(one))


def _is_by(rest: str, author: str) -> bool:
    """Whether a heading goes on with that author, and perhaps his badge."""
    return bool(author) and rest.startswith(author) and len(rest) <= len(author) + _BADGE_MAX
