"""Group commit: many mail transactions share one commit (design 4).

`submit` hands over a unit (the mails of one SMTP transaction) and returns a future. One thread takes what is queued, small
units first, at most 32 MiB and 256 units, keeps it in one transaction and then answers all. A unit that fails is tried
once more alone, so that it does not fail its neighbours.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from uuid import UUID

from gateway.journal import log
from gateway.store.engine import Store
from gateway.store.keep import Incoming, keep

Unit = tuple[Sequence[Incoming], "Future[list[bool]]"]
BYTES_MAX = 32 << 20
UNITS_MAX = 256
SMALL = 1 << 20


class Writer:
    """The one thread that keeps mail. `close` ends it after what is queued has been kept."""

    def __init__(self, store: Store, new_id: Callable[[], UUID]) -> None:
        self._store = store
        self._new_id = new_id
        self._small: deque[Unit] = deque()
        self._large: deque[Unit] = deque()
        self._wake = threading.Condition()
        self._is_closing = False
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)
        self._thread.start()

    def submit(self, items: Sequence[Incoming]) -> Future[list[bool]]:
        """Asks to keep `items`, all or none; the result is whether each was new. It can be cancelled until it is begun."""
        future: Future[list[bool]] = Future()
        with self._wake:
            if self._is_closing:
                raise RuntimeError("the writer is closed")
            queue = self._small if items[0].raw.size <= SMALL else self._large
            queue.append((items, future))
            self._wake.notify()
        return future

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
        """All small units that fit, and one large one behind them: nobody waits for more than one large mail."""
        units: list[Unit] = []
        size = 0
        while self._small and len(units) < UNITS_MAX and size < BYTES_MAX - SMALL:
            units.append(self._small.popleft())
            size += units[-1][0][0].raw.size
        if self._large and (not units or size + self._large[0][0][0].raw.size <= BYTES_MAX):
            units.append(self._large.popleft())
        return units

    def _keep(self, units: Sequence[Unit]) -> None:
        units = [unit for unit in units if unit[1].set_running_or_notify_cancel()]
        if not units:
            return
        try:
            results = self._commit([items for items, _ in units])
        except Exception:  # noqa: BLE001 - whatever it was, each unit gets its own answer
            if len(units) == 1:
                self._try_alone(*units[0])
            else:
                log.warning("commit failed, one by one", units=len(units), exc_info=True)
                for unit in units:
                    self._try_alone(*unit)
            return
        for (_, future), result in zip(units, results, strict=True):
            future.set_result(result)

    def _try_alone(self, items: Sequence[Incoming], future: Future[list[bool]]) -> None:
        try:
            [result] = self._commit([items])
        except Exception as error:  # noqa: BLE001 - the caller answers 451
            log.error("mail not kept", exc_info=True)
            future.set_exception(error)
        else:
            future.set_result(result)

    def _commit(self, units: Sequence[Sequence[Incoming]]) -> list[list[bool]]:
        batch = [item for items in units for item in items]
        with self._store.write() as connection:
            kept = iter(keep(connection, batch, self._new_id))
        return [[next(kept) for _ in items] for items in units]
