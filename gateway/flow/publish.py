"""From accepted posts to letters in the outbox (design 8): number what is ready, see who is due, render once, write all.

The ledger row, the letters and the member's cursor are written in one transaction under the forum's lock, so that a crash at
any point leaves either nothing or an issue that `flow.deliver` sends. Many members are told in several transactions, so that
mail that comes in meanwhile does not wait long.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

from gateway.digest.due import Period, is_reading, last_period
from gateway.digest.issue import Issue
from gateway.digest.parts import Caps
from gateway.flow.browse import by_key, tell_new
from gateway.flow.following import copies_for_followers, form_without, muted_threads
from gateway.flow.rendering import render_parts
from gateway.journal import Verb, log
from gateway.mail.forum import Forum, Member, Rhythm
from gateway.render.digest import Rendering
from gateway.store import ledger, outbox, roster, shelf
from gateway.store.changes import changed_between
from gateway.store.engine import Store, Transaction

# So many members are told in one transaction.
BATCH = 250
# Who gets each post at once gets so many; when more wait, or older ones, after a pause, they come as one digest.
COPIES_MAX = 50
COPIES_SINCE = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Due:
    """A member and what is due: publication numbers above `from_number` up to `to_number`; without a period as copies."""

    member: Member
    period: Period | None
    from_number: int
    to_number: int


def publish(store: Store, forum: Forum, now: datetime, new_id: Callable[[], UUID]) -> int:
    """Numbers every accepted post that waits; returns how many."""
    with store.write() as db:
        count = ledger.publish(db, forum.id, now)
        if count:
            last = ledger.lock_forum(db, forum.id)
            outbox.put(db, copies_for_followers(db, forum, last - count, last, now, new_id))
            ledger.note(db, forum.id, id=new_id(), at=now, verb=Verb.PUBLISHED, subject=None, detail=str(count))
    if count:
        log.info(Verb.PUBLISHED, forum=forum.name, posts=count)
    return count


def send_due(
    store: Store,
    forum: Forum,
    now: datetime,
    new_id: Callable[[], UUID],
    caps: Caps | None = None,
    *,
    override: Path | None = None,
    web: str = "",
    at_once: bool = False,
) -> int:
    """Puts what is due into the outbox; returns how many letters. `at_once` does not wait for the hour.

    `override` is an operator's folder of templates; `web` is where our pages are.
    """
    members = roster.list_members(store, forum.id)
    with store.read() as db:
        due = find_due(db, forum, members, now, at_once=at_once)
    letters = 0
    for start in range(0, len(due), BATCH):
        with store.write() as db:
            ledger.lock_forum(db, forum.id)
            # Asked again under the lock: another worker may have been here since, or a member have left.
            candidates = _still_members(db, forum, due[start : start + BATCH])
            found = find_due(db, forum, candidates, now, at_once=at_once)
            letters += _Queue(db, forum, members, now, new_id, caps or Caps(), override, web).tell(found)
    if letters:
        log.info(Verb.QUEUED, forum=forum.name, letters=letters)
    return letters


def _still_members(db: Transaction, forum: Forum, due: Sequence[Due]) -> list[Member]:
    members = roster.members_among(db, forum.id, [one.member.id for one in due])
    return [members[one.member.id] for one in due if one.member.id in members]


def find_due(db: Transaction, forum: Forum, members: Sequence[Member], now: datetime, *, at_once: bool) -> list[Due]:
    """Who is to be told something now. Nothing new: no mail."""
    cursors = roster.cursors(db, forum.id)
    published: dict[datetime, int] = {}
    found = []
    for member in members:
        if member.id not in cursors or not is_reading(now, member):
            continue
        cursor = cursors[member.id]
        is_immediate = member.rhythm is Rhythm.IMMEDIATE and not at_once
        period = now_period(now) if at_once or is_immediate else last_period(now, member)
        if period is None:
            continue
        if period.until not in published:
            published[period.until] = ledger.last_published(db, forum.id, period.until)
        to_number = published[period.until]
        if to_number <= cursor:
            continue
        if is_immediate:
            period = _catch_up(db, forum, cursor, to_number, now)
        found.append(Due(member, period, cursor, to_number))
    told = ledger.told_members(db, forum.id, {one.period.id for one in found if one.period})
    return [one for one in found if one.period is None or (one.member.id, one.period.id) not in told]


def now_period(now: datetime) -> Period:
    """The period of an issue that somebody asked for by hand."""
    return Period(f"now-{now:%Y-%m-%dT%H:%M:%S}", now - timedelta(days=1), now)


def _catch_up(db: Transaction, forum: Forum, cursor: int, to_number: int, now: datetime) -> Period | None:
    """The period of one digest instead of many copies; None when copies it is."""
    first = ledger.published_at(db, forum.id, cursor)
    if to_number - cursor <= COPIES_MAX and (first is None or first > now - COPIES_SINCE):
        return None
    return Period(f"catch-up-{to_number}", first or now - timedelta(days=1), now)


def build_issue(
    db: Transaction, forum: Forum, members: Sequence[Member], due: Due, period: Period, muted: Collection[UUID] = ()
) -> Issue:
    """What that issue tells, without the threads that are `muted`."""
    found = shelf.published_between(db, forum.id, due.from_number, due.to_number)
    told_at = ledger.last_published_at(db, forum.id, due.from_number)
    changed = changed_between(db, forum.id, told_at, period.until, due.from_number) if told_at else {}
    if muted:
        found, changed = ({thread: ids for thread, ids in one.items() if thread not in muted} for one in (found, changed))
    parts = tell_new(db, forum, by_key(members), found, changed)
    # A thread of which nothing is left that anybody has seen is nothing to tell, while there is something else.
    parts = [part for part in parts if part.new or part.changed] or parts
    parts.sort(key=lambda part: min((e.at for e in part.entries if e.at and e.is_new), default=period.since))
    return Issue(
        forum=forum,
        number=ledger.issue_number(db, forum.id, due.to_number),
        since=period.since,
        until=period.until,
        threads=tuple(parts),
    )


def preview(
    store: Store,
    forum: Forum,
    member: Member,
    now: datetime,
    caps: Caps | None = None,
    override: Path | None = None,
    web: str = "",
) -> list[Rendering]:
    """What would be sent to `member` now, a rendering for each part; none when there is nothing new."""
    members = roster.list_members(store, forum.id)
    with store.read() as db:
        due = find_due(db, forum, [member], now, at_once=True)
        if not due:
            return []
        muted = muted_threads(db, forum.id, [member.id]).get(member.id, frozenset())
        issue = build_issue(db, forum, members, due[0], now_period(now), muted)
    if not issue.threads:
        return []
    return [rendering for _, rendering in render_parts(issue, member, caps or Caps(), override, web=web)]


class _Queue:
    """Writes, in one transaction, all that tells some members what is due to them."""

    def __init__(
        self,
        db: Transaction,
        forum: Forum,
        members: Sequence[Member],
        now: datetime,
        new_id: Callable[[], UUID],
        caps: Caps,
        override: Path | None,
        web: str,
    ) -> None:
        self._db = db
        self._forum = forum
        self._members = members
        self._now = now
        self._new_id = new_id
        self._caps = caps
        self._override = override
        self._web = web
        self._known: dict[tuple[object, ...], tuple[UUID, int]] = {}
        self._muted: dict[UUID, frozenset[UUID]] = {}

    def tell(self, found: Iterable[Due]) -> int:
        """Ledger rows, letters, cursors and journal; returns how many letters."""
        issues: list[ledger.Ledger] = []
        letters: list[outbox.Letter] = []
        cursors: dict[UUID, int] = {}
        ids = [one.member.id for one in found]
        previous = ledger.last_issues(self._db, self._forum.id, ids)
        self._muted = muted_threads(self._db, self._forum.id, ids)
        for one in found:
            cursors[one.member.id] = one.to_number
            if self._is_all_muted(one):
                continue
            if one.period is None:
                letters += self._copies(one)
            else:
                issue, parts = self._issue(one, one.period, previous.get(one.member.id))
                issues.append(issue)
                letters += [self._letter(one.member, outbox.Kind.DIGEST, issue.id, part) for part in range(1, parts + 1)]
        ledger.keep_issues(self._db, issues)
        outbox.put(self._db, letters)
        roster.move_cursors(self._db, self._forum.id, cursors)
        for issue in issues:
            self._note(issue.id, issue.period_id)
        for letter in letters:
            if letter.kind is outbox.Kind.COPY:
                self._note(letter.id, letter.kind)
        return len(letters)

    def _is_all_muted(self, due: Due) -> bool:
        """Whether nothing new is left of what is due to a member: then there is no mail."""
        muted = self._muted.get(due.member.id)
        return bool(muted) and not self._published(due).keys() - (muted or ())

    def _published(self, due: Due) -> dict[UUID, set[UUID]]:
        return shelf.published_between(self._db, self._forum.id, due.from_number, due.to_number)

    def _issue(self, due: Due, period: Period, previous: str | None) -> tuple[ledger.Ledger, int]:
        rendering_id, parts = self._rendering(due, period)
        row = ledger.Ledger(
            id=self._new_id(),
            forum_id=self._forum.id,
            member_id=due.member.id,
            period_id=period.id,
            from_number=due.from_number,
            to_number=due.to_number,
            since=period.since,
            until=period.until,
            rendering_id=rendering_id,
            msgid=issue_msgid(self._forum, due.member, period.id),
            previous=previous,
        )
        return row, parts

    def _copies(self, due: Due) -> list[outbox.Letter]:
        posts = ledger.posts_between(self._db, self._forum.id, due.from_number, due.to_number)
        if muted := self._muted.get(due.member.id):
            silent = {id for thread, ids in self._published(due).items() if thread in muted for id in ids}
            posts = [post for post in posts if post not in silent]
        return [self._letter(due.member, outbox.Kind.COPY, post) for post in posts]

    def _letter(self, member: Member, kind: outbox.Kind, subject_id: UUID, part: int = 1) -> outbox.Letter:
        return outbox.Letter(
            id=self._new_id(),
            forum_id=self._forum.id,
            kind=kind,
            subject_id=subject_id,
            part=part,
            member_id=member.id,
            recipient=str(member.address),
            at=self._now,
        )

    def _note(self, subject: UUID, detail: str) -> None:
        ledger.note(self._db, self._forum.id, id=self._new_id(), at=self._now, verb=Verb.QUEUED, subject=subject, detail=detail)

    def _rendering(self, due: Due, period: Period) -> tuple[UUID, int]:
        """The rendering that all share who have this range, form, zone, language and muted threads; made by the first of them."""
        member = due.member
        key = {
            "from_number": due.from_number,
            "to_number": due.to_number,
            "until": period.until,
            "form": form_without(member.form, self._muted.get(member.id, ())),
            "zone": member.zone.key,
            "language": member.language,
        }
        name = tuple(key.values())
        if name not in self._known:
            self._known[name] = ledger.find_rendering(self._db, self._forum.id, **key) or self._render(due, period, key)
        return self._known[name]

    def _render(self, due: Due, period: Period, key: dict[str, object]) -> tuple[UUID, int]:
        muted = self._muted.get(due.member.id, frozenset())
        issue = build_issue(self._db, self._forum, self._members, due, period, muted)
        parts = render_parts(issue, due.member, self._caps, self._override, web=self._web)
        id = self._new_id()
        for number, (part, rendering) in enumerate(parts, 1):
            outline = [{entry.number: entry.marker for entry in thread.entries if entry.marker} for thread in part.threads]
            new = [entry.marker for thread in part.threads for entry in thread.entries if entry.is_new and entry.marker]
            rendered = ledger.Rendered(
                id=id,
                part=number,
                **key,  # type: ignore[arg-type]
                subject=rendering.subject,
                text=rendering.text,
                html=rendering.html,
                outline=json.dumps(outline),
                posts=json.dumps(new),
            )
            ledger.keep_rendering(self._db, self._forum.id, rendered)
        return id, len(parts)


def issue_msgid(forum: Forum, member: Member, period_id: str) -> str:
    """The Message-ID of an issue: the same whenever it is made for the same ledger key."""
    digest = hashlib.sha256("\0".join((forum.id.hex, member.id.hex, period_id)).encode()).hexdigest()
    return f"digest.{period_id.replace(':', '')}.{digest[:24]}@{forum.domain}"
