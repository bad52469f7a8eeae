"""The outbox (design 9): what waits to be sent, who is at it, what became of it.

A claim moves a letter's `due_at` to the end of its lease, so that one index finds what is due, however many rows there are.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from gateway.store.bulk import table_of
from gateway.store.tables import HaltRow, LetterRow

LETTER, HALT = table_of(LetterRow), table_of(HaltRow)
LEASE = timedelta(minutes=5)
OUTBOX = "outbox"


class State(StrEnum):
    """Of a letter in the outbox."""

    READY = "ready"
    SENT = "sent"
    BOUNCED = "bounced"
    DROPPED = "dropped"


class Kind(StrEnum):
    """What a letter brings: a part of an issue, a post as it came, or a notice of ours."""

    DIGEST = "digest"
    COPY = "copy"
    NOTICE = "notice"


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """One mail of ours on its way; `subject_id`, `part` and `text` as `LetterRow` has them."""

    id: UUID
    forum_id: UUID
    kind: Kind
    subject_id: UUID | None = None
    part: int = 1
    text: str = ""
    member_id: UUID | None
    recipient: str
    at: datetime
    fence: int = 0
    attempts: int = 0


_SAME = ("id", "forum_id", "subject_id", "part", "text", "member_id", "recipient", "at")


def put(connection: Connection, letters: Iterable[Letter]) -> None:
    """Puts letters into the outbox, due at once; in the transaction of what they tell."""
    new = {"state": State.READY, "lease_until": None, "last_reply": "", "fence": 0, "attempts": 0}
    rows = [{name: getattr(one, name) for name in (*_SAME, "kind")} | new | {"due_at": one.at} for one in letters]
    if rows:
        connection.execute(insert(LETTER), rows)


def claim(connection: Connection, now: datetime, limit: int) -> list[Letter]:
    """Takes letters that are due under a lease; nobody else gets them until it has run out."""
    if why_halted(connection):
        return []
    query = select(LETTER).where(LETTER.c.state == State.READY, LETTER.c.due_at <= now)
    rows = connection.execute(query.order_by(LETTER.c.due_at, LETTER.c.id).limit(limit).with_for_update(skip_locked=True)).all()
    for row in rows:
        here = (LETTER.c.forum_id == row.forum_id) & (LETTER.c.id == row.id)
        until = now + LEASE
        values: dict[str, Any] = {"due_at": until, "lease_until": until, "fence": row.fence + 1, "attempts": row.attempts + 1}
        connection.execute(update(LETTER).where(here).values(**values))
    return [_letter(row) for row in rows]


def _letter(row: Row[Any]) -> Letter:
    """As it is after the claim."""
    same = {name: getattr(row, name) for name in _SAME}
    return Letter(**same, kind=Kind(row.kind), fence=row.fence + 1, attempts=row.attempts + 1)


def settle(connection: Connection, letter: Letter, *, state: State, reply: str, due_at: datetime) -> bool:
    """Writes what became of a claimed letter; False when the lease was lost and somebody else has it now."""
    here = (LETTER.c.forum_id == letter.forum_id) & (LETTER.c.id == letter.id) & (LETTER.c.fence == letter.fence)
    values = {"state": state, "last_reply": reply, "due_at": due_at, "lease_until": None}
    return connection.execute(update(LETTER).where(here).values(**values)).rowcount == 1


def has_letter_ending(connection: Connection, forum_id: UUID, member_id: UUID, end: bytes) -> bool:
    """Whether a letter to that member, or what one is about, has an id that ends so, as tokens name them."""
    query = select(LETTER.c.id, LETTER.c.subject_id).where(LETTER.c.forum_id == forum_id, LETTER.c.member_id == member_id)
    return any(id.bytes.endswith(end) for row in connection.execute(query) for id in row if id)


def count_waiting(connection: Connection) -> int:
    """How many letters have not ended yet."""
    return int(connection.execute(select(func.count()).where(LETTER.c.state == State.READY)).scalar_one())


def halt(connection: Connection, now: datetime, why: str) -> None:
    """No letter goes out until `release`."""
    connection.execute(delete(HALT).where(HALT.c.name == OUTBOX))
    connection.execute(insert(HALT).values(name=OUTBOX, at=now, why=why))


def why_halted(connection: Connection) -> str:
    """Why no letter goes out; "" when they do."""
    return str(connection.execute(select(HALT.c.why).where(HALT.c.name == OUTBOX)).scalar() or "")


def release(connection: Connection) -> bool:
    """Lets letters go out again; False when they did."""
    return connection.execute(delete(HALT).where(HALT.c.name == OUTBOX)).rowcount == 1
