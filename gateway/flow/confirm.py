"""Answers to our questions: the token in the address is the consent, whatever the mail says and whoever wrote it (design 7).

In: mail to `NAME-confirm+TOKEN@`, or the command `confirm TOKEN`, which must come from the address that was asked. Out: what was
asked for, done once, and a letter that says so. A token is good for one thing in one forum for a week; a second answer changes
nothing. One that comes too late gets a letter that says how to ask again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from enum import StrEnum
from typing import Final, NamedTuple

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
from gateway.mail.token import read_token
from gateway.mail.verdict import Reason
from gateway.people.naming import free_handle
from gateway.people.preferences import told, with_preferences
from gateway.render.questions import render_address_added, render_late, render_posted, render_welcome
from gateway.store import ledger, pending, roster, shelf
from gateway.store.engine import Transaction

PURPOSE: Final = "confirm"
LATE = "late answer"
# A token that is too old is known as ours for so long.
_LATE_FOR = timedelta(days=90)


class Answer(NamedTuple):
    """A yes: to what, from which address, with which mail; `mails` are those that wait for it."""

    waiting: pending.Pending
    address: Address
    mail: shelf.Mail
    mails: Sequence[HeldMail]


def take_answer(desk: Desk, forum: Forum, mail: shelf.Mail, answers: Mapping[str, Act]) -> None:
    """Does what the answered question was about; `answers` has a function for each kind of question."""
    token = _token_of(forum, mail)
    with desk.store.read() as db:
        found = _asked(desk.key, db, forum, mail, token)
    mails = waiting_mails(desk, forum, found.waiting) if found is not None else []
    _, message = desk.read(mail)
    with desk.store.write() as db:
        if not is_ours(db, forum, mail):
            return
        if found is None:
            tell_late(desk, db, forum, mail, message, token)
        else:
            _take(desk, db, forum, answers, found._replace(mails=mails))
        close(desk, db, forum, mail, Reason.DONE if found is not None else Reason.NOT_UNDERSTOOD)


class Heard(StrEnum):
    """What became of the command `confirm TOKEN`. Late is also what was never good."""

    DONE = "done"
    BEFORE = "before"
    NOT_ALL = "not all"
    LATE = "late"
    UNKNOWN = "unknown"


def take_command(
    desk: Desk, db: Transaction, forum: Forum, mail: shelf.Mail, message: Message, token: str, answers: Mapping[str, Act]
) -> Heard:
    """Does the same for a token that a command names, in the caller's transaction, who holds the forum's lock.

    It must come from the address that was asked, or from another one of that member: to anybody else nothing waits there. Some
    questions want more than a yes; `answers` has none for these.
    """
    found = _asked(desk.key, db, forum, mail, token)
    if found is None:
        return Heard.LATE
    author = message.author_address if message.is_author_sure else None
    member = roster.member_with_key(db, forum.id, found.address.key)
    if author is None or author.key not in {found.address.key, *(member.keys if member is not None else ())}:
        return Heard.UNKNOWN
    if found.waiting.kind not in answers:
        return Heard.NOT_ALL
    is_done = _take(desk, db, forum, answers, found._replace(mails=waiting_mails(desk, forum, found.waiting)))
    return Heard.DONE if is_done else Heard.BEFORE


def _asked(key: bytes, db: Transaction, forum: Forum, mail: shelf.Mail, token: str) -> Answer | None:
    """The question that a token is of, when it was good as the mail came."""
    claims = read_token(key, PURPOSE, forum.list_id, token, mail.received_at)
    waiting = pending.ending(db, forum.id, claims.marker) if claims is not None else None
    address = parse_address(waiting.address) if waiting is not None else None
    if waiting is None or address is None or waiting.expires_at <= mail.received_at:
        return None
    return Answer(waiting, address, mail, ())


def _take(desk: Desk, db: Transaction, forum: Forum, answers: Mapping[str, Act], answer: Answer) -> bool:
    """Does it; False when it was done before."""
    waiting = answer.waiting
    if not pending.use(db, waiting, desk.now):
        return False
    ledger.note(db, forum.id, id=desk.new_id(), at=desk.now, verb=Verb.CONFIRMED, subject=waiting.id, detail=waiting.kind)
    answers[waiting.kind](desk, db, forum, answer)
    log.info(Verb.CONFIRMED, forum=forum.name, kind=waiting.kind)
    return True


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


def tell_late(desk: Desk, db: Transaction, forum: Forum, mail: shelf.Mail, message: Message, token: str) -> None:
    """A letter to who answers a question of ours that is too old: only he can have the token."""
    claims = read_token(desk.key, PURPOSE, forum.list_id, token, mail.received_at - _LATE_FOR)
    if claims is None or message.author_address is None:
        return
    forums = {str(one.address): one for one in roster.forums(db)}
    if may_answer(message, mail, forums) and allowed(db, desk.key, LATE, message.author_address, desk.now, desk.new_id):
        send(desk, db, forum, message.author_address, render_late(forum, "en", CONFIRM_LIFE.days))


def _token_of(forum: Forum, mail: shelf.Mail) -> str:
    address = parse_address(mail.forward_path)
    to = destination_of(address, {str(forum.address): forum}) if address is not None else None
    return to.token if to is not None else ""
