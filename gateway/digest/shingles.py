"""Where the words of one text stand in others, however they were wrapped, marked or set (design 8.4). Pure.

In: texts, each with the number of its owner. Out: for another text the stretches of it that stand in them. Texts are compared
bare: letters and digits alone, without case. Every eighth gram of eight characters is indexed, so that every common stretch of
fifteen is found; shorter ones are looked up one by one.
"""

from __future__ import annotations

import re
import string
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from copy import copy
from itertools import pairwise
from typing import Final, NamedTuple
from unicodedata import normalize

GRAM: Final = 8
# Of a gram that stands everywhere, so many places are tried.
PLACES: Final = 6
_BACK: Final = 256
_NEAR: Final = 200
_RUNS_MANY: Final = 8_000
# So many stretches are looked up for one mail: each takes as long as the issue is.
LOOKUPS: Final = 700
_ALIKE: Final = 12
# A sign of Chinese, Japanese or Korean says as much as two or three letters.
_DENSE = re.compile("[\u1100-\u11ff\u2e80-\ufaff\uff66-\uffdc\U00020000-\U0003ffff]")
_NO_LETTERS = re.compile(r"[\W_]+")
_ASCII: Final = {ord(char): None for char in map(chr, range(128)) if char not in string.ascii_letters + string.digits} | {
    ord(char): char.lower() for char in string.ascii_uppercase
}
_ASCII_LINES: Final = {char: to for char, to in _ASCII.items() if char != ord("\n")}
_END: Final = "\0"


class Run(NamedTuple):
    """`size` characters at `at` that stand at `there` in the owners' texts; all around them `total` go on through owners."""

    at: int
    size: int
    there: int
    owner: int
    total: int

    @property
    def end(self) -> int:
        return self.at + self.size


def bare(text: str) -> str:
    """Letters and digits of `text`, case folded."""
    if text.isascii():
        return text.translate(_ASCII)
    return _NO_LETTERS.sub("", normalize("NFKC", text).casefold())


def bare_lines(lines: Sequence[str]) -> list[str]:
    """Each line bare; many at once take little more than one."""
    plain = "\n".join([line if line.isascii() else "" for line in lines]).translate(_ASCII_LINES).split("\n")
    return [stretch if line.isascii() else bare(line) for line, stretch in zip(lines, plain, strict=True)] if lines else []


def weight(stretch: str) -> int:
    """How much a bare stretch says, in letters of an alphabet."""
    return len(stretch) if stretch.isascii() else len(stretch) + len(_DENSE.findall(stretch))


class Texts:
    """Texts of owners, to look others up in; made once for an issue."""

    def __init__(self, texts: Iterable[Sequence[tuple[int, str]]]) -> None:
        """Each text comes in parts that follow one another, with their owners."""
        pieces: list[str] = []
        self._starts: list[int] = []
        self._owners: list[int] = []
        groups: list[int] = []
        at = 0
        for text in texts:
            groups.append(at)
            for owner, part in text:
                if part:
                    self._starts.append(at)
                    self._owners.append(owner)
                    pieces.append(part)
                    at += len(part)
            pieces.append(_END)
            at += 1
        self._text = "".join(pieces)
        self._first, self._more = self._index([*groups, at])
        self._known: dict[str, tuple[int, ...]] = {}

    def fresh(self) -> Texts:
        """The same for one more mail."""
        other = copy(self)
        other._known = {}
        return other

    def _index(self, groups: Sequence[int]) -> tuple[dict[str, int], dict[str, list[int]]]:
        text = self._text
        places: list[int] = []
        for start, stop in pairwise(groups):
            places += range(start, stop - GRAM, GRAM)
        grams = [text[at : at + GRAM] for at in places]
        first = dict(zip(reversed(grams), reversed(places), strict=True))
        more: dict[str, list[int]] = {}
        if len(first) < len(grams):
            again = [(gram, at) for gram, at in zip(grams, places, strict=True) if first[gram] != at]
            for gram, at in again:
                if len(found := more.setdefault(gram, [])) < PLACES:
                    found.append(at)
        return first, more

    def runs(self, text: str) -> list[Run]:
        """The stretches of bare `text` that stand here, in order, none within another; time goes with its length."""
        found: list[tuple[int, int, int]] = []
        first, more = self._first, self._more
        at, last, after, near = 0, len(text) - GRAM, 0, ""
        while at <= last:
            gram = text[at : at + GRAM]
            # Where the last one broke off comes first: a quote goes on in its text.
            next_to = near.find(gram)
            there = first.get(gram)
            if there is None and next_to < 0:
                at += 1
                continue
            # Nobody quotes in so many bits; who puts them together has one place tried for each.
            others = more.get(gram, ()) if len(found) < _RUNS_MANY else ()
            places = () if there is None else (there, *others)
            start, size, there = self._longest(text, at, after + next_to if next_to >= 0 else -1, places)
            # A stretch that goes back over others tells where they came from too.
            while found and start <= found[-1][0]:
                found.pop()
            if found and (overlap := found[-1][0] + found[-1][1] - start) > 0:
                start, size, there = start + overlap, size - overlap, there + overlap
            found.append((start, size, there))
            at, after = start + size, there + size
            near = self._text[after : after + _NEAR]
        return [part for run in found for part in self._parts(*run)]

    def _longest(self, text: str, at: int, next_to: int, places: Sequence[int]) -> tuple[int, int, int]:
        """The longest stretch there; half as long will do where the last one broke off."""
        near = self._stretch(text, at, next_to) if next_to >= 0 else (at, 0, 0)
        far = max([self._stretch(text, at, place) for place in places], key=lambda one: one[1], default=near)
        return near if 2 * near[1] >= far[1] else far

    def _parts(self, at: int, size: int, there: int) -> list[Run]:
        """A stretch cut where another owner's part begins."""
        index = bisect_right(self._starts, there)
        if index >= len(self._starts) or self._starts[index] >= there + size:
            return [Run(at, size, there, self._owners[index - 1], size)]
        found: list[Run] = []
        end = there + size
        while there < end:
            stop = min(self._starts[index], end) if index < len(self._starts) else end
            found.append(Run(at, stop - there, there, self._owners[index - 1], size))
            at, there, index = at + stop - there, stop, index + 1
        return found

    def owners_of(self, stretch: str) -> tuple[int, ...]:
        """Whose texts hold all of that bare stretch, at most a dozen, each once; nobody's, when too much was asked for."""
        if stretch not in self._known:
            if len(self._known) >= LOOKUPS:
                return ()
            owners: dict[int, None] = {}
            at = self._text.find(stretch) if stretch else -1
            while at >= 0 and len(owners) < _ALIKE:
                index = bisect_right(self._starts, at) - 1
                owners[self._owners[index]] = None
                at = self._text.find(stretch, self._starts[index + 1]) if index + 1 < len(self._starts) else -1
            self._known[stretch] = tuple(owners)
        return self._known[stretch]

    def stretch(self, there: int, size: int) -> str:
        """What stands there."""
        return self._text[there : there + size]

    def _stretch(self, text: str, at: int, there: int) -> tuple[int, int, int]:
        """Where the common stretch around two places begins, its size, and where it begins here."""
        ours = self._text
        size, limit = GRAM, min(len(text) - at, len(ours) - there)
        step, is_alike = GRAM, True
        # Doubling, then halving: few comparisons, each in C.
        while step and size < limit:
            step = step if step < limit - size else limit - size
            if text[at + size : at + size + step] == ours[there + size : there + size + step]:
                size += step
                step = step * 2 if is_alike else step // 2
            else:
                is_alike, step = False, step // 2
        back, limit = 0, min(at, there, _BACK)
        while back < limit and text[at - back - 1] == ours[there - back - 1]:
            back += 1
        return at - back, size + back, there - back
