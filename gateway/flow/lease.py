"""Leases of the letters that a thread has claimed: lengthened while it is alive, and known to be lost when it was not (O2)."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from types import TracebackType
from typing import Self
from uuid import UUID

from gateway.journal import log
from gateway.store import outbox
from gateway.store.engine import Store

# A lease is lengthened when a third of it has gone.
PARTS = 3


class Leases:
    """What one worker holds. A thread of its own, begun with the first letters, lengthens the leases: a relay may be slow."""

    def __init__(self, store: Store, now: Callable[[], datetime], lease: timedelta) -> None:
        self._store = store
        self._now = now
        self._lease = lease
        self._held: dict[UUID, tuple[outbox.Letter, datetime]] = {}
        self._lock = threading.Lock()
        self._done = threading.Event()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._done.set()
        if self._thread is not None:
            self._thread.join()

    def add(self, letters: Iterable[outbox.Letter], now: datetime) -> None:
        """Letters that were claimed at `now`."""
        with self._lock:
            self._held |= {letter.id: (letter, now + self._lease) for letter in letters}
            if self._held and self._thread is None:
                self._thread = threading.Thread(target=self._beat, name="leases", daemon=True)
                self._thread.start()

    def holds(self, letter: outbox.Letter) -> bool:
        """Whether so much of the lease is left as a healthy worker always has; one that slept may have lost it."""
        with self._lock:
            held = self._held.get(letter.id)
        return held is not None and held[1] - self._now() > self._lease / PARTS

    def end(self, letter: outbox.Letter) -> None:
        """The letter is settled or put back."""
        with self._lock:
            self._held.pop(letter.id, None)

    def lengthen(self) -> None:
        """All leases run from now on; those that were lost are not ours to lengthen."""
        now = self._now()
        with self._lock:
            held = [letter for letter, until in self._held.values() if until > now]
        with self._store.write() as db:
            outbox.renew(db, held, now + self._lease)
        with self._lock:
            self._held |= {letter.id: (letter, now + self._lease) for letter in held if letter.id in self._held}

    def _beat(self) -> None:
        while not self._done.wait(self._lease.total_seconds() / PARTS):
            try:
                self.lengthen()
            except Exception:  # noqa: BLE001 - a database that is gone for a while; the leases run out if it is long
                log.error("leases not lengthened", exc_info=True)
