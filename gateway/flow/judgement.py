"""What a ruling does to its case (design 10): one step after the other in the transaction of whoever rules.

In: an open case and one ruling. Out: what was done, as a `Result`; the facts and letters of it are in the transaction. A case is
closed once: whoever comes second is told who was first.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from gateway.flow import alter, locking, standing
from gateway.flow.held import incoming_of, tag_of
from gateway.flow.letters import queue
from gateway.journal import Verb
from gateway.mail.envelope import Raw
from gateway.mail.forum import Forum, Member
from gateway.mail.message import Message
from gateway.mail.piece import Alteration, Change
from gateway.mail.verdict import Reason, Verdict
from gateway.people import rulings
from gateway.people.rulings import Ruling
from gateway.render.cases import Result, render_declined
from gateway.store import cases, changes, ledger, locks, roster, shelf
from gateway.store.cases import Case, Kind
from gateway.store.engine import Transaction
from gateway.store.keep import decide_anew, set_verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """Where it is ruled: `by` is the handle of who rules; `read` reads a held mail, before the transaction."""

    db: Transaction
    forum: Forum
    now: datetime
    new_id: Callable[[], UUID]
    by: str
    read: Callable[[shelf.Mail], tuple[Raw, Message]]

    def note(self, verb: Verb, subject: UUID | None, detail: str) -> None:
        ledger.note(self.db, self.forum.id, id=self.new_id(), at=self.now, verb=verb, subject=subject, detail=detail)


def rule(bench: Bench, case: Case, ruling: Ruling) -> Result:
    """Does it, unless the case is closed."""
    if case.outcome:
        code = "already" if case.decided_by else "settled"
        return Result(code=code, number=ruling.number, by=case.decided_by)
    act = {Kind.HELD: _rule_held, Kind.REPORTED: _rule_reported, Kind.FLOOD: _rule_flood}[case.kind]
    code = act(bench, case, ruling)
    if code not in NOT_DONE:
        cases.close_case(bench.db, case, code, bench.by, bench.now, ruling.text if ruling.verb in _GIVES_REASON else "")
        bench.note(Verb.RULED, case.id, f"{code}: {case.marker} by {bench.by}".strip())
    return Result(code=code, number=ruling.number)


NOT_DONE = frozenset({"not-banned", "no-thread", "no-text", "no-sense", "settled"})
_GIVES_REASON = (rulings.Verb.NO, rulings.Verb.BAN)


def _rule_flood(bench: Bench, _case: Case, ruling: Ruling) -> str:
    if ruling.verb is rulings.Verb.OK:
        cases.set_flooded(bench.db, bench.forum.id, None)
        return "opened"
    return "stays-held" if ruling.verb is rulings.Verb.NO else "no-sense"


def _rule_held(bench: Bench, case: Case, ruling: Ruling) -> str:
    assert case.mail_id is not None
    mail = shelf.mail_of(bench.db, bench.forum.id, case.mail_id)
    if mail.verdict != Verdict.HOLD:
        return "settled"
    raw, message = bench.read(mail)
    author = _author_of(bench, message)
    known = author if mail.proof and mail.reason != Reason.ANONYMOUS else None
    match ruling.verb:
        case rulings.Verb.OK:
            _release(bench, mail, raw, message, author)
            return "posted"
        case rulings.Verb.EDIT:
            if not ruling.text:
                return "no-text"
            marker = _release(bench, mail, raw, message, author)
            change = Change(marker=marker, alteration=Alteration.EDITED, text=ruling.text, at=bench.now)
            changes.record(bench.db, bench.forum.id, bench.new_id(), change)
            bench.note(Verb.EDITED, mail.id, f"{marker} by {bench.by}")
            return "posted-edited"
        case rulings.Verb.BAN:
            if known is None or not standing.ban(bench.db, bench.forum, known, bench.now, bench.new_id):
                return "not-banned"
            _discard(bench, mail)
            return "banned"
        case rulings.Verb.LOCK:
            thread = _thread_above(bench, message)
            if thread is None:
                return "no-thread"
            _lock(bench, thread)
            _discard(bench, mail)
            return "locked-declined"
        case rulings.Verb.NO:
            _discard(bench, mail)
            if known is not None:
                _tell(bench, known, message.subject, ruling.text, is_removed=False)
            return "declined-told" if known is not None else "declined"
    return "no-sense"


def _release(bench: Bench, mail: shelf.Mail, raw: Raw, message: Message, author: Member | None) -> str:
    """Posts it; the marker of the post."""
    incoming = incoming_of(bench.forum, mail, raw, message, tag=tag_of(bench.db, bench.forum, mail), now=bench.now)
    decide_anew(bench.db, incoming, mail.id, Reason.BY_HAND, bench.now, bench.new_id)
    if author is not None:
        standing.promote(bench.db, bench.forum, author, bench.now, bench.new_id)
    post = shelf.post_of_mail(bench.db, bench.forum.id, mail.id)
    return post.marker if post is not None else ""


def _discard(bench: Bench, mail: shelf.Mail) -> None:
    set_verdict(bench.db, bench.forum.id, mail.id, Verdict.DISCARD, Reason.BY_HAND, bench.now, bench.new_id())


def _author_of(bench: Bench, message: Message) -> Member | None:
    if message.author_address is None or message.wants_anonymity:
        return None
    return roster.member_with_key(bench.db, bench.forum.id, message.author_address.key)


def _thread_above(bench: Bench, message: Message) -> UUID | None:
    """The thread that a mail would stand in; None when it answers nothing that we have."""
    for msgid in message.ancestors:
        for thread in locks.threads_of(bench.db, bench.forum.id, [msgid]):
            return thread
    return None


def _rule_reported(bench: Bench, case: Case, ruling: Ruling) -> str:
    post = shelf.find_post(bench.db, bench.forum.id, case.marker)
    if post is None:
        return "settled"
    code = _done_to_post(bench, post, ruling)
    if code not in NOT_DONE:
        outcome = "dismissed" if code == "kept" else "upheld"
        cases.settle_reports(bench.db, bench.forum.id, case.marker, outcome)
    return code


def _done_to_post(bench: Bench, post: shelf.Post, ruling: Ruling) -> str:
    # Whose it says it is, and it was proved: nobody is punished for what a forger sent.
    is_proved = bool(shelf.mail_of(bench.db, bench.forum.id, post.mail_id).proof)
    author = roster.member_with_key(bench.db, bench.forum.id, post.author_key) if post.author_key and is_proved else None
    match ruling.verb:
        case rulings.Verb.OK:
            return "kept"
        case rulings.Verb.NO:
            if not _alter(bench, post, Alteration.REMOVED):
                return "settled"
            _after_removal(bench, post, author, ruling.text)
            return "removed"
        case rulings.Verb.EDIT:
            if not ruling.text:
                return "no-text"
            return "edited" if _alter(bench, post, Alteration.EDITED, ruling.text) else "settled"
        case rulings.Verb.BAN:
            if author is None or not standing.ban(bench.db, bench.forum, author, bench.now, bench.new_id):
                return "not-banned"
            _alter(bench, post, Alteration.REMOVED)
            return "banned"
        case rulings.Verb.LOCK:
            _lock(bench, post.thread_id)
            return "locked"
    return "no-sense"


def _alter(bench: Bench, post: shelf.Post, alteration: Alteration, text: str = "") -> bool:
    try:
        alter.make(bench.db, bench.forum, post, alteration, bench.now, bench.new_id, text)
    except alter.NotChanged:
        return False
    return True


def _after_removal(bench: Bench, post: shelf.Post, author: Member | None, reason: str) -> None:
    """Who is known to have written it is told, and waits with his next posts."""
    if author is not None:
        standing.put_on_probation(bench.db, bench.forum, author, bench.now, bench.new_id)
        _tell(bench, author, post.subject, reason, is_removed=True)


def _tell(bench: Bench, author: Member, title: str, reason: str, *, is_removed: bool) -> None:
    text = render_declined(bench.forum, title, reason, author.language, is_removed=is_removed)
    queue(bench.db, bench.forum, author.address, text, bench.now, bench.new_id, member=author)


def _lock(bench: Bench, thread: UUID) -> None:
    locking.lock(bench.db, bench.forum, thread, bench.now, bench.new_id, bench.by)


def lock_by_marker(bench: Bench, ruling: Ruling) -> Result:
    """Locks or opens the thread in which that post stands."""
    post = shelf.find_post(bench.db, bench.forum.id, ruling.marker)
    if post is None:
        return Result(code="no-thread", marker=ruling.marker)
    if ruling.verb is rulings.Verb.UNLOCK:
        locking.unlock(bench.db, bench.forum, post.thread_id, bench.now, bench.new_id, bench.by)
        return Result(code="unlocked", marker=post.marker)
    _lock(bench, post.thread_id)
    return Result(code="locked", marker=post.marker)
