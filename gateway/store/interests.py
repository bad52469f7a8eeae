"""Which threads a member follows or mutes, named by the msgid of the head; of merged threads what was said last counts."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import Connection, delete, insert, select, union_all

from gateway.store.archive import GHOST, POST
from gateway.store.bulk import table_of
from gateway.store.people_tables import InterestRow

INTEREST = table_of(InterestRow)


class Interest(StrEnum):
    FOLLOW = "follow"
    MUTE = "mute"


def head_of(connection: Connection, forum_id: UUID, thread_id: UUID) -> str:
    """The msgid of the head of a thread, arrived or not."""
    posts = select(POST.c.msgid, POST.c.date).where(
        POST.c.forum_id == forum_id, POST.c.thread_id == thread_id, POST.c.parent.is_(None), POST.c.is_imposter.is_(False)
    )
    ghosts = select(GHOST.c.msgid, GHOST.c.date).where(
        GHOST.c.forum_id == forum_id, GHOST.c.thread_id == thread_id, GHOST.c.parent.is_(None)
    )
    tops = union_all(posts, ghosts).subquery("tops")
    return str(connection.execute(select(tops.c.msgid).order_by(tops.c.date, tops.c.msgid).limit(1)).scalar_one())


def set_interest(
    connection: Connection, forum_id: UUID, member_id: UUID, thread_id: UUID, kind: Interest | None, at: datetime
) -> bool:
    """Notes an interest in a thread in place of any other; None forgets it. False when that was so before."""
    before = interests_of(connection, forum_id, [member_id]).get(member_id, {}).get(thread_id)
    if before is kind:
        return False
    here = (INTEREST.c.forum_id == forum_id) & (INTEREST.c.member_id == member_id)
    for msgid in connection.execute(select(INTEREST.c.msgid).where(here)).scalars().all():
        if _thread_of(connection, forum_id, msgid) == thread_id:
            connection.execute(delete(INTEREST).where(here, INTEREST.c.msgid == msgid))
    if kind is not None:
        values = {"forum_id": forum_id, "member_id": member_id, "kind": kind, "at": at}
        connection.execute(insert(INTEREST).values(**values, msgid=head_of(connection, forum_id, thread_id)))
    return True


def forget_interests(connection: Connection, forum_id: UUID, member_id: UUID) -> None:
    connection.execute(delete(INTEREST).where(INTEREST.c.forum_id == forum_id, INTEREST.c.member_id == member_id))


def interests_of(
    connection: Connection, forum_id: UUID, member_ids: Iterable[UUID] | None = None
) -> dict[UUID, dict[UUID, Interest]]:
    """By member and thread id as threads are now; of all members when none are named."""
    query = select(INTEREST).where(INTEREST.c.forum_id == forum_id).order_by(INTEREST.c.at, INTEREST.c.msgid)
    if member_ids is not None:
        query = query.where(INTEREST.c.member_id.in_(list(member_ids)))
    found: dict[UUID, dict[UUID, Interest]] = {}
    threads: dict[str, UUID | None] = {}
    for row in connection.execute(query).all():
        if row.msgid not in threads:
            threads[row.msgid] = _thread_of(connection, forum_id, row.msgid)
        thread = threads[row.msgid]
        if thread is not None:
            found.setdefault(row.member_id, {})[thread] = Interest(row.kind)
    return found


def _thread_of(connection: Connection, forum_id: UUID, msgid: str) -> UUID | None:
    for table in (POST, GHOST):
        query = select(table.c.thread_id).where(table.c.forum_id == forum_id, table.c.msgid == msgid)
        found: UUID | None = connection.execute(query.limit(1)).scalar()
        if found is not None:
            return found
    return None
