"""Mail to the addresses to join and to leave, without a token: what is asked for happens after a yes (design 3, 7).

In: such a mail, or a command of the same name. Out: one question to the address in From, or to the member's own, or nothing: for
whoever does not read that mailbox all cases look alike, so that nobody learns who is a member (reliability I7).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from zoneinfo import ZoneInfo

from gateway.admit.route import destination_of
from gateway.flow.asking import Asked, ask, close, is_ours
from gateway.flow.courtesy import may_answer
from gateway.flow.desk import Desk
from gateway.flow.leave import leave_now
from gateway.mail.address import Address, parse_address
from gateway.mail.forum import Forum, Member, Purpose
from gateway.mail.message import Message, SpanKind
from gateway.people.preferences import READERS, told, with_preferences
from gateway.store import roster, shelf
from gateway.store.engine import Transaction

# What somebody may choose who is no member yet; a handle comes from his name, and is changed later.
CHOICES = frozenset(READERS) - {"handle", "bounces", "pause"}
_WORDS_MAX = 40


def at_the_door(desk: Desk, forum: Forum, mail: shelf.Mail) -> None:
    """Does what a mail to the address to join, or to leave, asks for."""
    _, message = desk.read(mail)
    address = parse_address(mail.forward_path)
    destination = destination_of(address, {str(forum.address): forum}) if address is not None else None
    purpose = destination.purpose if destination is not None else Purpose.REQUEST
    if purpose not in _VERB_AT:
        return
    words = words_of(message)
    verb = "claim" if purpose is Purpose.JOIN and words and words[0].lower() == "claim" else _VERB_AT[purpose]
    with desk.store.write() as db:
        if is_ours(db, forum, mail):
            VERBS[verb](desk, db, forum, mail, message, words)
            close(desk, db, forum, mail)


def words_of(message: Message) -> list[str]:
    """The words of the Subject and of what the author wrote, as far as anybody would write options."""
    own = [span.text for span in message.spans if span.kind is SpanKind.TEXT]
    return " ".join([message.subject, *own])[:1000].split()[:_WORDS_MAX]


def join(desk: Desk, db: Transaction, forum: Forum, mail: shelf.Mail, message: Message, options: Iterable[str]) -> None:
    """Asks the author whether he wants to join, with those of `options` that are preferences. A reader gets no letter."""
    author = _author(db, mail, message)
    if author is None:
        return
    member = roster.member_with_key(db, forum.id, author.key)
    if member is not None and member.has_digest:
        return
    chosen = choices(options)
    wished = wish(forum, author, chosen) if member is None else with_preferences(replace(member, has_digest=True), chosen)
    words = "\n".join((" ".join(chosen), message.author_name))
    ask(desk, db, forum, mail, Asked.JOIN, author, language=wished.language, member=member, words=words, shown=told(wished))


def leave(desk: Desk, db: Transaction, forum: Forum, mail: shelf.Mail, message: Message, options: Iterable[str]) -> None:
    """Has the author leave, when the mail is proved to be his; else his own address is asked. Strangers: nothing."""
    author = message.author_address
    member = roster.member_with_key(db, forum.id, author.key) if author is not None else None
    if member is None:
        return
    if mail.proof:
        leave_now(db, forum, member, desk.now, desk.new_id)
    elif member.has_digest and _author(db, mail, message) is not None:
        ask(desk, db, forum, mail, Asked.LEAVE, member.address, language=member.language, member=member)


def claim(desk: Desk, db: Transaction, forum: Forum, mail: shelf.Mail, message: Message, options: Iterable[str]) -> None:
    """One person, two addresses: `options` name the other one. Both are asked, the unproved one first.

    A member whose mail is proved names an address that he has as well. Anybody else names the address of the member he is; he
    learns nothing about it, and that member is asked only after the new address has said yes.
    """
    author = _author(db, mail, message)
    other = next((found for word in options if "@" in word and (found := parse_address(word.strip("<>,;")))), None)
    if author is None or other is None or other.key == author.key:
        return
    member = roster.member_with_key(db, forum.id, author.key)
    if member is not None and mail.proof:
        if roster.member_with_key(db, forum.id, other.key) is None:
            ask(desk, db, forum, mail, Asked.ADDRESS, other, language=member.language, member=member)
    elif member is None:
        ask(desk, db, forum, mail, Asked.CLAIM, author, words=str(other))


Verb = Callable[[Desk, Transaction, Forum, shelf.Mail, Message, Iterable[str]], None]
# Also as commands by mail; none of them answers by itself but with a letter of its own.
VERBS: Mapping[str, Verb] = {"join": join, "leave": leave, "claim": claim}
_VERB_AT = {Purpose.JOIN: "join", Purpose.LEAVE: "leave"}


def choices(options: Iterable[str]) -> list[str]:
    """The words among `options` that are good preferences; the last of each kind counts."""
    found: dict[str, str] = {}
    for word in options:
        key, _, value = word.partition("=")
        if key.lower() in CHOICES:
            try:
                READERS[key.lower()](value)
            except ValueError:
                continue
            found[key.lower()] = f"{key.lower()}={value}"
    return list(found.values())


def wish(forum: Forum, address: Address, chosen: Iterable[str]) -> Member:
    """Who somebody would be, with those preferences."""
    plain = Member(
        id=forum.id,
        forum_id=forum.id,
        address=address,
        handle="",
        badge="",
        zone=ZoneInfo("UTC"),
        hour=7,
        form="html",
        has_digest=True,
    )
    return with_preferences(plain, chosen)


def _author(db: Transaction, mail: shelf.Mail, message: Message) -> Address | None:
    """The address in From, when a letter may go there."""
    forums = {str(one.address): one for one in roster.forums(db)}
    return message.author_address if may_answer(message, mail, forums) else None
