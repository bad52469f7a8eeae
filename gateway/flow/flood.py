"""The flood brake (reliability I8): when far more posts come in an hour than usual, all new ones are held for a moderator.

In: what came by itself in the last hour, and in the four weeks before. Out: since when the forum is flooded, and a case that
tells the moderators, once. A moderator's answer, an operator or a day's time ends it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from gateway.journal import Verb, log
from gateway.mail.forum import Forum
from gateway.store import cases, ledger, roster
from gateway.store.cases import Case, Kind
from gateway.store.engine import Store

HOUR: Final = timedelta(hours=1)
USUAL_DAYS: Final = 28
# Of a forum that is quiet: a lively evening is no flood.
USUAL_LEAST: Final = 6
LASTS: Final = timedelta(hours=24)


def is_flood(in_hour: int, before: int, factor: int) -> bool:
    """Whether `in_hour` posts are too many where `before` came in the four weeks before; never with factor 0."""
    usual = max(before / (USUAL_DAYS * 24), USUAL_LEAST)
    return bool(factor) and in_hour > factor * usual


def brake(store: Store, forum: Forum, now: datetime, new_id: Callable[[], UUID]) -> None:
    """Holds what comes from now on, or lets it through again after a day."""
    if forum.flooded_at is not None:
        if now - forum.flooded_at >= LASTS:
            end_flood(store, forum, now, new_id, "time")
        return
    if not forum.policy.flood_factor:
        return
    with store.read() as db:
        last = [case.closed_at for case in cases.closed_cases_of(db, forum.id, now - HOUR) if case.kind is Kind.FLOOD]
        since = max([now - HOUR, *(at for at in last if at is not None)])
        in_hour = cases.count_posts(db, forum.id, since, now)
        # In a month nothing is counted that cannot be a flood anyway.
        if in_hour <= forum.policy.flood_factor * USUAL_LEAST:
            return
        before = cases.count_posts(db, forum.id, now - HOUR - timedelta(days=USUAL_DAYS), now - HOUR)
    if not is_flood(in_hour, before, forum.policy.flood_factor):
        return
    with store.write() as db:
        ledger.lock_forum(db, forum.id)
        if roster.forum_of(db, forum.id).flooded_at is not None:
            return
        cases.set_flooded(db, forum.id, now)
        case = Case(
            id=new_id(),
            forum_id=forum.id,
            kind=Kind.FLOOD,
            mail_id=None,
            marker="",
            opened_at=now,
            reason=f"{in_hour} in an hour",
        )
        cases.open_case(db, case)
        ledger.note(db, forum.id, id=new_id(), at=now, verb=Verb.CHANGED, subject=None, detail="flood: posts are held")
    log.warning("flood: posts are held", forum=forum.name, posts=in_hour)


def end_flood(store: Store, forum: Forum, now: datetime, new_id: Callable[[], UUID], by: str) -> None:
    """Lets posts through again, and closes the case of the flood."""
    with store.write() as db:
        ledger.lock_forum(db, forum.id)
        cases.set_flooded(db, forum.id, None)
        for case in cases.open_cases_of(db, forum.id, Kind.FLOOD):
            cases.close_case(db, case, "opened", by, now)
        ledger.note(db, forum.id, id=new_id(), at=now, verb=Verb.CHANGED, subject=None, detail=f"flood: over, by {by}")
    log.info("flood over", forum=forum.name, by=by)
