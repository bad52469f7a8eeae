"""Forums and members: made by the command line, read by everybody."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Row, bindparam, insert, select, update

from gateway.mail.address import Address, parse_address
from gateway.mail.forum import Forum, Member, Rhythm
from gateway.store.bulk import slices, table_of
from gateway.store.engine import Store
from gateway.store.tables import ForumRow, MemberRow

FORUM, MEMBER = table_of(ForumRow), table_of(MemberRow)


class AlreadyThere(Exception):
    """Somebody of that name or address exists."""

    temporary = False


def add_forum(store: Store, forum: Forum) -> None:
    """Makes a forum; AlreadyThere when the address is taken."""
    values = {name: getattr(forum, name) for name in ("id", "name", "domain", "title", "follows_subjects")}
    with store.write() as connection:
        here = (FORUM.c.name == forum.name) & (FORUM.c.domain == forum.domain)
        if connection.execute(select(FORUM.c.id).where(here)).first() is not None:
            raise AlreadyThere(f"the forum {forum.address} exists already")
        connection.execute(insert(FORUM).values(**values, mirrors=list(forum.mirrors), published=0))


def list_forums(store: Store) -> list[Forum]:
    """All forums, by name."""
    with store.read() as connection:
        return [_forum(row) for row in connection.execute(select(FORUM).order_by(FORUM.c.name, FORUM.c.domain))]


def find_forum(store: Store, name: str) -> Forum | None:
    """The forum called `name` ("name" or "name@domain"); None when there is none, or more than one with that name."""
    found = [forum for forum in list_forums(store) if name.casefold() in (forum.name, str(forum.address))]
    return found[0] if len(found) == 1 else None


def _forum(row: Row[Any]) -> Forum:
    return Forum(
        id=row.id,
        name=row.name,
        domain=row.domain,
        title=row.title,
        mirrors=tuple(row.mirrors),
        follows_subjects=row.follows_subjects,
    )


def add_members(store: Store, members: Iterable[Member]) -> tuple[int, list[str]]:
    """Adds members, each told only of what is published from now on; the number added, and the addresses already there."""
    added, known = 0, []
    with store.write() as connection:
        for member in members:
            here = (MEMBER.c.forum_id == member.forum_id) & (MEMBER.c.address_key == member.address.key)
            if connection.execute(select(MEMBER.c.id).where(here)).first() is not None:
                known.append(str(member.address))
                continue
            published = select(FORUM.c.published).where(FORUM.c.id == member.forum_id)
            cursor = connection.execute(published.with_for_update()).scalar_one()
            connection.execute(insert(MEMBER).values(**_member_values(member), cursor=cursor))
            added += 1
    return added, known


def _member_values(member: Member) -> dict[str, Any]:
    return {
        "forum_id": member.forum_id,
        "id": member.id,
        "address": str(member.address),
        "address_key": member.address.key,
        "handle": member.handle,
        "badge": member.badge,
        "zone": member.zone.key,
        "hour": member.hour,
        "form": member.form,
        "has_digest": member.has_digest,
        "rhythm": member.rhythm,
        "minute": member.minute,
        "weekday": member.weekday,
        "paused_until": member.paused_until,
        "language": member.language,
    }


def find_member(store: Store, forum_id: UUID, address: Address) -> Member | None:
    """The member with that address."""
    here = (MEMBER.c.forum_id == forum_id) & (MEMBER.c.address_key == address.key)
    with store.read() as connection:
        row = connection.execute(select(MEMBER).where(here)).first()
    return _member(row) if row is not None else None


def change_member(store: Store, member: Member) -> None:
    """Writes everything that may change of a member; what has been told stays told."""
    here = (MEMBER.c.forum_id == member.forum_id) & (MEMBER.c.id == member.id)
    with store.write() as connection:
        connection.execute(update(MEMBER).where(here).values(**_member_values(member)))


def list_members(store: Store, forum_id: UUID) -> list[Member]:
    """The members of a forum, by handle."""
    with store.read() as connection:
        rows = connection.execute(select(MEMBER).where(MEMBER.c.forum_id == forum_id).order_by(MEMBER.c.handle, MEMBER.c.id))
        return [_member(row) for row in rows]


def _member(row: Row[Any]) -> Member:
    address = parse_address(row.address) or Address("unknown", "invalid")
    return Member(
        id=row.id,
        forum_id=row.forum_id,
        address=address,
        handle=row.handle,
        badge=row.badge,
        zone=ZoneInfo(row.zone),
        hour=row.hour,
        form=row.form,
        has_digest=row.has_digest,
        rhythm=Rhythm(row.rhythm),
        minute=row.minute,
        weekday=row.weekday,
        paused_until=row.paused_until,
        language=row.language,
    )


def cursors(connection: Connection, forum_id: UUID) -> dict[UUID, int]:
    """The publication number up to which each member of a forum has been told."""
    rows = connection.execute(select(MEMBER.c.id, MEMBER.c.cursor).where(MEMBER.c.forum_id == forum_id))
    return {row.id: row.cursor for row in rows}


def move_cursors(connection: Connection, forum_id: UUID, cursors: Mapping[UUID, int]) -> None:
    """Notes up to which publication number each of these members has been told."""
    here = (MEMBER.c.forum_id == forum_id) & (MEMBER.c.id == bindparam("of"))
    if cursors:
        rows = [{"of": id, "to": number} for id, number in cursors.items()]
        connection.execute(update(MEMBER).where(here).values(cursor=bindparam("to")), rows)


def member_of(connection: Connection, forum_id: UUID, member_id: UUID) -> Member | None:
    """The member of that id."""
    row = connection.execute(select(MEMBER).where(MEMBER.c.forum_id == forum_id, MEMBER.c.id == member_id)).first()
    return _member(row) if row is not None else None


def readers(connection: Connection, forum_id: UUID, member_ids: Iterable[UUID]) -> dict[UUID, bool]:
    """Which of these are members, each with whether they want digests."""
    found: dict[UUID, bool] = {}
    for ids in slices(member_ids):
        query = select(MEMBER.c.id, MEMBER.c.has_digest).where(MEMBER.c.forum_id == forum_id, MEMBER.c.id.in_(ids))
        found |= {row.id: row.has_digest for row in connection.execute(query)}
    return found


def member_with_key(connection: Connection, forum_id: UUID, address_key: str) -> Member | None:
    """The member with that address key."""
    row = connection.execute(select(MEMBER).where(MEMBER.c.forum_id == forum_id, MEMBER.c.address_key == address_key)).first()
    return _member(row) if row is not None else None


def forum_of(connection: Connection, forum_id: UUID) -> Forum:
    """The forum of that id."""
    return _forum(connection.execute(select(FORUM).where(FORUM.c.id == forum_id)).one())
