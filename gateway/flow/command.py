"""Mails with commands (design 3): who asks, what is done, and one short letter that says so.

In: a held mail to one of our addresses for commands. Out: all that it asks for, done in one transaction with the letter. A
member's mail that proves nothing changes nothing: he gets a letter at his own address, and when he answers it, it is done
(`_run_confirmed`). Strangers may ask for help, to join, and confirm that; all else of theirs is passed over in silence, and so is
what a private forum would have to say of itself.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Final

from gateway.admit.route import destination_of
from gateway.flow.acts import Act, Answer
from gateway.flow.acts_about_me import MEMBER_ACTS
from gateway.flow.acts_at_the_door import DOOR_ACTS
from gateway.flow.acts_on_posts import POST_ACTS
from gateway.flow.asking import send, wait_for
from gateway.flow.confirm import ANSWERS, Heard, take_command, tell_late
from gateway.flow.confirm import Act as Done
from gateway.flow.confirm import Answer as Yes
from gateway.flow.courtesy import allowed
from gateway.flow.desk import Desk
from gateway.flow.letters import queue
from gateway.journal import Verb, log
from gateway.mail.address import Address, parse_address
from gateway.mail.forum import Forum, Member, Purpose, Who
from gateway.mail.message import Message
from gateway.mail.verdict import Reason, Verdict
from gateway.people.commands import read_request
from gateway.people.request import Command, Misread, Request, Trouble
from gateway.people.sender import Proof, Sender
from gateway.people.vocabulary import USAGE, Order
from gateway.render.answers import answer_letter, confirm_letter, help_letter, misread_line
from gateway.render.wording import wording
from gateway.store import ledger, roster, shelf
from gateway.store.engine import Transaction
from gateway.store.keep import set_verdict
from gateway.thread.titles import split_prefixes, without_tag

PENDING: Final = "command"
# What a stranger may ask for, and what needs no proof because it changes nothing and tells what everybody may know. The token of
# a confirmation is proof enough.
_FOR_STRANGERS: Final = frozenset({Order.JOIN, Order.CONFIRM})
_HARMLESS: Final = frozenset({Order.HELP, Order.RULES, Order.JOIN, Order.CONFIRM})
# What is done only after a letter that says what comes of it has been answered.
_GRAVE: Final = frozenset({Order.FORGET, Order.HANDLE})


def _confirm(desk: Desk, db: Transaction, forum: Forum, mail: shelf.Mail, sender: Sender, command: Command) -> Answer:
    """What is confirmed has a letter of its own; what is not is told to whom we know."""
    words = wording(sender.member.language if sender.member is not None else "en")
    if not command.words:
        return Answer(words.word("To confirm something, just answer the letter that asked you."))
    _, message = desk.read(mail)
    [token] = command.words
    heard = take_command(desk, db, forum, mail, message, token, YES)
    if heard is Heard.LATE and not sender.is_known:
        tell_late(desk, db, forum, mail, message, token)
    nothing = words.word("Nothing waits for that confirmation: it is too old, or another address was asked.")
    return Answer(
        {
            Heard.DONE: "",
            Heard.BEFORE: words.word("That was confirmed before, so nothing was changed now."),
            Heard.NOT_ALL: words.word("That question needs more than a yes. Please answer the letter itself."),
            Heard.LATE: nothing,
            Heard.UNKNOWN: nothing,
        }[heard]
    )


# Each order has one function that does it; those of other rooms of this floor are named here, and nowhere else.
ACTS: Mapping[Order, Act] = {**MEMBER_ACTS, **POST_ACTS, **DOOR_ACTS, Order.CONFIRM: _confirm}


def obey(desk: Desk, forum: Forum, mail: shelf.Mail) -> None:
    """Does what `mail` asks for, and answers it; the handler of `Reason.COMMAND`."""
    _, message = desk.read(mail)
    with desk.store.write() as db:
        # Under the lock nobody else is at this mail.
        ledger.lock_forum(db, forum.id)
        if shelf.mail_of(db, forum.id, mail.id).verdict != Verdict.HOLD:
            return
        reason = _obey(desk, db, forum, mail, message)
        set_verdict(db, forum.id, mail.id, Verdict.DISCARD, reason, desk.now, desk.new_id())
    log.info(Verb.ANSWERED, forum=forum.name, reason=reason)


def _obey(desk: Desk, db: Transaction, forum: Forum, mail: shelf.Mail, message: Message) -> Reason:
    author = message.author_address
    if author is None or mail.reverse_path is None or _is_ours(author, forum):
        return Reason.AUTOMATIC
    member = roster.member_with_key(db, forum.id, author.key)
    sender = Sender(member, Proof(mail.proof))
    issue = _issue_answered(db, forum, member, message)
    request = _read(mail, forum, message, in_issue=issue is not None)
    if member is None:
        return _stranger(desk, db, forum, mail, author, request)
    if issue is not None:
        request = _resolved(db, forum, issue, request)
    if not sender.is_proved:
        return _unproved(desk, db, forum, mail, member, request)
    return _run(desk, db, forum, mail, sender, request, _own(member, author))


def _run_confirmed(desk: Desk, db: Transaction, forum: Forum, answer: Yes) -> None:
    """Does what a member has confirmed."""
    waiting = answer.waiting
    member = roster.member_of(db, forum.id, waiting.member_id) if waiting.member_id else None
    if member is None or waiting.mail_id is None:
        return
    mail = shelf.mail_of(db, forum.id, waiting.mail_id)
    commands = tuple(_command(fields) for fields in json.loads(waiting.words))
    _run(desk, db, forum, mail, Sender(member, Proof.CONFIRMED), Request(commands), member.address)


# What a plain yes is enough for.
YES: Mapping[str, Done] = {**ANSWERS, PENDING: _run_confirmed}


def _command(fields: dict[str, object]) -> Command:
    return Command(**{**fields, "order": Order(str(fields["order"])), "words": tuple(fields["words"])})  # type: ignore[arg-type]


def _read(mail: shelf.Mail, forum: Forum, message: Message, *, in_issue: bool) -> Request:
    """What the mail asks for: by its address, or by its words."""
    prefix, subject = split_prefixes(without_tag(message.subject, *forum.tags))
    request = read_request(subject, message.spans, is_reply=bool(prefix), in_issue=in_issue)
    order = _ORDER_OF.get(_purpose(mail, forum))
    if order is None:
        return request
    named = [one for one in request.commands if one.order is order]
    return Request((named[0] if named else Command(order=order),))


_ORDER_OF = {Purpose.JOIN: Order.JOIN, Purpose.LEAVE: Order.LEAVE}


def _purpose(mail: shelf.Mail, forum: Forum) -> Purpose:
    address = parse_address(mail.forward_path)
    destination = destination_of(address, {str(forum.address): forum}) if address is not None else None
    return destination.purpose if destination is not None else Purpose.REQUEST


def _is_ours(author: Address, forum: Forum) -> bool:
    """Whether a mail claims to come from an address of the forum: whatever we answered would come back to us."""
    return destination_of(author, {str(forum.address): forum}) is not None


def _issue_answered(db: Transaction, forum: Forum, member: Member | None, message: Message) -> ledger.Ledger | None:
    """The issue that a mail of that member answers."""
    if member is None or not message.ancestors:
        return None
    return ledger.issue_of_msgids(db, forum.id, member.id, message.ancestors)


def _resolved(db: Transaction, forum: Forum, issue: ledger.Ledger, request: Request) -> Request:
    """The request with markers instead of numbers; a number that stands for no comment, or for two, is not understood."""
    commands: list[Command] = []
    misread = list(request.misread)
    outlines = ledger.outlines(db, forum.id, issue.rendering_id)
    for command in request.commands:
        if not command.has_number:
            commands.append(command)
            continue
        markers = {outline[command.target] for outline in outlines if command.target in outline}
        if len(markers) == 1:
            commands.append(replace(command, target=markers.pop()))
        else:
            misread.append(Misread(command.place, Trouble.NO_MARKER, command.order))
    return Request(tuple(commands), tuple(sorted(misread, key=lambda one: one.place)))


def _stranger(desk: Desk, db: Transaction, forum: Forum, mail: shelf.Mail, author: Address, request: Request) -> Reason:
    """Only what a stranger may ask for is answered, and that within limits; a private forum does not say that it is there."""
    for command in request.commands:
        act = ACTS.get(command.order) if command.order in _FOR_STRANGERS else None
        if act is not None:
            act(desk, db, forum, mail, Sender(None, Proof(mail.proof)), command)
            return Reason.DONE
    wants_help = any(command.order is Order.HELP for command in request.commands)
    if wants_help and forum.policy.read is Who.ANYONE and _may_write(desk, db, "help", author):
        send(desk, db, forum, author, help_letter(forum, "", "en", is_member=False))
        return Reason.DONE
    return Reason.STRANGER


def _unproved(desk: Desk, db: Transaction, forum: Forum, mail: shelf.Mail, member: Member, request: Request) -> Reason:
    """Nothing is changed: the member is asked, at his own address, whether it was he; once a day."""
    for command in request.commands:
        if command.order is Order.CONFIRM and command.words:
            _confirm(desk, db, forum, mail, Sender(member), command)
    # Who had left and asks to join is asked as for anything else; who reads the digest has nothing to join.
    harmless = _HARMLESS if member.has_digest else _HARMLESS - {Order.JOIN}
    asked = tuple(one for one in request.commands if one.order not in harmless and one.order in ACTS)
    if asked:
        if _may_write(desk, db, PENDING, member.address):
            _ask(desk, db, forum, mail, member, asked)
        return Reason.UNPROVED
    wants_help = any(one.order is Order.HELP for one in request.commands)
    if (wants_help or not request.commands) and _may_write(desk, db, "help", member.address):
        letter = help_letter(forum, member.handle, member.language, is_member=True)
        send(desk, db, forum, member.address, letter, member=member)
    return Reason.UNPROVED


def _ask(desk: Desk, db: Transaction, forum: Forum, mail: shelf.Mail, member: Member, asked: tuple[Command, ...]) -> None:
    """One letter that a member confirms by answering it."""
    commands = json.dumps([asdict(command) for command in asked])
    waiting = wait_for(desk, db, forum, mail, PENDING, member.address, member=member, words=commands)
    words = wording(member.language)
    grave = {one.order for one in asked} & _GRAVE
    warnings = {
        Order.HANDLE: words.word("With a new name you begin anew: badge and standing stay behind with the old one."),
        Order.FORGET: words.word(
            "This cannot be undone: your settings and addresses are deleted, and your posts lose your name."
        ),
    }
    warning = "\n".join(warnings[order] for order in (Order.HANDLE, Order.FORGET) if order in grave)
    text = confirm_letter(forum, member.handle, [one.order for one in asked], member.language, warning=warning)
    send(desk, db, forum, member.address, text, about=waiting.id, member=member)


def _run(desk: Desk, db: Transaction, forum: Forum, mail: shelf.Mail, sender: Sender, request: Request, to: Address) -> Reason:
    """Does the commands one after the other, and puts the letter about all of them."""
    assert sender.member is not None
    parts: list[str] = []
    grave: list[Command] = []
    language = sender.member.language
    for command in request.commands:
        if command.order is Order.HELP:
            letter = help_letter(forum, sender.member.handle, language, is_member=True)
            send(desk, db, forum, to, letter, member=sender.member)
            continue
        if command.order in _GRAVE and sender.proof is not Proof.CONFIRMED:
            grave.append(command)
            continue
        answer = _act(desk, db, forum, mail, sender, command)
        parts += [answer.text] if answer.text else []
        _put_all(desk, db, forum, answer, sender.member, to)
        # What one command changes, the next ones go by.
        now = roster.member_of(db, forum.id, sender.member.id)
        if now is None or to.key not in now.keys:
            break
        sender, language = replace(sender, member=now), now.language
    if grave:
        _ask(desk, db, forum, mail, sender.member, tuple(grave))  # type: ignore[arg-type]
    parts += [misread_line(one, language) for one in request.misread]
    is_nothing = not (request.commands or request.misread)
    if is_nothing:
        parts.append(wording(language).word("There was no command in your mail, or only in a part that quotes somebody."))
    is_helpless = is_nothing or not request.commands
    # A program that answers whatever comes would go on for ever.
    if parts and (not is_helpless or _may_write(desk, db, "not understood", to)):
        text = answer_letter(forum, sender.member.handle, parts, language, is_trouble=is_nothing or bool(request.misread))  # type: ignore[union-attr]
        send(desk, db, forum, to, text, member=sender.member)
    return Reason.NOT_UNDERSTOOD if is_helpless else Reason.DONE


def _act(desk: Desk, db: Transaction, forum: Forum, mail: shelf.Mail, sender: Sender, command: Command) -> Answer:
    act = ACTS.get(command.order)
    if act is not None:
        return act(desk, db, forum, mail, sender, command)
    words = wording(sender.member.language if sender.member else "en")
    return Answer(words.word("{usage}: this cannot be done here.").format(usage=USAGE[command.order]))


def _own(member: Member, author: Address) -> Address:
    """The member's address that he wrote from, as we know it."""
    return next((one for one in (member.address, *member.others) if one.key == author.key), member.address)


def _may_write(desk: Desk, db: Transaction, kind: str, to: Address) -> bool:
    """Whether a letter of that kind may go, once a day to each address; the only place that asks."""
    return allowed(db, desk.key, kind, to, desk.now, desk.new_id)


def _put_all(desk: Desk, db: Transaction, forum: Forum, answer: Answer, member: Member, to: Address) -> None:
    for kind, subject_id, text in answer.letters:
        queue(db, forum, to, text, desk.now, desk.new_id, kind=kind, about=subject_id, member=member)
