"""Rows as values for the HTML templates.

In: the rows of a thread. Out: one tuple for each entry, which `digest.html.j2` unpacks by name: a loop without attribute
look-ups is what keeps a page of ten thousand comments cheap in the sandbox.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from markupsafe import Markup

from gateway.render.markup import Typesetter
from gateway.render.rows import IMPOSTER, Row


class Cell(NamedTuple):
    """What the template knows of one entry. `opens` and `closes` are as long as the number of thread lines that begin
    and end before it; `kind` is "article", "comment", "context" or "ghost"; a title `is_same` when it only repeats
    that of the parent."""

    opens: str
    closes: str
    kind: str
    anchor: str
    number: str
    title: str
    is_same: bool
    label: str
    author: str
    badge: str
    metal: str
    date: str
    marker: str
    answers: str
    warning: str
    body: Markup
    files: list[str]
    link: str


def list_cells(rows: list[Row], typesetter: Typesetter) -> Iterator[Cell]:
    """The cells of one thread, in order; lines still open at the end are the template's to close (`level` of the last row)."""
    level = 0
    for row in rows:
        entry = row.entry
        yield Cell(
            opens="+" * (row.level - level),
            closes="-" * (level - row.level),
            kind=_kind(row),
            anchor=anchor(row),
            number=entry.number,
            title=row.title,
            is_same=row.title.startswith("Re: "),
            label=row.label,
            author=row.author,
            badge=row.badge,
            metal=row.metal,
            date=row.date,
            marker=row.marker,
            answers=row.answers,
            warning=IMPOSTER if entry.is_imposter else "",
            body=typesetter.body(row.blocks),
            files=row.files,
            link=row.link,
        )
        level = row.level


def anchor(row: Row) -> str:
    """Where a link of the contents jumps to."""
    marker = row.entry.marker
    return f"c-{marker}" if marker.isalnum() and marker.isascii() else ""


def _kind(row: Row) -> str:
    if not row.entry.depth:
        return "article"
    if row.entry.is_ghost:
        return "ghost"
    return "comment" if row.entry.is_new else "context"
