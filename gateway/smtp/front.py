"""The front door itself: listeners for SMTP and LMTP, the clock that watches their sessions, and an orderly end.

In: a door, settings and an event loop of any make. Out: mail handed to the door. What the process does with signals is
for the house to say.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from gateway.mail.address import is_domain
from gateway.mail.envelope import Via
from gateway.smtp.auth import Authenticator
from gateway.smtp.door import Door
from gateway.smtp.limits import Limits
from gateway.smtp.lobby import Lobby
from gateway.smtp.session import LmtpSession, SmtpSession
from gateway.smtp.spool import remove_leftovers

_BACKLOG = 512
_TICK = 1.0
_SESSIONS = {Via.SMTP: SmtpSession, Via.LMTP: LmtpSession}


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A host and port to listen at; port 0 takes a free one."""

    host: str
    port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontDoorSettings:
    """`hostname` is what we call ourselves; `lmtp` is a place or the path of a local socket; `spool` a directory.

    `is_shared`: other processes listen at the same places, and the kernel deals connections out (SO_REUSEPORT).
    """

    hostname: str
    smtp: Place
    spool: Path
    lmtp: Place | Path | None = None
    limits: Limits = field(default_factory=Limits)
    is_shared: bool = False

    def __post_init__(self) -> None:
        if not self.hostname.isascii() or not is_domain(self.hostname):
            raise ValueError("hostname must be a domain name")


class FrontDoor:
    """Listens from `start` to `drain`, both on one event loop."""

    def __init__(
        self,
        settings: FrontDoorSettings,
        *,
        door: Door,
        tls: ssl.SSLContext | None,
        now: Callable[[], datetime],
        authenticator: Authenticator | None = None,
    ) -> None:
        self._settings = settings
        self._door = door
        self._tls = tls
        self._now = now
        self._authenticator = authenticator
        self._servers: dict[Via, asyncio.Server] = {}
        self._lobby: Lobby | None = None
        self._watch: asyncio.Task[None] | None = None

    @property
    def ports(self) -> Mapping[Via, int]:
        """The TCP port of each listener that has one."""
        names = {via: server.sockets[0].getsockname() for via, server in self._servers.items() if server.sockets}
        return {via: name[1] for via, name in names.items() if isinstance(name, tuple)}

    async def start(self) -> None:
        """Opens the listeners. OSError when a place is taken or the spool directory cannot be made."""
        # aiosmtpd would log commands of clients at INFO and their mail at DEBUG.
        logging.getLogger("mail.log").setLevel(logging.WARNING)
        settings = self._settings
        settings.spool.mkdir(parents=True, exist_ok=True, mode=0o700)
        remove_leftovers(settings.spool)
        self._lobby = Lobby(
            door=self._door,
            hostname=settings.hostname,
            limits=settings.limits,
            tls=self._tls,
            spool=settings.spool,
            now=self._now,
            authenticator=self._authenticator,
        )
        try:
            await self._listen(Via.SMTP, settings.smtp)
            if settings.lmtp is not None:
                await self._listen(Via.LMTP, settings.lmtp)
        except OSError:
            self._close_servers()
            raise
        self._lobby.look_around(time.monotonic())
        self._watch = asyncio.create_task(self._keep_watch(self._lobby))

    async def _listen(self, via: Via, place: Place | Path) -> None:
        loop, lobby, session = asyncio.get_running_loop(), self._lobby, _SESSIONS[via]
        assert lobby is not None
        if isinstance(place, Path):
            self._servers[via] = await loop.create_unix_server(lambda: session(lobby), str(place), backlog=_BACKLOG)
            return
        is_shared = self._settings.is_shared or None
        server = await loop.create_server(lambda: session(lobby), place.host, place.port, backlog=_BACKLOG, reuse_port=is_shared)
        self._servers[via] = server
        for listener in server.sockets:
            # Inherited by what is accepted; without it each EHLO waits 40 ms for the client's acknowledgement.
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    async def _keep_watch(self, lobby: Lobby) -> None:
        while True:
            await asyncio.sleep(_TICK)
            lobby.look_around(time.monotonic())

    def _close_servers(self) -> None:
        for server in self._servers.values():
            server.close()
        if isinstance(self._settings.lmtp, Path) and Via.LMTP in self._servers:
            self._settings.lmtp.unlink(missing_ok=True)
        self._servers.clear()

    async def drain(self, grace: float = 30) -> None:
        """Stops accepting, says goodbye to who is idle, lets mails end for `grace` seconds, then cuts the rest."""
        lobby = self._lobby
        if lobby is None:
            return
        lobby.is_closing = True
        self._close_servers()
        for guest in tuple(lobby.guests):
            guest.ask_to_leave()
        try:
            async with asyncio.timeout(grace):
                await lobby.is_empty.wait()
        except TimeoutError:
            for guest in tuple(lobby.guests):
                guest.cut()
            await lobby.is_empty.wait()
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None
        self._lobby = None
