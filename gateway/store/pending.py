"""What waits for somebody's answer, and which letters somebody was allowed of late (reliability B0, I11)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, func, insert, select

from gateway.store.bulk import table_of
from gateway.store.people_tables import AllowanceRow, PendingRow

PENDING, ALLOWANCE = table_of(PendingRow), table_of(AllowanceRow)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """As `PendingRow` has it."""

    id: UUID
    forum_id: UUID
    kind: str
    address: str
    address_key: str
    member_id: UUID | None
    mail_id: UUID | None
    words: str
    at: datetime
    expires_at: datetime
    used_at: datetime | None = None


def keep_pending(connection: Connection, pending: Pending) -> None:
    """Notes what waits."""
    connection.execute(insert(PENDING).values({name: getattr(pending, name) for name in Pending.__slots__}))


def take_allowance(connection: Connection, kind: str, subject: bytes, most: int, since: datetime, at: datetime, id: UUID) -> bool:
    """Whether one more letter of that kind may go for `subject`, of whom `most` are allowed after `since`; notes that it does."""
    here = (ALLOWANCE.c.kind == kind) & (ALLOWANCE.c.subject == subject) & (ALLOWANCE.c.at > since)
    if int(connection.execute(select(func.count()).where(here)).scalar_one()) >= most:
        return False
    connection.execute(insert(ALLOWANCE).values(kind=kind, subject=subject, id=id, at=at))
    return True
