"""Rows as values for the HTML templates.

In: the rows of a thread. Out: one tuple for each entry, which `digest.html.j2` unpacks by name: a loop without attribute
look-ups is what keeps a page of ten thousand comments cheap in the sandbox.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import NamedTuple

from markupsafe import Markup

from gateway.digest.activity import Bar
from gateway.render.links import page_of_entry
from gateway.render.markup import Typesetter, escape_all
from gateway.render.rows import Row
from gateway.render.wording import Wording


class Cell(NamedTuple):
    """What the template knows of one entry, every text of it escaped. `opens` and `closes` are as long as the number of thread
    lines that begin and end before it; `kind` is "article", "comment", "context" or "ghost"; a title `is_same` when it
    only repeats that of the parent."""

    opens: str
    closes: str
    kind: str
    is_same: bool
    metal: str
    body: Markup
    anchor: str
    number: str
    title: str
    label: str
    author: str
    badge: str
    date: str
    marker: str
    answers: str
    warning: str
    link: str
    answer: str
    icon: str
    page: str
    votes: list[str]
    files: list[str]


# How many texts a cell has before those of which there may be more.
_TEXTS = Cell._fields.index("votes") - Cell._fields.index("anchor")


class Chart(NamedTuple):
    """A small picture of the period made of table cells, which every mail program draws: `bars` are (height, tip)."""

    bars: list[tuple[int, str]]
    first: str
    last: str
    told: str


BAR_HEIGHT = 36


def list_bars(bars: Sequence[Bar], words: Wording) -> Chart | None:
    """The picture of when posts were written, and the same in words for who does not see it."""
    if not bars:
        return None
    by_hour = bars[1].at.date() == bars[0].at.date() or bars[1].at - bars[0].at < timedelta(hours=12)
    most = max(bars, key=lambda bar: bar.posts)

    def name(bar: Bar) -> str:
        return f"{bar.at:%H:%M}" if by_hour else words.day(bar.at.date())

    told = words.plural("{count} post at most, {when}", "{count} posts at most, {when}", most.posts)
    return Chart(
        bars=[
            (round(BAR_HEIGHT * bar.posts / most.posts) or (1 if bar.posts else 0), f"{name(bar)}: {bar.posts}") for bar in bars
        ],
        first=name(bars[0]),
        last=name(bars[-1]),
        told=told.format(count=most.posts, when=name(most)),
    )


def list_cells(rows: list[Row], typesetter: Typesetter, words: Wording, pages: str = "") -> Iterator[Cell]:
    """The cells of one thread, in order; lines still open at the end are the template's to close (`level` of the last row).

    `pages` is the address below which each entry has a page; "" when it has none.
    """
    level = 0
    answer, the_article = words.word("Answer {what}"), words.word("the article")
    for row in rows:
        entry = row.entry
        texts = (
            anchor(row),
            entry.number,
            row.title,
            row.label,
            row.author,
            row.badge,
            " · ".join(filter(None, (row.date, row.edited, row.score))) if row.edited or row.score else row.date,
            row.marker,
            row.answers,
            row.warning,
            row.link,
            answer.format(what=entry.number or the_article) if row.link else "",
            row.icon,
            page_of_entry(pages, entry.marker) if pages and row.votes else "",
            *row.votes,
            *row.files,
        )
        escaped = escape_all(texts)
        votes, files = escaped[_TEXTS : _TEXTS + len(row.votes)], escaped[_TEXTS + len(row.votes) :]
        kind, is_same = _kind(row), row.title.startswith("Re: ")
        opens, closes = "+" * (row.level - level), "-" * (level - row.level)
        body = typesetter.body(row.blocks)
        yield Cell._make((opens, closes, kind, is_same, row.metal, body, *escaped[:_TEXTS], votes, files))
        level = row.level


def anchor(row: Row) -> str:
    """Where a link of the contents jumps to."""
    marker = row.entry.marker
    return f"c-{marker}" if marker.isalnum() and marker.isascii() else ""


def _kind(row: Row) -> str:
    if not row.entry.depth:
        return "article"
    if row.entry.is_stub:
        return "ghost"
    return "comment" if row.entry.is_told else "context"
