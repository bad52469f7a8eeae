"""Mail of ours that came back (design 9): whom it was for, what it says, what to do about it.

In: the mails to bounce addresses that were kept and nobody has read, or a refusal by the relay. Out: scores, probes, pauses and
letters to the owners, each in one transaction with the note that the bounce has been read, so that it counts once. The token
in the address alone says whom a bounce is about; without a good one it is kept and counts for nobody.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from gateway.admit.route import destination_of
from gateway.flow.letters import queue
from gateway.journal import Verb, log
from gateway.mail.address import parse_address
from gateway.mail.bounce import NO_REPORT, Failure, Report
from gateway.mail.forum import Forum
from gateway.mail.token import Claims, read_token
from gateway.parse.bounces import read_bounce, read_refusal
from gateway.people.bounces import Step, judge, score_at
from gateway.render.notices import pause_notice, probe_notice
from gateway.store import ledger, outbox, roster, shelf
from gateway.store.engine import Store, Transaction
from gateway.store.keep import take_bounce

BATCH = 100


class Return(NamedTuple):
    """One letter that came back: to whom it went, the end of the id that its token names, what was said, and when."""

    member_id: UUID
    marker: bytes
    report: Report
    at: datetime


def read_bounces(store: Store, forum: Forum, key: bytes, now: datetime, new_id: Callable[[], UUID]) -> int:
    """Reads bounces of `forum` that nobody has read, so many at a time that digests need not wait; returns how many.

    `key` is the key of our tokens.
    """
    with store.read() as db:
        mails = shelf.unread_bounces(db, forum.id, BATCH)
    for mail in mails:
        _read(store, forum, key, mail, now, new_id)
    return len(mails)


def count_refusal(db: Transaction, letter: outbox.Letter, reply: str, now: datetime, new_id: Callable[[], UUID]) -> None:
    """The relay refused `letter` for good, which is as if it had come back; in the transaction that ends the letter."""
    if letter.member_id is None:
        return
    forum = roster.forum_of(db, letter.forum_id)
    came = Return(letter.member_id, letter.id.bytes, read_refusal(reply), now)
    _count(db, forum, came, now, new_id)


def _read(store: Store, forum: Forum, key: bytes, mail: shelf.Mail, now: datetime, new_id: Callable[[], UUID]) -> None:
    claims = _claims(forum, key, mail)
    report = NO_REPORT
    if claims is not None:
        with store.read() as db:
            # The report stands before the letter that came back, which may be long.
            report = read_bounce(next(shelf.raw_chunks(db, forum.id, mail.id), b""))
    with store.write() as db:
        if not take_bounce(db, forum.id, mail.id, now, new_id()) or claims is None or report.failure is Failure.NONE:
            return
        member_id = _find_member(db, forum, claims)
        if member_id is not None:
            _count(db, forum, Return(member_id, claims.marker, report, mail.received_at), now, new_id)


def _claims(forum: Forum, key: bytes, mail: shelf.Mail) -> Claims | None:
    """What the token in the mail's address says, when it is one of ours."""
    address = parse_address(mail.forward_path)
    to = destination_of(address, {str(forum.address): forum}) if address else None
    return read_token(key, "bounces", forum.list_id, to.token, mail.received_at) if to else None


def _find_member(db: Transaction, forum: Forum, claims: Claims) -> UUID | None:
    found = roster.members_ending(db, forum.id, claims.member)
    if len(found) > 1:
        # Four bytes are not enough to tell all members of a large forum apart; with those of the letter they are.
        found = [id for id in found if outbox.has_letter_ending(db, forum.id, id, claims.marker)]
    return found[0] if len(found) == 1 else None


def _count(db: Transaction, forum: Forum, came: Return, now: datetime, new_id: Callable[[], UUID]) -> None:
    member = roster.lock_member(db, forum.id, came.member_id)
    if member is None:
        return
    probe = member.bounces.probe_id
    judged = judge(
        member.bounces,
        came.report.failure,
        came.at,
        rhythm=member.rhythm,
        is_probe=probe is not None and probe.bytes.endswith(came.marker),
        new_probe=new_id(),
    )
    if judged.step is Step.NOTHING:
        return
    roster.keep_bounces(db, forum.id, member.id, judged.bounces)
    score = score_at(judged.bounces, came.at, member.rhythm)
    said = " ".join(filter(None, (came.report.failure, came.report.status)))
    detail = f"{said}, score {score:.2f}, {judged.step}"
    ledger.note(db, forum.id, id=new_id(), at=now, verb=Verb.BOUNCED, subject=member.id, detail=detail)
    log.info(Verb.BOUNCED, forum=forum.name, member=member.id.hex, said=said, score=round(score, 2), step=judged.step)
    if judged.step is Step.PROBE and judged.bounces.probe_id is not None:
        text = probe_notice(forum, came.report.status, member.language)
        queue(db, forum, member.address, text, now, new_id, member=member, id=judged.bounces.probe_id)
    elif judged.step is Step.PAUSE:
        text = pause_notice(forum, member.handle, came.report.status)
        for owner in forum.owners:
            queue(db, forum, owner, text, now, new_id)
