"""What all sessions of one front door share: settings, counts, and who is inside.

It knows sessions only by what it asks of them, so that `session` may know it.
"""

from __future__ import annotations

import asyncio
import os
import ssl
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Protocol

from gateway.smtp.auth import MECHANISMS, Authenticator, Guard
from gateway.smtp.callers import Callers
from gateway.smtp.door import Door
from gateway.smtp.limits import Limits
from gateway.smtp.routing import Routes

DATA_RESERVE = 4


class Guest(Protocol):
    """A session, seen from the lobby."""

    def check_time(self, now: float) -> None:
        """Says goodbye to a client that has used up its time, and cuts one that does not leave."""
        ...

    def ask_to_leave(self) -> None:
        """421 at once to who is between mails, later to the others."""
        ...

    def cut(self) -> None:
        """Drops the connection and what waits on it."""
        ...

    @property
    def is_in_data(self) -> bool: ...


class Lobby:
    """Shared state of the sessions; everything happens on the event loop."""

    __slots__ = (
        "_greetings",
        "authenticator",
        "banner",
        "callers",
        "door",
        "guard",
        "guests",
        "has_space",
        "hostname",
        "is_closing",
        "is_empty",
        "limits",
        "now",
        "routes",
        "spool",
        "tls",
    )

    def __init__(
        self,
        *,
        door: Door,
        hostname: str,
        limits: Limits,
        tls: ssl.SSLContext | None,
        spool: Path,
        now: Callable[[], datetime],
        clock: Callable[[], float] = time.monotonic,
        authenticator: Authenticator | None = None,
    ) -> None:
        self.door = door
        self.hostname = hostname
        self.limits = limits
        self.tls = tls
        self.spool = spool
        self.now = now
        self.authenticator = authenticator
        self.guard = Guard(clock)
        self.callers = Callers(limits)
        self.routes = Routes(door, clock)
        self.guests: set[Guest] = set()
        self.is_closing = False
        self.is_empty = asyncio.Event()
        self.is_empty.set()
        self.has_space = True
        self.banner = f"220 {hostname} ESMTP\r\n".encode("ascii")
        self._greetings = (self._greeting(is_secure=False), self._greeting(is_secure=True))

    def greeting(self, *, is_secure: bool) -> bytes:
        """The reply to EHLO and LHLO (RFC 5321 section 4.1.1.1)."""
        return self._greetings[is_secure]

    def _greeting(self, *, is_secure: bool) -> bytes:
        services = [f"SIZE {self.limits.message_size}", "8BITMIME", "SMTPUTF8", "PIPELINING"]
        if self.tls is not None and not is_secure:
            services.append("STARTTLS")
        if self.authenticator is not None and is_secure:
            services.append(f"AUTH {MECHANISMS}")
        lines = [self.hostname, *services, "ENHANCEDSTATUSCODES"]
        return "".join(f"250{' ' if line is lines[-1] else '-'}{line}\r\n" for line in lines).encode("ascii")

    def enter(self, guest: Guest) -> None:
        self.guests.add(guest)
        self.is_empty.clear()

    def leave(self, guest: Guest) -> None:
        self.guests.discard(guest)
        if not self.guests:
            self.is_empty.set()

    def look_around(self, now: float) -> None:
        """Once a second: time limits of all sessions, and the disk. One timer for all costs a mail nothing."""
        for guest in tuple(self.guests):
            guest.check_time(now)
        self.has_space = self._has_space()

    def _has_space(self) -> bool:
        if not self.limits.free_space:
            return True
        in_data = sum(guest.is_in_data for guest in self.guests)
        try:
            disk = os.statvfs(self.spool)
        except OSError:
            return False
        total, free = disk.f_blocks * disk.f_frsize, disk.f_bavail * disk.f_frsize
        reserve = DATA_RESERVE * self.limits.message_size * in_data
        return free >= max(self.limits.free_space, reserve, int(total * self.limits.free_share))
