"""Answers to our questions: the token in the address is the consent, whatever the mail says and whoever wrote it (design 7).

In: mail to `NAME-confirm+TOKEN@`. Out: what was asked for, done once, and a letter that says so. A token is good for one thing in
one forum for a week; a second answer changes nothing. One that comes too late gets a letter that says how to ask again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from gateway.admit.route import destination_of
from gateway.flow.asking import Asked, ask, close, is_ours, send
from gateway.flow.compose import CONFIRM_LIFE
from gateway.flow.courtesy import allowed, may_answer
from gateway.flow.desk import Desk
from gateway.flow.first_mail import HeldMail, post_waiting, waiting_mails
from gateway.flow.join import wish
from gateway.flow.leave import leave_now
from gateway.journal import Verb, log
from gateway.mail.address import Address, parse_address
from gateway.mail.forum import Forum, Member, Standing
from gateway.mail.message import Message
from gateway.mail.token import Claims, read_token
from gateway.mail.verdict import Reason
from gateway.people.naming import free_handle
from gateway.people.preferences import told, with_preferences
from gateway.render.questions import render_address_added, render_late, render_posted, render_welcome
from gateway.store import ledger, pending, roster, shelf
from gateway.store.engine import Transaction

LATE = "late answer"
# A token that is too old is known as ours for so long.
_LATE_FOR = timedelta(days=90)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A yes: to what, from which address, with which mail; `mails` are those that wait for it."""

    waiting: pending.Pending
    address: Address
    mail: shelf.Mail
    mails: Sequence[HeldMail]


def take_answer(desk: Desk, forum: Forum, mail: shelf.Mail, answers: Mapping[str, Act]) -> None:
    """Does what the answered question was about; `answers` has a function for each kind of question."""
    claims = _claims(desk.key, forum, mail, mail.received_at)
    with desk.store.read() as db:
        waiting = pending.ending(db, forum.id, claims.marker) if claims is not None else None
    address = parse_address(waiting.address) if waiting is not None else None
    is_good = waiting is not None and address is not None and waiting.kind in answers and waiting.expires_at > mail.received_at
    mails = waiting_mails(desk, forum, waiting) if waiting is not None and is_good else []
    _, message = desk.read(mail)
    with desk.store.write() as db:
        if not is_ours(db, forum, mail):
            return
        if waiting is None or address is None or not is_good:
            _too_late(desk, db, forum, mail, message)
            close(desk, db, forum, mail, Reason.NOT_UNDERSTOOD)
            return
        if pending.use(db, waiting, desk.now):
            ledger.note(db, forum.id, id=desk.new_id(), at=desk.now, verb=Verb.CONFIRMED, subject=waiting.id, detail=waiting.kind)
            answers[waiting.kind](desk, db, forum, Answer(waiting=waiting, address=address, mail=mail, mails=mails))
            log.info(Verb.CONFIRMED, forum=forum.name, kind=waiting.kind)
        close(desk, db, forum, mail)


def _joined(desk: Desk, db: Transaction, forum: Forum, answer: Answer) -> None:
    options, _, name = answer.waiting.words.partition("\n")
    _make_member(desk, db, forum, answer, options.split(), name)


def _left(desk: Desk, db: Transaction, forum: Forum, answer: Answer) -> None:
    member = _member_of(db, forum, answer)
    if member is not None:
        leave_now(db, forum, member, desk.now, desk.new_id)


def _posted(desk: Desk, db: Transaction, forum: Forum, answer: Answer) -> None:
    """A stranger becomes a member by it, since only members post where anybody is asked."""
    member = roster.member_with_key(db, forum.id, answer.address.key)
    if member is None:
        _make_member(desk, db, forum, answer, [], answer.waiting.words)
        return
    posted, held = post_waiting(desk, db, forum, member, answer.mails)
    send(desk, db, forum, answer.address, render_posted(forum, member.language, posted, held), member=member)


def _claimed(desk: Desk, db: Transaction, forum: Forum, answer: Answer) -> None:
    """The new address has said yes; now the member's own is asked, if it is one's."""
    old = parse_address(answer.waiting.words)
    member = roster.member_with_key(db, forum.id, old.key) if old is not None else None
    if member is not None and roster.member_with_key(db, forum.id, answer.address.key) is None:
        ask(
            desk,
            db,
            forum,
            answer.mail,
            Asked.ADDRESS,
            member.address,
            language=member.language,
            member=member,
            words=str(answer.address),
            shown=str(answer.address),
        )


def _added(desk: Desk, db: Transaction, forum: Forum, answer: Answer) -> None:
    """Either the member has said yes to an address that was confirmed, or the address to a member who was proved."""
    member = _member_of(db, forum, answer)
    address = parse_address(answer.waiting.words) if answer.waiting.words else answer.address
    if member is None or address is None or roster.member_with_key(db, forum.id, address.key) is not None:
        return
    roster.add_address(db, member, address, desk.now)
    ledger.note(db, forum.id, id=desk.new_id(), at=desk.now, verb=Verb.CHANGED, subject=member.id, detail="another address")
    send(desk, db, forum, member.address, render_address_added(forum, member.language, str(address)), member=member)


Act = Callable[[Desk, Transaction, Forum, Answer], None]
ANSWERS: Mapping[str, Act] = {
    Asked.JOIN: _joined,
    Asked.LEAVE: _left,
    Asked.POST: _posted,
    Asked.CLAIM: _claimed,
    Asked.ADDRESS: _added,
}


def _make_member(desk: Desk, db: Transaction, forum: Forum, answer: Answer, options: Sequence[str], name: str) -> None:
    """A new member, or one who comes back; with a welcome, and his mails that waited."""
    known = roster.member_with_key(db, forum.id, answer.address.key)
    if known is not None:
        member = with_preferences(replace(known, has_digest=True), options)
        roster.write_member(db, member)
    else:
        id = desk.new_id()
        is_new = forum.policy.newcomer_posts > 0
        member = replace(
            wish(forum, answer.address, options),
            id=id,
            handle=free_handle(name, id, lambda handle: roster.has_handle(db, forum.id, handle)),
            standing=Standing.NEW if is_new else Standing.TRUSTED,
            joined_at=desk.now,
        )
        roster.put_member(db, member)
    ledger.note(db, forum.id, id=desk.new_id(), at=desk.now, verb=Verb.JOINED, subject=member.id, detail="by mail")
    posted, held = post_waiting(desk, db, forum, member, answer.mails)
    text = render_welcome(forum, member, told(member), posted, held)
    send(desk, db, forum, member.address, text, member=member)


def _member_of(db: Transaction, forum: Forum, answer: Answer) -> Member | None:
    return roster.member_of(db, forum.id, answer.waiting.member_id) if answer.waiting.member_id is not None else None


def _too_late(desk: Desk, db: Transaction, forum: Forum, mail: shelf.Mail, message: Message) -> None:
    """A letter to who answers a question of ours that is too old: only he can have the token."""
    if _claims(desk.key, forum, mail, mail.received_at - _LATE_FOR) is None or message.author_address is None:
        return
    forums = {str(one.address): one for one in roster.forums(db)}
    if may_answer(message, mail, forums) and allowed(db, desk.key, LATE, message.author_address, desk.now, desk.new_id):
        send(desk, db, forum, message.author_address, render_late(forum, "en", CONFIRM_LIFE.days))


def _claims(key: bytes, forum: Forum, mail: shelf.Mail, now: datetime) -> Claims | None:
    address = parse_address(mail.forward_path)
    to = destination_of(address, {str(forum.address): forum}) if address is not None else None
    return read_token(key, "confirm", forum.list_id, to.token, now) if to is not None else None
