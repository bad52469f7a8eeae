"""Repairs of the forest by hand (design 5.10): recorded as facts, and followed at once.

In: a placed post and its new parent. Out: the rows of the forest as `thread.forest` defines it with that move.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, insert, select

from gateway.journal import Verb
from gateway.mail.piece import Move
from gateway.store.archive import MOVE, TableArchive
from gateway.store.keep import FORUM, JOURNAL
from gateway.thread import place
from gateway.thread.forest import Node


class BadMove(Exception):
    """It cannot be done; the text says why."""

    temporary = False


def move(
    connection: Connection, forum_id: UUID, node: Node, parent: str | None, now: datetime, new_id: Callable[[], UUID]
) -> None:
    """Hangs a post under `parent`, None: makes it the start of a thread. BadMove when that would make a circle."""
    archive = _opened(connection, forum_id)
    goal = archive.find(parent) if parent is not None else None
    if goal is not None and goal.is_ghost:
        raise BadMove("that post has not arrived")
    at, seen = parent, set[str]()
    while at is not None and at not in seen:
        if at == node.msgid:
            raise BadMove("a post cannot be moved under what hangs below it")
        seen.add(at)
        container = archive.find(at)
        if container is None:
            raise BadMove("there is no such post")
        at = container.parent
    _record(connection, archive, forum_id, node, parent, now, new_id, is_undone=False)


def undo(connection: Connection, forum_id: UUID, node: Node, now: datetime, new_id: Callable[[], UUID]) -> None:
    """Takes the last move of a post back: it hangs where its own header says. BadMove when nobody moved it."""
    archive = _opened(connection, forum_id)
    if archive.moved(node.msgid) is None:
        raise BadMove("nobody has moved that post")
    _record(connection, archive, forum_id, node, None, now, new_id, is_undone=True)


def take_over(
    connection: Connection, forum_id: UUID, facts: Sequence[Move], nodes: Mapping[str, Node], new_id: Callable[[], UUID]
) -> None:
    """Records moves that were made elsewhere, the oldest first, and follows them; `nodes`: those of the posts that are here."""
    archive = _opened(connection, forum_id)
    rows = connection.execute(select(MOVE.c.msgid, MOVE.c.at).where(MOVE.c.forum_id == forum_id))
    known = {(msgid, at) for msgid, at in rows}
    for fact in facts:
        if (fact.msgid, fact.at) not in known:
            values = {"msgid": fact.msgid, "parent": fact.parent, "is_undone": fact.is_undone, "at": fact.at}
            connection.execute(insert(MOVE).values(forum_id=forum_id, id=new_id(), **values))
            archive.forget_move(fact.msgid)
    for node in nodes.values():
        place.move(node, archive, new_id)
    archive.flush()


def _opened(connection: Connection, forum_id: UUID) -> TableArchive:
    if connection.dialect.name == "postgresql":
        connection.execute(select(FORUM.c.id).where(FORUM.c.id == forum_id).with_for_update())
    return TableArchive(connection, forum_id)


def _record(
    connection: Connection,
    archive: TableArchive,
    forum_id: UUID,
    node: Node,
    parent: str | None,
    now: datetime,
    new_id: Callable[[], UUID],
    *,
    is_undone: bool,
) -> None:
    fact = {"forum_id": forum_id, "id": new_id(), "at": now}
    connection.execute(insert(MOVE).values(**fact, msgid=node.msgid, parent=parent, is_undone=is_undone))
    verb = Verb.MOVED_BACK if is_undone else Verb.MOVED
    connection.execute(insert(JOURNAL).values(**fact, verb=verb, subject_id=None, detail=f"{node.msgid} {parent or ''}".strip()))
    archive.forget_move(node.msgid)
    place.move(node, archive, new_id)
    archive.flush()
