"""What is asked about a sender and a thread before a mail is judged; each a short look by an index (design 7, 10)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, func, select, update

from gateway.mail.forum import Member
from gateway.store.archive import POST
from gateway.store.bulk import Lookup
from gateway.store.roster import ADDRESS, FORUM, MEMBER

_RANKS = Lookup((MEMBER.c.id, MEMBER.c.role, MEMBER.c.standing), MEMBER.c.address_key)


def has_rank_of(connection: Connection, member: Member) -> bool:
    """Whether `member`, who was looked up a while ago by his first address, is still what he was: a tenth of looking him up."""
    is_now = [member.id, member.role, member.standing]
    return is_now in list(_RANKS.find(connection, member.forum_id, [member.address.key]))


def accepted_posts(connection: Connection, member: Member, limit: int) -> int:
    """How many posts of `member` were accepted since he joined, up to `limit`."""
    here = (POST.c.forum_id == member.forum_id) & POST.c.author_key.in_(sorted(member.keys)) & (POST.c.piece == 0)
    if member.joined_at is not None:
        # There is no index of authors. Ids begin with their time (RFC 9562 section 5.7), so that only what came since is read.
        here &= POST.c.id >= UUID(int=int(member.joined_at.timestamp() * 1000) << 80)
    counted = select(POST.c.id).where(here).limit(limit).subquery()
    return int(connection.execute(select(func.count()).select_from(counted)).scalar_one())


def thread_answered(connection: Connection, forum_id: UUID, ancestors: Iterable[str], base: str) -> UUID | None:
    """The thread of the nearest ancestor that has been received; without ancestors that of the latest post with that base
    subject. None: what answers nothing that we know.
    """
    near = list(ancestors)
    if near:
        here = (POST.c.forum_id == forum_id) & POST.c.msgid.in_(near) & POST.c.is_imposter.is_(False)
        threads = {row.msgid: row.thread_id for row in connection.execute(select(POST.c.msgid, POST.c.thread_id).where(here))}
        return next((threads[msgid] for msgid in near if msgid in threads), None)
    if not base:
        return None
    same = select(POST.c.thread_id).where(POST.c.forum_id == forum_id, POST.c.base == base)
    found: UUID | None = connection.execute(same.order_by(POST.c.date.desc()).limit(1)).scalar()
    return found


def is_any_in_thread(connection: Connection, forum_id: UUID, thread_id: UUID, msgids: Iterable[str]) -> bool:
    """Whether one of these posts is in that thread."""
    here = (POST.c.forum_id == forum_id) & (POST.c.thread_id == thread_id) & POST.c.msgid.in_(list(msgids))
    return connection.execute(select(POST.c.id).where(here).limit(1)).first() is not None


def last_of_thread(connection: Connection, forum_id: UUID, thread_id: UUID) -> datetime | None:
    """The date of the last post in a thread."""
    here = (POST.c.forum_id == forum_id) & (POST.c.thread_id == thread_id)
    found: datetime | None = connection.execute(select(func.max(POST.c.date)).where(here)).scalar()
    return found


def password_of(connection: Connection, address_key: str) -> str:
    """The hash of the application password that goes with an address, in whatever forum; "" when there is none.

    The same two looks for every address, known or not.
    """
    # Forum by forum, since that is how both tables are indexed.
    forums = select(FORUM.c.id)
    first = select(MEMBER.c.password).where(MEMBER.c.forum_id.in_(forums), MEMBER.c.address_key == address_key)
    further = select(MEMBER.c.password).join(
        ADDRESS, (ADDRESS.c.forum_id == MEMBER.c.forum_id) & (ADDRESS.c.member_id == MEMBER.c.id)
    )
    further = further.where(ADDRESS.c.forum_id.in_(forums), ADDRESS.c.address_key == address_key)
    found = [*connection.execute(first).scalars(), *connection.execute(further).scalars()]
    return next(filter(None, found), "")


def set_password(connection: Connection, address_key: str, hashed: str) -> int:
    """Gives whoever has that address this password, in all forums and for all his addresses; how many members that are."""
    further = select(ADDRESS.c.member_id).where(ADDRESS.c.address_key == address_key)
    has_it = (MEMBER.c.address_key == address_key) | MEMBER.c.id.in_(further)
    keys = list(connection.execute(select(MEMBER.c.address_key).where(has_it)).scalars())
    return connection.execute(update(MEMBER).where(MEMBER.c.address_key.in_(keys)).values(password=hashed)).rowcount
