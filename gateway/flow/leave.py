"""Leaving by a token: with one click (RFC 8058) or by mail to its address (RFC 2369). The token is the proof.

In: a token that `flow.compose` put into a letter. Out: its member is told nothing any more, and digests and posts that wait
for him are dropped, in one transaction under the forum's lock, so that no digest run can tell him meanwhile. He stays on the
roster without digests: his handle stays his, and who comes back begins with what is new. A second time changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from gateway.admit.route import destination_of
from gateway.flow.letters import queue
from gateway.journal import Verb, log
from gateway.mail.address import parse_address
from gateway.mail.forum import Forum, Member
from gateway.mail.token import Claims, read_token
from gateway.mail.verdict import Reason, Verdict
from gateway.render.leaving import render_goodbye
from gateway.store import ledger, outbox, roster, shelf
from gateway.store.engine import Store, Transaction
from gateway.store.keep import set_verdict

PURPOSE = "leave"
# What becomes of a mail whose token is not good.
_ELSE = {
    Reason.LEAVING: (Verdict.HOLD, Reason.FOR_OWNER),
    Reason.LEAVING_BY_PROGRAM: (Verdict.DISCARD, Reason.AUTOMATIC),
}


class How(StrEnum):
    """By which way somebody left."""

    ONE_CLICK = "one-click"
    MAIL = "mail"


def leave_by_click(store: Store, key: bytes, list_id: str, token: str, now: datetime, new_id: Callable[[], UUID]) -> None:
    """Has the member of `token` leave the forum with that List-Id; nothing happens when the token is not good for it."""
    claims = read_token(key, PURPOSE, list_id, token, now)
    if claims is None:
        return
    for forum in roster.list_forums(store):
        if forum.list_id == list_id:
            with store.write() as db:
                member = _leave(db, forum, claims, How.ONE_CLICK, now, new_id)
            _tell(forum, member, How.ONE_CLICK)


def leave_by_mail(store: Store, key: bytes, forum: Forum, now: datetime, new_id: Callable[[], UUID]) -> int:
    """Acts on the mails that ask to leave; returns how many members left. A mail with a bad token goes to the owners.

    Who left gets one letter that says so, at his own address, unless a program wrote the mail.
    """
    with store.read() as db:
        mails = shelf.mails_held_for(db, forum.id, _ELSE)
    left = 0
    for mail in mails:
        claims = _claims(key, forum, mail)
        with store.write() as db:
            member = _leave(db, forum, claims, How.MAIL, now, new_id) if claims is not None else None
            if member is not None and mail.reason == Reason.LEAVING:
                queue(db, forum, member.address, render_goodbye(forum, member.language), now, new_id, member=member)
            verdict, reason = _ELSE[Reason(mail.reason)] if claims is None else (Verdict.DISCARD, Reason.LEFT)
            set_verdict(db, forum.id, mail.id, verdict, reason, now, new_id())
        _tell(forum, member, How.MAIL)
        left += member is not None
    return left


def _claims(key: bytes, forum: Forum, mail: shelf.Mail) -> Claims | None:
    """What the token in the mail's address says, as of when it was received."""
    address = parse_address(mail.forward_path)
    destination = destination_of(address, {str(forum.address): forum}) if address is not None else None
    return read_token(key, PURPOSE, forum.list_id, destination.token, mail.received_at) if destination is not None else None


def _leave(db: Transaction, forum: Forum, claims: Claims, how: How, now: datetime, new_id: Callable[[], UUID]) -> Member | None:
    """The member, when something changed."""
    ledger.lock_forum(db, forum.id)
    member = roster.member_ending(db, forum.id, claims.member)
    return _stop(db, forum, member, how, now, new_id) if member is not None else None


def leave_now(db: Transaction, forum: Forum, member: Member, now: datetime, new_id: Callable[[], UUID]) -> bool:
    """Has a member leave of whom the caller knows that it is his wish, with a letter that says so; False: he had left.

    The caller holds the forum's lock.
    """
    left = _stop(db, forum, member, How.MAIL, now, new_id)
    if left is not None:
        queue(db, forum, member.address, render_goodbye(forum, member.language), now, new_id, member=member)
        _tell(forum, member, How.MAIL)
    return left is not None


def _stop(db: Transaction, forum: Forum, member: Member, how: How, now: datetime, new_id: Callable[[], UUID]) -> Member | None:
    was_reading = roster.stop_digests(db, forum.id, member.id)
    dropped = outbox.drop_waiting(db, forum.id, member.id, "the member left")
    if not (was_reading or dropped):
        return None
    detail = f"{how}, {dropped} letters dropped" if dropped else str(how)
    ledger.note(db, forum.id, id=new_id(), at=now, verb=Verb.LEFT, subject=member.id, detail=detail)
    return member


def _tell(forum: Forum, member: Member | None, how: How) -> None:
    """In the log, without saying who."""
    if member is not None:
        log.info(Verb.LEFT, forum=forum.name, how=how)
