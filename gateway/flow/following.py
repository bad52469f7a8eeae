"""Threads that members follow or mute (design 8).

In: what was just published, or what is due to a member. Out: copies at once for who follows; the muted threads of each reader, so
that all who mute nothing share a rendering, and all who mute the same another one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable
from datetime import datetime
from uuid import UUID

from gateway.digest.due import is_reading
from gateway.mail.forum import Forum, Member, Rhythm
from gateway.store import ledger, outbox, roster, shelf
from gateway.store.changes import UNCHANGED, conditions
from gateway.store.engine import Transaction
from gateway.store.interests import Interest, interests_of


def copies_for_followers(
    db: Transaction, forum: Forum, above: int, up_to: int, now: datetime, new_id: Callable[[], UUID]
) -> list[outbox.Letter]:
    """A copy of each post with these publication numbers for each member who follows its thread, but not to its author.

    Who gets each post anyway, or no digests at all now, gets none.
    """
    interests = interests_of(db, forum.id)
    followed = {thread for threads in interests.values() for thread, kind in threads.items() if kind is Interest.FOLLOW}
    if not followed:
        return []
    found = shelf.published_between(db, forum.id, above, up_to)
    wanted = [id for thread, ids in found.items() if thread in followed for id in ids]
    posts = [shelf.post_of_id(db, forum.id, id) for id in ledger.posts_between(db, forum.id, above, up_to) if id in set(wanted)]
    states = conditions(db, forum.id, [post.marker for post in posts])
    posts = [post for post in posts if not states.get(post.marker, UNCHANGED).is_removed]
    members = roster.members_among(db, forum.id, interests)
    return [
        outbox.Letter(
            id=new_id(),
            forum_id=forum.id,
            kind=outbox.Kind.COPY,
            subject_id=post.id,
            member_id=member.id,
            recipient=str(member.address),
            at=now,
        )
        for post in posts
        for member in members.values()
        if interests[member.id].get(post.thread_id) is Interest.FOLLOW and _wants(member, post, now)
    ]


def _wants(member: Member, post: shelf.Post, now: datetime) -> bool:
    is_author = bool(post.author_key) and post.author_key in member.keys
    return is_reading(now, member) and member.rhythm is not Rhythm.IMMEDIATE and not is_author


def muted_threads(db: Transaction, forum_id: UUID, member_ids: Iterable[UUID]) -> dict[UUID, frozenset[UUID]]:
    """The threads that each of these members mutes; members who mute none are left out."""
    found = {
        member: frozenset(thread for thread, kind in threads.items() if kind is Interest.MUTE)
        for member, threads in interests_of(db, forum_id, member_ids).items()
    }
    return {member: threads for member, threads in found.items() if threads}


def form_without(form: str, threads: Collection[UUID]) -> str:
    """What a rendering in that form without these threads is kept as; `ledger.Rendered.base_form` is the form again."""
    if not threads:
        return form
    digest = hashlib.sha256(b"".join(sorted(thread.bytes for thread in threads))).hexdigest()
    return f"{form}-{digest[:32]}"
