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
from gateway.render.markup import Typesetter
from gateway.render.rows import Row
from gateway.render.wording import Wording


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
    answer: str
    icon: str
    votes: tuple[str, ...]
    page: str


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
            date=" · ".join(filter(None, (row.date, row.edited, row.score))) if row.edited or row.score else row.date,
            marker=row.marker,
            answers=row.answers,
            warning=row.warning,
            body=typesetter.body(row.blocks),
            files=row.files,
            link=row.link,
            answer=answer.format(what=entry.number or the_article) if row.link else "",
            icon=row.icon,
            votes=row.votes,
            page=page_of_entry(pages, entry.marker) if pages and row.votes else "",
        )
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
