"""Takes a mail in: read, judge, place, keep (design 4). The door that `smtp` knocks at.

In: envelope, raw and destinations. Out: a future of one decision for each destination, done when everything is committed.
Ordinary mail is read in the writer's thread, just before it is kept; mail that is large or odd queues for a thread that has
it read in a killable process, so that a bomb delays only its like; mail whose DKIM signature matters waits for the DNS in
threads of its own.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import replace
from datetime import datetime, timedelta
from queue import Empty, SimpleQueue
from typing import Protocol

from gateway.admit.chain import decide
from gateway.admit.route import destination_of
from gateway.admit.rules import HeaderRule
from gateway.flow.anonymous import Blind, Keys
from gateway.flow.proving import NO_MEANS, Means
from gateway.flow.reading import Reader
from gateway.flow.senders import Senders
from gateway.journal import VERB_OF, log
from gateway.mail.address import Address
from gateway.mail.envelope import Envelope, Raw, Via
from gateway.mail.forum import Destination, Forum, Purpose
from gateway.mail.message import Message
from gateway.mail.verdict import Decision, Reason, Verdict
from gateway.parse.message import is_ordinary, parse_message
from gateway.store.engine import Store
from gateway.store.incoming import Incoming
from gateway.store.roster import list_forums
from gateway.store.writer import Unit

Decisions = tuple[Decision, ...]


class Writer(Protocol):
    """Who keeps: `store.writer.Writer`, or `store.remote.RemoteWriter` in a process that only receives."""

    def submit(self, unit: Unit) -> None: ...
    def close(self) -> None: ...


# What the same mail to several addresses of a forum is only once.
_POSTS = (Purpose.POST, Purpose.ENTRY, Purpose.ANONYMOUS, Purpose.BOUNCES, Purpose.OWNER)
Current = Callable[[Destination], Destination]
FRESH_SECONDS = 2.0
_KEPT = (Verdict.ACCEPT, Verdict.HOLD, Verdict.DISCARD)


class _Job:
    """One mail on its way in; what `store.writer.Writer` asks of a unit. `message` is there when it was read beforehand."""

    __slots__ = (
        "answer",
        "blind",
        "current",
        "decisions",
        "destinations",
        "envelope",
        "is_blind",
        "message",
        "order",
        "raw",
        "rules",
        "senders",
        "signers",
    )

    def __init__(
        self,
        envelope: Envelope,
        raw: Raw,
        destinations: tuple[Destination, ...],
        senders: Senders,
        current: Current,
        blind: Blind,
        rules: Sequence[HeaderRule] = (),
    ) -> None:
        self.blind = blind
        self.is_blind = False
        self.rules = rules
        self.senders = senders
        self.current = current
        self.envelope = envelope
        self.raw = raw
        self.destinations = destinations
        self.answer: Future[Decisions] = Future()
        self.message: Message | None = None
        self.signers: tuple[str, ...] = ()
        self.decisions: list[Decision] = []
        self.order: list[int] = []

    @property
    def size(self) -> int:
        return self.raw.size

    def prepare(self) -> list[Incoming]:
        message = self.message = self.message or parse_message(self.raw.read())
        self.destinations = tuple([self.current(one) for one in self.destinations])
        cases = [self.senders.case_of(self.envelope, self.raw, message, one, self.signers) for one in self.destinations]
        decisions = self.decisions = _together(self.envelope.via, [decide(case, self.rules) for case in cases])
        self.is_blind = any(case.is_blind for case in cases)
        if self.is_blind:
            taken = self.blind.take(self.raw, cases, decisions)
            self.decisions, self.order = taken.decisions, list(taken.incomings)
            self.senders.count([case for case, one in zip(cases, self.decisions, strict=True) if one.verdict is Verdict.ACCEPT])
            return list(taken.incomings.values())
        accepted = [case for case, one in zip(cases, decisions, strict=True) if one.verdict is Verdict.ACCEPT]
        self.senders.count(accepted)
        # Accepted first: where two recipients are of one forum, the one that posts must not be the duplicate.
        self.order = [index for verdict in _KEPT for index, one in enumerate(decisions) if one.verdict is verdict]
        return [
            Incoming.of(
                forum=self.destinations[index].forum,
                recipient=self.destinations[index].address,
                envelope=self.envelope,
                message=_apart(message, self.destinations[index]),
                raw=self.raw,
                decision=decisions[index],
                proof=cases[index].sender.proof,
                answers=self.senders.entries.answers_of(self.destinations[index], self.envelope.received_at)
                if self.destinations[index].purpose is Purpose.ENTRY
                else (),
                publish_at=_publish_at(self.destinations[index].forum, self.envelope.received_at),
            )
            for index in self.order
        ]

    def finish(self, kept: Sequence[bool]) -> Decisions:
        for index, is_new in zip(self.order, kept, strict=True):
            if not is_new:
                self.decisions[index] = Decision(Verdict.ACCEPT, Reason.DUPLICATE)
        if self.is_blind:
            # The journal tells of what was kept, at its time; a line here would tell when it came.
            for one, decision in zip(self.destinations, self.decisions, strict=True):
                if decision.verdict not in _KEPT:
                    log.info(VERB_OF[decision.verdict], forum=one.forum.name, reason=decision.reason)
        elif self.message is not None:
            for one, decision in zip(self.destinations, self.decisions, strict=True):
                verb, reason = VERB_OF[decision.verdict], decision.reason
                log.info(verb, forum=one.forum.name, msgid=self.message.msgid, reason=reason, size=self.size)
        return tuple(self.decisions)


def _publish_at(forum: Forum, received_at: datetime) -> datetime | None:
    """Until when its author may change a post; no digest tells of it before."""
    return received_at + timedelta(minutes=forum.policy.edit_minutes) if forum.policy.edit_minutes else None


def _together(via: Via, decisions: list[Decision]) -> list[Decision]:
    """SMTP has one reply for all recipients: who is to come again with a mail must find nothing of it kept."""
    later = next((one for one in decisions if one.verdict is Verdict.DEFER), None)
    return [later] * len(decisions) if later is not None and via is Via.SMTP else decisions


def _apart(message: Message, destination: Destination) -> Message:
    """A mail that asks for something is never the duplicate of a post, or of one to another address: it must not get lost."""
    if destination.purpose in _POSTS:
        return message
    text = message.content_hash + str(destination.address).lower().encode()
    return replace(message, content_hash=hashlib.sha256(text).digest())


class Receiver:
    """Implements `smtp.door.Door`. `close` ends it after what was submitted has been answered."""

    def __init__(
        self,
        store: Store,
        writer: Writer,
        reader: Reader,
        means: Means = NO_MEANS,
        rules: Sequence[HeaderRule] = (),
        keys: Keys | None = None,
    ) -> None:
        self._rules = rules
        self._blind = Blind(store, reader, keys)
        self._store = store
        self._writer = writer
        self._reader = reader
        self._senders = Senders(store, means)
        self._forums: dict[str, Forum] = {}
        self._odd: SimpleQueue[_Job | None] = SimpleQueue()
        self._reading = threading.Thread(target=self._read_odd, name="reading", daemon=True)
        self.refresh()
        self._reading.start()

    def route(self, address: Address) -> Destination | None:
        """What `address` stands for, from memory; None when it is not ours as far as we know."""
        return destination_of(address, self._forums)

    def refresh(self) -> None:
        """Reads the forums anew."""
        self._forums = {str(forum.address): forum for forum in list_forums(self._store)}

    def submit(self, envelope: Envelope, raw: Raw, destinations: tuple[Destination, ...]) -> Future[Decisions]:
        """Asks to take a mail in; the result comes after the commit. An exception or DEFER means that nothing was kept."""
        job = _Job(envelope, raw, destinations, self._senders, self._current, self._blind, self._rules)
        if is_ordinary(raw):
            self._pass_on(job)
        else:
            self._odd.put(job)
        return job.answer

    def close(self) -> None:
        self._odd.put(None)
        self._reading.join()
        self._senders.prover.close()
        self._writer.close()
        self._reader.close()

    def _current(self, destination: Destination) -> Destination:
        """The same with the forum as it is now: somebody may have changed what is allowed there."""
        forum = self._senders.forum_now(destination.forum)
        if forum == destination.forum:
            return destination
        self.refresh()
        return replace(destination, forum=forum)

    def _pass_on(self, job: _Job) -> None:
        prover = self._senders.prover
        if prover.must_wait(job.envelope, job.raw, job.destinations):
            prover.put(lambda: self._prove(job))
        else:
            self._writer.submit(job)

    def _next_odd(self) -> _Job | None:
        """The next odd mail; meanwhile what others changed in the forums is looked up now and then, such as a flood."""
        while True:
            try:
                return self._odd.get(timeout=FRESH_SECONDS)
            except Empty:
                pass
            try:
                self.refresh()
            except Exception as error:  # noqa: BLE001 - what is known stays known
                log.warning("forums not looked up", why=type(error).__name__)

    def _read_odd(self) -> None:
        while (job := self._next_odd()) is not None:
            if job.answer.cancelled():
                continue
            try:
                job.message = self._reader.read(job.raw)
                self._pass_on(job)
            except Exception as error:  # noqa: BLE001 - the sender is told to try again; the next mail is not his to spoil
                _fail(job, error)

    def _prove(self, job: _Job) -> None:
        """In a thread of the prover."""
        if job.answer.cancelled():
            return
        try:
            prover, received_at = self._senders.prover, job.envelope.received_at
            job.message, job.signers = prover.signers(job.raw, job.message, job.destinations, received_at)
            self._writer.submit(job)
        except Exception as error:  # noqa: BLE001 - as above
            _fail(job, error)


def _fail(job: _Job, error: Exception) -> None:
    log.error("mail not read", exc_info=True)
    if job.answer.set_running_or_notify_cancel():
        job.answer.set_exception(error)
