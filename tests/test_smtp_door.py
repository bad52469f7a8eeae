"""The fake door, the house that serves it on real ports, and a plain client: used by all tests of the front door.

The fake keeps the promises of `gateway.smtp.door.Door` and can be told to fail; the tests below hold it to them.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest
import uvloop

from gateway.mail.address import Address
from gateway.mail.envelope import Envelope, Raw, Via
from gateway.mail.forum import Destination, Forum, Purpose
from gateway.mail.verdict import ACCEPTED, Decision
from gateway.smtp.auth import Authenticator
from gateway.smtp.front import FrontDoor, FrontDoorSettings, Place
from gateway.smtp.limits import Limits

DOMAIN = "gw.example"
FORUM = Forum(id=UUID(int=1), name="general", domain=DOMAIN, title="General")
NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
PATIENCE = 20.0
# The disk and the number of connections of the machine that runs the tests say nothing about the code.
CALM = {"free_space": 0, "new_per_network_and_minute": 0, "connections_per_network": 0}
MAIL = b"MAIL FROM:<anna@sender.example>\r\n"
RCPT = b"RCPT TO:<general@gw.example>\r\n"
ANYWHERE = Place(host="127.0.0.1", port=0)
LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}

Answer = Callable[[tuple[Destination, ...]], tuple[Decision, ...]]


class FakeDoor:
    """In memory. `hangs` leaves futures pending in `waiting`; `trouble` maps a hook to the exception it raises."""

    def __init__(self) -> None:
        self.names = {"general", "news", "jürgen"}
        self.late_names: set[str] = set()
        self.kept: list[tuple[Envelope, bytes, tuple[Destination, ...]]] = []
        self.waiting: list[tuple[Future[tuple[Decision, ...]], Callable[[], None]]] = []
        self.trouble: dict[str, BaseException] = {}
        self.answer: Answer = lambda destinations: (ACCEPTED,) * len(destinations)
        self.hangs = False
        self.refreshed = 0
        self.submitted = threading.Event()
        self.paths: list[Path] = []

    def route(self, address: Address) -> Destination | None:
        self._fail("route")
        if address.domain != DOMAIN or address.local.casefold() not in self.names:
            return None
        return Destination(address=address, forum=FORUM, purpose=Purpose.POST)

    def refresh(self) -> None:
        self.refreshed += 1
        self._fail("refresh")
        self.names |= self.late_names

    def submit(self, envelope: Envelope, raw: Raw, destinations: tuple[Destination, ...]) -> Future[tuple[Decision, ...]]:
        self._fail("submit")
        future: Future[tuple[Decision, ...]] = Future()
        if raw.path is not None:
            self.paths.append(raw.path)

        def finish() -> None:
            if not future.set_running_or_notify_cancel():
                return
            if "decide" in self.trouble:
                future.set_exception(self.trouble["decide"])
                return
            self.kept.append((envelope, raw.read(), destinations))
            future.set_result(self.answer(destinations))

        if self.hangs:
            self.waiting.append((future, finish))
        else:
            finish()
        self.submitted.set()
        return future

    def _fail(self, hook: str) -> None:
        if hook in self.trouble:
            raise self.trouble[hook]


class House:
    """A front door on loopback, with its loop in a thread of its own; `tick` moves its clock."""

    def __init__(
        self,
        spool: Path,
        *,
        loop: str = "asyncio",
        tls: ssl.SSLContext | None = None,
        lmtp: Path | Place = ANYWHERE,
        authenticator: Authenticator | None = None,
        **limits: float,
    ) -> None:
        self.door = FakeDoor()
        self.loop = LOOPS[loop]()
        self.spool = spool
        settings = FrontDoorSettings(
            hostname=DOMAIN,
            smtp=ANYWHERE,
            lmtp=lmtp,
            spool=spool,
            limits=Limits(**{**CALM, **limits}),  # type: ignore[arg-type]
        )
        self.front = FrontDoor(settings, door=self.door, tls=tls, now=lambda: NOON, authenticator=authenticator)
        self._thread = threading.Thread(target=self.loop.run_forever)
        self._clients: list[Client] = []

    def run(self, work: Callable[[], object]) -> None:
        """Calls `work` on the loop and waits for it."""

        async def call() -> None:
            work()

        asyncio.run_coroutine_threadsafe(call(), self.loop).result(PATIENCE)

    def tick(self, seconds: float) -> None:
        """What the clock of the front door does when so much time has gone by."""
        lobby = self.front._lobby
        assert lobby is not None
        self.run(lambda: lobby.look_around(time.monotonic() + seconds))

    def begin_drain(self, grace: float) -> Future[None]:
        return asyncio.run_coroutine_threadsafe(self.front.drain(grace), self.loop)

    def guests(self) -> int:
        lobby = self.front._lobby
        return 0 if lobby is None else len(lobby.guests)

    def wait_empty(self) -> None:
        """Until every session has ended, as the front door itself sees it."""
        lobby = self.front._lobby
        assert lobby is not None
        asyncio.run_coroutine_threadsafe(lobby.is_empty.wait(), self.loop).result(PATIENCE)

    def connect(self, via: Via = Via.SMTP) -> Client:
        return self.adopt(socket.create_connection(("127.0.0.1", self.front.ports[via]), PATIENCE))

    def adopt(self, sock: socket.socket) -> Client:
        """A client on a connection made elsewhere, closed with the house."""
        client = Client(sock)
        self._clients.append(client)
        return client

    def greet(self, via: Via = Via.SMTP) -> Client:
        """A client past banner and EHLO or LHLO."""
        client = self.connect(via)
        client.reply()
        assert client.ask(b"EHLO me\r\n" if via is Via.SMTP else b"LHLO me\r\n").startswith("250")
        return client

    def __enter__(self) -> House:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self.front.start(), self.loop).result(PATIENCE)
        return self

    def __exit__(self, *_: object) -> None:
        for client in self._clients:
            client.close()
        self.begin_drain(0).result(PATIENCE)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(PATIENCE)
        self.loop.run_until_complete(self.loop.shutdown_default_executor())
        self.loop.close()


class Client:
    """Bytes out, replies in; nothing clever."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self._inbox = b""

    def send(self, data: bytes) -> None:
        """Sends all of it; a server that has hung up is no error here."""
        with contextlib.suppress(OSError):
            self.sock.sendall(data)

    def line(self) -> str:
        """One line, or "" at the end."""
        while b"\r\n" not in self._inbox:
            try:
                piece = self.sock.recv(65536)
            except ConnectionError:
                piece = b""
            if not piece:
                return ""
            self._inbox += piece
        line, _, self._inbox = self._inbox.partition(b"\r\n")
        return line.decode("ascii")

    def lines(self) -> list[str]:
        """One reply; empty at the end."""
        lines = [self.line()]
        while lines[-1][3:4] == "-":
            lines.append(self.line())
        return lines

    def reply(self) -> str:
        """The last line of the next reply."""
        return self.lines()[-1]

    def ask(self, data: bytes) -> str:
        self.send(data)
        return self.reply()

    def rest(self) -> list[str]:
        """All lines until the server closes."""
        lines = []
        while line := self.line():
            lines.append(line)
        return lines

    def begin_mail(self) -> None:
        """MAIL, RCPT and DATA, up to 354."""
        assert self.ask(MAIL).startswith("250")
        assert self.ask(RCPT).startswith("250")
        assert self.ask(b"DATA\r\n").startswith("354")

    def start_tls(self, context: ssl.SSLContext) -> None:
        self.sock = context.wrap_socket(self.sock, server_hostname=DOMAIN)

    def close(self) -> None:
        self.sock.close()


def test_fake_routes_only_its_own() -> None:
    door = FakeDoor()
    found = door.route(Address("General", DOMAIN))
    assert found is not None
    assert found.forum is FORUM
    assert door.route(Address("general", "elsewhere.example")) is None
    assert door.route(Address("late", DOMAIN)) is None
    door.late_names = {"late"}
    door.refresh()
    assert door.route(Address("late", DOMAIN)) is not None


def test_fake_keeps_or_promises_nothing() -> None:
    door = FakeDoor()
    envelope = Envelope(reverse_path=None, forward_paths=(), received_at=NOON, via=Via.SMTP)
    assert door.submit(envelope, Raw.of(b"x"), ()).result(0) == ()
    door.hangs = True
    future = door.submit(envelope, Raw.of(b"y"), ())
    assert future.cancel()
    door.waiting[0][1]()
    assert [raw for _, raw, _ in door.kept] == [b"x"]
    door.trouble["submit"] = OSError("disk")
    with pytest.raises(OSError, match="disk"):
        door.submit(envelope, Raw.of(b"z"), ())
