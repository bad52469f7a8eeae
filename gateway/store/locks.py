"""Threads that take no more comments (design 10): locked by a moderator, or too old. Facts are append-only; the last one counts.

In: msgids. Out: which of them stand in such a thread. A lock belongs to a thread by its head, so that it goes where that goes.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Connection, func, insert, select

from gateway.mail.forum import Forum
from gateway.store.archive import GHOST, POST
from gateway.store.bulk import slices, table_of
from gateway.store.people_tables import LockRow

LOCK = table_of(LockRow)


def locked(connection: Connection, forum: Forum, msgids: Iterable[str], now: datetime | None = None) -> set[str]:
    """Which of these posts, or posts that we have not seen, stand in a thread that takes no more comments.

    With `now` also those in threads without a comment for the days that the forum's policy says.
    """
    threads: dict[UUID, set[str]] = {}
    for run in slices(set(msgids)):
        for table in (POST, GHOST):
            here = (table.c.forum_id == forum.id) & table.c.msgid.in_(run)
            for msgid, thread in connection.execute(select(table.c.msgid, table.c.thread_id).where(here)):
                threads.setdefault(thread, set()).add(msgid)
    if not threads:
        return set()
    closed = threads_of(connection, forum.id, locked_heads(connection, forum.id)) & threads.keys()
    if now is not None and forum.policy.lock_days:
        closed |= _old(connection, forum, threads.keys() - closed, now)
    return {msgid for thread in closed for msgid in threads[thread]}


def locked_heads(connection: Connection, forum_id: UUID) -> set[str]:
    """The msgids by which threads were locked by hand."""
    state: dict[str, bool] = {}
    query = select(LOCK.c.msgid, LOCK.c.is_undone).where(LOCK.c.forum_id == forum_id).order_by(LOCK.c.at, LOCK.c.id)
    for msgid, is_undone in connection.execute(query):
        state[msgid] = not is_undone
    return {msgid for msgid, is_locked in state.items() if is_locked}


def threads_of(connection: Connection, forum_id: UUID, msgids: Iterable[str]) -> set[UUID]:
    """The threads in which these posts stand."""
    found: set[UUID] = set()
    for run in slices(msgids):
        here = (POST.c.forum_id == forum_id) & POST.c.msgid.in_(run)
        found.update(connection.execute(select(POST.c.thread_id).where(here)).scalars())
    return found


def head_of(connection: Connection, forum_id: UUID, thread_id: UUID) -> str:
    """The msgid of the post by which a thread is known: its earliest root."""
    here = (POST.c.forum_id == forum_id) & (POST.c.thread_id == thread_id)
    order = (POST.c.parent.is_not(None), POST.c.date, POST.c.id)
    return str(connection.execute(select(POST.c.msgid).where(here).order_by(*order).limit(1)).scalar_one())


def set_lock(connection: Connection, forum_id: UUID, id: UUID, msgid: str, at: datetime, *, is_undone: bool) -> None:
    """Locks the thread with that head, or opens it again."""
    connection.execute(insert(LOCK).values(forum_id=forum_id, id=id, msgid=msgid, is_undone=is_undone, at=at))


def _old(connection: Connection, forum: Forum, threads: Iterable[UUID], now: datetime) -> set[UUID]:
    """Those whose last post is too old."""
    found: set[UUID] = set()
    before = now - timedelta(days=forum.policy.lock_days)
    for run in slices(threads):
        here = (POST.c.forum_id == forum.id) & POST.c.thread_id.in_(run)
        last = select(POST.c.thread_id).where(here).group_by(POST.c.thread_id).having(func.max(POST.c.date) < before)
        found.update(connection.execute(last).scalars())
    return found
