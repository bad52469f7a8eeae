"""The outbox as an operator sees and mends it: what waits, what was said last, try again, give up (design 9).

A letter is named by the last eight digits of its id. What a worker has claimed is left to it: its lease ends by itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, and_, case, func, or_, select, update

from gateway.journal import Verb
from gateway.store.archive import POST
from gateway.store.ledger import ISSUE, RENDERING, note
from gateway.store.outbox import LETTER, Kind, State


@dataclass(frozen=True, slots=True, kw_only=True)
class Waybill:
    """One letter and what became of it so far."""

    id: UUID
    forum_id: UUID
    kind: str
    recipient: str
    subject: str
    period: str
    state: str
    queued_at: datetime
    due_at: datetime
    attempts: int
    last_reply: str

    @property
    def name(self) -> str:
        return self.id.hex[-8:]


_DIGEST = LETTER.c.kind == Kind.DIGEST
_BRINGS_POST = LETTER.c.kind.in_((Kind.COPY, Kind.POST))
_PART = and_(RENDERING.c.forum_id == LETTER.c.forum_id, RENDERING.c.id == ISSUE.c.rendering_id, RENDERING.c.part == LETTER.c.part)
_WHOLE = (
    select(
        *(LETTER.c[name] for name in ("id", "forum_id", "kind", "recipient", "state", "due_at", "attempts", "last_reply")),
        LETTER.c.at.label("queued_at"),
        func.coalesce(ISSUE.c.period_id, "").label("period"),
        case((_DIGEST, RENDERING.c.subject), (_BRINGS_POST, POST.c.subject), else_=LETTER.c.text).label("subject"),
    )
    .outerjoin(ISSUE, and_(_DIGEST, ISSUE.c.forum_id == LETTER.c.forum_id, ISSUE.c.id == LETTER.c.subject_id))
    .outerjoin(RENDERING, _PART)
    .outerjoin(POST, and_(_BRINGS_POST, POST.c.forum_id == LETTER.c.forum_id, POST.c.id == LETTER.c.subject_id))
)


def list_letters(connection: Connection, forum_id: UUID, state: str, limit: int) -> list[Waybill]:
    """The letters of a forum in that state ("" for all), the last queued first."""
    query = _WHOLE.where(LETTER.c.forum_id == forum_id)
    if state:
        query = query.where(LETTER.c.state == state)
    rows = connection.execute(query.order_by(LETTER.c.at.desc(), LETTER.c.id.desc()).limit(limit))
    return [_waybill(row) for row in rows]


def find_letter(connection: Connection, forum_id: UUID, name: str) -> Waybill | None:
    """The letter of that name, the latest when there are several; None when there is none."""
    wanted = name.strip().lower()
    rows = connection.execute(select(LETTER.c.id).where(LETTER.c.forum_id == forum_id).order_by(LETTER.c.id.desc()))
    found = next((id for (id,) in rows if id.hex[-8:] == wanted), None)
    if found is None:
        return None
    return _waybill(connection.execute(_WHOLE.where(LETTER.c.forum_id == forum_id, LETTER.c.id == found)).one())


def retry(connection: Connection, letter: Waybill, now: datetime) -> bool:
    """Makes a letter that has not been sent due at once; False when it was sent, or somebody is at it."""
    return _change(connection, letter, now, (State.READY, State.BOUNCED, State.DROPPED), state=State.READY, due_at=now)


def drop(connection: Connection, letter: Waybill, now: datetime, id: UUID) -> bool:
    """Gives up on a letter that waits; False when it does not wait, or somebody is at it."""
    if not _change(connection, letter, now, (State.READY,), state=State.DROPPED, last_reply="dropped by hand"):
        return False
    note(connection, letter.forum_id, id=id, at=now, verb=Verb.DISCARDED, subject=letter.id, detail="letter dropped by hand")
    return True


def _change(connection: Connection, letter: Waybill, now: datetime, states: tuple[State, ...], **values: object) -> bool:
    here = (LETTER.c.forum_id == letter.forum_id) & (LETTER.c.id == letter.id) & LETTER.c.state.in_(states)
    free = or_(LETTER.c.lease_until.is_(None), LETTER.c.lease_until < now)
    return connection.execute(update(LETTER).where(here, free).values(**values, lease_until=None)).rowcount == 1


def _waybill(row: Any) -> Waybill:
    same = {name: getattr(row, name) for name in Waybill.__slots__ if name != "subject"}
    return Waybill(**same, subject=(row.subject or "").partition("\n")[0])
