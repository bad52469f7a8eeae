"""Mail to a forum whose author is not proved: one question, and it is posted after a yes, or put away after a week (design 7).

In: mail that `admit` held as a stranger's, or as an unproved member's; later the yes. Out: the question; then the mail judged
again, now that its author is known, and posted as received when it was received. No letter quotes a word of it (reliability I6).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from gateway.admit.chain import Case, decide
from gateway.admit.route import destination_of
from gateway.flow.asking import Asked, ask, close
from gateway.flow.courtesy import may_answer
from gateway.flow.desk import Desk
from gateway.flow.held import envelope_of, incoming_of
from gateway.mail.envelope import Raw
from gateway.mail.forum import Forum, Member
from gateway.mail.message import Message
from gateway.mail.verdict import Reason, Verdict
from gateway.people.sender import Proof, Sender
from gateway.store import ledger, pending, roster, shelf
from gateway.store.engine import Transaction
from gateway.store.keep import decide_anew, set_verdict

BATCH = 100
# A question about which comment an answer was for (`flow.filing`).
WHICH = "which"
_UNKNOWN = frozenset({Reason.STRANGER, Reason.UNPROVED, Reason.UNCONFIRMED})


class HeldMail(NamedTuple):
    """A mail that waits for its author's yes, read again."""

    mail: shelf.Mail
    raw: Raw
    message: Message


def ask_author(desk: Desk, forum: Forum, mail: shelf.Mail) -> None:
    """Asks the author in From whether the mail is his; from now on it waits for that."""
    _, message = desk.read(mail)
    author = message.author_address
    with desk.store.write() as db:
        ledger.lock_forum(db, forum.id)
        if shelf.mail_of(db, forum.id, mail.id).reason != mail.reason:
            return
        forums = {str(one.address): one for one in roster.forums(db)}
        if author is None or not may_answer(message, mail, forums):
            set_verdict(db, forum.id, mail.id, Verdict.HOLD, Reason.FOR_OWNER, desk.now, desk.new_id())
            return
        member = roster.member_with_key(db, forum.id, author.key)
        language = member.language if member is not None else "en"
        ask(desk, db, forum, mail, Asked.POST, author, language=language, member=member, words=message.author_name)
        set_verdict(db, forum.id, mail.id, Verdict.HOLD, Reason.UNCONFIRMED, desk.now, desk.new_id())


def waiting_mails(desk: Desk, forum: Forum, first: pending.Pending) -> list[HeldMail]:
    """The mail that an answer is about, and those of the same address that wait with it.

    Of a member, only what came from the same client: his yes to one mail is none to what others send in his name. A stranger's
    yes makes him known, and all of it is judged again as a newcomer's.
    """
    with desk.store.read() as db:
        found = [
            shelf.mail_of(db, forum.id, one.mail_id)
            for one in pending.waiting_of(db, forum.id, Asked.POST, first.address_key)
            if one.mail_id is not None
        ]
    waiting = [mail for mail in found if (mail.verdict, mail.reason) == (Verdict.HOLD, Reason.UNCONFIRMED)]
    peers = {mail.peer for mail in waiting if mail.id == first.mail_id}
    same = [mail for mail in waiting if first.member_id is None or mail.peer in peers]
    return [HeldMail(mail, *desk.read(mail)) for mail in same]


def post_waiting(desk: Desk, db: Transaction, forum: Forum, member: Member, mails: Sequence[HeldMail]) -> tuple[int, int]:
    """Posts them as that member's, or has them held for another reason; how many were posted, and how many are held now.

    The caller holds the forum's lock.
    """
    posted = held = 0
    for mail, raw, message in mails:
        if shelf.mail_of(db, forum.id, mail.id).reason != Reason.UNCONFIRMED:
            continue
        pending.keep_proof(db, forum.id, mail.id, Proof.CONFIRMED)
        incoming = incoming_of(forum, mail, raw, message)
        destination = destination_of(incoming.recipient, {str(forum.address): forum})
        if destination is None:
            continue
        case = Case(envelope_of(mail, incoming.recipient), message, destination, Sender(member, Proof.CONFIRMED))
        decision = decide(case)
        if decision.verdict is Verdict.ACCEPT:
            decide_anew(db, incoming, mail.id, Reason.POSTED, desk.now, desk.new_id)
            posted += 1
        else:
            # It was acknowledged, so that it is not refused any more: somebody looks.
            reason = Reason.FOR_OWNER if decision.reason in _UNKNOWN else decision.reason
            set_verdict(db, forum.id, mail.id, Verdict.HOLD, reason, desk.now, desk.new_id())
            held += 1
    return posted, held


def end_waiting(desk: Desk, forum: Forum) -> int:
    """Puts away the mails whose authors have not answered in time, and forgets what else waited; returns how many mails."""
    with desk.store.read() as db:
        late = pending.expired(db, forum.id, desk.now, BATCH)
    ended = 0
    if not late:
        return 0
    with desk.store.write() as db:
        ledger.lock_forum(db, forum.id)
        for one in late:
            if one.kind == Asked.POST and one.mail_id is not None:
                mail = shelf.mail_of(db, forum.id, one.mail_id)
                if (mail.verdict, mail.reason) == (Verdict.HOLD, Reason.UNCONFIRMED):
                    close(desk, db, forum, mail, Reason.EXPIRED)
                    ended += 1
            elif one.kind == WHICH and one.mail_id is not None:
                mail = shelf.mail_of(db, forum.id, one.mail_id)
                if one.used_at is None and (mail.verdict, mail.reason) == (Verdict.HOLD, Reason.ASKED):
                    # The moderators are offered it.
                    set_verdict(db, forum.id, mail.id, Verdict.HOLD, Reason.NOT_UNDERSTOOD, desk.now, desk.new_id())
            pending.forget(db, one)
    return ended
