"""Looks: threads woven and told (design 2, 5). In: a store and what is wanted. Out: values for `render` and for lists."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from uuid import UUID

from sqlalchemy import Connection

from gateway.digest.issue import ThreadPart
from gateway.digest.outline import Telling, outline_part
from gateway.mail.forum import Forum, Member
from gateway.people.handles import byline
from gateway.store import shelf
from gateway.thread.weave import weave


def tell_thread(
    db: Connection, forum: Forum, members: Mapping[str, Member], thread_id: UUID, new: Collection[UUID] | None = None
) -> ThreadPart:
    """One thread, woven: all of it, or the posts in `new` and what stands above them. `members` by address key."""
    posts = shelf.posts_of_thread(db, forum.id, thread_id, with_text=new is None)
    ghosts = shelf.ghosts_of_thread(db, forum.id, thread_id)
    texts = {} if new is None else shelf.texts_of(db, forum.id, new)
    tellings = {post.id.hex: _telling(texts.get(post.id, post), members) for post in posts}
    places = weave([*(post.row for post in posts), *ghosts])
    return outline_part(places, tellings, forum.name, None if new is None else {id.hex for id in new})


def _telling(post: shelf.Post, members: Mapping[str, Member]) -> Telling:
    return Telling(
        marker=post.marker,
        msgid=post.msgid,
        subject=post.subject,
        byline=byline(post.author_name, post.author_key, members),
        date=post.date,
        is_imposter=post.is_imposter,
        spans=post.spans,
        attachments=post.attachments,
    )


def by_key(members: Collection[Member]) -> dict[str, Member]:
    """Members by address key, to look authors up."""
    return {member.address.key: member for member in members}
