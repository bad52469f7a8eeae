"""What waits for somebody's answer (`people_tables.PendingRow`), and which automatic letters were allowed lately."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, LargeBinary, Row, Text, cast, delete, func, insert, select, update

from gateway.store.bulk import table_of
from gateway.store.keep import MAIL
from gateway.store.people_tables import AllowanceRow, PendingRow

PENDING, ALLOWANCE = table_of(PendingRow), table_of(AllowanceRow)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """One thing that waits for a yes of who reads mail at `address`; `words` is what was asked for."""

    id: UUID
    forum_id: UUID
    kind: str
    address: str
    address_key: str
    member_id: UUID | None = None
    mail_id: UUID | None = None
    words: str = ""
    at: datetime
    expires_at: datetime
    used_at: datetime | None = None


def put(connection: Connection, pending: Pending) -> None:
    """Notes it."""
    connection.execute(insert(PENDING).values(**{name: getattr(pending, name) for name in Pending.__slots__}))


def ending(connection: Connection, forum_id: UUID, end: bytes) -> Pending | None:
    """What the end of an id names, as tokens do; None when there is nothing, or more than one."""
    if connection.dialect.name == "sqlite":
        is_it = func.substr(PENDING.c.id, 17 - len(end), type_=LargeBinary()) == end
    else:
        is_it = func.right(cast(PENDING.c.id, Text), 2 * len(end)) == end.hex()
    rows = connection.execute(select(PENDING).where(PENDING.c.forum_id == forum_id, is_it)).all()
    return _pending(rows[0]) if len(rows) == 1 else None


def use(connection: Connection, pending: Pending, now: datetime) -> bool:
    """Takes the answer; False when it was taken before."""
    here = (PENDING.c.forum_id == pending.forum_id) & (PENDING.c.id == pending.id) & PENDING.c.used_at.is_(None)
    return connection.execute(update(PENDING).where(here).values(used_at=now)).rowcount == 1


def waiting_of(connection: Connection, forum_id: UUID, kind: str, address_key: str) -> list[Pending]:
    """What of that kind waits for that address, oldest first."""
    here = (PENDING.c.forum_id == forum_id) & (PENDING.c.kind == kind) & (PENDING.c.address_key == address_key)
    rows = connection.execute(select(PENDING).where(here, PENDING.c.used_at.is_(None)).order_by(PENDING.c.at, PENDING.c.id))
    return [_pending(row) for row in rows]


def expired(connection: Connection, forum_id: UUID, now: datetime, limit: int) -> list[Pending]:
    """What has waited too long, answered or not."""
    here = (PENDING.c.forum_id == forum_id) & (PENDING.c.expires_at <= now)
    return [_pending(row) for row in connection.execute(select(PENDING).where(here).limit(limit))]


def forget(connection: Connection, pending: Pending) -> None:
    """Takes it off the list."""
    connection.execute(delete(PENDING).where(PENDING.c.forum_id == pending.forum_id, PENDING.c.id == pending.id))


def keep_proof(connection: Connection, forum_id: UUID, mail_id: UUID, proof: str) -> None:
    """Notes how the author of a kept mail was known after all."""
    connection.execute(update(MAIL).where(MAIL.c.forum_id == forum_id, MAIL.c.id == mail_id).values(proof=proof))


def letters_since(connection: Connection, kind: str, subject: bytes, since: datetime) -> int:
    """How many letters of that kind `subject` was allowed after `since`."""
    here = (ALLOWANCE.c.kind == kind) & (ALLOWANCE.c.subject == subject) & (ALLOWANCE.c.at > since)
    return int(connection.execute(select(func.count()).select_from(ALLOWANCE).where(here)).scalar_one())


def note_letter(connection: Connection, kind: str, subject: bytes, id: UUID, now: datetime) -> None:
    """One letter more."""
    connection.execute(insert(ALLOWANCE).values(kind=kind, subject=subject, id=id, at=now))


def forget_letters(connection: Connection, before: datetime) -> None:
    """Drops what is too old to count."""
    connection.execute(delete(ALLOWANCE).where(ALLOWANCE.c.at < before))


def _pending(row: Row[Any]) -> Pending:
    return Pending(**{name: getattr(row, name) for name in Pending.__slots__})
