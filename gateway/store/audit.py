"""Lines of the journal, read back for people. In: verbs, since when. Out: lines, oldest first."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, select

from gateway.store.keep import JOURNAL


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the journal."""

    at: datetime
    verb: str
    subject_id: UUID | None
    detail: str


def lines_of(connection: Connection, forum_id: UUID, verbs: Iterable[str], since: datetime | None = None) -> list[Line]:
    """What happened, of these verbs."""
    columns = (JOURNAL.c.at, JOURNAL.c.verb, JOURNAL.c.subject_id, JOURNAL.c.detail)
    query = select(*columns).where(JOURNAL.c.forum_id == forum_id, JOURNAL.c.verb.in_(list(verbs)))
    if since is not None:
        query = query.where(JOURNAL.c.at >= since)
    return [Line(*row) for row in connection.execute(query.order_by(JOURNAL.c.at, JOURNAL.c.id))]
