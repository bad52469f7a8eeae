"""Imports that are under way: how far each has come, and what stays hidden until it ends.

A post that came by an import has `hidden_by` until that import ends: no list, thread or digest shows it before. An import that
was broken off is gone on with when the same source is imported again.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, insert, select, update

from gateway.mail.piece import Move, Piece
from gateway.store.archive import MOVE, POST
from gateway.store.bulk import table_of
from gateway.store.keep import FORUM
from gateway.store.roster import MEMBER
from gateway.store.tables import ImportRow

IMPORT = table_of(ImportRow)


@dataclass(frozen=True, slots=True, kw_only=True)
class Import:
    """`taken` pieces of `source` are done, the last of them with the SHA-256 `last`. `has_numbers`: publication numbers are
    taken over from the records."""

    id: UUID
    source: str
    taken: int
    last: bytes
    has_numbers: bool


def begin(connection: Connection, forum_id: UUID, source: str, highest: int, now: datetime, id: UUID) -> Import:
    """The import of `source` that was broken off, or a new one with that id.

    `highest` is the highest publication number on record. A forum that has published nothing takes such numbers over: its own
    begin above them, and no member is told again what was told before.
    """
    here = IMPORT.c.forum_id == forum_id
    row = connection.execute(select(IMPORT).where(here, IMPORT.c.source == source, IMPORT.c.ended_at.is_(None))).first()
    if row is not None:
        return _import(row)
    forum = FORUM.c.id == forum_id
    published = connection.execute(select(FORUM.c.published).where(forum).with_for_update()).scalar_one()
    has_numbers = published == 0 and highest > 0
    if has_numbers:
        connection.execute(update(FORUM).where(forum).values(published=highest))
        connection.execute(update(MEMBER).where(MEMBER.c.forum_id == forum_id).values(cursor=highest))
    fresh = Import(id=id, source=source, taken=0, last=b"", has_numbers=has_numbers)
    values = {name: getattr(fresh, name) for name in Import.__slots__}
    connection.execute(insert(IMPORT).values(forum_id=forum_id, **values, started_at=now, ended_at=None))
    return fresh


def advance(connection: Connection, forum_id: UUID, id: UUID, taken: int, last: bytes) -> None:
    """Notes how far the import has come."""
    connection.execute(update(IMPORT).where(IMPORT.c.forum_id == forum_id, IMPORT.c.id == id).values(taken=taken, last=last))


def end(connection: Connection, forum_id: UUID, id: UUID, now: datetime) -> None:
    """Shows what the import brought."""
    connection.execute(update(POST).where(POST.c.forum_id == forum_id, POST.c.hidden_by == id).values(hidden_by=None))
    connection.execute(update(IMPORT).where(IMPORT.c.forum_id == forum_id, IMPORT.c.id == id).values(ended_at=now))


def unfinished(connection: Connection, forum_id: UUID) -> list[Import]:
    """The imports that were broken off or still run."""
    rows = connection.execute(select(IMPORT).where(IMPORT.c.forum_id == forum_id, IMPORT.c.ended_at.is_(None)))
    return [_import(row) for row in rows]


def _import(row: Any) -> Import:
    return Import(**{name: getattr(row, name) for name in Import.__slots__})


def digest_of(piece: Piece) -> bytes:
    """To know a piece again."""
    return hashlib.sha256(piece.raw or b"").digest()


def all_moves(connection: Connection, forum_id: UUID) -> list[Move]:
    """All moves ever made, the oldest first."""
    rows = connection.execute(select(MOVE).where(MOVE.c.forum_id == forum_id).order_by(MOVE.c.id))
    return [Move(msgid=row.msgid, parent=row.parent, is_undone=row.is_undone, at=row.at) for row in rows]
