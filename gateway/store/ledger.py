"""Publication numbers and the ledger of issues (design 8.5): who has been told what."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, func, insert, select, update

from gateway.journal import Verb
from gateway.store.archive import POST
from gateway.store.bulk import IN_MAX, slices, table_of
from gateway.store.keep import FORUM, JOURNAL, MAIL
from gateway.store.tables import IssueRow, RenderingRow

ISSUE, RENDERING = table_of(IssueRow), table_of(RenderingRow)
_NOTE = insert(JOURNAL)
_PART = re.compile(r"\.\d{1,3}@")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """The text of one part of an issue, as stored (`RenderingRow`).

    `form` ends with a mark of the threads that are left out, where readers mute some.
    """

    id: UUID
    part: int
    from_number: int
    to_number: int
    until: datetime
    form: str
    zone: str
    language: str
    subject: str
    text: str
    html: str
    outline: str
    posts: str

    @property
    def base_form(self) -> str:
        """The form as members choose it."""
        return self.form.partition("-")[0]


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


def note(
    connection: Connection, forum_id: UUID, *, id: UUID, at: datetime, verb: Verb, subject: UUID | None, detail: str
) -> None:
    """Writes one line of the journal."""
    values = {"forum_id": forum_id, "id": id, "at": at, "verb": verb, "subject_id": subject, "detail": detail}
    connection.execute(_NOTE, values)


def lock_forum(connection: Connection, forum_id: UUID) -> int:
    """Holds the forum's row for this transaction; returns its last publication number."""
    return int(connection.execute(select(FORUM.c.published).where(FORUM.c.id == forum_id).with_for_update()).scalar_one())


def publish(connection: Connection, forum_id: UUID, now: datetime) -> int:
    """Gives every accepted post whose time has come its publication number, in the order of receipt; returns how many."""
    number = lock_forum(connection, forum_id)
    order = (MAIL.c.received_at, POST.c.msgid, POST.c.id)
    waiting = (
        select(POST.c.id, func.row_number().over(order_by=order).label("step"))
        .join(MAIL, (MAIL.c.forum_id == POST.c.forum_id) & (MAIL.c.id == POST.c.mail_id))
        .where(POST.c.forum_id == forum_id, POST.c.number.is_(None), POST.c.hidden_by.is_(None))
        .where(POST.c.publish_at.is_(None) | (POST.c.publish_at <= now))
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


def published_at(connection: Connection, forum_id: UUID, above: int) -> datetime | None:
    """When the first post with a publication number above `above` got it."""
    query = select(func.min(POST.c.published_at)).where(
        POST.c.forum_id == forum_id, POST.c.number > above, POST.c.hidden_by.is_(None)
    )
    found: datetime | None = connection.execute(query).scalar_one()
    return found


def last_published_at(connection: Connection, forum_id: UUID, up_to: int) -> datetime | None:
    """When the last post with a publication number up to `up_to` got it; None when there is none."""
    query = select(func.max(POST.c.published_at)).where(POST.c.forum_id == forum_id, POST.c.number <= up_to, POST.c.number > 0)
    found: datetime | None = connection.execute(query).scalar_one()
    return found


def posts_between(connection: Connection, forum_id: UUID, above: int, up_to: int) -> list[UUID]:
    """The ids of the posts with such publication numbers, in their order."""
    query = select(POST.c.id).where(
        POST.c.forum_id == forum_id, POST.c.number > above, POST.c.number <= up_to, POST.c.hidden_by.is_(None)
    )
    return list(connection.execute(query.order_by(POST.c.number)).scalars())


def told_members(connection: Connection, forum_id: UUID, period_ids: Iterable[str]) -> set[tuple[UUID, str]]:
    """The members who have an issue of one of these periods, each with the period's id."""
    query = select(ISSUE.c.member_id, ISSUE.c.period_id).where(ISSUE.c.forum_id == forum_id)
    return {(row[0], row[1]) for row in connection.execute(query.where(ISSUE.c.period_id.in_(list(period_ids))))}


def last_issues(connection: Connection, forum_id: UUID, member_ids: Iterable[UUID]) -> dict[UUID, str]:
    """The msgid of the last issue of each of these members who had one."""
    found: dict[UUID, str] = {}
    for ids in slices(member_ids):
        here = (ISSUE.c.forum_id == forum_id) & ISSUE.c.member_id.in_(ids)
        order = func.row_number().over(partition_by=ISSUE.c.member_id, order_by=ISSUE.c.to_number.desc()).label("place")
        last = select(ISSUE.c.member_id, ISSUE.c.msgid, order).where(here).subquery("last")
        found |= {row[0]: row[1] for row in connection.execute(select(last).where(last.c.place == 1))}
    return found


def issue_number(connection: Connection, forum_id: UUID, to_number: int) -> int:
    """The how-manieth issue of the forum one up to `to_number` is: the same for all who share it."""
    before = select(func.count(ISSUE.c.to_number.distinct())).where(ISSUE.c.forum_id == forum_id, ISSUE.c.to_number < to_number)
    return int(connection.execute(before).scalar_one()) + 1


def find_rendering(connection: Connection, forum_id: UUID, **key: object) -> tuple[UUID, int] | None:
    """The rendering of that `from_number`, `to_number`, `until`, `form`, `zone` and `language`, and how many parts it has."""
    query = select(RENDERING.c.id, func.count()).where(RENDERING.c.forum_id == forum_id).group_by(RENDERING.c.id)
    row = connection.execute(query.filter_by(**key)).first()
    return (row[0], row[1]) if row is not None else None


def keep_rendering(connection: Connection, forum_id: UUID, rendered: Rendered) -> None:
    values = {name: getattr(rendered, name) for name in Rendered.__slots__}
    connection.execute(insert(RENDERING).values(forum_id=forum_id, **values))


def keep_issues(connection: Connection, issues: Iterable[Ledger]) -> None:
    """Ledger rows; in one transaction with their letters and the members' cursors, which are the caller's."""
    rows = [{name: getattr(one, name) for name in Ledger.__slots__} for one in issues]
    if rows:
        connection.execute(insert(ISSUE), rows)


def find_issue(connection: Connection, forum_id: UUID, issue_id: UUID) -> Ledger:
    """An issue."""
    row = connection.execute(select(ISSUE).where(ISSUE.c.forum_id == forum_id, ISSUE.c.id == issue_id)).one()
    return Ledger(**{name: getattr(row, name) for name in Ledger.__slots__})


def find_issues(connection: Connection, forum_id: UUID, issue_ids: Iterable[UUID]) -> dict[UUID, Ledger]:
    """Those issues, by id."""
    found: dict[UUID, Ledger] = {}
    for ids in slices(issue_ids):
        rows = connection.execute(select(ISSUE).where(ISSUE.c.forum_id == forum_id, ISSUE.c.id.in_(ids)))
        found |= {row.id: Ledger(**{name: getattr(row, name) for name in Ledger.__slots__}) for row in rows}
    return found


def issue_of_msgids(connection: Connection, forum_id: UUID, member_id: UUID, msgids: Iterable[str]) -> Ledger | None:
    """The issue of that member that one of these msgids names; a part of an issue has its number before the "@"."""
    names = [name for msgid in msgids for name in (msgid, _PART.sub("@", msgid))]
    here = (ISSUE.c.forum_id == forum_id) & (ISSUE.c.member_id == member_id) & ISSUE.c.msgid.in_(names[:IN_MAX])
    found = {row.msgid: row for row in connection.execute(select(ISSUE).where(here))}
    row = next((found[name] for name in names if name in found), None)
    return Ledger(**{name: getattr(row, name) for name in Ledger.__slots__}) if row is not None else None


def outlines(connection: Connection, forum_id: UUID, rendering_id: UUID) -> list[dict[str, str]]:
    """Path number to marker, for each thread of all parts of a rendering."""
    query = select(RENDERING.c.outline).where(RENDERING.c.forum_id == forum_id, RENDERING.c.id == rendering_id)
    return [outline for text in connection.execute(query.order_by(RENDERING.c.part)).scalars() for outline in json.loads(text)]


def rendering(connection: Connection, forum_id: UUID, rendering_id: UUID, part: int) -> Rendered:
    """One part of a rendering."""
    here = (RENDERING.c.forum_id == forum_id) & (RENDERING.c.id == rendering_id) & (RENDERING.c.part == part)
    row = connection.execute(select(RENDERING).where(here)).one()
    return Rendered(**{name: getattr(row, name) for name in Rendered.__slots__})
