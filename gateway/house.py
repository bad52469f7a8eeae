"""The one place where parts are put together: settings in, running house out."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from uuid import UUID

import uvloop
from uuid_utils.compat import uuid7

from gateway.flow.deliver import Office, deliver
from gateway.flow.publish import publish, send_due
from gateway.flow.reading import Reader
from gateway.flow.receive import Receiver
from gateway.journal import log
from gateway.send.courier import Courier
from gateway.send.maildir import MaildirCourier
from gateway.send.relay import Relay, RelayCourier
from gateway.settings import BadSettings, Settings
from gateway.smtp.front import FrontDoor, FrontDoorSettings, Place
from gateway.store.engine import Store
from gateway.store.roster import list_forums
from gateway.store.writer import Writer

KEY_BYTES = 32


def real_now() -> datetime:
    """The clock of everything but tests and the demo."""
    return datetime.now(UTC)


class House:
    """An open store and what works on it. `close` ends it in order; nothing that was acknowledged is lost."""

    def __init__(self, settings: Settings, now: Callable[[], datetime] = real_now, new_id: Callable[[], UUID] = uuid7) -> None:
        self.settings = settings
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
            self._receiver = Receiver(self.store, Writer(self.store, self.new_id), Reader())
        return self._receiver

    def close(self) -> None:
        if self._receiver is not None:
            self._receiver.close()
        self.store.close()

    def front_door(self) -> FrontDoor:
        """The SMTP and LMTP listeners, not yet started. Raises BadSettings for a certificate that cannot be read."""
        smtp = self.settings.smtp
        lmtp = smtp.lmtp_socket or (None if smtp.lmtp_port is None else Place(host=smtp.host, port=smtp.lmtp_port))
        settings = FrontDoorSettings(
            hostname=smtp.hostname,
            smtp=Place(host=smtp.host, port=smtp.port),
            lmtp=lmtp,
            spool=self.settings.data / "spool",
            limits=smtp.as_limits(),
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

    def courier(self) -> Courier:
        """The way out that the settings name."""
        send = self.settings.send
        if send.courier == "maildir":
            return MaildirCourier(self.settings.maildir)
        hostname = self.settings.smtp.hostname
        return RelayCourier(Relay(host=send.relay_host, port=send.relay_port, hostname=hostname, tls=send.relay_tls))

    def key(self) -> bytes:
        """The key of our tokens; made at the first start, readable by us alone, part of every backup."""
        path = self.settings.data / "secrets"
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            return bytes.fromhex(path.read_text().strip())
        with os.fdopen(handle, "w") as file:
            file.write(secrets.token_hex(KEY_BYTES) + "\n")
            file.flush()
            os.fsync(file.fileno())
        return bytes.fromhex(path.read_text().strip())

    @contextmanager
    def office(self) -> Iterator[Office]:
        """What sends letters, for as long as it is needed."""
        courier = self.courier()
        try:
            yield Office(courier, self.key(), Random(), self.new_id)
        finally:
            courier.close()

    def tick(self, office: Office) -> None:
        """Does what is due now: publication numbers, issues, letters."""
        now = self.now()
        for forum in list_forums(self.store):
            publish(self.store, forum, now, self.new_id)
            send_due(self.store, forum, now, self.new_id)
        deliver(self.store, office, now)


def serve(settings: Settings, ready: Callable[[FrontDoor], None]) -> None:
    """Runs until SIGTERM or SIGINT: listeners, scheduler and sender in one process. `ready` is told once it listens."""
    house = House(settings)
    stop = threading.Event()
    clockwork = threading.Thread(target=_clockwork, args=(house, stop), name="clockwork")
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_listen(house, ready, clockwork))
    finally:
        stop.set()
        if clockwork.is_alive():
            clockwork.join()
        house.close()
    log.info("stopped")


async def _listen(house: House, ready: Callable[[FrontDoor], None], clockwork: threading.Thread) -> None:
    front = house.front_door()
    await front.start()
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    clockwork.start()
    ready(front)
    await stopped.wait()
    log.info("draining")
    await front.drain()


def _clockwork(house: House, stop: threading.Event) -> None:
    """Looks every few seconds for what is due; trouble is logged and the next look goes on."""
    with house.office() as office:
        while not stop.is_set():
            try:
                house.tick(office)
            except Exception:  # noqa: BLE001 - a digest that fails must not end the ones to come
                log.error("tick failed", exc_info=True)
            stop.wait(house.settings.digest.tick)


def data_folder(name: str) -> Path:
    """A folder that travels with the program: beside the checkout's `gateway/`, or inside the installed package."""
    here = Path(__file__).parent
    packaged = here / "_data" / name
    return packaged if packaged.is_dir() else here.parent / name
