"""Threads that a moderator has locked (design 10). Facts are append-only; the last one counts.

In: msgids. Out: the threads in which they stand, and the heads by which threads are locked. A lock belongs to a thread by its
head, so that it goes where that goes.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, insert, select

from gateway.store.archive import POST
from gateway.store.bulk import slices, table_of
from gateway.store.people_tables import LockRow

LOCK = table_of(LockRow)


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
