"""How fast letters may go: a token bucket, and the pause after the way out failed. Pure: clock and chance are arguments.

`now` is in seconds of any clock that does not jump.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

# A relay that counts by the minute is not surprised by ten seconds' worth at once.
BURST_SECONDS = 10
# Seconds until the way out is tried again, then the last of them again and again.
PAUSES = (5, 15, 30, 60, 120, 300, 600)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """`level` letters may go at `filled_at`; `per_minute` more come in a minute. 0: as many as one likes."""

    per_minute: int
    level: float
    filled_at: float

    @classmethod
    def full(cls, per_minute: int, now: float) -> Self:
        return cls(per_minute=per_minute, level=_room(per_minute), filled_at=now)

    def take(self, wanted: int, now: float) -> tuple[Self, int]:
        """The bucket afterwards, and how many of `wanted` letters may go now."""
        if not self.per_minute:
            return self, wanted
        gained = max(0.0, now - self.filled_at) * self.per_minute / 60
        level = min(_room(self.per_minute), self.level + gained)
        # A hair under a whole letter is a whole letter: sums of fractions are not exact.
        given = min(wanted, int(level + 1e-6))
        return replace(self, level=level - given, filled_at=max(now, self.filled_at)), given

    def give_back(self, count: int) -> Self:
        """The bucket after `count` letters that might have gone did not."""
        return replace(self, level=self.level + count) if self.per_minute else self

    def wait(self, now: float) -> float:
        """Seconds until a letter may go."""
        if not self.per_minute:
            return 0.0
        missing = 1 - self.level - max(0.0, now - self.filled_at) * self.per_minute / 60
        return max(0.0, missing * 60 / self.per_minute)


def _room(per_minute: int) -> float:
    return max(1.0, per_minute * BURST_SECONDS / 60)


@dataclass(frozen=True, slots=True)
class Pause:
    """How often in a row the way out failed, and until when it is left alone."""

    failures: int = 0
    until: float = 0.0

    def longer(self, now: float, jitter: float) -> Pause:
        """After one more failure; several threads that meet the same one widen it once. `jitter` is in 0..1."""
        if now < self.until:
            return self
        seconds = PAUSES[min(self.failures, len(PAUSES) - 1)]
        return Pause(self.failures + 1, now + seconds * (0.8 + 0.4 * jitter))
