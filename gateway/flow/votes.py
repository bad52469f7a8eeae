"""Votes by mail (design 7): an answer that is only "+1" or "-1", or mail to the address of a vote in a digest.

In: a mail that `admit` held as a vote. Out: the vote, noted, or one short letter that says why it does not count. Nothing is said
to whom we do not know.
"""

from __future__ import annotations

from gateway.admit.route import destination_of
from gateway.flow.asking import send
from gateway.flow.desk import Desk
from gateway.flow.entries import entry_of
from gateway.journal import Verb, log
from gateway.mail.address import parse_address
from gateway.mail.forum import Destination, Forum, Member, Purpose, Standing, Who
from gateway.mail.message import Message
from gateway.mail.verdict import Reason, Verdict
from gateway.people.votes import vote_in
from gateway.render.notices import Uncounted, vote_notice
from gateway.store import ledger, roster, shelf, votes
from gateway.store.engine import Transaction
from gateway.store.keep import set_verdict

_VALUE = {Purpose.UP: 1, Purpose.DOWN: -1}


def handle_vote(desk: Desk, forum: Forum, mail: shelf.Mail) -> None:
    """Counts a vote."""
    _, message = desk.read(mail)
    address = parse_address(mail.forward_path)
    destination = destination_of(address, {str(forum.address): forum}) if address is not None else None
    if destination is None:
        raise ValueError("held for an address that is none of the forum's")
    value = _VALUE.get(destination.purpose) or vote_in(message.spans)
    with desk.store.write() as db:
        member, post = _meant(db, desk, forum, mail, message, destination)
        if member is not None:
            trouble = vote(desk, db, forum, member, post, value)
            if trouble is not None:
                send(desk, db, forum, member.address, vote_notice(forum, trouble, member.language), member=member)
        set_verdict(db, forum.id, mail.id, Verdict.DISCARD, Reason.DONE, desk.now, desk.new_id())


def vote(desk: Desk, db: Transaction, forum: Forum, member: Member, post: shelf.Post | None, value: int) -> Uncounted | None:
    """Notes the vote of a member on a post; why it does not count, when it does not."""
    if post is None:
        return Uncounted.NOT_THERE if has_right(forum, member) else Uncounted.NO_RIGHT
    if why := hindrance(forum, member, post):
        return why
    if votes.cast_vote(db, forum.id, post.marker, member.id, value, desk.now):
        ledger.note(db, forum.id, id=desk.new_id(), at=desk.now, verb=Verb.VOTED, subject=post.id, detail=f"{value:+d}")
        log.info(Verb.VOTED, forum=forum.name, marker=post.marker)
    return None


def has_right(forum: Forum, member: Member) -> bool:
    """Whether that member's votes count in the forum."""
    return forum.policy.vote not in (Who.EDITORS, Who.OWNERS) and member.standing is not Standing.BANNED


def hindrance(forum: Forum, member: Member, post: shelf.Post) -> Uncounted | None:
    """Why the vote of a member on a post would not count; None when it would."""
    if not has_right(forum, member):
        return Uncounted.NO_RIGHT
    return Uncounted.OWN if post.author_key in member.keys else None


def _meant(
    db: Transaction, desk: Desk, forum: Forum, mail: shelf.Mail, message: Message, destination: Destination
) -> tuple[Member | None, shelf.Post | None]:
    """Who votes, if that is known, and on what: the token's post, else the nearest post that the mail answers."""
    key = message.author_address.key if message.author_address is not None else ""
    entry = entry_of(db, desk.key, destination, mail.received_at) if destination.token else None
    if entry is not None and key in entry.member.keys:
        return entry.member, entry.post
    if not mail.proof:
        return None, None
    member = roster.member_with_key(db, forum.id, key)
    if entry is not None:
        return member, entry.post
    found = (shelf.find_post(db, forum.id, f"<{msgid}>") for msgid in message.ancestors)
    return member, next((post for post in found if post is not None), None)
