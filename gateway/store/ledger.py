"""Publication numbers, the ledger of issues and the outbox (design 8.5, 9): who has been told what, and what waits to be sent."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, func, insert, or_, select, update

from gateway.journal import Verb
from gateway.mail.forum import Member
from gateway.store.archive import POST
from gateway.store.bulk import table_of
from gateway.store.keep import FORUM, JOURNAL, MAIL
from gateway.store.tables import IssueRow, LetterRow, RenderingRow

ISSUE, LETTER, RENDERING = table_of(IssueRow), table_of(LetterRow), table_of(RenderingRow)
LEASE = timedelta(minutes=5)


class State(StrEnum):
    """Of a letter in the outbox."""

    READY = "ready"
    SENT = "sent"
    BOUNCED = "bounced"
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """The text of an issue, as stored; `outline` is JSON: path number to marker, for each thread."""

    id: UUID
    from_number: int
    to_number: int
    until: datetime
    zone: str
    language: str
    subject: str
    text: str
    html: str
    outline: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """One issue for one member, as stored."""

    id: UUID
    forum_id: UUID
    member_id: UUID
    period_id: str
    from_number: int
    to_number: int
    since: datetime
    until: datetime
    rendering_id: UUID
    msgid: str
    previous: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """One mail of ours on its way."""

    id: UUID
    forum_id: UUID
    issue_id: UUID
    member_id: UUID
    recipient: str
    fence: int
    attempts: int
    at: datetime


def note(
    connection: Connection, forum_id: UUID, *, id: UUID, at: datetime, verb: Verb, subject: UUID | None, detail: str
) -> None:
    """Writes one line of the journal."""
    values = {"forum_id": forum_id, "id": id, "at": at, "verb": verb, "subject_id": subject, "detail": detail}
    connection.execute(insert(JOURNAL).values(**values))


def lock_forum(connection: Connection, forum_id: UUID) -> int:
    """Holds the forum's row for this transaction; returns its last publication number."""
    return int(connection.execute(select(FORUM.c.published).where(FORUM.c.id == forum_id).with_for_update()).scalar_one())


def publish(connection: Connection, forum_id: UUID, now: datetime) -> int:
    """Gives every accepted post that has none its publication number, in the order of receipt; returns how many."""
    number = lock_forum(connection, forum_id)
    order = (MAIL.c.received_at, POST.c.msgid, POST.c.id)
    waiting = (
        select(POST.c.id, func.row_number().over(order_by=order).label("step"))
        .join(MAIL, (MAIL.c.forum_id == POST.c.forum_id) & (MAIL.c.id == POST.c.mail_id))
        .where(POST.c.forum_id == forum_id, POST.c.number.is_(None), POST.c.hidden_by.is_(None))
        .subquery("waiting")
    )
    # One statement: the writers of mail wait meanwhile.
    count = connection.execute(
        update(POST)
        .where(POST.c.forum_id == forum_id, POST.c.id == waiting.c.id)
        .values(number=number + waiting.c.step, published_at=now)
    ).rowcount
    if count:
        connection.execute(update(FORUM).where(FORUM.c.id == forum_id).values(published=number + count))
    return count


def last_published(connection: Connection, forum_id: UUID, until: datetime) -> int:
    """The last publication number given out by `until`."""
    query = select(func.max(POST.c.number)).where(
        POST.c.forum_id == forum_id, POST.c.published_at <= until, POST.c.hidden_by.is_(None)
    )
    return connection.execute(query).scalar_one() or 0


def has_issue(connection: Connection, member: Member, period_id: str) -> bool:
    here = (ISSUE.c.forum_id == member.forum_id) & (ISSUE.c.member_id == member.id)
    return connection.execute(select(ISSUE.c.id).where(here, ISSUE.c.period_id == period_id)).first() is not None


def last_issue(connection: Connection, member: Member) -> str | None:
    """The msgid of the member's last issue."""
    here = (ISSUE.c.forum_id == member.forum_id) & (ISSUE.c.member_id == member.id)
    return connection.execute(select(ISSUE.c.msgid).where(here).order_by(ISSUE.c.to_number.desc()).limit(1)).scalar()


def issue_number(connection: Connection, forum_id: UUID, to_number: int) -> int:
    """The how-manieth issue of the forum one up to `to_number` is: the same for all who share it."""
    before = select(func.count(ISSUE.c.to_number.distinct())).where(ISSUE.c.forum_id == forum_id, ISSUE.c.to_number < to_number)
    return int(connection.execute(before).scalar_one()) + 1


def find_rendering(
    connection: Connection, forum_id: UUID, *, from_number: int, to_number: int, until: datetime, zone: str, language: str
) -> UUID | None:
    wanted = {"from_number": from_number, "to_number": to_number, "until": until, "zone": zone, "language": language}
    query = select(RENDERING.c.id).where(RENDERING.c.forum_id == forum_id)
    return connection.execute(query.filter_by(**wanted)).scalar()


def keep_rendering(connection: Connection, forum_id: UUID, rendered: Rendered) -> None:
    values = {name: getattr(rendered, name) for name in Rendered.__slots__}
    connection.execute(insert(RENDERING).values(forum_id=forum_id, **values))


def keep_issue(connection: Connection, ledger: Ledger, recipient: str, letter_id: UUID, now: datetime) -> None:
    """The ledger row and its letter; in one transaction with the member's cursor, which is the caller's."""
    connection.execute(insert(ISSUE).values(**{name: getattr(ledger, name) for name in Ledger.__slots__}))
    connection.execute(
        insert(LETTER).values(
            forum_id=ledger.forum_id,
            id=letter_id,
            issue_id=ledger.id,
            member_id=ledger.member_id,
            recipient=recipient,
            state=State.READY,
            due_at=now,
            lease_until=None,
            fence=0,
            attempts=0,
            last_reply="",
            at=now,
        )
    )


def claim(connection: Connection, now: datetime, limit: int) -> list[Letter]:
    """Takes letters that are due under a lease; nobody else gets them until it has run out."""
    free = or_(LETTER.c.lease_until.is_(None), LETTER.c.lease_until < now)
    query = select(LETTER).where(LETTER.c.state == State.READY, LETTER.c.due_at <= now, free)
    rows = connection.execute(query.order_by(LETTER.c.due_at, LETTER.c.id).limit(limit).with_for_update(skip_locked=True)).all()
    for row in rows:
        here = (LETTER.c.forum_id == row.forum_id) & (LETTER.c.id == row.id)
        values: dict[str, Any] = {"lease_until": now + LEASE, "fence": row.fence + 1, "attempts": row.attempts + 1}
        connection.execute(update(LETTER).where(here).values(**values))
    return [_letter(row) for row in rows]


def _letter(row: Row[Any]) -> Letter:
    """As it is after the claim."""
    same = {name: getattr(row, name) for name in ("id", "forum_id", "issue_id", "member_id", "recipient", "at")}
    return Letter(**same, fence=row.fence + 1, attempts=row.attempts + 1)


def settle(connection: Connection, letter: Letter, *, state: State, reply: str, due_at: datetime) -> bool:
    """Writes what became of a claimed letter; False when the lease was lost and somebody else has it now."""
    here = (LETTER.c.forum_id == letter.forum_id) & (LETTER.c.id == letter.id) & (LETTER.c.fence == letter.fence)
    values = {"state": state, "last_reply": reply, "due_at": due_at, "lease_until": None}
    return connection.execute(update(LETTER).where(here).values(**values)).rowcount == 1


def find_issue(connection: Connection, forum_id: UUID, issue_id: UUID) -> tuple[Ledger, Rendered]:
    """An issue and its rendering."""
    row = connection.execute(select(ISSUE).where(ISSUE.c.forum_id == forum_id, ISSUE.c.id == issue_id)).one()
    here = (RENDERING.c.forum_id == forum_id) & (RENDERING.c.id == row.rendering_id)
    text = connection.execute(select(RENDERING).where(here)).one()
    ledger = Ledger(**{name: getattr(row, name) for name in Ledger.__slots__})
    return ledger, Rendered(**{name: getattr(text, name) for name in Rendered.__slots__})


def count_waiting(connection: Connection) -> int:
    """How many letters have not ended yet."""
    return int(connection.execute(select(func.count()).where(LETTER.c.state == State.READY)).scalar_one())
