"""Takes a mail in: read, judge, place, keep (design 4). The door that `smtp` knocks at.

In: envelope, raw and destinations. Out: a future of one decision for each destination, done when everything is committed.
Ordinary mail is read in the writer's thread, just before it is kept; mail that is large or odd queues for a thread that has
it read in a killable process, so that a bomb delays only its like.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import replace
from queue import SimpleQueue
from typing import Protocol

from gateway.admit.chain import Case, decide
from gateway.admit.route import destination_of
from gateway.flow.anonymous import Blind, Keys
from gateway.flow.reading import Reader
from gateway.flow.senders import Senders
from gateway.journal import VERB_OF, log
from gateway.mail.address import Address
from gateway.mail.envelope import Envelope, Raw
from gateway.mail.forum import Destination, Forum, Purpose
from gateway.mail.message import Message
from gateway.mail.verdict import Decision, Reason, Verdict
from gateway.parse.message import is_ordinary, parse_message
from gateway.store.engine import Store
from gateway.store.keep import Incoming
from gateway.store.roster import list_forums
from gateway.store.writer import Unit

Decisions = tuple[Decision, ...]


class Writer(Protocol):
    """Who keeps: `store.writer.Writer`, or `store.remote.RemoteWriter` in a process that only receives."""

    def submit(self, unit: Unit) -> None: ...
    def close(self) -> None: ...


# What the same mail to several addresses of a forum is only once.
_POSTS = (Purpose.POST, Purpose.ENTRY, Purpose.ANONYMOUS, Purpose.BOUNCES, Purpose.OWNER)
_KEPT = (Verdict.ACCEPT, Verdict.HOLD, Verdict.DISCARD)


class _Job:
    """One mail on its way in; what `store.writer.Writer` asks of a unit. `message` is there when it was read beforehand."""

    __slots__ = ("answer", "blind", "decisions", "destinations", "envelope", "is_blind", "message", "order", "raw", "senders")

    def __init__(
        self, envelope: Envelope, raw: Raw, destinations: tuple[Destination, ...], senders: Senders, blind: Blind
    ) -> None:
        self.senders = senders
        self.blind = blind
        self.is_blind = False
        self.envelope = envelope
        self.raw = raw
        self.destinations = destinations
        self.answer: Future[Decisions] = Future()
        self.message: Message | None = None
        self.decisions: list[Decision] = []
        self.order: list[int] = []

    @property
    def size(self) -> int:
        return self.raw.size

    def prepare(self) -> list[Incoming]:
        message = self.message = self.message or parse_message(self.raw.read())
        senders = [self.senders.sender_of(message, one) for one in self.destinations]
        cases = [Case(self.envelope, message, *one) for one in zip(self.destinations, senders, strict=True)]
        decisions = self.decisions = [decide(case) for case in cases]
        self.is_blind = any(case.is_blind for case in cases)
        if self.is_blind:
            taken = self.blind.take(self.raw, cases, decisions)
            self.decisions, self.order = taken.decisions, list(taken.incomings)
            return list(taken.incomings.values())
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
                proof=senders[index].proof,
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


def _apart(message: Message, destination: Destination) -> Message:
    """A mail that asks for something is never the duplicate of a post, or of one to another address: it must not get lost."""
    if destination.purpose in _POSTS:
        return message
    text = message.content_hash + str(destination.address).lower().encode()
    return replace(message, content_hash=hashlib.sha256(text).digest())


class Receiver:
    """Implements `smtp.door.Door`. `close` ends it after what was submitted has been answered."""

    def __init__(self, store: Store, writer: Writer, reader: Reader, *, keys: Keys | None = None) -> None:
        self._store = store
        self._writer = writer
        self._reader = reader
        self._senders = Senders(store)
        self._blind = Blind(store, reader, keys)
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
        job = _Job(envelope, raw, destinations, self._senders, self._blind)
        if is_ordinary(raw):
            self._writer.submit(job)
        else:
            self._odd.put(job)
        return job.answer

    def close(self) -> None:
        self._odd.put(None)
        self._reading.join()
        self._writer.close()
        self._reader.close()

    def _read_odd(self) -> None:
        while (job := self._odd.get()) is not None:
            if job.answer.cancelled():
                continue
            try:
                job.message = self._reader.read(job.raw)
                self._writer.submit(job)
            except Exception as error:  # noqa: BLE001 - the sender is told to try again; the next mail is not his to spoil
                log.error("mail not read", exc_info=True)
                if job.answer.set_running_or_notify_cancel():
                    job.answer.set_exception(error)
