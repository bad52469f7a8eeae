"""From woven threads to an `Issue`: which entries are new, what stands before them as context, titles and bylines.

In: for each thread the outline that `thread.weave` made, and its posts. Out: entries in drawing order. Pure.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from gateway.digest.issue import Entry, ThreadPart
from gateway.digest.quotes import Quotable, shown_spans
from gateway.mail.message import Attachment, Span
from gateway.people.discretion import without_addresses
from gateway.people.handles import Byline
from gateway.thread.titles import display_title, without_tag
from gateway.thread.weave import Place

# How far up we look for what a post quotes.
QUOTED_LEVELS = 4


class Telling(NamedTuple):
    """What an entry says of one post; `subject` as the mail had it."""

    marker: str
    msgid: str
    subject: str
    byline: Byline
    date: datetime
    is_imposter: bool
    spans: tuple[Span, ...]
    attachments: tuple[Attachment, ...]
    is_removed: bool = False
    is_withdrawn: bool = False
    is_edited: bool = False
    icon: str = ""
    up: int = 0
    down: int = 0


def outline_part(
    places: Sequence[Place],
    tellings: Mapping[str, Telling],
    tags: Sequence[str],
    new: Collection[str] | None = None,
    changed: Collection[str] = (),
) -> ThreadPart:
    """One thread of an issue. `tags` are left out of titles; `tellings`, `new` and `changed` go by row id; `new` None tells all.

    `changed`: what was told before and is not the same any more.
    """
    subjects = [without_tag(tellings[p.row.id].subject, *tags) if p.row.id in tellings else None for p in places]
    shown = _shown(places, new if new is None else {*new, *changed})
    posts = _Quotables(places, tellings)
    entries = []
    for index in shown:
        entry = _entry(index, places, subjects, tellings, new, posts)
        entries.append(entry._replace(has_changed=True) if places[index].row.id in changed else entry)
    here = [place.row.id for place in places if place.row.id in tellings and not tellings[place.row.id].is_removed]
    return ThreadPart(
        title=_thread_title(subjects),
        entries=tuple(entries),
        new=len(here) if new is None else sum(1 for id in here if id in new),
        total=len(here),
        changed=sum(1 for one in entries if one.has_changed),
    )


def _thread_title(subjects: Sequence[str | None]) -> str:
    """The article's Subject; where the article has not arrived, the earliest comment's."""
    return next((subject for subject in subjects if subject), "")


def _shown(places: Sequence[Place], new: Collection[str] | None) -> list[int]:
    """New entries and their ancestors, in drawing order."""
    if new is None:
        return list(range(len(places)))
    wanted: set[int] = set()
    for index, place in enumerate(places):
        at: int | None = index if place.row.id in new else None
        while at is not None and at not in wanted:
            wanted.add(at)
            at = places[at].parent
    return sorted(wanted)


class _Quotables:
    """The posts of one thread as others may quote them, each made when first asked for."""

    def __init__(self, places: Sequence[Place], tellings: Mapping[str, Telling]) -> None:
        self._places = places
        self._tellings = tellings
        self._made: dict[int, Quotable] = {}

    def above(self, index: int) -> list[Quotable]:
        """The parent of a post and what stands above it, a few levels far; a ghost has no words."""
        found: list[Quotable] = []
        at = self._places[index].parent
        while at is not None and len(found) < QUOTED_LEVELS:
            if at not in self._made and self._places[at].row.id in self._tellings:
                telling = self._tellings[self._places[at].row.id]
                self._made[at] = Quotable(self._places[at].number, telling.byline.name, telling.spans)
            if at in self._made:
                found.append(self._made[at])
            at = self._places[at].parent
        return found


def _entry(
    index: int,
    places: Sequence[Place],
    subjects: Sequence[str | None],
    tellings: Mapping[str, Telling],
    new: Collection[str] | None,
    posts: _Quotables,
) -> Entry:
    place = places[index]
    above = places[place.parent] if place.parent is not None else None
    parent = tellings.get(above.row.id) if above is not None else None
    common = {
        "number": place.number,
        "depth": place.depth,
        "has_siblings": place.has_siblings,
        "parent_author": parent.byline.name if parent else "",
        "parent_number": above.number if above else "",
    }
    telling = tellings.get(place.row.id)
    if telling is None:
        return Entry(**common, is_ghost=True)  # type: ignore[arg-type]
    is_new = new is None or place.row.id in new
    if telling.is_removed:
        fate = {"is_removed": True, "is_withdrawn": telling.is_withdrawn}
        return Entry(**common, **fate, marker=telling.marker, is_new=is_new)  # type: ignore[arg-type]
    is_shown = is_new or telling.is_edited
    subject = subjects[index] or ""
    title = subject
    if place.parent is not None:
        title = display_title(subject, parent=subjects[place.parent], article=subjects[0], is_top_level=place.depth == 1)
    return Entry(
        **common,  # type: ignore[arg-type]
        marker=telling.marker,
        msgid=telling.msgid,
        title=title,
        author=telling.byline.name,
        badge=telling.byline.badge,
        at=telling.date,
        spans=without_addresses(
            shown_spans(telling.spans, posts.above(index), is_parent_missing=above is not None and parent is None)
        )
        if is_shown
        else (),
        attachments=telling.attachments if is_shown else (),
        is_new=is_new,
        is_edited=telling.is_edited,
        is_imposter=telling.is_imposter,
        icon=telling.icon,
        up=telling.up,
        down=telling.down,
    )
