"""What the front door asks of the house: where a forward-path leads, and what became of a mail.

The rooms below implement it; the front door knows nothing of stores and threads.
"""

from __future__ import annotations

from concurrent.futures import Future
from typing import Protocol

from gateway.mail.address import Address
from gateway.mail.envelope import Envelope, Raw
from gateway.mail.forum import Destination
from gateway.mail.verdict import Decision


class Door(Protocol):
    """Everything behind the door. An exception from any of the three is answered 451 and harms one transaction only."""

    def route(self, address: Address) -> Destination | None:
        """What `address` stands for, or None. From memory: it is called on the event loop for each RCPT."""
        ...

    def refresh(self) -> None:
        """Reads again what `route` knows. It may block: it is called in a thread, and not often."""
        ...

    def submit(self, envelope: Envelope, raw: Raw, destinations: tuple[Destination, ...]) -> Future[tuple[Decision, ...]]:
        """Decides and keeps one mail; one Decision for each destination, in the same order, once all is durable.

        An exception, a cancelled future or DEFER promise that nothing was kept. A spool file behind `raw` lives until
        the future is done.
        """
        ...
