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

from sqlalchemy import Connection, Row, bindparam, delete, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from gateway.store.bulk import table_of
from gateway.store.tables import HaltRow, LetterRow

LETTER, HALT = table_of(LetterRow), table_of(HaltRow)
LEASE = timedelta(minutes=5)
# Names of rows in `halt`: one keeps letters back, the other only tells.
OUTBOX, WAY = "outbox", "way out"


class State(StrEnum):
    """Of a letter in the outbox."""

    READY = "ready"
    SENT = "sent"
    BOUNCED = "bounced"
    DROPPED = "dropped"


class Kind(StrEnum):
    """What a letter brings: a part of an issue, a post as it came, or a notice of ours.

    A post is a copy that somebody asked for; a question is about what waits for an answer (`store.pending`), and an answer to it
    is the consent; an export is all that we have of a member; a docket has cases for a moderator.
    A receipt is a notice about an anonymous post: its row names who wrote that, and goes when the letter is gone.
    """

    DIGEST = "digest"
    COPY = "copy"
    POST = "post"
    NOTICE = "notice"
    QUESTION = "question"
    EXPORT = "export"
    DOCKET = "docket"
    RECEIPT = "receipt"


# What a member gets whether he wants digests or not: it is about him, or his to decide.
NOTICES = (Kind.NOTICE, Kind.QUESTION, Kind.RECEIPT)
DUTIES = (*NOTICES, Kind.DOCKET)
# Wanted by who wants digests.
TELLING = (Kind.DIGEST, Kind.COPY)


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
_CLAIMED = [LETTER.c[name] for name in (*_SAME, "kind", "fence", "attempts")]
# Whoever took the letter since has a higher fence; whoever settled it has no lease.
_HERE = (LETTER.c.forum_id == bindparam("of_forum"), LETTER.c.id == bindparam("of"), LETTER.c.fence == bindparam("of_fence"))
_HELD = (*_HERE, LETTER.c.state == State.READY, LETTER.c.lease_until.is_not(None))
_SETTLE = (
    update(LETTER)
    .where(*_HERE)
    .values(state=bindparam("to_state"), last_reply=bindparam("to_reply"), due_at=bindparam("to_due_at"), lease_until=None)
)


def _holding(letter: Letter) -> dict[str, Any]:
    return {"of_forum": letter.forum_id, "of": letter.id, "of_fence": letter.fence}


def put(connection: Connection, letters: Iterable[Letter]) -> None:
    """Puts letters into the outbox, due at once; in the transaction of what they tell."""
    new = {"state": State.READY, "lease_until": None, "last_reply": "", "fence": 0, "attempts": 0}
    rows = [{name: getattr(one, name) for name in (*_SAME, "kind")} | new | {"due_at": one.at} for one in letters]
    if rows:
        connection.execute(insert(LETTER), rows)


def claim(connection: Connection, now: datetime, limit: int, lease: timedelta = LEASE) -> list[Letter]:
    """Takes letters that are due under a lease; nobody else gets them until it has run out."""
    if why_halted(connection):
        return []
    query = select(*_CLAIMED).where(LETTER.c.state == State.READY, LETTER.c.due_at <= now)
    rows = connection.execute(query.order_by(LETTER.c.due_at, LETTER.c.id).limit(limit).with_for_update(skip_locked=True)).all()
    until = now + lease
    ids: dict[UUID, list[UUID]] = {}
    for row in rows:
        ids.setdefault(row.forum_id, []).append(row.id)
    for forum_id, some in ids.items():
        here = (LETTER.c.forum_id == forum_id) & LETTER.c.id.in_(some)
        counted = {"fence": LETTER.c.fence + 1, "attempts": LETTER.c.attempts + 1}
        connection.execute(update(LETTER).where(here).values(due_at=until, lease_until=until, **counted))
    return [_letter(row) for row in rows]


def _letter(row: Row[Any]) -> Letter:
    """As it is after the claim."""
    same = {name: getattr(row, name) for name in _SAME}
    return Letter(**same, kind=Kind(row.kind), fence=row.fence + 1, attempts=row.attempts + 1)


def renew(connection: Connection, letters: Iterable[Letter], until: datetime) -> None:
    """Lengthens the leases of those letters that are still held, and not settled."""
    change = update(LETTER).where(*_HELD).values(due_at=until, lease_until=until)
    rows = [_holding(letter) for letter in letters]
    if rows:
        connection.execute(change, rows)


def put_back(connection: Connection, letters: Iterable[Letter], now: datetime, reply: str | None = None) -> None:
    """Gives claimed letters back as if nobody had tried them; with a `reply` that is what was said last about them."""
    values: dict[str, Any] = {"due_at": now, "lease_until": None, "attempts": LETTER.c.attempts - 1}
    if reply is not None:
        values["last_reply"] = reply
    rows = [_holding(letter) for letter in letters]
    if rows:
        connection.execute(update(LETTER).where(*_HELD).values(**values), rows)


def settle(connection: Connection, letter: Letter, *, state: State, reply: str, due_at: datetime) -> bool:
    """Writes what became of a claimed letter; False when the lease was lost and somebody else has it now."""
    values = {"to_state": state, "to_reply": reply, "to_due_at": due_at}
    return connection.execute(_SETTLE, _holding(letter) | values).rowcount == 1


def forget(connection: Connection, letter: Letter) -> bool:
    """Takes a claimed letter out of the table; False when the lease was lost."""
    here = (LETTER.c.forum_id == letter.forum_id, LETTER.c.id == letter.id, LETTER.c.fence == letter.fence)
    return connection.execute(delete(LETTER).where(*here)).rowcount == 1


def is_due(connection: Connection, now: datetime) -> bool:
    """Whether a letter is due."""
    query = select(LETTER.c.id).where(LETTER.c.state == State.READY, LETTER.c.due_at <= now)
    return connection.execute(query.limit(1)).first() is not None


def has_letter_ending(connection: Connection, forum_id: UUID, member_id: UUID, end: bytes) -> bool:
    """Whether a letter to that member, or what one is about, has an id that ends so, as tokens name them."""
    query = select(LETTER.c.id, LETTER.c.subject_id).where(LETTER.c.forum_id == forum_id, LETTER.c.member_id == member_id)
    return any(id.bytes.endswith(end) for row in connection.execute(query) for id in row if id)


def drop_waiting(connection: Connection, forum_id: UUID, member_id: UUID, why: str) -> int:
    """Gives up on all digests and posts that wait for a member; returns how many. Notices and cases still go.

    Also on those that somebody is at: they may arrive once more, and the new fence keeps them from being tried again.
    """
    here = (LETTER.c.forum_id == forum_id) & (LETTER.c.member_id == member_id) & (LETTER.c.state == State.READY)
    values = {"state": State.DROPPED, "last_reply": why, "lease_until": None, "fence": LETTER.c.fence + 1}
    return connection.execute(update(LETTER).where(here, LETTER.c.kind.not_in(DUTIES)).values(**values)).rowcount


def drop_copies(connection: Connection, forum_id: UUID, post_id: UUID, why: str) -> int:
    """Gives up on all copies of a post that wait; returns how many."""
    here = (LETTER.c.forum_id == forum_id) & (LETTER.c.subject_id == post_id) & (LETTER.c.state == State.READY)
    values = {"state": State.DROPPED, "last_reply": why, "lease_until": None, "fence": LETTER.c.fence + 1}
    return connection.execute(update(LETTER).where(here, LETTER.c.kind.in_((Kind.COPY, Kind.POST))).values(**values)).rowcount


def count_waiting(connection: Connection) -> int:
    """How many letters have not ended yet."""
    return count_in(connection, State.READY)


def count_claimed(connection: Connection, now: datetime) -> int:
    """How many letters somebody is carrying."""
    query = select(func.count()).where(LETTER.c.state == State.READY, LETTER.c.lease_until > now)
    return int(connection.execute(query).scalar_one())


def count_in(connection: Connection, state: State) -> int:
    """How many letters are in this state."""
    return int(connection.execute(select(func.count()).where(LETTER.c.state == state)).scalar_one())


def halt(connection: Connection, now: datetime, why: str) -> None:
    """No letter goes out until `release`."""
    _write(connection, OUTBOX, now, why)


def forget_leases(connection: Connection, now: datetime) -> None:
    """Makes letters due at once that somebody was at: after a restore that was another life."""
    here = (LETTER.c.state == State.READY) & LETTER.c.lease_until.is_not(None)
    connection.execute(update(LETTER).where(here).values(lease_until=None, due_at=now, fence=LETTER.c.fence + 1))


def why_halted(connection: Connection) -> str:
    """Why no letter goes out; "" when they do."""
    return _read(connection, OUTBOX)


def release(connection: Connection) -> bool:
    """Lets letters go out again; False when they did."""
    return _clear(connection, OUTBOX)


def note_trouble(connection: Connection, now: datetime, why: str) -> None:
    """The way out fails; for the operator's eyes, it keeps no letter."""
    _write(connection, WAY, now, why)


def trouble(connection: Connection) -> str:
    """What the way out said when it failed last, and has not worked since; "" when it works."""
    return _read(connection, WAY)


def end_trouble(connection: Connection) -> bool:
    """The way out works; False when it did."""
    return _clear(connection, WAY)


def _write(connection: Connection, name: str, now: datetime, why: str) -> None:
    new = {"at": now, "why": why}
    # One statement: two senders may meet the same trouble at once.
    upsert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    connection.execute(upsert(HALT).values(name=name, **new).on_conflict_do_update(index_elements=["name"], set_=new))


def _read(connection: Connection, name: str) -> str:
    return str(connection.execute(select(HALT.c.why).where(HALT.c.name == name)).scalar() or "")


def _clear(connection: Connection, name: str) -> bool:
    return connection.execute(delete(HALT).where(HALT.c.name == name)).rowcount == 1
