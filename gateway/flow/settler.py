"""Ends of letters on their way into the store: those that several threads bring at the same time share one commit."""

from __future__ import annotations

import threading
from collections.abc import Callable

from gateway.store.engine import Store, Transaction


class _End:
    """What one thread wants written, and what came of it."""

    def __init__(self, write: Callable[[Transaction], bool]) -> None:
        self.write = write
        self.is_done = False
        self.result = False
        self.error: Exception | None = None


class Settler:
    """Used by all threads of a run. A commit waits for the disk, and meanwhile the next ones gather."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting: list[_End] = []
        self._lock = threading.Lock()
        self._turn = threading.Lock()

    def settle(self, write: Callable[[Transaction], bool]) -> bool:
        """What `write` returned, once that is committed; raises what went wrong, for everybody who shared the commit."""
        end = _End(write)
        with self._lock:
            self._waiting.append(end)
        with self._turn:
            if not end.is_done:
                with self._lock:
                    batch, self._waiting = self._waiting, []
                self._commit(batch)
        if end.error is not None:
            raise end.error
        return end.result

    def _commit(self, batch: list[_End]) -> None:
        try:
            with self._store.write() as db:
                for end in batch:
                    end.result = end.write(db)
        except Exception as error:  # noqa: BLE001 - raised again by each thread that waits for it
            for end in batch:
                end.error = error
        for end in batch:
            end.is_done = True
