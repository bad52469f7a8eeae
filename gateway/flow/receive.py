"""Takes a mail in: read, judge, place, keep (design 4). The door that `smtp` and `exchange` knock at.

In: envelope, raw and destinations. Out: a future of one decision for each destination, done when everything is committed.
A thread reads ordinary mail; mail that is large or odd queues for a second one, which has it read in a killable process,
so that a bomb delays only its like.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from datetime import datetime
from queue import SimpleQueue
from typing import NamedTuple

from gateway.admit.chain import Case, decide
from gateway.admit.route import destination_of
from gateway.flow.reading import Reader
from gateway.journal import VERB_OF, log
from gateway.mail.address import Address
from gateway.mail.envelope import Envelope, Raw, Via
from gateway.mail.forum import Destination, Forum, Purpose
from gateway.mail.message import Message
from gateway.mail.verdict import Decision, Reason, Verdict
from gateway.parse.message import is_ordinary, parse_message
from gateway.store.engine import Store
from gateway.store.keep import Incoming
from gateway.store.roster import list_forums
from gateway.store.writer import Writer

Decisions = tuple[Decision, ...]
_KEPT = (Verdict.ACCEPT, Verdict.HOLD, Verdict.DISCARD)


class _Job(NamedTuple):
    envelope: Envelope
    raw: Raw
    destinations: tuple[Destination, ...]
    answer: Future[Decisions]


class Receiver:
    """Implements `smtp.door.Door`. `close` ends it after what was submitted has been answered."""

    def __init__(self, store: Store, writer: Writer, reader: Reader) -> None:
        self._store = store
        self._writer = writer
        self._reader = reader
        self._forums: dict[str, Forum] = {}
        self._ordinary: SimpleQueue[_Job | None] = SimpleQueue()
        self._odd: SimpleQueue[_Job | None] = SimpleQueue()
        self._threads = [
            threading.Thread(target=self._run, args=(self._ordinary, self._read_ordinary), name="reading", daemon=True),
            threading.Thread(target=self._run, args=(self._odd, self._read_odd), name="reading-odd", daemon=True),
        ]
        self.refresh()
        for thread in self._threads:
            thread.start()

    def route(self, address: Address) -> Destination | None:
        """What `address` stands for, from memory; None when it is not ours as far as we know."""
        return destination_of(address, self._forums)

    def refresh(self) -> None:
        """Reads the forums anew."""
        self._forums = {str(forum.address): forum for forum in list_forums(self._store)}

    def submit(self, envelope: Envelope, raw: Raw, destinations: tuple[Destination, ...]) -> Future[Decisions]:
        """Asks to take a mail in; the result comes after the commit. An exception or DEFER means that nothing was kept."""
        answer: Future[Decisions] = Future()
        self._ordinary.put(_Job(envelope, raw, destinations, answer))
        return answer

    def close(self) -> None:
        for queue, thread in zip((self._ordinary, self._odd), self._threads, strict=True):
            queue.put(None)
            thread.join()
        self._writer.close()
        self._reader.close()

    def _run(self, queue: SimpleQueue[_Job | None], read: Callable[[_Job], Message | None]) -> None:
        while (job := queue.get()) is not None:
            try:
                message = read(job)
                if message is not None and job.answer.set_running_or_notify_cancel():
                    self._keep(job, message)
            except Exception as error:  # noqa: BLE001 - the sender is told to try again; the next mail is not his to spoil
                log.error("mail not taken", exc_info=True)
                if not job.answer.done():
                    job.answer.set_exception(error)

    def _read_ordinary(self, job: _Job) -> Message | None:
        if not is_ordinary(job.raw):
            self._odd.put(job)
            return None
        return parse_message(job.raw.read())

    def _read_odd(self, job: _Job) -> Message | None:
        return None if job.answer.cancelled() else self._reader.read(job.raw)

    def _keep(self, job: _Job, message: Message) -> None:
        decisions = [decide(Case(job.envelope, message, destination)) for destination in job.destinations]
        order = [index for verdict in _KEPT for index, one in enumerate(decisions) if one.verdict is verdict]
        items = [
            Incoming(
                forum=job.destinations[index].forum,
                recipient=job.destinations[index].address,
                envelope=job.envelope,
                message=message,
                raw=job.raw,
                decision=decisions[index],
            )
            for index in order
        ]

        def answer(kept: Future[list[bool]]) -> None:
            error = kept.exception()
            if error is not None:
                job.answer.set_exception(error)
                return
            for index, is_new in zip(order, kept.result(), strict=True):
                if not is_new:
                    decisions[index] = Decision(Verdict.ACCEPT, Reason.DUPLICATE)
            job.answer.set_result(tuple(decisions))
            _tell(job, message, decisions)

        if items:
            self._writer.submit(items).add_done_callback(answer)
        else:
            job.answer.set_result(tuple(decisions))
            _tell(job, message, decisions)


def _tell(job: _Job, message: Message, decisions: Sequence[Decision]) -> None:
    if job.envelope.via is Via.IMPORT:
        return
    for destination, decision in zip(job.destinations, decisions, strict=True):
        verb = VERB_OF[decision.verdict]
        log.info(verb, forum=destination.forum.name, msgid=message.msgid, reason=decision.reason, size=job.raw.size)


def take_all(
    receiver: Receiver, forum: Forum, mails: Sequence[tuple[Raw, datetime]], told: Callable[[Raw, Decision | None], None]
) -> None:
    """The side door: takes mails of an archive in, all at once; `told` hears of each what became of it (None: our trouble).

    Callers bring them in runs of some hundreds, which share commits.
    """
    destination = Destination(address=forum.address, forum=forum, purpose=Purpose.POST)
    pending = []
    for raw, received_at in mails:
        envelope = Envelope(reverse_path=None, forward_paths=(forum.address,), received_at=received_at, via=Via.IMPORT, peer="")
        pending.append((raw, receiver.submit(envelope, raw, (destination,))))
    for raw, future in pending:
        error = future.exception()
        told(raw, None if error is not None else future.result()[0])
