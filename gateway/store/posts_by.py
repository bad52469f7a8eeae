"""What somebody has posted: how much of it stands, and when something was removed last. In: address keys, never to be shown."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, func, select

from gateway.mail.forum import Member, Standing
from gateway.mail.piece import Alteration
from gateway.store.archive import POST
from gateway.store.changes import CHANGE, UNCHANGED, Condition, conditions
from gateway.store.keep import FORUM, MAIL
from gateway.store.roster import members_with_keys


def last_authors(connection: Connection, forum_id: UUID, count: int, standings: Collection[Standing]) -> list[Member]:
    """The members in one of those standings among the authors of the last so many published posts."""
    last = connection.execute(select(FORUM.c.published).where(FORUM.c.id == forum_id)).scalar_one()
    keys = select(POST.c.author_key).where(POST.c.forum_id == forum_id, POST.c.number > last - count, POST.c.number <= last)
    return members_with_keys(connection, forum_id, keys, standings)


def count_standing(connection: Connection, forum_id: UUID, keys: Collection[str], since: datetime | None = None) -> int:
    """How many of their posts were not removed, of those received after `since`."""
    return sum(not state.is_removed for state, at in _posts(connection, forum_id, keys) if since is None or at > since)


def last_removal(connection: Connection, forum_id: UUID, keys: Collection[str]) -> datetime | None:
    """When one of their posts was removed last; None when none was."""
    mine = select(POST.c.marker).where(POST.c.forum_id == forum_id, POST.c.author_key.in_(keys))
    here = (CHANGE.c.forum_id == forum_id) & CHANGE.c.marker.in_(mine) & (CHANGE.c.alteration == Alteration.REMOVED)
    found: datetime | None = connection.execute(select(func.max(CHANGE.c.at)).where(here)).scalar()
    return found


def _posts(connection: Connection, forum_id: UUID, keys: Collection[str]) -> list[tuple[Condition, datetime]]:
    here = (POST.c.forum_id == forum_id) & POST.c.author_key.in_(keys) & POST.c.is_imposter.is_(False)
    query = select(POST.c.marker, MAIL.c.received_at).join(MAIL, (MAIL.c.forum_id == forum_id) & (MAIL.c.id == POST.c.mail_id))
    rows = connection.execute(query.where(here)).all()
    states = conditions(connection, forum_id, [row.marker for row in rows])
    return [(states.get(row.marker, UNCHANGED), row.received_at) for row in rows]
