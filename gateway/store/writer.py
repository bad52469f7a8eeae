"""Group commit: many mail transactions share one commit (design 4).

`submit` hands over a unit (the mails of one SMTP transaction) and returns a future. One thread takes what is queued, at most
32 MiB and 256 units, or one large one, prepares and keeps it in one transaction and then answers all. A unit that fails
is tried once more alone, so that it does not fail its neighbours.

Mail is read in this thread too (`prepare`), not in one beside it: two threads that compute take the interpreter's lock from
each other at every system call, which cost more than reading did.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any, Protocol
from uuid import UUID

from gateway.journal import log
from gateway.store.engine import Store
from gateway.store.incoming import Incoming
from gateway.store.keep import keep

BYTES_MAX = 32 << 20
UNITS_MAX = 256
SMALL = 1 << 20


class Unit(Protocol):
    """What is kept together or not at all; `answer` can be cancelled until `prepare` is called, in the writer's thread."""

    answer: Future[Any]

    @property
    def size(self) -> int:
        """About how many bytes."""
        ...

    def prepare(self) -> Sequence[Incoming]:
        """Reads and judges."""
        ...

    def finish(self, kept: Sequence[bool]) -> Any:
        """The answer, given which of what was prepared was new."""
        ...


class Writer:
    """The one thread that keeps mail. `close` ends it after what is queued has been kept."""

    def __init__(self, store: Store, new_id: Callable[[], UUID]) -> None:
        self._store = store
        self._new_id = new_id
        self._small: deque[Unit] = deque()
        self._large: deque[Unit] = deque()
        self._wake = threading.Condition()
        self._is_closing = False
        self._is_large_next = False
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)
        self._thread.start()

    def submit(self, unit: Unit) -> None:
        """Asks to keep what `unit` prepares; its answer comes after the commit, or is the exception that kept it from one."""
        with self._wake:
            if self._is_closing:
                raise RuntimeError("the writer is closed")
            (self._small if unit.size <= SMALL else self._large).append(unit)
            self._wake.notify()

    def close(self) -> None:
        with self._wake:
            self._is_closing = True
            self._wake.notify()
        self._thread.join()

    def _run(self) -> None:
        while True:
            with self._wake:
                while not (self._small or self._large or self._is_closing):
                    self._wake.wait()
                units = self._take()
            if not units:
                return
            self._keep(units)

    def _take(self) -> list[Unit]:
        """All small units that fit, or one large one, in turn: nobody waits for more than one large mail."""
        if self._large and (self._is_large_next or not self._small):
            self._is_large_next = False
            return [self._large.popleft()]
        self._is_large_next = True
        units: list[Unit] = []
        size = 0
        while self._small and len(units) < UNITS_MAX and size < BYTES_MAX - SMALL:
            units.append(self._small.popleft())
            size += units[-1].size
        return units

    def _keep(self, units: Sequence[Unit]) -> None:
        batch = [(unit, items) for unit in units if (items := prepared(unit)) is not None]
        results = keep_each(self._store, [items for _, items in batch], self._new_id)
        for (unit, _), result in zip(batch, results, strict=True):
            if isinstance(result, Exception):
                unit.answer.set_exception(result)
            else:
                unit.answer.set_result(unit.finish(result))


def prepared(unit: Unit) -> Sequence[Incoming] | None:
    """What `unit` wants kept; None when nobody waits for it any more, or when it failed and has been told."""
    if not unit.answer.set_running_or_notify_cancel():
        return None
    try:
        return unit.prepare()
    except Exception as error:  # noqa: BLE001 - the sender is told to try again
        log.error("mail not taken", exc_info=True)
        unit.answer.set_exception(error)
        return None


def keep_each(store: Store, units: Sequence[Sequence[Incoming]], new_id: Callable[[], UUID]) -> list[list[bool] | Exception]:
    """Keeps all units in one transaction, or, when that fails, each in its own: which of its items were new, or the fault."""
    try:
        return [*_commit(store, units, new_id)]
    except Exception:  # noqa: BLE001 - whatever it was, each unit gets its own answer
        log.warning("commit failed, one by one", units=len(units), exc_info=True)
    results: list[list[bool] | Exception] = []
    for unit in units:
        try:
            results += _commit(store, [unit], new_id)
        except Exception as error:  # noqa: BLE001 - the caller answers 451
            log.error("mail not kept", exc_info=True)
            results.append(error)
    return results


def _commit(store: Store, units: Sequence[Sequence[Incoming]], new_id: Callable[[], UUID]) -> list[list[bool]]:
    batch = [item for items in units for item in items]
    if not batch:
        return [[] for _ in units]
    with store.write() as connection:
        kept = iter(keep(connection, batch, new_id))
    return [[next(kept) for _ in items] for items in units]
