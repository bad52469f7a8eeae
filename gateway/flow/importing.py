"""The side door's order of steps: read and judge the mails of an archive, keep them in the archive's order, show them at the end.

In: pieces of an archive, and what a gateway had recorded about them, if it was one of ours. Out: `Outcome`s, one for each
piece. Mail goes by the same rooms as live mail. In a large archive it is read in processes of its own, each reading a run of
pieces, while this one keeps them; odd mail is read where it can be killed (`flow.reading`).
"""

from __future__ import annotations

import os
import signal
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from multiprocessing import get_context
from typing import Protocol
from uuid import UUID

from gateway.admit.chain import Case, decide
from gateway.flow.reading import Reader
from gateway.flow.repair import take_over
from gateway.mail.address import parse_address
from gateway.mail.envelope import Envelope, Raw, Via
from gateway.mail.forum import Destination, Forum, Purpose
from gateway.mail.message import Message
from gateway.mail.piece import Change, Move, Piece, Record
from gateway.mail.verdict import Decision, Reason, Verdict
from gateway.parse.message import is_ordinary, parse_message
from gateway.store import changes, imports
from gateway.store.engine import Store
from gateway.store.imports import Import
from gateway.store.incoming import Incoming, Past
from gateway.store.remote import Flat, flat, from_flat
from gateway.store.writer import keep_each

RUN = 200
RUN_BYTES = 8 << 20
# Below this it is not worth to start other processes.
FEW_BYTES = 16 << 20
# So many runs are read before the first of them is kept.
AHEAD = 4
# The publication number of what was published before any digest of this forum.
OLD = 0
TOO_LARGE = "too large to be taken"
NOT_KEPT = "not kept, try again"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one piece. `result` is a `Reason`, or why nothing was kept; `notes` tell what was odd about the mail."""

    piece: Piece
    msgid: str = ""
    result: str = ""
    notes: tuple[str, ...] = ()

    @property
    def is_odd(self) -> bool:
        """Whether somebody should have a look at it."""
        return self.result not in (Reason.POSTED, Reason.DUPLICATE) or bool(self.notes)


class Archive(Protocol):
    """What is imported. `pieces` begins anew with each call."""

    @property
    def source(self) -> str: ...
    @property
    def size(self) -> int: ...
    @property
    def moves(self) -> Sequence[Move]: ...
    @property
    def changes(self) -> Sequence[Change]: ...

    def pieces(self) -> Iterator[Piece]: ...
    def find(self, raw: bytes) -> tuple[bytes, Record | None]:
        """The bytes as they were exported, and what was recorded about them; `raw` itself and None for any other mail."""
        ...


# Bytes and time of receipt; and what came of them, with what is odd about the mail. None: not to be read like any other.
Given = tuple[bytes, datetime]
Read = tuple[Flat, tuple[str, ...]] | None


def open_import(store: Store, forum: Forum, archive: Archive, highest: int, now: datetime, new_id: Callable[[], UUID]) -> Import:
    """The import of that archive that was broken off, or a new one; `highest`: publication number on record."""
    with store.write() as db:
        return imports.begin(db, forum.id, archive.source, highest, now, new_id())


def bring_in(
    store: Store,
    forum: Forum,
    archive: Archive,
    run: Import,
    *,
    is_news: bool,
    now: datetime,
    new_id: Callable[[], UUID],
    told: Callable[[Outcome], None],
) -> bool:
    """Imports an archive from where `run` stands; whether it came to its end, with everything kept and to be seen.

    Its posts are news for the next digest only with `is_news`, or when a record says that they were not published yet.
    """
    left, taken = _where_it_stands(archive, run)
    keeper = _Keeper(store, forum, archive, run, taken, is_news=is_news, now=now, new_id=new_id)
    waiting: deque[tuple[list[Piece], Callable[[], list[Read]]]] = deque()
    try:
        with _readers(archive.size) as (read, ahead):
            for pieces in _runs(left):
                waiting.append((pieces, read(forum, [(piece.raw or b"", piece.received_at or now) for piece in pieces])))
                if len(waiting) > ahead:
                    keeper.keep(*waiting.popleft(), told)
            while waiting:
                keeper.keep(*waiting.popleft(), told)
    finally:
        keeper.close()
    if keeper.has_failed:
        return False
    if archive.moves:
        take_over(store, forum, archive.moves, new_id)
    with store.write() as db:
        changes.take_over(db, forum.id, archive.changes, new_id)
        imports.end(db, forum.id, run.id, now)
    return True


def read_run(forum: Forum, given: Sequence[Given]) -> list[Read]:
    """Reads and judges the mails of a run, in whatever process."""
    return [_read(forum, Raw.of(raw), at, None) if is_ordinary(Raw.of(raw)) else None for raw, at in given]


def _read(forum: Forum, raw: Raw, received_at: datetime, message: Message | None) -> Read:
    message = message or parse_message(raw.read())
    envelope = Envelope(reverse_path=None, forward_paths=(forum.address,), received_at=received_at, via=Via.IMPORT)
    decision = decide(Case(envelope, message, Destination(address=forum.address, forum=forum, purpose=Purpose.POST)))
    item = Incoming.of(forum=forum, recipient=forum.address, envelope=envelope, message=message, raw=raw, decision=decision)
    return flat(item), (*message.defects, *(("no date that can be read",) if message.date is None else ()))


def _where_it_stands(archive: Archive, run: Import) -> tuple[Iterator[Piece], int]:
    """What is left of the archive, and after how many; all of it, when it is not the one that was broken off."""
    pieces = archive.pieces()
    last = None
    for _ in range(run.taken):
        last = next(pieces, None)
    if run.taken and (last is None or imports.digest_of(last) != run.last):
        return archive.pieces(), 0
    return pieces, run.taken


def _runs(pieces: Iterator[Piece]) -> Iterator[list[Piece]]:
    run: list[Piece] = []
    size = 0
    for piece in pieces:
        run.append(piece)
        size += len(piece.raw or b"")
        if len(run) >= RUN or size > RUN_BYTES:
            yield run
            run, size = [], 0
    if run:
        yield run


@contextmanager
def _readers(size: int) -> Iterator[tuple[Callable[[Forum, Sequence[Given]], Callable[[], list[Read]]], int]]:
    """Who reads: this process, or others while this one keeps; and how many runs ahead of keeping."""
    if size < FEW_BYTES:
        yield (lambda forum, given: lambda: read_run(forum, given)), 0
        return
    # Spawned: a copy of this process would hold its connections to the database.
    count = min(os.cpu_count() or 1, AHEAD)
    with ProcessPoolExecutor(count, get_context("spawn"), _start_reader) as pool:
        yield (lambda forum, given: pool.submit(read_run, forum, given).result), AHEAD


def _start_reader() -> None:
    # An interrupt is for the process that keeps; it ends the others.
    signal.signal(signal.SIGINT, signal.SIG_IGN)


class _Keeper:
    """Keeps runs in the archive's order and notes how far it has come."""

    def __init__(
        self,
        store: Store,
        forum: Forum,
        archive: Archive,
        run: Import,
        taken: int,
        *,
        is_news: bool,
        now: datetime,
        new_id: Callable[[], UUID],
    ) -> None:
        self._store = store
        self._forum = forum
        self._archive = archive
        self._run = run
        self._number = None if is_news else OLD
        self._now = now
        self._new_id = new_id
        self._reader = Reader()
        self._taken = taken
        self.has_failed = False

    def close(self) -> None:
        self._reader.close()

    def keep(self, pieces: Sequence[Piece], read: Callable[[], list[Read]], told: Callable[[Outcome], None]) -> None:
        items: list[Incoming] = []
        notes: list[tuple[str, ...]] = []
        whole = [piece for piece in pieces if piece.raw is not None]
        for piece, one in zip(pieces, read(), strict=True):
            if piece.raw is not None:
                item, odd = self._item(piece, one)
                items.append(item)
                notes.append(odd)
        results = keep_each(self._store, [[item] for item in items], self._new_id)
        for piece in pieces:
            if piece.raw is None:
                told(Outcome(piece=piece, result=TOO_LARGE))
        for piece, item, odd, result in zip(whole, items, notes, results, strict=True):
            told(Outcome(piece=piece, msgid=item.message.msgid, result=self._result(item, result), notes=odd))
        self._taken += len(pieces)
        if not self.has_failed:
            with self._store.write() as db:
                imports.advance(db, self._forum.id, self._run.id, self._taken, imports.digest_of(pieces[-1]))

    def _result(self, item: Incoming, result: list[bool] | Exception) -> str:
        if isinstance(result, Exception):
            self.has_failed = True
            return NOT_KEPT
        return item.decision.reason if result[0] else Reason.DUPLICATE

    def _item(self, piece: Piece, read: Read) -> tuple[Incoming, tuple[str, ...]]:
        assert piece.raw is not None
        raw, record = self._archive.find(piece.raw)
        at = piece.received_at or self._now
        if read is None or raw is not piece.raw:
            read = _read(self._forum, Raw.of(raw), at, self._reader.read(Raw.of(raw)))
        assert read is not None
        packed, notes = read
        item = from_flat(packed)
        if record is not None:
            return self._as_recorded(item, record), notes
        past = Past(hidden_by=self._run.id, number=self._number, published_at=None if self._number is None else self._now)
        return replace(item, past=past), (*notes, *(("no time of receipt",) if piece.received_at is None else ()))

    def _as_recorded(self, item: Incoming, record: Record) -> Incoming:
        recipient = parse_address(record.forward_path) or self._forum.address
        number = record.number if self._run.has_numbers or record.number is None else OLD
        return replace(
            item,
            recipient=recipient,
            envelope=Envelope(
                reverse_path=parse_address(record.reverse_path) if record.reverse_path else None,
                forward_paths=(recipient,),
                received_at=record.received_at,
                via=Via(record.via),
                peer=record.peer,
            ),
            decision=Decision(Verdict(record.verdict), Reason(record.reason)),
            past=Past(hidden_by=self._run.id, number=number, published_at=record.published_at, resolutions=record.resolutions),
        )
