"""What is known about the sender of a mail and the thread it answers, before `admit` judges it (design 7, 10).

In: a mail that was read, and where it goes. Out: a `Case`. Where everybody may post nothing is looked up. What is
remembered of members is two seconds old at most.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Generic, TypeVar
from uuid import UUID

from gateway.admit.chain import POSTS, Case, is_nameless
from gateway.flow.entries import Entries
from gateway.flow.proving import NO_MEANS, Means, Prover, needs_sender
from gateway.mail.envelope import Envelope, Raw
from gateway.mail.forum import Destination, Forum, Member, Posting, Standing
from gateway.mail.loop import is_own
from gateway.mail.message import Message
from gateway.people.proof import prove
from gateway.people.rights import as_plain, is_exempt
from gateway.people.sender import NOBODY, Proof, Sender
from gateway.store.engine import Store, Transaction
from gateway.store.locks import locked_heads
from gateway.store.roster import forum_of, member_with_key
from gateway.store.standing import (
    accepted_posts,
    has_rank_of,
    is_any_in_thread,
    last_of_thread,
    thread_answered,
)
from gateway.thread.titles import subject_key

HOUR = timedelta(hours=1)
REMEMBERED_MAX = 20_000
# So much longer is remembered what no rule depends on.
LONG = 100
_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


class Senders:
    """One for a receiving process; may be used by several threads."""

    def __init__(self, store: Store, means: Means = NO_MEANS) -> None:
        self._store = store
        self._means = means
        self.prover = Prover(means)
        self._members = _Memory[tuple[UUID, str], Member | None](means)
        self._once = _Memory[tuple[UUID, str], Member | None](replace(means, memory=means.memory * LONG))
        self._locks = _Memory[UUID, set[str]](means)
        self._forums = _Memory[UUID, Forum](means)
        self._rates = _Rates(means)
        self.entries = Entries(store, means.key)

    def forum_now(self, forum: Forum) -> Forum:
        """The same forum as the store has it, when one may remember that for a while; else as it is."""
        return self._forums.get(forum.id, lambda db: forum_of(db, forum.id), self._store) if self._means.memory else forum

    def case_of(
        self, envelope: Envelope, raw: Raw, message: Message, destination: Destination, signers: tuple[str, ...] = ()
    ) -> Case:
        """All that the rules ask about one mail for one recipient."""
        forum = destination.forum
        if self._means.key and is_own(self._means.key, forum.list_id, message.loop_marks):
            return Case(envelope, message, destination, Sender(is_us=True))
        is_asked = needs_sender(destination) or (message.wants_anonymity and destination.purpose in POSTS)
        sender = self._sender_of(envelope, raw, message, destination, signers) if is_asked else NOBODY
        sender = self._with_posts(forum, as_plain(sender) if is_nameless(message, destination) else sender)
        if destination.purpose not in POSTS:
            return Case(envelope, message, destination, sender)
        starts, is_locked = self._place_of(forum, message, sender, envelope.received_at)
        # The token of a comment says what is answered, whatever the mail program made of it.
        starts = starts and sender.proof is not Proof.TOKEN
        return Case(
            envelope,
            message,
            destination,
            sender,
            starts_thread=starts,
            is_locked=is_locked,
            is_over_limit=forum.policy.posting is not Posting.OPEN
            and self._rates.is_over(forum.id, sender.member, envelope.received_at),
        )

    def count(self, cases: Sequence[Case]) -> None:
        """Notes what was accepted, for the limits of an hour; whose an anonymous post is, `flow.anonymous` counts by his tag."""
        for case in cases:
            forum = case.destination.forum
            if forum.policy.posting is not Posting.OPEN and case.destination.purpose in POSTS:
                member = case.sender.member if not case.is_anonymous else None
                self._rates.count(forum.id, member, case.envelope.received_at)

    def _sender_of(
        self, envelope: Envelope, raw: Raw, message: Message, destination: Destination, signers: tuple[str, ...]
    ) -> Sender:
        author, forum = message.author_address, destination.forum
        if author is None:
            return NOBODY
        member = self._members.get((forum.id, author.key), lambda db: self._member(db, forum.id, author.key), self._store)
        return Sender(member, prove(self.prover.evidence(envelope, raw, message, destination, member, signers)))

    def _with_posts(self, forum: Forum, sender: Sender) -> Sender:
        """With how many posts of a newcomer were accepted."""
        member, wanted = sender.member, forum.policy.newcomer_posts
        if member is None or member.standing is not Standing.NEW or not wanted or is_exempt(member):
            return sender
        with self._store.read() as db:
            return replace(sender, accepted=accepted_posts(db, member, wanted))

    def _member(self, db: Transaction, forum_id: UUID, key: str) -> Member | None:
        """Who has that address; one who was looked up in the last minutes is only looked at, for what rules depend on."""
        known = self._once.known((forum_id, key))
        if known is not None and known.address.key == key and has_rank_of(db, known):
            return known
        found = member_with_key(db, forum_id, key)
        self._once.put((forum_id, key), found)
        return found

    def _place_of(self, forum: Forum, message: Message, sender: Sender, now: datetime) -> tuple[bool, bool]:
        """Whether a mail starts a thread, and whether the one that it answers is locked; looked up where it matters.

        A mail that answers what nobody has seen starts none: what it answers may come after it.
        """
        base, is_reply = ("", False) if message.ancestors or not forum.follows_subjects else subject_key(message.subject)
        if not message.ancestors and not is_reply:
            return True, False
        locks = self._locks.get(forum.id, lambda db: locked_heads(db, forum.id), self._store)
        if not (locks or forum.policy.lock_days) or is_exempt(sender.member):
            return False, False
        with self._store.read() as db:
            thread = thread_answered(db, forum.id, message.ancestors, base)
            return False, thread is not None and _is_locked(db, forum, thread, locks, now)


def _is_locked(db: Transaction, forum: Forum, thread: UUID, locks: set[str], now: datetime) -> bool:
    if locks and is_any_in_thread(db, forum.id, thread, locks):
        return True
    last = last_of_thread(db, forum.id, thread) if forum.policy.lock_days else None
    return last is not None and now - last > timedelta(days=forum.policy.lock_days)


class _Memory(Generic[_Key, _Value]):
    """What was looked up, for `memory` seconds."""

    def __init__(self, means: Means) -> None:
        self._means = means
        self._known: dict[_Key, tuple[float, _Value]] = {}

    def get(self, key: _Key, look_up: Callable[[Transaction], _Value], store: Store) -> _Value:
        """What is remembered, or else looked up now."""
        found = self._known.get(key)
        if found is not None and self._means.clock() < found[0]:
            return found[1]
        with store.read() as db:
            value = look_up(db)
        self.put(key, value)
        return value

    def known(self, key: _Key) -> _Value | None:
        found = self._known.get(key)
        return found[1] if found is not None and self._means.clock() < found[0] else None

    def put(self, key: _Key, value: _Value) -> None:
        if self._means.memory:
            if len(self._known) >= REMEMBERED_MAX:
                self._known.clear()
            self._known[key] = (self._means.clock() + self._means.memory, value)


class _Rates:
    """Posts of the last hour, of each member and in each forum, in this process."""

    def __init__(self, means: Means) -> None:
        self._means = means
        self._lock = threading.Lock()
        self._times: dict[tuple[UUID, UUID | None], deque[datetime]] = {}

    def is_over(self, forum: UUID, member: Member | None, now: datetime) -> bool:
        """Whether one more would be too many."""
        with self._lock:
            if self._is_full(forum, None, self._means.posts_in_forum, now):
                return True
            if member is None or is_exempt(member):
                return False
            return self._is_full(forum, member.id, self._means.posts_of_member, now)

    def _is_full(self, forum: UUID, member: UUID | None, limit: int, now: datetime) -> bool:
        times = self._times.get((forum, member))
        if times is None or not limit:
            return False
        while times and now - times[0] >= HOUR:
            times.popleft()
        return len(times) >= limit

    def count(self, forum: UUID, member: Member | None, now: datetime) -> None:
        with self._lock:
            if len(self._times) >= REMEMBERED_MAX:
                self._times = {key: times for key, times in self._times.items() if times and now - times[-1] < HOUR}
            self._note((forum, None), self._means.posts_in_forum, now)
            if member is not None:
                self._note((forum, member.id), self._means.posts_of_member, now)

    def _note(self, key: tuple[UUID, UUID | None], limit: int, now: datetime) -> None:
        if limit:
            self._times.setdefault(key, deque(maxlen=limit)).append(now)
