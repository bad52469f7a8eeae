"""Keeping mail for other processes: receivers read and judge, one process keeps (design 4).

In: units of receiving processes, over a pair of sockets each. Out: which of their mails were new, after the commit. What
crosses is flat and holds only what `store.keep` needs, since pickling the nouns themselves cost more than keeping them.
The keeping side is one thread that reads, keeps and answers in turn: what arrives meanwhile waits in the sockets, and
becomes the next batch.
"""

from __future__ import annotations

import pickle
import select
import socket
import struct
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from selectors import EVENT_READ, DefaultSelector
from typing import Any
from uuid import UUID

from gateway.journal import log
from gateway.mail.address import Address, parse_address
from gateway.mail.envelope import Envelope, Raw, Via
from gateway.mail.forum import Forum
from gateway.mail.message import Message
from gateway.mail.verdict import Decision, Reason, Verdict
from gateway.store.engine import Store
from gateway.store.incoming import Incoming
from gateway.store.writer import UNITS_MAX, Unit, keep_each, prepared

_LENGTH = struct.Struct(">I")
# Below what malloc maps anew for each read.
_READ = 1 << 16
Flat = tuple[Any, ...]


class KeeperGone(Exception):
    """The process that keeps has ended; nothing of what waits was kept as far as we know."""


class _Frames:
    """Values over a stream socket: each a length and a pickle, between processes of one program."""

    def __init__(self, sock: socket.socket) -> None:
        self.socket = sock
        self._buffer = bytearray()
        self._lock = threading.Lock()
        self._writable = select.poll()
        self._writable.register(sock, select.POLLOUT)

    def send(self, value: Any) -> None:
        data = pickle.dumps(value, pickle.HIGHEST_PROTOCOL)
        left = memoryview(_LENGTH.pack(len(data)) + data)
        with self._lock:
            while left:
                try:
                    left = left[self.socket.send(left) :]
                except BlockingIOError:
                    # An event loop that waits for a socket makes it one that does not block.
                    self._writable.poll()

    def receive(self) -> list[Any] | None:
        """The values that have come as a whole, without waiting; None when the other side has ended."""
        try:
            data = self.socket.recv(_READ, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return []
        except ConnectionError:
            return None
        if not data:
            return None
        self._buffer += data
        return list(self._whole())

    def _whole(self) -> Iterator[Any]:
        at, size = 0, len(self._buffer)
        while size - at >= _LENGTH.size:
            end = at + _LENGTH.size + _LENGTH.unpack_from(self._buffer, at)[0]
            if end > size:
                break
            yield pickle.loads(memoryview(self._buffer)[at + _LENGTH.size : end].tobytes())
            at = end
        del self._buffer[:at]


def at_once(flush: Callable[[], None]) -> None:
    """Puts nothing off."""
    flush()


class RemoteWriter:
    """The writer of a receiving process: reads and judges at once, and has another process keep.

    `later` may put off what it is given for a moment, so that several mails go in one piece. `submit` may be called from any
    thread; `receive` whenever `socket` is readable, always from the same one.
    """

    def __init__(self, sock: socket.socket) -> None:
        self.socket = sock
        self.later: Callable[[Callable[[], None]], object] = at_once
        self._frames = _Frames(sock)
        self._waiting: dict[int, Unit] = {}
        self._ready: list[tuple[int, list[Flat]]] = []
        self._last = 0
        self._lock = threading.Lock()

    def submit(self, unit: Unit) -> None:
        """Asks to keep what `unit` prepares; its answer comes after the commit, or is the exception that kept it from one."""
        items = prepared(unit)
        if items is None:
            return
        if not items:
            unit.answer.set_result(unit.finish([]))
            return
        flats = [flat(item) for item in items]
        with self._lock:
            self._last += 1
            self._waiting[self._last] = unit
            self._ready.append((self._last, flats))
            is_first = len(self._ready) == 1
        if is_first:
            self.later(self._flush)

    def _flush(self) -> None:
        with self._lock:
            ready, self._ready = self._ready, []
        try:
            self._frames.send(ready)
        except OSError as error:
            for number, _ in ready:
                self._waiting.pop(number).answer.set_exception(error)

    def receive(self) -> bool:
        """Passes answers on; False when there will be no more."""
        answers = self._frames.receive()
        if answers is None:
            for unit in self._waiting.values():
                unit.answer.set_exception(KeeperGone())
            self._waiting.clear()
            return False
        for answer in answers:
            for number, kept in answer:
                unit = self._waiting.pop(number)
                if kept is None:
                    unit.answer.set_exception(RuntimeError("not kept"))
                else:
                    unit.answer.set_result(unit.finish(kept))
        return True

    def close(self) -> None:
        self.socket.close()


def keep_for(store: Store, sockets: Iterable[socket.socket], new_id: Callable[[], UUID]) -> None:
    """Keeps what the receivers at the other ends of `sockets` send, until all of them have ended."""
    with DefaultSelector() as selector:
        for sock in sockets:
            selector.register(sock, EVENT_READ, _Frames(sock))
        while selector.get_map():
            units = _gather(selector)
            if units:
                _keep(store, units, new_id)


def _gather(selector: DefaultSelector) -> list[tuple[_Frames, int, list[Incoming]]]:
    """Waits for the first unit; then all that is there, or enough for one commit."""
    units: list[tuple[_Frames, int, list[Incoming]]] = []
    while selector.get_map() and len(units) < UNITS_MAX:
        ready = selector.select(0 if units else None)
        if not ready:
            break
        for key, _ in ready:
            received = key.data.receive()
            if received is None:
                selector.unregister(key.fileobj)
                key.data.socket.close()
                continue
            units += [(key.data, number, [from_flat(flat) for flat in items]) for frame in received for number, items in frame]
    return units


def _keep(store: Store, units: Sequence[tuple[_Frames, int, list[Incoming]]], new_id: Callable[[], UUID]) -> None:
    results = keep_each(store, [items for _, _, items in units], new_id)
    answers: dict[_Frames, list[tuple[int, list[bool] | None]]] = {}
    for (frames, number, _), result in zip(units, results, strict=True):
        answers.setdefault(frames, []).append((number, None if isinstance(result, Exception) else result))
    for frames, answer in answers.items():
        try:
            frames.send(answer)
        except OSError:
            # What it sent is kept; the clients will try again and be told that it is a duplicate.
            log.warning("a receiver ended before its answer", units=len(answer))


def flat(item: Incoming) -> Flat:
    """What `keep` needs of `item`, cheap to pickle."""
    forum, envelope, message, raw = item.forum, item.envelope, item.message, item.raw
    return (
        (forum.id.bytes, forum.name, forum.domain, forum.title, forum.mirrors, forum.follows_subjects),
        str(item.recipient),
        "" if envelope.reverse_path is None else str(envelope.reverse_path),
        envelope.received_at,
        envelope.via.value,
        envelope.peer,
        message.msgid,
        message.content_hash,
        message.author_name,
        "" if message.author_address is None else str(message.author_address),
        message.subject,
        message.date,
        message.ancestors,
        raw.size,
        "" if raw.path is None else str(raw.path),
        item.decision.verdict.value,
        item.decision.reason.value,
        (item.pieces, item.spans, item.attachments, item.digits),
        (str(item.proof), item.publish_at, item.tag, message.icon, item.answers, item.receipt),
    )


def from_flat(flat: Flat) -> Incoming:
    """The other way: an Incoming whose message has no spans, since they are JSON by now, and whose raw has no bytes."""
    forum, recipient, reverse_path, received_at, via, peer, msgid, content_hash, name, author, subject, date = flat[:12]
    ancestors, size, path, verdict, reason, made, known = flat[12:]
    proof, publish_at, tag, icon, answers, receipt = known
    to = _address(recipient)
    assert to is not None
    pieces, spans, attachments, digits = made
    return Incoming(
        forum=_forum(*forum),
        recipient=to,
        envelope=Envelope(
            reverse_path=_address(reverse_path), forward_paths=(to,), received_at=received_at, via=Via(via), peer=peer
        ),
        message=Message(
            msgid=msgid,
            content_hash=content_hash,
            author_name=name,
            author_address=_address(author),
            subject=subject,
            date=date,
            ancestors=ancestors,
            icon=icon,
        ),
        raw=Raw(size=size, path=Path(path)) if path else Raw(size=size, data=b""),
        decision=_decision(verdict, reason),
        pieces=pieces,
        spans=spans,
        attachments=attachments,
        digits=digits,
        proof=proof,
        publish_at=publish_at,
        tag=tag,
        answers=answers,
        receipt=receipt,
    )


@lru_cache(maxsize=4096)
def _address(text: str) -> Address | None:
    return parse_address(text) if text else None


@lru_cache(maxsize=1024)
def _forum(forum_id: bytes, name: str, domain: str, title: str, mirrors: tuple[str, ...], follows_subjects: bool) -> Forum:
    id = UUID(bytes=forum_id)
    return Forum(id=id, name=name, domain=domain, title=title, mirrors=mirrors, follows_subjects=follows_subjects)


@lru_cache(maxsize=256)
def _decision(verdict: str, reason: str) -> Decision:
    return Decision(Verdict(verdict), Reason(reason))
