"""From forward-path to Destination: the house's memory first, and when that does not know, a second look.

A forum that was added a moment ago by another process is unknown to our memory; so an unknown address makes the house
read again, shared by all who wait and at most once in `PAUSE` seconds, before it is refused for good.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from gateway.mail.address import Address
from gateway.mail.forum import Destination
from gateway.smtp.door import Door
from gateway.smtp.replies import Event

PAUSE = 2.0

log = logging.getLogger(__name__)


class Routes:
    """One for all sessions of a process. `clock` is monotonic."""

    __slots__ = ("_clock", "_door", "_has_failed", "_next_at", "_reading")

    def __init__(self, door: Door, clock: Callable[[], float]) -> None:
        self._door = door
        self._clock = clock
        self._next_at = clock()
        self._has_failed = False
        self._reading: asyncio.Task[None] | None = None

    def known(self, address: Address) -> Destination | Event | None:
        """The destination, TROUBLE when the house cannot say, or None: worth a `second_look`."""
        try:
            return self._door.route(address)
        except Exception:
            log.exception("route failed")
            return Event.TROUBLE

    async def second_look(self, address: Address) -> Destination | Event:
        """Like `known` after reading again, with NOT_OURS in the place of None."""
        if self._reading is None and self._clock() >= self._next_at:
            self._reading = asyncio.create_task(self._read_again())
        if self._reading is not None:
            # Shielded: the others who wait for it do not hang up with us.
            await asyncio.shield(self._reading)
        found = self.known(address)
        if found is not None:
            return found
        return Event.TROUBLE if self._has_failed else Event.NOT_OURS

    async def _read_again(self) -> None:
        try:
            self._has_failed = not await asyncio.to_thread(self._refresh)
        finally:
            self._next_at = self._clock() + PAUSE
            self._reading = None

    def _refresh(self) -> bool:
        """In the thread; nothing leaves it but an answer, for asyncio cannot carry every exception back."""
        try:
            self._door.refresh()
        except Exception:
            log.exception("refresh failed")
            return False
        return True
