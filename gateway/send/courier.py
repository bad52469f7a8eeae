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


class Fault(StrEnum):
    """Who is to blame: the letter; the way out, which every letter goes; or its settings, which only an operator can mend."""

    LETTER = "letter"
    WAY = "way"
    SETUP = "setup"


@dataclass(frozen=True, slots=True)
class Outcome:
    """`reply` is what the other side said, in one line. A fault of the way defers the letter and says nothing about it."""

    fate: Fate
    reply: str
    fault: Fault = Fault.LETTER


class Courier(Protocol):
    """One way out. Not for several threads at once."""

    def deliver(self, reverse_path: Address, recipient: Address, raw: bytes) -> Outcome: ...

    def close(self) -> None: ...
