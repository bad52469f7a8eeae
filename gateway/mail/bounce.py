"""What a mail to a bounce address says, and what is remembered of a member whose mail comes back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID


class Failure(StrEnum):
    """How a letter failed: for good, for now, or not at all."""

    HARD = "hard"
    SOFT = "soft"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Report:
    """What was read; `status` is an enhanced status code (RFC 3463) such as "5.1.1", "" where none was given."""

    failure: Failure
    status: str = ""


NO_REPORT = Report(Failure.NONE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounces:
    """Of one member. `score` is as of `bounced_at`, the last bounce that counted, and decays from there (`people.bounces`).

    `probe_id` is the letter that asks whether mail arrives at all, made at `probed_at`. Since `paused_at` the member gets no
    digests, because that letter came back too.
    """

    score: float = 0.0
    bounced_at: datetime | None = None
    probe_id: UUID | None = None
    probed_at: datetime | None = None
    paused_at: datetime | None = None


NO_BOUNCES = Bounces()
