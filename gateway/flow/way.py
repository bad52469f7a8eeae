"""What all threads that send know of the way out: whether it is paused, and how many letters may go (reliability O4, O7)."""

from __future__ import annotations

import threading

from gateway.send.pace import Bucket, Pause


class Way:
    """The pause and the token bucket of one process. `per_minute` 0 is no limit; `now` is in seconds of a steady clock."""

    def __init__(self, per_minute: int = 0) -> None:
        self._lock = threading.Lock()
        self._pause = Pause()
        self._per_minute = per_minute
        self._bucket: Bucket | None = None
        self.has_trouble = True
        """Whether trouble may be noted in the store; at the start, by a process that is no more."""

    def take(self, wanted: int, now: float) -> int:
        """How many letters may go now; after a failure one, to see whether the way is open again."""
        with self._lock:
            if now < self._pause.until:
                return 0
            wanted = 1 if self._pause.failures else wanted
            bucket = self._bucket or Bucket.full(self._per_minute, now)
            self._bucket, given = bucket.take(wanted, now)
            return given

    def give_back(self, count: int) -> None:
        """So many letters that were allowed did not go."""
        with self._lock:
            if self._bucket is not None and count:
                self._bucket = self._bucket.give_back(count)

    def wait(self, now: float) -> float:
        """Seconds until a letter may go, as far as one knows."""
        with self._lock:
            return max(self._pause.until - now, self._bucket.wait(now) if self._bucket else 0.0, 0.0)

    def failed(self, now: float, jitter: float) -> tuple[bool, float]:
        """Pauses; tells whether this is the first failure in a row, and for how many seconds from now."""
        with self._lock:
            is_first = not self._pause.failures
            self._pause = self._pause.longer(now, jitter)
            self.has_trouble = True
            return is_first, self._pause.until - now

    def worked(self) -> tuple[bool, bool]:
        """A letter was carried; tells whether it had failed before, and whether that may be noted in the store."""
        with self._lock:
            found = (self._pause.failures > 0, self.has_trouble)
            self._pause, self.has_trouble = Pause(), False
            return found
