"""Commands to join and to leave, votes and reports (`flow.acts`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from gateway.flow.acts import Act, Answer, member_of
from gateway.flow.desk import Desk
from gateway.flow.join import choices, join
from gateway.flow.leave import leave_now
from gateway.flow.report import report
from gateway.flow.votes import vote
from gateway.journal import Verb
from gateway.mail.forum import Forum
from gateway.people.preferences import with_preferences
from gateway.people.request import Command
from gateway.people.sender import Sender
from gateway.people.vocabulary import Order
from gateway.render.cases import render_reported
from gateway.render.notices import why_uncounted
from gateway.render.wording import wording
from gateway.store import ledger, outbox, roster, shelf
from gateway.store.engine import Transaction


def _join(desk: Desk, db: Transaction, forum: Forum, mail: shelf.Mail, sender: Sender, command: Command) -> Answer:
    """A stranger is asked; who reads the digest already is told so; who had left, and is proved to ask, is back."""
    member = sender.member
    if member is not None and member.has_digest:
        words = wording(member.language)
        return Answer(words.word("You are a member here already."))
    if member is not None and sender.is_proved:
        back = with_preferences(replace(member, has_digest=True), choices(command.words))
        roster.write_member(db, back)
        ledger.note(db, forum.id, id=desk.new_id(), at=desk.now, verb=Verb.JOINED, subject=member.id, detail="by mail")
        return Answer(wording(back.language).word("Digests come to you again."))
    _, message = desk.read(mail)
    join(desk, db, forum, mail, message, command.words)
    return Answer()


def _leave(desk: Desk, db: Transaction, forum: Forum, mail: shelf.Mail, sender: Sender, command: Command) -> Answer:
    """The letter that says goodbye is one of its own."""
    leave_now(db, forum, member_of(sender), desk.now, desk.new_id)
    return Answer()


def _vote(desk: Desk, db: Transaction, forum: Forum, mail: shelf.Mail, sender: Sender, command: Command) -> Answer:
    member = member_of(sender)
    words = wording(member.language)
    post = shelf.find_post(db, forum.id, command.target)
    value = -1 if "-1" in command.words else 1
    why = vote(desk, db, forum, member, post, value)
    if why is not None:
        return Answer(why_uncounted(why, member.language))
    return Answer(words.word("Your vote on [#{marker}] counts: {value}.").format(marker=command.target, value=f"{value:+d}"))


def _report(desk: Desk, db: Transaction, forum: Forum, mail: shelf.Mail, sender: Sender, command: Command) -> Answer:
    """The letter about it is one of its own."""
    member = member_of(sender)
    heard = report(desk, db, forum, member, command.target, command.text)
    text = render_reported(forum, heard, command.target, member.language)
    return Answer(letters=((outbox.Kind.NOTICE, None, text),))


DOOR_ACTS: Mapping[Order, Act] = {
    Order.JOIN: _join,
    Order.LEAVE: _leave,
    Order.VOTE: _vote,
    Order.REPORT: _report,
}
