"""Asking for a yes: one letter, whose answer is the consent, and a note of what it is about (design 7, reliability I7).

In: what somebody asked for in the name of an address that proves nothing. Out: a pending row, and a letter, when courtesy allows
one. The letter quotes nothing of the mail that caused it, and its Reply-To holds the token.
"""

from __future__ import annotations

from enum import StrEnum
from uuid import UUID

from gateway.flow.compose import CONFIRM_LIFE, confirm_address
from gateway.flow.courtesy import CONFIRMATION, allowed, is_nobody
from gateway.flow.desk import Desk
from gateway.flow.letters import queue
from gateway.mail.address import Address
from gateway.mail.forum import Forum, Member
from gateway.mail.verdict import Reason, Verdict
from gateway.render.questions import render_question
from gateway.store import ledger, pending, roster, shelf
from gateway.store.engine import Transaction
from gateway.store.keep import set_verdict
from gateway.store.outbox import Kind


class Asked(StrEnum):
    """What a question is about: to join, to leave, to have a mail posted, to own an address, to lend it to a member."""

    JOIN = "join"
    LEAVE = "leave"
    POST = "post"
    CLAIM = "claim"
    ADDRESS = "address"


def ask(
    desk: Desk,
    db: Transaction,
    forum: Forum,
    mail: shelf.Mail,
    asked: Asked,
    to: Address,
    *,
    language: str = "en",
    member: Member | None = None,
    words: str = "",
    shown: str = "",
) -> bool:
    """Puts the letter to `to` into the outbox; False when it may not go out, and then nothing is noted but a mail to be posted.

    `shown` is what the letter may name besides: settings in our own words, or an address that was confirmed.
    """
    forums = {str(one.address): one for one in roster.forums(db)}
    is_allowed = not is_nobody(to, forums) and allowed(
        db, desk.key, CONFIRMATION, to, desk.now, desk.new_id, peer=mail.peer, courtesy=desk.courtesy
    )
    if not is_allowed and asked is not Asked.POST:
        return False
    waiting = wait_for(desk, db, forum, mail, asked, to, member=member, words=words)
    if is_allowed:
        address = confirm_address(desk.key, forum, waiting.id, desk.now)
        text = render_question(
            forum,
            asked,
            language,
            until=waiting.expires_at.date(),
            answer=str(address),
            is_member=member is not None,
            shown=shown,
        )
        send(desk, db, forum, to, text, about=waiting.id)
    return is_allowed


def wait_for(
    desk: Desk,
    db: Transaction,
    forum: Forum,
    mail: shelf.Mail,
    kind: str,
    to: Address,
    *,
    member: Member | None = None,
    words: str = "",
) -> pending.Pending:
    """Notes what waits for a yes from `to`, as long as its token is good."""
    waiting = pending.Pending(
        id=desk.new_id(),
        forum_id=forum.id,
        kind=kind,
        address=str(to),
        address_key=to.key,
        member_id=member.id if member is not None else None,
        mail_id=mail.id,
        words=words,
        at=desk.now,
        expires_at=desk.now + CONFIRM_LIFE,
    )
    pending.put(db, waiting)
    return waiting


def send(
    desk: Desk,
    db: Transaction,
    forum: Forum,
    to: Address,
    text: str,
    *,
    about: UUID | None = None,
    member: Member | None = None,
) -> None:
    """A letter of the desk: a question `about` a pending row, a notice else."""
    kind = Kind.QUESTION if about is not None else Kind.NOTICE
    queue(db, forum, to, text, desk.now, desk.new_id, kind=kind, about=about, member=member)


def is_ours(db: Transaction, forum: Forum, mail: shelf.Mail) -> bool:
    """Takes the forum's lock; False when somebody else has dealt with the mail since."""
    ledger.lock_forum(db, forum.id)
    now = shelf.mail_of(db, forum.id, mail.id)
    return (now.verdict, now.reason) == (mail.verdict, mail.reason)


def close(desk: Desk, db: Transaction, forum: Forum, mail: shelf.Mail, reason: Reason = Reason.DONE) -> None:
    """The mail has been seen to."""
    set_verdict(db, forum.id, mail.id, Verdict.DISCARD, reason, desk.now, desk.new_id())
