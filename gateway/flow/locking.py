"""Threads are locked and opened again (design 10), by an operator or by a moderator's answer. `admit` holds what answers them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from gateway.journal import Verb
from gateway.mail.forum import Forum
from gateway.store import ledger, locks, shelf
from gateway.store.engine import Store, Transaction


def lock_thread(
    store: Store, forum: Forum, post: shelf.Post, now: datetime, new_id: Callable[[], UUID], *, is_undone: bool
) -> None:
    """By an operator, in a transaction of its own."""
    with store.write() as db:
        ledger.lock_forum(db, forum.id)
        (unlock if is_undone else lock)(db, forum, post.thread_id, now, new_id, "the operator")


def lock(db: Transaction, forum: Forum, thread: UUID, now: datetime, new_id: Callable[[], UUID], by: str) -> None:
    """Notes it by the head of the thread, so that it goes where that goes; `by` is a handle."""
    _note(db, forum, locks.head_of(db, forum.id, thread), now, new_id, by, is_undone=False)


def unlock(db: Transaction, forum: Forum, thread: UUID, now: datetime, new_id: Callable[[], UUID], by: str) -> None:
    """Takes back every lock of the thread: of threads that were merged, each may have had one."""
    for head in sorted(locks.locked_heads(db, forum.id)):
        if thread in locks.threads_of(db, forum.id, [head]):
            _note(db, forum, head, now, new_id, by, is_undone=True)


def _note(
    db: Transaction, forum: Forum, head: str, now: datetime, new_id: Callable[[], UUID], by: str, *, is_undone: bool
) -> None:
    locks.set_lock(db, forum.id, new_id(), head, now, is_undone=is_undone)
    post = shelf.find_post(db, forum.id, head)
    verb = Verb.UNLOCKED if is_undone else Verb.LOCKED
    marker = post.marker if post is not None else ""
    ledger.note(
        db, forum.id, id=new_id(), at=now, verb=verb, subject=post.id if post else None, detail=f"{marker} by {by}".strip()
    )
