"""A moderator's answer to a letter about cases (design 10; reliability I11): read, checked, done, answered.

It counts when its address has the token of that letter, From is whom the letter went to, and he still decides here; for seven
days; and only what stands in his own words. Everything happens in one transaction with the answer's verdict.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from gateway.admit.route import destination_of
from gateway.flow.asking import send
from gateway.flow.desk import Desk
from gateway.flow.docket import PURPOSE, briefly
from gateway.flow.judgement import Bench, lock_by_marker, rule
from gateway.flow.judges import Judge, judges, owners, stead_of
from gateway.journal import Verb, log
from gateway.mail.address import parse_address
from gateway.mail.envelope import Raw
from gateway.mail.forum import Forum
from gateway.mail.message import Automation, Message, SpanKind
from gateway.mail.token import EPOCH, read_token
from gateway.mail.verdict import Reason, Verdict
from gateway.people.rulings import Answer, read_rulings
from gateway.render.cases import Result, render_ruled
from gateway.store import cases, ledger, roster, shelf
from gateway.store.cases import Case, Docket
from gateway.store.engine import Transaction
from gateway.store.keep import set_verdict

# Before every token: to tell one that is too old from one that was never ours.
_ALWAYS: Final = datetime(EPOCH.year, EPOCH.month, EPOCH.day, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class _Docketed:
    """The letter that is answered, and to whom it went."""

    docket: Docket
    judge: Judge
    is_old: bool


def handle_ruling(desk: Desk, forum: Forum, mail: shelf.Mail) -> None:
    """Does what the answer decides. One that nobody whom we wrote to has written is put away without a word."""
    _, message = desk.read(mail)
    with desk.store.read() as db:
        found = _docketed(desk, db, forum, mail)
    if found is None or message.automation is not Automation.NONE:
        _close(desk, forum, mail, Reason.NOT_UNDERSTOOD)
        return
    key = message.author_address.key if message.author_address is not None else ""
    if key not in found.judge.keys or found.is_old:
        _close(desk, forum, mail, Reason.NOT_UNDERSTOOD, found, "too old" if key in found.judge.keys else "other address")
        return
    answer = read_rulings(own_lines(message), len(found.docket.cases))
    if not answer.rulings and not answer.twice:
        _close(desk, forum, mail, Reason.NOT_UNDERSTOOD, found, "not understood")
        return
    _decide(desk, forum, mail, found, answer)


def own_lines(message: Message) -> list[str]:
    """What the author wrote himself, above the first thing that he quotes: below it, too much looks like it and is not."""
    lines: list[str] = []
    for span in message.spans:
        if span.kind is not SpanKind.TEXT:
            if lines and any(map(str.strip, lines)):
                break
            continue
        # A single marked line may be anything to a reader; here it is a quote.
        lines += [line for line in span.text.split("\n") if not line.lstrip().startswith(">")]
    return lines


def _docketed(desk: Desk, db: Transaction, forum: Forum, mail: shelf.Mail) -> _Docketed | None:
    address = parse_address(mail.forward_path)
    destination = destination_of(address, {str(forum.address): forum}) if address is not None else None
    token = destination.token if destination is not None else ""
    claims = read_token(desk.key, PURPOSE, forum.list_id, token, _ALWAYS)
    docket = cases.docket_ending(db, forum.id, claims.marker) if claims is not None else None
    if claims is None or docket is None:
        return None
    for judge in (*judges(db, forum), *owners(db, forum)):
        if docket.address_key in judge.keys and judge.mark == claims.member:
            is_old = read_token(desk.key, PURPOSE, forum.list_id, token, mail.received_at) is None
            return _Docketed(docket, judge, is_old)
    return None


def _decide(desk: Desk, forum: Forum, mail: shelf.Mail, found: _Docketed, answer: Answer) -> None:
    numbers = dict(enumerate(found.docket.cases, 1))
    read = _read_before(desk, forum, [numbers[one.number] for one in answer.rulings if one.number in numbers])
    with desk.store.write() as db:
        ledger.lock_forum(db, forum.id)
        forum = roster.forum_of(db, forum.id)
        bench = Bench(db=db, forum=forum, now=desk.now, new_id=desk.new_id, by=found.judge.name, read=read)
        results = []
        for ruling in answer.rulings:
            if ruling.marker:
                results.append(lock_by_marker(bench, ruling))
                continue
            # Each is looked up anew: one ruling may have closed what the next is about.
            id = numbers.get(ruling.number)
            case = cases.cases_by_id(db, forum.id, [id]).get(id) if id is not None else None
            if case is None:
                results.append(Result(code="no-number", number=ruling.number))
            elif not case.outcome and stead_of(db, forum, case, found.judge) is not None:
                results.append(Result(code="own", number=ruling.number))
            else:
                author, title = briefly(db, forum, case, read)
                results.append(replace(rule(bench, case, ruling), author=author, title=title))
        text = render_ruled(forum, results, found.judge.language, twice=answer.twice)
        send(desk, db, forum, found.judge.address, text, member=found.judge.member)
        set_verdict(db, forum.id, mail.id, Verdict.DISCARD, Reason.DONE, desk.now, desk.new_id())
    log.info(Verb.RULED, forum=forum.name, cases=[result.code for result in results])


def _read_before(desk: Desk, forum: Forum, ids: list[UUID]) -> Callable[[shelf.Mail], tuple[Raw, Message]]:
    """The held mails of these cases, read before the transaction: what is odd takes its time."""
    with desk.store.read() as db:
        found: Mapping[UUID, Case] = cases.cases_by_id(db, forum.id, ids)
        mails = [shelf.mail_of(db, forum.id, case.mail_id) for case in found.values() if case.mail_id is not None]
    read = {mail.id: desk.read(mail) for mail in mails if mail.verdict == Verdict.HOLD}

    def known(mail: shelf.Mail) -> tuple[Raw, Message]:
        return read[mail.id] if mail.id in read else desk.read(mail)

    return known


def _close(desk: Desk, forum: Forum, mail: shelf.Mail, reason: Reason, found: _Docketed | None = None, problem: str = "") -> None:
    """Nothing was decided; whom the letter went to is told, if it is known which."""
    with desk.store.write() as db:
        if found is not None:
            text = render_ruled(forum, (), found.judge.language, problem=problem)
            send(desk, db, forum, found.judge.address, text, member=found.judge.member)
        set_verdict(db, forum.id, mail.id, Verdict.DISCARD, reason, desk.now, desk.new_id())
    log.info(Verb.DISCARDED, forum=forum.name, why=problem or "no answer to a letter of ours")
