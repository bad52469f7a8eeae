"""An anonymous post is taken back by who wrote it: he has the token of his receipt, and nobody knows more (design 7).

In: a mail of which only the address was kept. Out: the post is gone, and so is what was kept of it, but for what holds its place;
one that nobody has seen yet never appears. No answer goes out, since nobody knows to whom.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from gateway.admit.route import destination_of
from gateway.flow.alter import skeleton
from gateway.journal import Verb, log
from gateway.mail.address import parse_address
from gateway.mail.forum import Forum
from gateway.mail.token import marker_of, read_token
from gateway.mail.verdict import Reason, Verdict
from gateway.store import anonymous, changes, ledger, outbox, shelf
from gateway.store.engine import Transaction
from gateway.store.incoming import MARKER, marker_digits
from gateway.store.keep import set_verdict

if TYPE_CHECKING:
    from gateway.flow.desk import Desk

PURPOSE = "withdraw"


def withdraw_anonymous(desk: Desk, forum: Forum, mail: shelf.Mail) -> None:
    """Handles one such mail; a bad token does nothing."""
    address = parse_address(mail.forward_path)
    to = destination_of(address, {str(forum.address): forum}) if address is not None else None
    claims = read_token(desk.key, PURPOSE, forum.list_id, to.token, desk.now) if to is not None else None
    marker = marker_of(claims.marker) if claims is not None else ""
    with desk.store.write() as db:
        ledger.lock_forum(db, forum.id)
        is_done = bool(marker) and _withdraw(db, forum, marker, desk.now)
        for held in shelf.list_mails(db, forum.id, Verdict.HOLD) if marker and not is_done else ():
            is_it = marker_digits(held.msgid, held.content_hash, 0)[:MARKER] == marker
            if is_it and held.forward_path == f"{forum.name}+anon@{forum.domain}":
                set_verdict(db, forum.id, held.id, Verdict.DISCARD, Reason.WITHDRAWAL, desk.now, desk.new_id())
                changes.shrink(db, forum.id, held.id, skeleton(shelf.raw_of(db, forum.id, held.id), held.msgid, ""))
                is_done = True
        if is_done:
            ledger.note(db, forum.id, id=desk.new_id(), at=desk.now, verb=Verb.WITHDRAWN, subject=None, detail=marker)
        reason = Reason.DONE if is_done else Reason.NOT_UNDERSTOOD
        set_verdict(db, forum.id, mail.id, Verdict.DISCARD, reason, desk.now, desk.new_id())
    desk.store.forget_deleted(has_some=is_done)
    if is_done:
        log.info(Verb.WITHDRAWN, forum=forum.name, marker=marker)


def _withdraw(db: Transaction, forum: Forum, marker: str, now: datetime) -> bool:
    """Nothing of it goes out any more, and nothing but its place stays; False when there is no such post."""
    post = anonymous.withdraw(db, forum.id, marker, now)
    if post is None:
        return False
    outbox.drop_copies(db, forum.id, post.post_id, "the post was withdrawn")
    rest = skeleton(shelf.raw_of(db, forum.id, post.mail_id), post.msgid, post.subject)
    changes.purge(db, forum.id, post.post_id, post.mail_id, rest)
    return True
