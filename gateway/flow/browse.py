"""Looks: threads woven and told (design 2, 5). In: a store and what is wanted. Out: values for `render` and for lists."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple
from uuid import UUID

from gateway.digest.issue import ThreadPart
from gateway.digest.outline import Telling, outline_part
from gateway.mail.forum import Forum, Member
from gateway.mail.message import Attachment, Span, SpanKind
from gateway.people.handles import byline
from gateway.store import roster, shelf
from gateway.store.changes import UNCHANGED, Condition, conditions
from gateway.store.engine import Transaction
from gateway.store.votes import NO_VOTES, Icon, Score, icons_of, scores
from gateway.thread.weave import Row, weave

Text = tuple[tuple[Span, ...], tuple[Attachment, ...]]


def tell_thread(
    db: Transaction, forum: Forum, members: Mapping[str, Member], thread_id: UUID, *, is_public: bool = False
) -> ThreadPart:
    """One thread, woven, all of it; `is_public`: what is published of it. `members` by address key."""
    posts = shelf.posts_of_threads(db, forum.id, [thread_id]).get(thread_id, [])
    posts = [post for post in posts if post.number is not None] if is_public else posts
    ghosts = shelf.ghosts_of_threads(db, forum.id, [thread_id]).get(thread_id, [])
    return _part(forum, members, posts, ghosts, None, {}, _extras(db, forum, {thread_id: posts}))


def tell_post(db: Transaction, forum: Forum, post: shelf.Post) -> ThreadPart:
    """One post by itself, as if nothing stood above it."""
    author = roster.member_with_key(db, forum.id, post.author_key) if post.author_key else None
    telling = _telling(post, None, by_key([author] if author else []), _extras(db, forum, {post.thread_id: [post]}))
    return outline_part(weave([post.row._replace(parent=None)]), {post.id.hex: telling}, forum.tags)


class _Extras(NamedTuple):
    """What of posts stands in other tables: what became of them, votes, and the forum's icons."""

    states: Mapping[str, Condition]
    scores: Mapping[str, Score]
    icons: Mapping[str, Icon]


def _extras(db: Transaction, forum: Forum, posts: Mapping[UUID, Sequence[shelf.Post]]) -> _Extras:
    markers = [post.marker for each in posts.values() for post in each]
    icons = icons_of(db, forum.id) if any(post.icon for each in posts.values() for post in each) else {}
    return _Extras(conditions(db, forum.id, markers), scores(db, forum.id, markers), icons)


def tell_new(
    db: Transaction,
    forum: Forum,
    members: Mapping[str, Member],
    new: Mapping[UUID, Collection[UUID]],
    changed: Mapping[UUID, Collection[UUID]] | None = None,
) -> list[ThreadPart]:
    """Of each thread in `new` and `changed` its posts that are named there and what stands above them."""
    changed = changed or {}
    threads = list(dict.fromkeys([*new, *changed]))
    posts = shelf.posts_of_threads(db, forum.id, threads, with_text=False)
    ghosts = shelf.ghosts_of_threads(db, forum.id, threads)
    # The parents' texts too, older ones among them: what quotes them is told from what is new.
    wanted = {post for ids in (*new.values(), *changed.values()) for post in ids}
    for thread in threads:
        parents = {post.parent for post in posts[thread] if post.id in wanted}
        wanted |= {post.id for post in posts[thread] if post.msgid in parents}
    texts = shelf.texts_of(db, forum.id, wanted)
    extras = _extras(db, forum, posts)
    return [
        _part(forum, members, posts[one], ghosts.get(one, []), new.get(one, ()), texts, extras, changed.get(one, ()))
        for one in threads
    ]


def _part(
    forum: Forum,
    members: Mapping[str, Member],
    posts: Sequence[shelf.Post],
    ghosts: Sequence[Row],
    new: Collection[UUID] | None,
    texts: Mapping[UUID, Text],
    extras: _Extras,
    changed: Collection[UUID] = (),
) -> ThreadPart:
    tellings = {post.id.hex: _telling(post, texts.get(post.id), members, extras) for post in posts}
    places = weave([*(post.row for post in posts), *ghosts])
    names = None if new is None else {id.hex for id in new}
    return outline_part(places, tellings, forum.tags, names, {id.hex for id in changed})


def _telling(post: shelf.Post, text: Text | None, members: Mapping[str, Member], extras: _Extras) -> Telling:
    condition = extras.states.get(post.marker, UNCHANGED)
    score = extras.scores.get(post.marker, NO_VOTES)
    icon = extras.icons.get(post.icon)
    spans, attachments = text or (post.spans, post.attachments)
    if condition.text is not None:
        spans = (Span(SpanKind.TEXT, condition.text),)
    if condition.is_removed:
        spans, attachments = (), ()
    return Telling(
        marker=post.marker,
        msgid=post.msgid,
        subject=post.subject,
        byline=byline(post.author_name, post.author_key, members),
        date=post.date,
        is_imposter=post.is_imposter,
        spans=spans,
        attachments=attachments,
        is_removed=condition.is_removed,
        is_withdrawn=condition.is_withdrawn,
        is_edited=condition.text is not None,
        icon=icon.text if icon is not None else "",
        up=score.up,
        down=score.down,
    )


def by_key(members: Collection[Member]) -> dict[str, Member]:
    """Members by address key, to look authors up."""
    return {key: member for member in members for key in member.keys}
