"""From accepted posts to letters in the outbox (design 8): number what is ready, see who is due, render once, write all.

The ledger row, the letter and the member's cursor are written in one transaction under the forum's lock, so that a crash at
any point leaves either nothing or an issue that `flow.deliver` sends.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from gateway.digest.due import Period, is_reading, last_period
from gateway.digest.issue import Issue
from gateway.flow.browse import by_key, tell_new
from gateway.journal import Verb, log
from gateway.mail.forum import Forum, Member
from gateway.render.digest import Rendering, render_issue
from gateway.store import ledger, roster, shelf
from gateway.store.engine import Store, Transaction

LANGUAGE = "en"


@dataclass(frozen=True, slots=True)
class Due:
    """A member and the issue that is due: publication numbers above `from_number` up to `to_number`."""

    member: Member
    period: Period
    from_number: int
    to_number: int


def publish(store: Store, forum: Forum, now: datetime, new_id: Callable[[], UUID]) -> int:
    """Numbers every accepted post that waits; returns how many."""
    with store.write() as db:
        count = ledger.publish(db, forum.id, now)
        if count:
            ledger.note(db, forum.id, id=new_id(), at=now, verb=Verb.PUBLISHED, subject=None, detail=str(count))
    if count:
        log.info(Verb.PUBLISHED, forum=forum.name, posts=count)
    return count


def send_due(store: Store, forum: Forum, now: datetime, new_id: Callable[[], UUID], *, at_once: bool = False) -> int:
    """Puts the issues that are due into the outbox; returns how many letters. `at_once` does not wait for the hour."""
    members = roster.list_members(store, forum.id)
    with store.read() as db:
        due = find_due(db, forum, members, now, at_once=at_once)
    if not due:
        return 0
    letters = 0
    with store.write() as db:
        ledger.lock_forum(db, forum.id)
        # Asked again under the lock: another worker may have been here since.
        for one in find_due(db, forum, members, now, at_once=at_once):
            _queue(db, forum, members, one, now, new_id)
            letters += 1
    if letters:
        log.info(Verb.QUEUED, forum=forum.name, letters=letters)
    return letters


def find_due(db: Transaction, forum: Forum, members: Sequence[Member], now: datetime, *, at_once: bool) -> list[Due]:
    """Who is to be told something now. Nothing new: no mail."""
    cursors = roster.cursors(db, forum.id)
    found = []
    for member in members:
        if member.id not in cursors or not is_reading(now, member):
            continue
        period = now_period(now) if at_once else last_period(now, member)
        if period is None:
            continue
        to_number = ledger.last_published(db, forum.id, period.until)
        if to_number > cursors[member.id] and not ledger.has_issue(db, member, period.id):
            found.append(Due(member, period, cursors[member.id], to_number))
    return found


def now_period(now: datetime) -> Period:
    """The period of an issue that somebody asked for by hand."""
    return Period(f"now-{now:%Y-%m-%dT%H:%M:%S}", now - timedelta(days=1), now)


def build_issue(db: Transaction, forum: Forum, members: Sequence[Member], due: Due) -> Issue:
    """What that issue tells."""
    found = shelf.published_between(db, forum.id, due.from_number, due.to_number)
    people = by_key(members)
    parts = tell_new(db, forum, people, found)
    parts.sort(key=lambda part: min((e.at for e in part.entries if e.at and e.is_new), default=due.period.since))
    return Issue(
        forum=forum,
        number=ledger.issue_number(db, forum.id, due.to_number),
        since=due.period.since,
        until=due.period.until,
        threads=tuple(parts),
    )


def preview(store: Store, forum: Forum, member: Member, now: datetime) -> Rendering | None:
    """What would be sent to `member` now; None when there is nothing new."""
    members = roster.list_members(store, forum.id)
    with store.read() as db:
        due = find_due(db, forum, [member], now, at_once=True)
        return render_issue(build_issue(db, forum, members, due[0]), zone=member.zone, language=LANGUAGE) if due else None


def _queue(db: Transaction, forum: Forum, members: Sequence[Member], due: Due, now: datetime, new_id: Callable[[], UUID]) -> None:
    member, period = due.member, due.period
    row = ledger.Ledger(
        id=new_id(),
        forum_id=forum.id,
        member_id=member.id,
        period_id=period.id,
        from_number=due.from_number,
        to_number=due.to_number,
        since=period.since,
        until=period.until,
        rendering_id=_rendering(db, forum, members, due, new_id),
        msgid=issue_msgid(forum, member, period.id),
        previous=ledger.last_issue(db, member),
    )
    ledger.keep_issue(db, row, str(member.address), new_id(), now)
    roster.move_cursor(db, member, due.to_number)
    ledger.note(db, forum.id, id=new_id(), at=now, verb=Verb.QUEUED, subject=row.id, detail=period.id)


def _rendering(db: Transaction, forum: Forum, members: Sequence[Member], due: Due, new_id: Callable[[], UUID]) -> UUID:
    """The rendering that all share who have this range, zone and language; made by the first who needs it."""
    key = {
        "from_number": due.from_number,
        "to_number": due.to_number,
        "until": due.period.until,
        "zone": due.member.zone.key,
        "language": LANGUAGE,
    }
    known = ledger.find_rendering(db, forum.id, **key)  # type: ignore[arg-type]
    if known is not None:
        return known
    issue = build_issue(db, forum, members, due)
    rendering = render_issue(issue, zone=due.member.zone, language=LANGUAGE)
    outline = [{entry.number: entry.marker for entry in part.entries if entry.marker} for part in issue.threads]
    rendered = ledger.Rendered(
        id=new_id(),
        **key,  # type: ignore[arg-type]
        subject=rendering.subject,
        text=rendering.text,
        html=rendering.html,
        outline=json.dumps(outline),
    )
    ledger.keep_rendering(db, forum.id, rendered)
    return rendered.id


def issue_msgid(forum: Forum, member: Member, period_id: str) -> str:
    """The Message-ID of an issue: the same whenever it is made for the same ledger key."""
    digest = hashlib.sha256("\0".join((forum.id.hex, member.id.hex, period_id)).encode()).hexdigest()
    return f"digest.{period_id.replace(':', '')}.{digest[:24]}@{forum.domain}"
