"""What every courier does (design 9): carries one letter, returns an `Outcome`, never raises for trouble on the way."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from gateway.mail.address import Address


class Fate(StrEnum):
    """What became of a letter at one attempt."""

    SENT = "sent"
    DEFERRED = "deferred"
    BOUNCED = "bounced"


@dataclass(frozen=True, slots=True)
class Outcome:
    """`reply` is what the other side said, in one line."""

    fate: Fate
    reply: str


class Courier(Protocol):
    """One way out."""

    def deliver(self, reverse_path: Address, recipient: Address, raw: bytes) -> Outcome: ...

    def close(self) -> None: ...
