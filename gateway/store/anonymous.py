"""What is remembered of anonymous posts (design 7): tags, never members. In: a keyed hash that stands for an author in one forum.
Out: how many posts it had lately, whether it is banned, what belongs to a held mail. A month ends all of it: the key is gone.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from uuid import UUID, uuid4

from sqlalchemy import Connection, func, insert, select, update

from gateway.mail.piece import Alteration, Change
from gateway.mail.verdict import Verdict
from gateway.store import changes
from gateway.store.archive import POST
from gateway.store.bulk import slices, table_of
from gateway.store.outbox import Letter, put
from gateway.store.people_tables import AllowanceRow, PendingRow

ALLOWANCE, PENDING = table_of(AllowanceRow), table_of(PendingRow)
# Kinds of rows: a post that counts for the limit of an hour; the tag of a held mail; a tag that may not post.
_COUNTED, _HELD, _BANNED = "anonymous", "anonymous held", "anonymous ban"
_KEPT = timedelta(days=60)
_NEVER = datetime(9999, 1, 1, tzinfo=UTC)


def ids_for(tag: bytes, new_id: Callable[[], UUID]) -> Callable[[], UUID]:
    """Who makes the ids of a post with that tag: those of an anonymous one must not tell when they were made."""
    return uuid4 if tag else new_id


def remember(
    connection: Connection, forum_id: UUID, mail_id: UUID, tag: bytes, at: datetime, verdict: Verdict, receipt: Letter | None
) -> None:
    """Counts a new anonymous mail, in the transaction that keeps it, and puts the letter to its author into the outbox.

    Any other mail has no tag, and nothing is remembered of it.
    """
    if not tag:
        return
    connection.execute(insert(ALLOWANCE).values(kind=_COUNTED, subject=tag, id=uuid4(), at=at))
    if verdict is Verdict.HOLD:
        _pend(connection, forum_id, _HELD, tag, mail_id, at, at + _KEPT)
    if receipt is not None:
        put(connection, [receipt])


def count_since(connection: Connection, tag: bytes, since: datetime) -> int:
    """How many anonymous mails of that tag have a time after `since`."""
    here = (ALLOWANCE.c.kind == _COUNTED) & (ALLOWANCE.c.subject == tag) & (ALLOWANCE.c.at > since)
    return int(connection.execute(select(func.count()).select_from(ALLOWANCE).where(here)).scalar_one())


def is_banned(connection: Connection, forum_id: UUID, tag: bytes) -> bool:
    """Whether a moderator has banned who has that tag."""
    here = (PENDING.c.forum_id == forum_id) & (PENDING.c.address_key == tag.hex()) & (PENDING.c.kind == _BANNED)
    return connection.execute(select(PENDING.c.id).where(here)).first() is not None


def ban(connection: Connection, forum_id: UUID, tag: bytes, now: datetime, until: datetime) -> None:
    """Takes no more posts of that tag, until the key that makes it is gone."""
    if not is_banned(connection, forum_id, tag):
        _pend(connection, forum_id, _BANNED, tag, None, now, until)


def _pend(
    connection: Connection, forum_id: UUID, kind: str, tag: bytes, mail_id: UUID | None, at: datetime, until: datetime
) -> None:
    values = {"forum_id": forum_id, "id": uuid4(), "kind": kind, "mail_id": mail_id, "at": at, "expires_at": until}
    nobody = {"address": "", "member_id": None, "words": "", "used_at": None}
    connection.execute(insert(PENDING).values(**values, **nobody, address_key=tag.hex()))


def tag_of_held(connection: Connection, forum_id: UUID, mail_id: UUID) -> bytes:
    """The tag of a held mail."""
    here = (PENDING.c.forum_id == forum_id) & (PENDING.c.mail_id == mail_id) & (PENDING.c.kind == _HELD)
    found = connection.execute(select(PENDING.c.address_key).where(here)).scalar()
    return bytes.fromhex(found) if found else b""


def known_ids(connection: Connection, forum_id: UUID, msgids: list[str]) -> set[str]:
    """Which of these are ids of posts that everybody can read."""
    found: set[str] = set()
    for run in slices(msgids):
        seen = POST.c.hidden_by.is_(None) & ((POST.c.tag == b"") | POST.c.number.is_not(None))
        query = select(POST.c.msgid).where(POST.c.forum_id == forum_id, POST.c.msgid.in_(run), seen)
        found |= set(connection.execute(query).scalars())
    return found


def id_beginning(connection: Connection, forum_id: UUID, start: str) -> str:
    """The id of the anonymous post whose id begins so; "" when there is none."""
    here = (POST.c.forum_id == forum_id) & (POST.c.msgid >= start) & (POST.c.msgid < start + "g") & (POST.c.tag != b"")
    return connection.execute(select(POST.c.msgid).where(here)).scalar() or ""


class Withdrawn(NamedTuple):
    """An anonymous post that was taken back; `subject` is "" unless a thread is known by it."""

    post_id: UUID
    mail_id: UUID
    msgid: str
    subject: str


def withdraw(connection: Connection, forum_id: UUID, marker: str, now: datetime) -> Withdrawn | None:
    """Takes an anonymous post back: before it was shown nobody ever sees it. None when there is none with that marker.

    What its mail holds is left to the caller.
    """
    here = (POST.c.forum_id == forum_id) & (POST.c.marker == marker) & (POST.c.tag != b"")
    row = connection.execute(select(POST).where(here)).first()
    if row is None:
        return None
    subject = row.subject if row.parent is None else ""
    hidden = {"publish_at": _NEVER} if row.number is None else {}
    connection.execute(update(POST).where(here).values(subject=subject, **hidden))
    change = Change(marker=marker, alteration=Alteration.WITHDRAWN, text="", at=now)
    changes.record(connection, forum_id, uuid4(), change)
    return Withdrawn(row.id, row.mail_id, row.msgid, subject)
