"""A house with its doors open: the way in, the desk, the scheduler's work, the way out."""

from __future__ import annotations

import gc
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import date, datetime
from ipaddress import ip_network
from random import Random
from typing import TYPE_CHECKING
from uuid import UUID

from uuid_utils.compat import uuid7

from gateway.flow.accounts import Accounts
from gateway.flow.anonymous import Keys
from gateway.flow.badges import award
from gateway.flow.bounces import read_bounces
from gateway.flow.cases import open_cases
from gateway.flow.deliver import Office, deliver
from gateway.flow.desk import Desk, attend
from gateway.flow.first_mail import end_waiting
from gateway.flow.flood import brake
from gateway.flow.handlers import HANDLERS
from gateway.flow.leave import leave_by_mail
from gateway.flow.proving import Means
from gateway.flow.publish import publish, send_due
from gateway.flow.reading import Reader
from gateway.flow.receive import Receiver
from gateway.flow.standing import trust_newcomers
from gateway.flow.way import Way
from gateway.house import House, real_now
from gateway.house.blind import blind_keys
from gateway.people import password
from gateway.send.connection import Relay
from gateway.send.courier import Courier
from gateway.send.maildir import MaildirCourier
from gateway.send.relay import RelayCourier
from gateway.send.signing import Signer, read_keys
from gateway.settings import BadSettings, SendTable, Settings
from gateway.smtp.front import FrontDoor, FrontDoorSettings, Place
from gateway.store.remote import RemoteWriter
from gateway.store.roster import list_forums
from gateway.store.writer import Writer
from gateway.verify import signatures

if TYPE_CHECKING:
    from gateway.web.window import Window


# Seconds that a member's standing, and the locks of a forum, may be out of date.
REMEMBERED = 2.0


class WorkingHouse(House):
    """What works on an open store. `close` ends it in order; nothing that was acknowledged is lost."""

    def __init__(
        self,
        settings: Settings,
        now: Callable[[], datetime] = real_now,
        new_id: Callable[[], UUID] = uuid7,
        writer: RemoteWriter | None = None,
    ) -> None:
        super().__init__(settings, now, new_id)
        self._writer = writer
        self._receiver: Receiver | None = None
        self._desk_reader = Reader()
        self._awarded_on: date | None = None

    @property
    def receiver(self) -> Receiver:
        """The way in; its threads start with the first use."""
        if self._receiver is None:
            keys = Keys(blind_keys(self.settings.data / "anonymous-key"), self.key)
            writer = self._writer or Writer(self.store, self.new_id)
            self._receiver = Receiver(self.store, writer, Reader(), means_of(self.settings, self.key()), self.rules(), keys)
        return self._receiver

    def close(self) -> None:
        if self._receiver is not None:
            self._receiver.close()
        self._desk_reader.close()
        super().close()

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
        has_passwords = smtp.tls_certificate is not None and password.is_available()
        accounts = Accounts(self.store) if has_passwords else None
        return FrontDoor(settings, door=self.receiver, tls=self._tls(), now=self.now, authenticator=accounts)

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

    def signer(self) -> Signer | None:
        """Who signs our letters, when the settings name keys. Raises BadKey."""
        selectors = self.settings.auth.dkim_selectors
        return Signer(read_keys(self.settings.dkim, selectors)) if selectors else None

    def window(self, sock: socket.socket | None) -> Window | None:
        """The pages, not yet served at `sock`; None without one."""
        if sock is None:
            return None
        from gateway.web.app import make_app
        from gateway.web.pages import Pages
        from gateway.web.window import Window

        key = self.key()
        return Window(make_app(Pages(desk=lambda: self.desk(key, self.now()), door=self.receiver)), sock)

    def desk(self, key: bytes, now: datetime) -> Desk:
        """What those work with who do what members ask for."""
        return Desk(self.store, key, now, self.new_id, self._desk_reader, self.settings.letters.as_courtesy())

    def looking_out(self, sock: socket.socket | None) -> AbstractContextManager[None]:
        """The pages in a thread of their own, for a process whose main thread waits for others."""
        window = self.window(sock)
        return window.in_thread() if window is not None else nullcontext()

    @contextmanager
    def office(self, is_over: Callable[[], bool] = lambda: False) -> Iterator[Office]:
        """What sends letters, for as long as it is needed; it stops after the letters in hand when `is_over`."""
        first, *others = couriers = self.couriers()
        office = Office(first, self.key(), Random(), self.new_id, self.settings.web.url, self.signer())
        way = Way(self.settings.send.per_minute)
        try:
            yield office._replace(others=tuple(others), way=way, clock=time.monotonic, is_over=is_over)
        finally:
            for courier in couriers:
                courier.close()

    def tick(self, office: Office) -> None:
        """Does what is due now: posts, issues, letters."""
        self.publish(office.key)
        deliver(self.store, office, self.now())

    def publish(self, key: bytes) -> None:
        """Leaving by mail, the desk, cases, publication numbers, issues that are due now; and last, the least urgent, bounces."""
        now = self.now()
        desk = self.desk(key, now)
        for forum in list_forums(self.store):
            leave_by_mail(self.store, key, forum, now, self.new_id)
            attend(desk, forum, HANDLERS)
            end_waiting(desk, forum)
            brake(self.store, forum, now, self.new_id)
            open_cases(self.store, forum, now, self.new_id)
            published = publish(self.store, forum, now, self.new_id)
            trust_newcomers(self.store, forum, published, now, self.new_id)
            digest = self.settings.digest
            web = self.settings.web.url
            send_due(self.store, forum, now, self.new_id, digest.as_caps(), override=digest.templates, web=web)
        self._award(now)
        for forum in list_forums(self.store):
            read_bounces(self.store, forum, key, now, self.new_id)

    def _award(self, now: datetime) -> None:
        """Badges, made anew once a day and after each start."""
        if self._awarded_on == now.date():
            return
        for forum in list_forums(self.store):
            award(self.store, forum, self.settings.badges.as_rules(), now)
        self._awarded_on = now.date()


def means_of(settings: Settings, key: bytes) -> Means:
    """What counts as proof of who sent a mail."""
    auth, limits = settings.auth, settings.limits
    ask = None
    if auth.verify_dkim and signatures.is_available():
        from gateway.verify.dns import Resolver

        ask = Resolver(auth.dns).txt
    return Means(
        key=key,
        trusted=tuple(map(ip_network, auth.trusted_networks)),
        authserv_id=auth.authserv_id,
        border=tuple(map(ip_network, auth.border_networks)),
        ask=ask,
        clock=time.monotonic,
        memory=REMEMBERED,
        posts_of_member=limits.posts_per_member_and_hour,
        posts_in_forum=limits.posts_per_forum_and_hour,
    )


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
