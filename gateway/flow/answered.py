"""Which issues a mail may answer, and what these showed (design 8.4): the material for `digest.answers`.

In: a mail to a digest's address, or one that names an issue. Out: the entries of all issues that it may answer, and their texts
as they were sent.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple
from uuid import UUID

from gateway.digest.answers import Asked
from gateway.flow.browse import by_key, tell_new
from gateway.flow.desk import Desk
from gateway.mail.forum import Destination, Forum
from gateway.mail.message import Message
from gateway.mail.token import read_token
from gateway.parse.html import html_to_text
from gateway.render.places import shown as without_places
from gateway.store import issues, roster, shelf
from gateway.store.engine import Transaction
from gateway.thread.titles import subject_key

PURPOSE = "digest"
# Read once for all answers to an issue.
_text_of_page = lru_cache(maxsize=16)(html_to_text)
_PART = re.compile(r"\.\d{1,3}(?=@)")
_FORWARDED = re.compile(r"\s*(?:fwd?|wg|tr|rv)\s*:\s*", re.IGNORECASE)


class Material(NamedTuple):
    """Entries of issues, the texts of these issues, and their Subjects."""

    entries: tuple[Asked, ...]
    frame: tuple[str, ...]
    subjects: tuple[str, ...]


def material_of(
    db: Transaction, desk: Desk, forum: Forum, destination: Destination, mail: shelf.Mail, message: Message
) -> Material:
    """What the issues show that the mail may answer; of a mail that names none, nothing."""
    found = [issues.shown(db, forum.id, id) for id in _renderings(db, desk.key, forum, destination, mail, message)]
    return Material(
        entries=_asked(
            db, desk, forum, [thread for one in found for thread in one.outline], {m for one in found for m in one.new}
        ),
        frame=tuple(_frame(found)),
        subjects=tuple(subject for one in found for subject in one.subjects),
    )


def entries_of(db: Transaction, desk: Desk, forum: Forum, markers: Iterable[str]) -> tuple[Asked, ...]:
    """Posts of the forum that a mail names by marker, and no issue that it answers shows."""
    found = tuple((("", marker),) for marker in dict.fromkeys(markers))
    return _asked(db, desk, forum, found, {marker for ((_, marker),) in found})


def _renderings(
    db: Transaction, key: bytes, forum: Forum, destination: Destination, mail: shelf.Mail, message: Message
) -> list[UUID]:
    found: dict[UUID, None] = {}
    claims = read_token(key, PURPOSE, forum.list_id, destination.token, mail.received_at) if destination.token else None
    if claims is not None:
        rendering = issues.rendering_of_token(db, forum.id, claims.member, claims.marker)
        if rendering is not None:
            found[rendering] = None
    msgids = [_PART.sub("", msgid) if _PART.search(msgid) else msgid for msgid in message.ancestors]
    # The first is the issue that is answered; the others are those before it.
    named = issues.renderings_of_msgids(db, forum.id, [*message.ancestors[:1], *msgids[:1]])
    found |= dict.fromkeys(named)
    if not found:
        base = _FORWARDED.sub("", message.subject)
        for subject in dict.fromkeys((message.subject, base, _without_prefix(base))):
            found |= dict.fromkeys(issues.renderings_of_subject(db, forum.id, subject))
    return list(found)


def _without_prefix(subject: str) -> str:
    """As it was written, without what mail programs put in front."""
    base, _ = subject_key(subject)
    at = subject.casefold().find(base.casefold()) if base else -1
    return subject[at:].strip() if at >= 0 else subject


def _asked(
    db: Transaction, desk: Desk, forum: Forum, outline: Sequence[Sequence[tuple[str, str]]], new: set[str]
) -> tuple[Asked, ...]:
    places = {marker: (number, at) for at, thread in enumerate(outline) for number, marker in thread}
    posts = shelf.posts_with_markers(db, forum.id, places)
    threads: dict[UUID, set[UUID]] = {}
    for post in posts:
        threads.setdefault(post.thread_id, set()).add(post.id)
    told = tell_new(db, forum, by_key(roster.list_members(desk.store, forum.id)), threads)
    entries = {entry.marker: entry for part in told for entry in part.entries}
    return tuple(
        Asked(
            marker=marker,
            number=number,
            title=entries[marker].title,
            author=entries[marker].author,
            spans=entries[marker].spans,
            thread=at,
            is_shown_in_full=marker in new,
        )
        for marker, (number, at) in places.items()
        if marker in entries and not entries[marker].is_removed
    )


def _frame(found: Sequence[issues.Shown]) -> Iterable[str]:
    for one in found:
        yield from (without_places(text) for text in one.texts)
        for page in one.pages:
            text = _text_of_page(without_places(page))
            if text is not None:
                yield text
