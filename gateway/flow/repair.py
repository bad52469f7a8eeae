"""Repairs by hand: move a post, split a thread, merge two, take that back (design 5.10).

In: posts that somebody named. Out: the forest as decided; BadMove when it cannot be. What a post's own header says is read
from its mail again, since only the mail holds all of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from uuid import UUID

from gateway.flow.held import read_mail
from gateway.mail.forum import Forum
from gateway.mail.piece import Move
from gateway.store import moves, shelf
from gateway.store.engine import Store
from gateway.store.incoming import node_of, parts_of
from gateway.store.moves import BadMove
from gateway.store.pieces import answers_of
from gateway.thread.forest import Node

__all__ = ["BadMove", "merge", "move", "node_of_post", "take_over", "undo"]


def move(
    store: Store, forum: Forum, post: shelf.Post, parent: shelf.Post | None, now: datetime, new_id: Callable[[], UUID]
) -> None:
    """Hangs `post` and all below it under `parent`; None: it starts a thread of its own."""
    node = node_of_post(store, forum, post)
    with store.write() as db:
        moves.move(db, forum.id, node, parent.msgid if parent is not None else None, now, new_id)


def undo(store: Store, forum: Forum, post: shelf.Post, now: datetime, new_id: Callable[[], UUID]) -> None:
    """Puts `post` back where its own header says."""
    node = node_of_post(store, forum, post)
    with store.write() as db:
        moves.undo(db, forum.id, node, now, new_id)


def merge(store: Store, forum: Forum, post: shelf.Post, into: shelf.Post, now: datetime, new_id: Callable[[], UUID]) -> int:
    """Hangs the tops of the thread of `post` under the head of the thread of `into`; how many these were."""
    if post.thread_id == into.thread_id:
        raise BadMove("they are one thread already")
    with store.read() as db:
        found = shelf.posts_of_threads(db, forum.id, [post.thread_id, into.thread_id], with_text=False)
    head = min(_tops(found[into.thread_id]), key=lambda one: one.row.key)
    tops = _tops(found[post.thread_id])
    nodes = [node_of_post(store, forum, top) for top in tops]
    with store.write() as db:
        for node in nodes:
            moves.move(db, forum.id, node, head.msgid, now, new_id)
    return len(tops)


def take_over(store: Store, forum: Forum, facts: Sequence[Move], new_id: Callable[[], UUID]) -> None:
    """Does the repairs over that were made before an export, the oldest first."""
    nodes: dict[str, Node] = {}
    for msgid in dict.fromkeys(fact.msgid for fact in facts):
        with store.read() as db:
            mail = shelf.first_posted(db, forum.id, msgid)
        if mail is not None:
            _, message = read_mail(store, mail)
            nodes[msgid] = node_of(message, mail.received_at, follows_subjects=forum.follows_subjects, domain=forum.domain)
    with store.write() as db:
        moves.take_over(db, forum.id, facts, nodes, new_id)


def _tops(posts: list[shelf.Post]) -> list[shelf.Post]:
    """The posts of a thread under no other post; of a circle the one at which it is cut."""
    here = {post.msgid for post in posts}
    firsts = [post for post in posts if not post.is_imposter]
    return [post for post in firsts if post.parent not in here] or [min(firsts, key=lambda post: post.row.key)]


def node_of_post(store: Store, forum: Forum, post: shelf.Post) -> Node:
    if post.is_imposter:
        raise BadMove("that is another text under a Message-ID that was used before: move the first one")
    with store.read() as db:
        mail = shelf.mail_of(db, forum.id, post.mail_id)
        answers = answers_of(db, forum.id, [mail.id]).get(mail.id, ())
    _, message = read_mail(store, mail)
    if answers:
        parts = parts_of(message, mail.received_at, forum.domain, answers, "")
        return next(part.node for part in parts if part.node.msgid == post.msgid)
    return node_of(message, mail.received_at, follows_subjects=forum.follows_subjects, domain=forum.domain)
