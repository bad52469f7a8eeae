"""How far members are trusted (design 7): newcomers by posts that were accepted, and back to probation by a removal.

In: the authors of posts. Out: standings, changed in the caller's transaction, each with a line in the journal.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final
from uuid import UUID

from gateway.journal import Verb
from gateway.mail.forum import Forum, Member, Role, Standing
from gateway.store import ledger, posts_by, roster
from gateway.store.engine import Store, Transaction

# Posts that end a probation where newcomers are not held.
PROBATION_POSTS: Final = 5
_DECIDES: Final = (Role.MODERATOR, Role.OWNER)


def trust_newcomers(store: Store, forum: Forum, published: int, now: datetime, new_id: Callable[[], UUID]) -> int:
    """Trusts the authors of the last `published` posts who have earned it; how many."""
    if not published:
        return 0
    with store.read() as db:
        candidates = posts_by.last_authors(db, forum.id, published, (Standing.NEW, Standing.PROBATION))
    if not candidates:
        return 0
    with store.write() as db:
        return sum(promote(db, forum, member, now, new_id) for member in candidates)


def promote(db: Transaction, forum: Forum, member: Member, now: datetime, new_id: Callable[[], UUID]) -> bool:
    """Trusts a member whose accepted posts are enough; on probation those count that came after the last removal.

    Whom somebody put on probation without a removal nobody but a person trusts again.
    """
    if member.standing is Standing.NEW:
        is_enough = posts_by.count_standing(db, forum.id, member.keys) >= forum.policy.newcomer_posts
    elif member.standing is Standing.PROBATION:
        since = posts_by.last_removal(db, forum.id, member.keys)
        wanted = forum.policy.newcomer_posts or PROBATION_POSTS
        is_enough = since is not None and posts_by.count_standing(db, forum.id, member.keys, since) >= wanted
    else:
        return False
    if is_enough:
        change(db, forum, member, Standing.TRUSTED, now, new_id)
    return is_enough


def put_on_probation(db: Transaction, forum: Forum, member: Member, now: datetime, new_id: Callable[[], UUID]) -> None:
    """After a removal; who decides here himself, or is banned, stays what he is."""
    if member.role not in _DECIDES and member.standing is not Standing.BANNED:
        change(db, forum, member, Standing.PROBATION, now, new_id)


def ban(db: Transaction, forum: Forum, member: Member, now: datetime, new_id: Callable[[], UUID]) -> bool:
    """False for who decides here himself."""
    if member.role in _DECIDES:
        return False
    change(db, forum, member, Standing.BANNED, now, new_id)
    return True


def change(db: Transaction, forum: Forum, member: Member, standing: Standing, now: datetime, new_id: Callable[[], UUID]) -> None:
    """Notes a new standing."""
    if member.standing is not standing:
        roster.set_standing(db, forum.id, member.id, standing)
        detail = f"standing {standing}"
        ledger.note(db, forum.id, id=new_id(), at=now, verb=Verb.CHANGED, subject=member.id, detail=detail)
