"""Cases and the letters that tell moderators of them (design 10): one letter a case, or one a day, as each moderator likes.

In: what is held, reported or flooded. Out: a case for each, once, and a docket with numbered cases for each moderator; a forum
without moderators has its owners' addresses for it. Who is told of too much gets it in fewer letters. A case that nobody has
decided is told again when the token of its letter has run out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from gateway.admit.chain import POSTS
from gateway.admit.route import destination_of
from gateway.digest.due import last_hour
from gateway.flow.held import marker_of_mail
from gateway.flow.judges import Judge, judges, stead_of
from gateway.flow.letters import queue
from gateway.journal import Verb, log
from gateway.mail.address import parse_address
from gateway.mail.forum import Forum
from gateway.mail.verdict import Reason
from gateway.store import cases, ledger, outbox, shelf
from gateway.store.cases import Case, Docket, Kind
from gateway.store.engine import Store, Transaction

# Mail that waits for a moderator; who has to confirm it first is asked by another letter.
REASONS: Final = (
    Reason.NEWCOMER,
    Reason.NOT_UNDERSTOOD,
    Reason.PROBATION,
    Reason.NO_RIGHT,
    Reason.LOCKED,
    Reason.FLOOD,
    Reason.RULE,
    Reason.OTHER_LIST,
    Reason.BULK,
    Reason.MAYBE_AUTOMATIC,
    Reason.UNREADABLE,
    Reason.ANONYMOUS,
    Reason.TROUBLE,
)
TOKEN_LIFE: Final = timedelta(days=7)
# A case that nobody decides is told so long, again and again.
TOLD_FOR: Final = timedelta(days=28)
# More new cases at once than this come in one letter, and no more letters an hour than that.
EACH_AT_ONCE: Final = 5
EACH_AN_HOUR: Final = 20
CASES_MAX: Final = 40


def open_cases(store: Store, forum: Forum, now: datetime, new_id: Callable[[], UUID]) -> int:
    """Opens what is to be opened, and puts letters about it into the outbox; returns how many letters."""
    with store.read() as db:
        has_work = cases.has_settled(db, forum.id) or any(_new_mails(db, forum))
    if has_work:
        with store.write() as db:
            ledger.lock_forum(db, forum.id)
            cases.close_settled(db, forum.id, now)
            for mail in _new_mails(db, forum):
                cases.open_case(db, _case_of(mail, now, new_id()))
    with store.read() as db:
        if not _due(db, forum, now):
            return 0
    with store.write() as db:
        # Asked again under the lock: another worker may have been here since.
        ledger.lock_forum(db, forum.id)
        letters = [one for due in _due(db, forum, now) for one in _without_own(db, forum, *due, now, new_id)]
        for judge, batch in letters:
            _tell(db, forum, judge, batch, now, new_id)
    log.info(Verb.QUEUED, forum=forum.name, letters=len(letters), kind="docket")
    return len(letters)


def _new_mails(db: Transaction, forum: Forum) -> Iterator[shelf.Mail]:
    """Mails without a case that are held on their way to become posts: a command that was set aside is nobody's to publish."""
    for mail in cases.held_without_case(db, forum.id, REASONS):
        address = parse_address(mail.forward_path)
        destination = destination_of(address, {str(forum.address): forum}) if address is not None else None
        if destination is None or destination.purpose in POSTS:
            yield mail


def _case_of(mail: shelf.Mail, now: datetime, id: UUID) -> Case:
    return Case(
        id=id,
        forum_id=mail.forum_id,
        kind=Kind.HELD,
        mail_id=mail.id,
        marker=marker_of_mail(mail),
        opened_at=now,
        reason=mail.reason,
    )


def _due(db: Transaction, forum: Forum, now: datetime) -> list[tuple[Judge, Sequence[Case]]]:
    """Each letter that is to be written now: to whom, about what."""
    waiting = [case for case in cases.open_cases_of(db, forum.id) if case.opened_at > now - TOLD_FOR]
    if not waiting:
        return []
    recent = cases.dockets_since(db, forum.id, now - TOKEN_LIFE)
    found = []
    for judge in judges(db, forum):
        his = [docket for docket in recent if docket.address_key == judge.address.key]
        told = {id for docket in his for id in docket.cases}
        new = [case for case in waiting if case.id not in told]
        found += [(judge, batch) for batch in _batches(judge, new, his, now)]
    return found


def _batches(judge: Judge, new: Sequence[Case], his: Sequence[Docket], now: datetime) -> Iterator[Sequence[Case]]:
    """Which of the new cases come to one judge now, by letter."""
    # A flood does not wait for anybody's hour.
    yield from ([case] for case in new if case.kind is Kind.FLOOD)
    rest = [case for case in new if case.kind is not Kind.FLOOD]
    if judge.member is not None and judge.member.cases == "daily":
        hour = last_hour(now, judge.member)
        rest = [case for case in rest if case.opened_at <= hour]
        size = CASES_MAX
    else:
        if sum(docket.at > now - timedelta(hours=1) for docket in his) >= EACH_AN_HOUR:
            return
        size = 1 if len(rest) <= EACH_AT_ONCE else CASES_MAX
    for start in range(0, len(rest), size):
        yield rest[start : start + size]


def _without_own(
    db: Transaction, forum: Forum, judge: Judge, batch: Sequence[Case], now: datetime, new_id: Callable[[], UUID]
) -> list[tuple[Judge, Sequence[Case]]]:
    """The letter without what is about its reader himself, and those to who gets that in his stead.

    For him it is noted as told, in a docket that no letter brings.
    """
    letters: dict[Judge, list[Case]] = {judge: []}
    for case in batch:
        stead = stead_of(db, forum, case, judge)
        if stead is None:
            letters[judge].append(case)
            continue
        cases.put_docket(db, _docket(forum, judge, [case], now, new_id()))
        if case.opened_at > now - TOKEN_LIFE:
            # Not each time that it is told again.
            detail = f"{case.marker} {stead.said} by {judge.name}"
            ledger.note(db, forum.id, id=new_id(), at=now, verb=Verb.RECUSED, subject=case.mail_id, detail=detail)
        for deputy in stead.deputies:
            letters.setdefault(deputy, []).append(case)
    return [(reader, found) for reader, found in letters.items() if found]


def _docket(forum: Forum, judge: Judge, batch: Sequence[Case], now: datetime, id: UUID) -> Docket:
    return Docket(id=id, forum_id=forum.id, address_key=judge.address.key, cases=tuple(case.id for case in batch), at=now)


def _tell(db: Transaction, forum: Forum, judge: Judge, batch: Sequence[Case], now: datetime, new_id: Callable[[], UUID]) -> None:
    docket = _docket(forum, judge, batch, now, new_id())
    cases.put_docket(db, docket)
    said = f"docket of {len(batch)}"
    kind = outbox.Kind.DOCKET
    queue(db, forum, judge.address, "", now, new_id, kind=kind, about=docket.id, member=judge.member, detail=said)
