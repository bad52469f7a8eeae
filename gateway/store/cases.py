"""Cases that moderators decide on, the letters that told of them, and reports (design 10).

A case is opened once for each held mail, and once for each reported post while it is open; it is closed once, by whoever is
first. A docket is one letter to one moderator; its token names it by the end of its id.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, Row, func, insert, select, update

from gateway.mail.verdict import Verdict
from gateway.store.bulk import slices, table_of
from gateway.store.keep import FORUM, MAIL
from gateway.store.people_tables import CaseRow, DocketRow, ReportRow
from gateway.store.shelf import Mail

CASE, DOCKET, REPORT = table_of(CaseRow), table_of(DocketRow), table_of(ReportRow)


class Kind(StrEnum):
    """What a case is about."""

    HELD = "held"
    REPORTED = "reported"
    FLOOD = "flood"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """`marker` names the post, or the one that a held mail would become. `reason`: why it is held, or what was reported.

    `outcome` is "" while it is open; `decided_by` is a handle.
    """

    id: UUID
    forum_id: UUID
    kind: Kind
    mail_id: UUID | None
    marker: str
    opened_at: datetime
    reason: str
    closed_at: datetime | None = None
    outcome: str = ""
    decided_by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Docket:
    """One letter to `address_key` about `cases`, numbered from 1."""

    id: UUID
    forum_id: UUID
    address_key: str
    cases: tuple[UUID, ...]
    at: datetime


def held_without_case(connection: Connection, forum_id: UUID, reasons: Iterable[str]) -> list[Mail]:
    """The mails held for one of these reasons for which no case was ever opened, oldest first."""
    known = select(CASE.c.mail_id).where(CASE.c.forum_id == forum_id, CASE.c.mail_id == MAIL.c.id)
    here = (MAIL.c.forum_id == forum_id) & (MAIL.c.verdict == Verdict.HOLD) & MAIL.c.reason.in_(list(reasons))
    rows = connection.execute(select(MAIL).where(here, ~known.exists()).order_by(MAIL.c.received_at, MAIL.c.id))
    return [Mail(**{name: getattr(row, name) for name in Mail.__slots__}) for row in rows]


def open_case(connection: Connection, case: Case) -> None:
    """Notes a new case."""
    connection.execute(insert(CASE).values(**{name: getattr(case, name) for name in Case.__slots__}))


def open_cases_of(connection: Connection, forum_id: UUID, kind: Kind | None = None) -> list[Case]:
    """What is not decided yet, oldest first."""
    here = (CASE.c.forum_id == forum_id) & (CASE.c.outcome == "")
    query = select(CASE).where(here) if kind is None else select(CASE).where(here, CASE.c.kind == kind)
    return [_case(row) for row in connection.execute(query.order_by(CASE.c.opened_at, CASE.c.id))]


def closed_cases_of(connection: Connection, forum_id: UUID, since: datetime | None = None) -> list[Case]:
    """What was decided, since then, oldest first."""
    here = (CASE.c.forum_id == forum_id) & (CASE.c.outcome != "")
    query = select(CASE).where(here) if since is None else select(CASE).where(here, CASE.c.closed_at >= since)
    return [_case(row) for row in connection.execute(query.order_by(CASE.c.closed_at, CASE.c.id))]


def cases_by_id(connection: Connection, forum_id: UUID, ids: Iterable[UUID]) -> dict[UUID, Case]:
    """Those cases, open or not."""
    found: dict[UUID, Case] = {}
    for run in slices(ids):
        rows = connection.execute(select(CASE).where(CASE.c.forum_id == forum_id, CASE.c.id.in_(run)))
        found |= {row.id: _case(row) for row in rows}
    return found


def report_case_of(connection: Connection, forum_id: UUID, marker: str) -> Case | None:
    """The open case of a reported post."""
    here = (CASE.c.forum_id == forum_id) & (CASE.c.kind == Kind.REPORTED) & (CASE.c.marker == marker) & (CASE.c.outcome == "")
    row = connection.execute(select(CASE).where(here)).first()
    return _case(row) if row is not None else None


def close_case(connection: Connection, case: Case, outcome: str, by: str, now: datetime, reason: str = "") -> bool:
    """Closes it; False when somebody else has. `reason` is added to why it was opened."""
    here = (CASE.c.forum_id == case.forum_id) & (CASE.c.id == case.id) & (CASE.c.outcome == "")
    values = {"outcome": outcome, "closed_at": now, "decided_by": by}
    if reason:
        values["reason"] = f"{case.reason}: {reason}"
    return connection.execute(update(CASE).where(here).values(**values)).rowcount == 1


def has_settled(connection: Connection, forum_id: UUID) -> bool:
    """Whether there is a case for `close_settled`."""
    return connection.execute(select(CASE.c.id).where(_is_settled(forum_id)).limit(1)).first() is not None


def close_settled(connection: Connection, forum_id: UUID, now: datetime) -> None:
    """Closes the cases of mails that are held no more: somebody decided without a letter."""
    values = {"outcome": "settled", "closed_at": now, "decided_by": "the operator"}
    connection.execute(update(CASE).where(_is_settled(forum_id)).values(**values))


def _is_settled(forum_id: UUID) -> ColumnElement[bool]:
    held = select(MAIL.c.id).where(MAIL.c.forum_id == forum_id, MAIL.c.id == CASE.c.mail_id, MAIL.c.verdict == Verdict.HOLD)
    return (CASE.c.forum_id == forum_id) & (CASE.c.outcome == "") & (CASE.c.kind == Kind.HELD) & ~held.exists()


def _case(row: Row[Any]) -> Case:
    return Case(**{name: getattr(row, name) for name in Case.__slots__ if name != "kind"}, kind=Kind(row.kind))


def put_docket(connection: Connection, docket: Docket) -> None:
    """Notes a letter that tells of cases; in the transaction of the letter."""
    values = {"id": docket.id, "forum_id": docket.forum_id, "address_key": docket.address_key, "at": docket.at}
    connection.execute(insert(DOCKET).values(**values, cases=json.dumps([id.hex for id in docket.cases])))


def docket_of(connection: Connection, forum_id: UUID, docket_id: UUID) -> Docket:
    """The docket of that id."""
    return _docket(connection.execute(select(DOCKET).where(DOCKET.c.forum_id == forum_id, DOCKET.c.id == docket_id)).one())


def dockets_since(connection: Connection, forum_id: UUID, since: datetime) -> list[Docket]:
    """The letters since then, oldest first."""
    query = select(DOCKET).where(DOCKET.c.forum_id == forum_id, DOCKET.c.at > since).order_by(DOCKET.c.at, DOCKET.c.id)
    return [_docket(row) for row in connection.execute(query)]


def docket_ending(connection: Connection, forum_id: UUID, end: bytes) -> Docket | None:
    """The docket whose id ends so, as tokens name it."""
    ids = connection.execute(select(DOCKET.c.id).where(DOCKET.c.forum_id == forum_id)).scalars()
    found = [id for id in ids if id.bytes.endswith(end)]
    return docket_of(connection, forum_id, found[0]) if len(found) == 1 else None


def _docket(row: Row[Any]) -> Docket:
    cases = tuple(map(UUID, json.loads(row.cases)))
    return Docket(id=row.id, forum_id=row.forum_id, address_key=row.address_key, cases=cases, at=row.at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A member reported the post with that marker; `outcome` "", "upheld" or "dismissed"."""

    id: UUID
    forum_id: UUID
    marker: str
    member_id: UUID
    reason: str
    at: datetime
    outcome: str = ""


def put_report(connection: Connection, report: Report) -> None:
    """Notes a report."""
    connection.execute(insert(REPORT).values(**{name: getattr(report, name) for name in Report.__slots__}))


def reports_on(connection: Connection, forum_id: UUID, marker: str) -> list[Report]:
    """What was reported about a post and not decided yet, oldest first."""
    here = (REPORT.c.forum_id == forum_id) & (REPORT.c.marker == marker) & (REPORT.c.outcome == "")
    return _reports(connection.execute(select(REPORT).where(here).order_by(REPORT.c.at, REPORT.c.id)).all())


def reports_by(connection: Connection, forum_id: UUID, member_id: UUID) -> list[Report]:
    """The reports of a member, the latest first."""
    here = (REPORT.c.forum_id == forum_id) & (REPORT.c.member_id == member_id)
    return _reports(connection.execute(select(REPORT).where(here).order_by(REPORT.c.at.desc(), REPORT.c.id.desc())).all())


def settle_reports(connection: Connection, forum_id: UUID, marker: str, outcome: str) -> None:
    """What the moderators found of the reports on a post."""
    here = (REPORT.c.forum_id == forum_id) & (REPORT.c.marker == marker) & (REPORT.c.outcome == "")
    connection.execute(update(REPORT).where(here).values(outcome=outcome))


def _reports(rows: Sequence[Row[Any]]) -> list[Report]:
    return [Report(**{name: getattr(row, name) for name in Report.__slots__}) for row in rows]


def set_flooded(connection: Connection, forum_id: UUID, at: datetime | None) -> None:
    """Since when all posts of a forum are held; None: they are not."""
    connection.execute(update(FORUM).where(FORUM.c.id == forum_id).values(flooded_at=at))


def count_posts(connection: Connection, forum_id: UUID, since: datetime, until: datetime) -> int:
    """How many mails that came in that time by themselves became posts."""
    here = (MAIL.c.forum_id == forum_id) & (MAIL.c.verdict == Verdict.ACCEPT) & (MAIL.c.via != "import")
    query = select(func.count()).select_from(MAIL).where(here, MAIL.c.received_at > since, MAIL.c.received_at <= until)
    return int(connection.execute(query).scalar_one())
