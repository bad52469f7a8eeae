"""Forums and members: made by the command line, read by everybody."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, LargeBinary, Row, Select, Text, bindparam, cast, delete, func, insert, select, update

from gateway.mail.address import Address, parse_address
from gateway.mail.bounce import NO_BOUNCES, Bounces
from gateway.mail.forum import Forum, Member, Policy, Posting, Rhythm, Role, Standing, Who
from gateway.people.lookalike import FORMER, skeleton
from gateway.store.bulk import IN_MAX, slices, table_of
from gateway.store.engine import Store
from gateway.store.people_tables import AddressRow, BadgeRow
from gateway.store.tables import ForumRow, MemberRow

# The local part of the address that stands for a member who wished to be forgotten.
FORMER_PREFIX = "former-"
FORUM, MEMBER, ADDRESS, BADGE = table_of(ForumRow), table_of(MemberRow), table_of(AddressRow), table_of(BadgeRow)


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
        values |= {"mirrors": list(forum.mirrors), "owners": _texts(forum.owners), "policy": asdict(forum.policy)}
        connection.execute(insert(FORUM).values(**values, flooded_at=forum.flooded_at, published=0))


def change_forum(store: Store, forum: Forum) -> None:
    """Writes owners and policy of `forum`."""
    values = {"owners": _texts(forum.owners), "policy": asdict(forum.policy), "title": forum.title}
    with store.write() as connection:
        connection.execute(update(FORUM).where(FORUM.c.id == forum.id).values(**values))


def _texts(addresses: Iterable[Address]) -> list[str]:
    return [str(address) for address in addresses]


def list_forums(store: Store) -> list[Forum]:
    """All forums, by name."""
    with store.read() as connection:
        return forums(connection)


def forums(connection: Connection) -> list[Forum]:
    """The same in the caller's transaction."""
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
        owners=tuple(filter(None, map(parse_address, row.owners))),
        policy=_policy(row.policy),
        flooded_at=row.flooded_at,
    )


def _policy(stored: Mapping[str, Any]) -> Policy:
    whos = {name: Who(stored[name]) for name in ("start", "comment", "vote", "read")}
    return Policy(**{**stored, **whos, "posting": Posting(stored["posting"])})


def add_members(store: Store, members: Iterable[Member]) -> tuple[int, list[str]]:
    """Adds members, each told only of what is published from now on; the number added, and the addresses already there."""
    added, known = 0, []
    with store.write() as connection:
        for member in members:
            here = (MEMBER.c.forum_id == member.forum_id) & (MEMBER.c.address_key == member.address.key)
            if connection.execute(select(MEMBER.c.id).where(here)).first() is not None:
                known.append(str(member.address))
                continue
            put_member(connection, member)
            added += 1
    return added, known


def put_member(connection: Connection, member: Member) -> None:
    """Adds a member, of whom the caller knows that he is none, told only of what is published from now on."""
    published = select(FORUM.c.published).where(FORUM.c.id == member.forum_id)
    cursor = connection.execute(published.with_for_update()).scalar_one()
    connection.execute(insert(MEMBER).values(**_member_values(member), cursor=cursor))


def has_handle(connection: Connection, forum_id: UUID, handle: str) -> bool:
    """Whether a member has exactly that handle, whatever the case of its letters."""
    query = select(MEMBER.c.id).where(MEMBER.c.forum_id == forum_id, func.lower(MEMBER.c.handle) == handle.lower())
    return connection.execute(query.limit(1)).first() is not None


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
        "role": member.role,
        "standing": member.standing,
        "joined_at": member.joined_at,
        "receipts": member.receipts,
        "cases": member.cases,
        "skeleton": skeleton(member.handle),
    }


def find_member(store: Store, forum_id: UUID, address: Address) -> Member | None:
    """The member with that address."""
    with store.read() as connection:
        return member_with_key(connection, forum_id, address.key)


def change_member(store: Store, member: Member) -> None:
    """Writes what a member may choose; what has been told stays told. Bounces are only ever forgotten here, not counted.

    Whose digests were off and come again is told of what is published from now on, like somebody new.
    """
    with store.write() as connection:
        write_member(connection, member)


def write_member(connection: Connection, member: Member) -> None:
    """The same in the caller's transaction."""
    here = (MEMBER.c.forum_id == member.forum_id) & (MEMBER.c.id == member.id)
    published = select(FORUM.c.published).where(FORUM.c.id == member.forum_id)
    cursor = connection.execute(published.with_for_update()).scalar_one()
    if member.has_digest:
        connection.execute(update(MEMBER).where(here, MEMBER.c.has_digest.is_(False)).values(cursor=cursor))
    connection.execute(update(MEMBER).where(here).values(**_member_values(member)))
    if member.bounces == NO_BOUNCES:
        keep_bounces(connection, member.forum_id, member.id, member.bounces)


def is_handle_taken(connection: Connection, handle: str, keys: Iterable[str]) -> bool:
    """Whether somebody else, anywhere on the site, has a handle that looks like that one; `keys` are one's own addresses."""
    query = select(MEMBER.c.id).where(MEMBER.c.skeleton == skeleton(handle), MEMBER.c.address_key.not_in(list(keys)))
    return connection.execute(query.limit(1)).first() is not None


def forget_member(connection: Connection, member: Member) -> Member:
    """Takes out of a member's row who he was, so that no letter can reach him and no mail is his; what is left of him."""
    nobody = Address(f"{FORMER_PREFIX}{member.id.hex}", "invalid")
    gone = replace(member, address=nobody, handle=FORMER, badge="", has_digest=False, role=Role.MEMBER, others=())
    here = (ADDRESS.c.forum_id == member.forum_id) & (ADDRESS.c.member_id == member.id)
    connection.execute(delete(ADDRESS).where(here))
    write_member(connection, gone)
    row = (MEMBER.c.forum_id == member.forum_id) & (MEMBER.c.id == member.id)
    connection.execute(update(MEMBER).where(row).values(password="", skeleton=""))
    return gone


def keep_bounces(connection: Connection, forum_id: UUID, member_id: UUID, bounces: Bounces) -> None:
    """Writes what is remembered of a member's bounces."""
    values = {
        "bounce_score": bounces.score,
        "bounced_at": bounces.bounced_at,
        "probe_id": bounces.probe_id,
        "probed_at": bounces.probed_at,
        "bounce_paused_at": bounces.paused_at,
    }
    connection.execute(update(MEMBER).where(MEMBER.c.forum_id == forum_id, MEMBER.c.id == member_id).values(**values))


def list_members(store: Store, forum_id: UUID) -> list[Member]:
    """The members of a forum, by handle."""
    with store.read() as connection:
        return members_in(connection, forum_id)


def members_in(connection: Connection, forum_id: UUID) -> list[Member]:
    """The same in the caller's transaction."""
    rows = connection.execute(select(MEMBER).where(MEMBER.c.forum_id == forum_id).order_by(MEMBER.c.handle, MEMBER.c.id))
    return _members(connection, forum_id, rows)


def _members(connection: Connection, forum_id: UUID, rows: Iterable[Row[Any]]) -> list[Member]:
    """Members with all their addresses."""
    found = list(rows)
    others: dict[UUID, list[Address]] = {}
    query = select(ADDRESS.c.member_id, ADDRESS.c.address).where(ADDRESS.c.forum_id == forum_id).order_by(ADDRESS.c.address_key)
    # Of many members all further addresses: few have any.
    ids = [row.id for row in found]
    for member_id, text in connection.execute(query.where(ADDRESS.c.member_id.in_(ids)) if len(ids) < IN_MAX else query):
        address = parse_address(text)
        if address is not None:
            others.setdefault(member_id, []).append(address)
    earned = select(BADGE.c.member_id, BADGE.c.name).where(BADGE.c.forum_id == forum_id)
    rows = connection.execute(earned.where(BADGE.c.member_id.in_(ids)) if len(ids) < IN_MAX else earned)
    badges = {row.member_id: row.name for row in rows}
    return [_member(row, others.get(row.id, ()), badges.get(row.id, "")) for row in found]


def _one_member(connection: Connection, forum_id: UUID, row: Row[Any] | None) -> Member | None:
    return _members(connection, forum_id, [row])[0] if row is not None else None


def _member(row: Row[Any], others: Iterable[Address], earned: str) -> Member:
    address = parse_address(row.address) or Address("unknown", "invalid")
    return Member(
        id=row.id,
        forum_id=row.forum_id,
        address=address,
        handle=row.handle,
        badge=row.badge,
        earned=earned,
        zone=ZoneInfo(row.zone),
        hour=row.hour,
        form=row.form,
        has_digest=row.has_digest,
        rhythm=Rhythm(row.rhythm),
        minute=row.minute,
        weekday=row.weekday,
        paused_until=row.paused_until,
        language=row.language,
        bounces=_bounces(row),
        role=Role(row.role),
        standing=Standing(row.standing),
        joined_at=row.joined_at,
        receipts=row.receipts,
        cases=row.cases,
        others=tuple(others),
    )


def _bounces(row: Row[Any]) -> Bounces:
    if row.bounced_at is None and row.bounce_paused_at is None:
        return NO_BOUNCES
    return Bounces(
        score=row.bounce_score,
        bounced_at=row.bounced_at,
        probe_id=row.probe_id,
        probed_at=row.probed_at,
        paused_at=row.bounce_paused_at,
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
    return _one_member(connection, forum_id, row)


def lock_member(connection: Connection, forum_id: UUID, member_id: UUID) -> Member | None:
    """The member of that id, whom nobody else changes until the transaction ends."""
    here = (MEMBER.c.forum_id == forum_id) & (MEMBER.c.id == member_id)
    row = connection.execute(select(MEMBER).where(here).with_for_update()).first()
    return _one_member(connection, forum_id, row)


def members_ending(connection: Connection, forum_id: UUID, end: bytes) -> list[UUID]:
    """The members whose ids end so, as tokens name them; in a large forum these can be two."""
    if connection.dialect.name == "sqlite":
        is_it = func.substr(MEMBER.c.id, 17 - len(end), type_=LargeBinary()) == end
    else:
        is_it = func.right(cast(MEMBER.c.id, Text), 2 * len(end)) == end.hex()
    return list(connection.execute(select(MEMBER.c.id).where(MEMBER.c.forum_id == forum_id, is_it)).scalars())


def members_among(connection: Connection, forum_id: UUID, member_ids: Iterable[UUID]) -> dict[UUID, Member]:
    """The members with these ids, as they are now, by id."""
    found: dict[UUID, Member] = {}
    for ids in slices(member_ids):
        rows = connection.execute(select(MEMBER).where(MEMBER.c.forum_id == forum_id, MEMBER.c.id.in_(ids)))
        found |= {member.id: member for member in _members(connection, forum_id, rows)}
    return found


def member_ending(connection: Connection, forum_id: UUID, ending: bytes) -> Member | None:
    """The member whose id ends with these bytes, as tokens name him; None when nobody's does, or that of two."""
    found = members_ending(connection, forum_id, ending)
    return member_of(connection, forum_id, found[0]) if len(found) == 1 else None


def stop_digests(connection: Connection, forum_id: UUID, member_id: UUID) -> bool:
    """No digest and no post goes to that member any more; False when none did."""
    here = (MEMBER.c.forum_id == forum_id) & (MEMBER.c.id == member_id) & MEMBER.c.has_digest.is_(True)
    return connection.execute(update(MEMBER).where(here).values(has_digest=False)).rowcount == 1


def readers(connection: Connection, forum_id: UUID, member_ids: Iterable[UUID]) -> dict[UUID, bool]:
    """Which of these are members, each with whether they want digests."""
    found: dict[UUID, bool] = {}
    for ids in slices(member_ids):
        query = select(MEMBER.c.id, MEMBER.c.has_digest).where(MEMBER.c.forum_id == forum_id, MEMBER.c.id.in_(ids))
        found |= {row.id: row.has_digest for row in connection.execute(query)}
    return found


def member_with_key(connection: Connection, forum_id: UUID, address_key: str) -> Member | None:
    """The member with that address key, be it of a further address."""
    row = connection.execute(select(MEMBER).where(MEMBER.c.forum_id == forum_id, MEMBER.c.address_key == address_key)).first()
    if row is None:
        further = select(ADDRESS.c.member_id).where(ADDRESS.c.forum_id == forum_id, ADDRESS.c.address_key == address_key)
        row = connection.execute(select(MEMBER).where(MEMBER.c.forum_id == forum_id, MEMBER.c.id.in_(further))).first()
    return _one_member(connection, forum_id, row)


def members_with_keys(
    connection: Connection, forum_id: UUID, keys: Select[tuple[str]], standings: Collection[Standing]
) -> list[Member]:
    """The members in one of those standings with one of those address keys, be it of a further address."""
    further = select(ADDRESS.c.member_id).where(ADDRESS.c.forum_id == forum_id, ADDRESS.c.address_key.in_(keys))
    is_one = MEMBER.c.address_key.in_(keys) | MEMBER.c.id.in_(further)
    query = select(MEMBER).where(MEMBER.c.forum_id == forum_id, MEMBER.c.standing.in_(standings), is_one)
    return _members(connection, forum_id, connection.execute(query.order_by(MEMBER.c.id)))


def moderators(connection: Connection, forum_id: UUID) -> list[Member]:
    """Who decides on what is held and reported, by id: moderators and owners who are not banned."""
    here = (
        (MEMBER.c.forum_id == forum_id) & MEMBER.c.role.in_((Role.MODERATOR, Role.OWNER)) & (MEMBER.c.standing != Standing.BANNED)
    )
    return _members(connection, forum_id, connection.execute(select(MEMBER).where(here).order_by(MEMBER.c.id)))


def set_standing(connection: Connection, forum_id: UUID, member_id: UUID, standing: Standing) -> None:
    """How far a member is trusted from now on."""
    here = (MEMBER.c.forum_id == forum_id) & (MEMBER.c.id == member_id)
    connection.execute(update(MEMBER).where(here).values(standing=standing))


def add_address(connection: Connection, member: Member, address: Address, at: datetime) -> None:
    """Notes a further verified address of `member`; the caller has seen to it that nobody has it."""
    values = {"forum_id": member.forum_id, "member_id": member.id, "address": str(address), "address_key": address.key, "at": at}
    connection.execute(insert(ADDRESS).values(**values))


def forum_of(connection: Connection, forum_id: UUID) -> Forum:
    """The forum of that id."""
    return _forum(connection.execute(select(FORUM).where(FORUM.c.id == forum_id)).one())
