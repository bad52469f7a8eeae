"""The tree of one thread, woven when somebody looks (design 5, rules 3, 6, 8, 9, 11, 12).

In: the flat rows of a thread. Out: an outline: posts and drawn ghosts depth first, each with its path number. Cycles
are cut at their member with the smallest (date, msgid); siblings come in that order too. Iterative throughout: a thread
may be as deep as it is long.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

NUMBERED = 12


class Row(NamedTuple):
    """One post or ghost of a thread. `id` tells imposters (same msgid, `is_imposter`) from their first."""

    msgid: str
    parent: str | None
    date: datetime
    is_ghost: bool = False
    is_imposter: bool = False
    id: str = ""

    @property
    def key(self) -> tuple[datetime, str, str]:
        return (self.date, self.msgid, self.id)


class Place(NamedTuple):
    """A row in its place: `number` is "" for the head of the thread, `depth` 0 there; `parent` is an index into the outline.

    Below the twelfth level a path is no help to anybody, and paths of a deep thread would be larger than its texts: there
    a number is that of the ancestor on the twelfth level and a count, in drawing order ("1.2.1.1.1.1.1.1.1.1.1.3+5").
    """

    row: Row
    number: str
    depth: int
    parent: int | None
    has_siblings: bool


def weave(rows: Iterable[Row]) -> list[Place]:
    """The outline of the thread that `rows` make up; every row that is no ghost appears exactly once."""
    rows = sorted(rows, key=lambda row: row.key)
    first = {row.msgid: row for row in rows if not row.is_imposter}
    parents = _cut(first)
    children: dict[str | None, list[Row]] = {}
    for row in rows:
        parent = row.msgid if row.is_imposter and row.msgid in first else parents.get(row.msgid)
        children.setdefault(parent, []).append(row)
    return _number(_roots(children), children)


def _cut(first: dict[str, Row]) -> dict[str, str | None]:
    """The parent of each msgid, None where it is missing or where a cycle is cut."""
    parents = {msgid: row.parent if row.parent in first else None for msgid, row in first.items()}
    done: set[str] = set()
    for start in first:
        path: dict[str, int] = {}
        at: str | None = start
        while at is not None and at not in done and at not in path:
            path[at] = len(path)
            at = parents[at]
        if at is not None and at in path:
            loop = list(path)[path[at] :]
            parents[min(loop, key=lambda msgid: first[msgid].key)] = None
        done.update(path)
    return parents


def _roots(children: dict[str | None, list[Row]]) -> list[Row]:
    """The roots to draw: a ghost with one child and no parent is not drawn, its child stands in its place (rule 9)."""
    drawn: list[Row] = []
    for root in children.get(None, ()):
        below = children.get(root.msgid, ())
        while root.is_ghost and len(below) == 1:
            root = below[0]
            below = children.get(root.msgid, ())
        drawn.append(root)
    return drawn


def _number(roots: Sequence[Row], children: dict[str | None, list[Row]]) -> list[Place]:
    places: list[Place] = []
    for root in roots:
        counts: dict[str, int] = {}
        stack: list[tuple[Row, str, int, int | None, bool]] = [(root, "", 0, None, False)]
        while stack:
            row, number, depth, parent, has_siblings = stack.pop()
            if depth > NUMBERED:
                counts[number] = counts.get(number, 0) + 1
                places.append(Place(row, f"{number}+{counts[number]}", depth, parent, has_siblings))
            else:
                places.append(Place(row, number, depth, parent, has_siblings))
            if row.is_imposter:
                continue
            below = children.get(row.msgid, ())
            index, many = len(places) - 1, len(below) > 1
            prefix = f"{number}." if number else ""
            for position in range(len(below), 0, -1):
                path = number if depth >= NUMBERED else f"{prefix}{position}"
                stack.append((below[position - 1], path, depth + 1, index, many))
    return places
