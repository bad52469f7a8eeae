"""The one place where parts are put together: settings in, running house out."""

from __future__ import annotations

import asyncio
import gc
import os
import secrets
import signal
import socket
import ssl
import tempfile
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

import uvloop
from uuid_utils.compat import uuid7

from gateway.flow.deliver import Office, deliver
from gateway.flow.publish import publish, send_due
from gateway.flow.reading import Reader
from gateway.flow.receive import Receiver
from gateway.flow.way import Way
from gateway.journal import log
from gateway.send.connection import Relay
from gateway.send.courier import Courier
from gateway.send.maildir import MaildirCourier
from gateway.send.pace import BURST_SECONDS
from gateway.send.relay import RelayCourier
from gateway.settings import BadSettings, SendTable, Settings
from gateway.smtp.front import FrontDoor, FrontDoorSettings, Place
from gateway.store.engine import Store
from gateway.store.remote import RemoteWriter, at_once, keep_for
from gateway.store.roster import list_forums
from gateway.store.writer import Writer

KEY_BYTES = 32


def real_now() -> datetime:
    """The clock of everything but tests and the demo."""
    return datetime.now(UTC)


class House:
    """An open store and what works on it. `close` ends it in order; nothing that was acknowledged is lost."""

    def __init__(
        self,
        settings: Settings,
        now: Callable[[], datetime] = real_now,
        new_id: Callable[[], UUID] = uuid7,
        writer: RemoteWriter | None = None,
    ) -> None:
        self.settings = settings
        self._writer = writer
        self.now = now
        self.new_id = new_id
        settings.data.mkdir(parents=True, exist_ok=True)
        self.store = Store(settings.database_url)
        self.store.migrate()
        self._receiver: Receiver | None = None

    @property
    def receiver(self) -> Receiver:
        """The way in; its threads start with the first use."""
        if self._receiver is None:
            self._receiver = Receiver(self.store, self._writer or Writer(self.store, self.new_id), Reader())
        return self._receiver

    def close(self) -> None:
        if self._receiver is not None:
            self._receiver.close()
        self.store.close()

    def front_door(self, *, is_shared: bool = False) -> FrontDoor:
        """The SMTP and LMTP listeners, not yet started. Raises BadSettings for a certificate that cannot be read."""
        smtp = self.settings.smtp
        lmtp = smtp.lmtp_socket or (None if smtp.lmtp_port is None else Place(host=smtp.host, port=smtp.lmtp_port))
        settings = FrontDoorSettings(
            hostname=smtp.hostname,
            smtp=Place(host=smtp.host, port=smtp.port),
            lmtp=lmtp,
            spool=self.settings.data / "spool",
            limits=smtp.as_limits(),
            is_shared=is_shared,
        )
        return FrontDoor(settings, door=self.receiver, tls=self._tls(), now=self.now)

    def _tls(self) -> ssl.SSLContext | None:
        smtp = self.settings.smtp
        if smtp.tls_certificate is None or smtp.tls_key is None:
            return None
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        try:
            context.load_cert_chain(smtp.tls_certificate, smtp.tls_key)
        except (OSError, ssl.SSLError) as error:
            raise BadSettings(f"smtp.tls_certificate, smtp.tls_key: cannot be read: {error}") from None
        return context

    def couriers(self) -> list[Courier]:
        """The way out that the settings name, as often as letters are to go at the same time. Raises BadSettings."""
        send = self.settings.send
        if send.courier == "maildir":
            return [MaildirCourier(self.settings.maildir) for _ in range(send.connections)]
        relay = relay_of(send, self.settings.smtp.hostname)
        return [RelayCourier(relay) for _ in range(send.connections)]

    def key(self) -> bytes:
        """The key of our tokens; made at the first start, readable by us alone, part of every backup."""
        path = self.settings.data / "secrets"
        if not path.exists():
            _make_secret(path)
        text = path.read_text(encoding="ascii", errors="replace").strip()
        if len(text) != 2 * KEY_BYTES or not set(text) <= set("0123456789abcdef"):
            # An empty one, after a crash or a full disk, would be a key that anybody can guess.
            raise BadSettings(f"{path}: does not hold a key: restore it from a backup, or remove it to get a new one")
        return bytes.fromhex(text)

    @contextmanager
    def office(self, is_over: Callable[[], bool] = lambda: False) -> Iterator[Office]:
        """What sends letters, for as long as it is needed; it stops after the letters in hand when `is_over`."""
        first, *others = couriers = self.couriers()
        office = Office(first, self.key(), Random(), self.new_id, self.settings.web.url)
        way = Way(self.settings.send.per_minute)
        try:
            yield office._replace(others=tuple(others), way=way, clock=time.monotonic, is_over=is_over)
        finally:
            for courier in couriers:
                courier.close()

    def tick(self, office: Office) -> None:
        """Does what is due now: publication numbers, issues, letters."""
        self.publish()
        deliver(self.store, office, self.now())

    def publish(self) -> None:
        """Publication numbers and issues that are due now."""
        now = self.now()
        for forum in list_forums(self.store):
            publish(self.store, forum, now, self.new_id)
            send_due(self.store, forum, now, self.new_id, self.settings.digest.as_caps())


def tame_garbage_collector() -> None:
    """For a process that stays: what is loaded by now is not looked through again, and the rest less often.

    Rendering a large digest makes some hundred thousand objects that all live, and looking for rubbish among them again
    and again took a third of its time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 20, 50)


def relay_of(send: SendTable, hostname: str) -> Relay:
    """The relay or LMTP server that the settings name. Raises BadSettings for files that cannot be read."""
    if send.courier == "lmtp" and send.lmtp:
        host, _, port = (send.lmtp, "", "0") if send.lmtp.startswith("/") else send.lmtp.rpartition(":")
        return Relay(host=host.strip("[]"), port=int(port), hostname=hostname, is_lmtp=True)
    password = send.relay_password.get_secret_value() if send.relay_password else ""
    try:
        if send.relay_password_file is not None:
            password = send.relay_password_file.read_text(encoding="ascii").strip()
        if send.relay_ca is not None:
            ssl.create_default_context(cafile=send.relay_ca)
    except (OSError, ValueError) as error:
        raise BadSettings(f"send.relay_ca, send.relay_password_file: cannot be read: {error}") from None
    return Relay(
        host=send.relay_host,
        port=send.relay_port,
        hostname=hostname,
        tls=send.relay_tls,
        ca=send.relay_ca,
        user=send.relay_user or "",
        password=password,
    )


def send_only(settings: Settings) -> None:
    """Runs a sender until SIGTERM or SIGINT; as many as one likes share a store with the process that serves."""
    house = House(settings)
    tame_garbage_collector()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_signal: stop.set())
    log.info("sending", courier=settings.send.courier)
    try:
        _send_until(house, stop)
    finally:
        house.close()
    log.info("stopped")


def serve(settings: Settings, ready: Callable[[FrontDoor], None]) -> None:
    """Runs until SIGTERM or SIGINT: listeners, scheduler and sender in one process. `ready` is told once it listens."""
    with _clockwork(settings) as house:
        tame_garbage_collector()
        _run(_listen(house, ready))
    log.info("stopped")


def serve_shared(settings: Settings, receivers: int, ready: Callable[[FrontDoor], None]) -> None:
    """The same with `receivers` processes that speak SMTP, read and judge; this one keeps, schedules and sends.

    One process computes on one processor at a time, whatever threads it has. When one of them ends without being told,
    all end, and SystemExit tells whoever starts us again. Limits of connections hold for each process.
    """
    House(settings).close()  # migrates once, before several look at the tables
    tame_garbage_collector()
    stopping = threading.Event()
    children: set[int] = set()
    sockets: list[socket.socket] = []

    def end(*_signal: object) -> None:
        stopping.set()
        for child in children:
            # One that has just ended, and is not yet off the list, needs no telling.
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGTERM)

    with _reserved(settings) as settings:
        for _ in range(receivers):
            children.add(_fork(settings, sockets, ready))
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, end)
        has_failed = False
        with _clockwork(settings) as house, _keeping(house, sockets):
            while children:
                child, status = os.waitpid(-1, 0)
                children.discard(child)
                if status or not stopping.is_set():
                    has_failed = True
                    log.error("a receiver ended", status=status)
                    end()
    log.info("stopped")
    if has_failed:
        raise SystemExit(1)


@contextmanager
def _keeping(house: House, sockets: list[socket.socket]) -> Iterator[None]:
    """A thread that keeps what the receivers send, until the last of them has ended."""

    def keep() -> None:
        try:
            keep_for(house.store, sockets, house.new_id)
        except Exception:  # noqa: BLE001 - the receivers see the end of their sockets, and end too
            log.error("keeping failed", exc_info=True)
        finally:
            for sock in sockets:
                sock.close()

    thread = threading.Thread(target=keep, name="keeper")
    thread.start()
    try:
        yield
    finally:
        thread.join()


def _fork(settings: Settings, sockets: list[socket.socket], ready: Callable[[FrontDoor], None]) -> int:
    """A receiving process; no thread and no connection exists yet that it could inherit. Our end goes to `sockets`."""
    ours, its = socket.socketpair()
    child = os.fork()
    if child:
        its.close()
        sockets.append(ours)
        return child
    for sock in (ours, *sockets):
        # Else it would keep its own, and its brothers', from seeing our end.
        sock.close()
    status = 1
    try:
        writer = RemoteWriter(its)
        house = House(settings, writer=writer)
        try:
            _run(_listen(house, ready, writer))
            status = 0
        finally:
            house.close()
    except Exception:  # noqa: BLE001 - the parent is told by the status
        log.error("receiver failed", exc_info=True)
    finally:
        os._exit(status)


@contextmanager
def _reserved(settings: Settings) -> Iterator[Settings]:
    """`settings` with a port that is known and kept, when a free one is asked for."""
    smtp = settings.smtp
    if smtp.port:
        yield settings
        return
    with socket.socket(socket.AF_INET6 if ":" in smtp.host else socket.AF_INET) as keeper:
        keeper.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        keeper.bind((smtp.host, 0))
        yield settings.model_copy(update={"smtp": smtp.model_copy(update={"port": keeper.getsockname()[1]})})


def _run(main: Coroutine[Any, Any, None]) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main)


async def _listen(house: House, ready: Callable[[FrontDoor], None], writer: RemoteWriter | None = None) -> None:
    """Receives until told to end, by a signal or by the end of the process that keeps, which `writer` speaks to."""
    front = house.front_door(is_shared=writer is not None)
    await front.start()
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    if writer is not None:
        loop.add_reader(writer.socket, _pass_answers, loop, writer, stopped)
        writer.later = loop.call_soon_threadsafe
    ready(front)
    await stopped.wait()
    log.info("draining")
    await front.drain()
    if writer is not None:
        writer.later = at_once


def _pass_answers(loop: asyncio.AbstractEventLoop, writer: RemoteWriter, stopped: asyncio.Event) -> None:
    if not writer.receive():
        loop.remove_reader(writer.socket)
        stopped.set()


@contextmanager
def _clockwork(settings: Settings) -> Iterator[House]:
    """An open house in which threads look every few seconds for what is due, until the end.

    One makes issues, another sends: a slow relay keeps nothing from being published.
    """
    house = House(settings)
    house.couriers()  # wrong settings stop the start
    stop = threading.Event()
    threads = [
        threading.Thread(target=_publish_until, args=(house, stop), name="clockwork"),
        threading.Thread(target=_send_until, args=(house, stop), name="sender"),
    ]
    for thread in threads:
        thread.start()
    try:
        yield house
    finally:
        stop.set()
        for thread in threads:
            thread.join()
        house.close()


def _publish_until(house: House, stop: threading.Event) -> None:
    """Trouble is logged and the next look goes on."""
    while not stop.is_set():
        try:
            house.publish()
        except Exception:  # noqa: BLE001 - a digest that fails must not end the ones to come
            log.error("tick failed", exc_info=True)
        stop.wait(house.settings.digest.tick)


def _send_until(house: House, stop: threading.Event) -> None:
    """The same for letters."""
    with house.office(stop.is_set) as office:
        while not stop.is_set():
            try:
                deliver(house.store, office, house.now())
            except Exception:  # noqa: BLE001 - a database that is gone for a while must not end the sending
                log.error("sending failed", exc_info=True)
            # A limit on letters a minute refills its ten seconds' worth between two looks, whatever `tick` is.
            stop.wait(min(house.settings.digest.tick, BURST_SECONDS))


def _make_secret(path: Path) -> None:
    """Whole or not at all: written beside, then linked into place, unless another process was first."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".secrets-")
    with os.fdopen(handle, "w") as file:
        file.write(secrets.token_hex(KEY_BYTES) + "\n")
        file.flush()
        os.fsync(file.fileno())
    with suppress(FileExistsError):
        os.link(temporary, path)
    os.unlink(temporary)


def data_folder(name: str) -> Path:
    """A folder that travels with the program: beside the checkout's `gateway/`, or inside the installed package."""
    here = Path(__file__).parent
    packaged = here / "_data" / name
    return packaged if packaged.is_dir() else here.parent / name
