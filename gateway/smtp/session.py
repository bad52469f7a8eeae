"""Mail transactions of SMTP and LMTP sessions (RFC 5321 section 3.3, RFC 2033).

In: MAIL, RCPT and DATA of one client. Out: replies, and for each mail one call of the door with its envelope and raw.
250 after the final dot is said only when the door has said that the mail is ours.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from typing import Any, ClassVar

from gateway.mail.address import Address
from gateway.mail.envelope import Envelope, Raw, Via
from gateway.mail.forum import Destination
from gateway.mail.verdict import Decision
from gateway.smtp.auth import authenticate, without_auth
from gateway.smtp.commands import Command, Dialogue, Work
from gateway.smtp.connection import Phase
from gateway.smtp.data import DataReader
from gateway.smtp.paths import NO_PARAMETERS, Keyword, Parameters, parse_parameters, parse_path
from gateway.smtp.replies import Event, event_of, event_of_all

log = logging.getLogger(__name__)


@dataclass(slots=True, kw_only=True)
class Transaction:
    """One mail transaction so far. `order` has the place among `destinations` of each RCPT that we took."""

    reverse_path: Address | None
    has_smtputf8: bool
    forward_paths: list[Address] = field(default_factory=list)
    destinations: list[Destination] = field(default_factory=list)
    places: dict[str, int] = field(default_factory=dict)
    order: list[int] = field(default_factory=list)

    def add(self, address: Address, destination: Destination) -> None:
        """Takes one recipient; the same address again is the same recipient."""
        place = self.places.setdefault(address.key, len(self.destinations))
        if place == len(self.destinations):
            self.forward_paths.append(address)
            self.destinations.append(destination)
        self.order.append(place)


class SmtpSession(Dialogue):
    """A session on the SMTP port."""

    via: ClassVar[Via] = Via.SMTP

    def _set_rset_state(self) -> None:
        super()._set_rset_state()
        # Nor does a login from before TLS count, of which there is none.
        self._account: Address | None = None
        if self._original_transport is None:
            self._logins = 0

    def _forget_mail(self) -> None:
        self._mail: Transaction | None = None

    def _do_auth(self, argument: bytes) -> Work:
        if self._lobby.authenticator is None:
            self._fault(Event.NO_SUCH_SERVICE)
        elif self._tls_protocol is None:
            self._fault(Event.NEEDS_TLS)
        elif not self._has_greeted or self._mail is not None or self._account is not None:
            self._fault(Event.WRONG_ORDER)
        else:
            return authenticate(self, argument)
        return None

    def _do_mail(self, argument: bytes) -> None:
        if not self._has_greeted or self._mail is not None:
            self._fault(Event.WRONG_ORDER)
            return
        path = parse_path(argument, Keyword.FROM, self._lobby.hostname)
        if isinstance(path, Event):
            self._fault(path)
            return
        parameters = self._mail_parameters(path.parameters)
        if isinstance(parameters, Event):
            self._fault(parameters)
        elif path.address is not None and not path.address.is_ascii and not parameters.has_smtputf8:
            self._fault(Event.NEEDS_SMTPUTF8)
        elif parameters.size > self._limits.message_size:
            self._say(Event.TOO_BIG)
        elif not self._lobby.has_space:
            self._say(Event.NO_SPACE)
        else:
            self._mail = Transaction(reverse_path=path.address, has_smtputf8=parameters.has_smtputf8)
            self._say(Event.OK)

    def _mail_parameters(self, text: bytes) -> Parameters | Event:
        if self._lobby.authenticator is not None:
            text = without_auth(text)
        if not text:
            return NO_PARAMETERS
        return parse_parameters(text) if self._is_extended else Event.UNKNOWN_PARAMETER

    def _do_rcpt(self, argument: bytes) -> Work:
        mail = self._mail
        if mail is None:
            self._fault(Event.WRONG_ORDER)
            return None
        path = parse_path(argument, Keyword.TO, self._lobby.hostname)
        if isinstance(path, Event):
            self._fault(path)
            return None
        address = path.address
        assert address is not None
        if path.parameters:
            self._fault(Event.UNKNOWN_PARAMETER)
        elif not address.is_ascii and not mail.has_smtputf8:
            self._fault(Event.NEEDS_SMTPUTF8)
        elif len(mail.order) >= self._limits.recipients > 0:
            self._refuse_recipient(Event.TOO_MANY_RECIPIENTS)
        else:
            found = self._lobby.routes.known(address)
            if found is None:
                return self._look_again(mail, address)
            self._take_recipient(mail, address, found)
        return None

    async def _look_again(self, mail: Transaction, address: Address) -> None:
        self._take_recipient(mail, address, await self._lobby.routes.second_look(address))

    def _take_recipient(self, mail: Transaction, address: Address, found: Destination | Event) -> None:
        if isinstance(found, Event):
            self._refuse_recipient(found)
        else:
            mail.add(address, found)
            self._say(Event.OK)

    async def _do_data(self, argument: bytes) -> None:
        mail = self._mail
        if self._has_early_bytes():
            self._hang_up(Event.TOO_EARLY)
        elif argument:
            self._fault(Event.BAD_ARGUMENT)
        elif mail is None:
            self._fault(Event.WRONG_ORDER)
        elif not mail.order:
            self._fault(Event.NO_RECIPIENT)
        else:
            self._mail = None
            reader = DataReader(self._limits, self._lobby.spool)
            try:
                await self._receive(mail, reader)
            finally:
                reader.discard()

    async def _receive(self, mail: Transaction, reader: DataReader) -> None:
        """Reads one mail, has it decided, and says what became of it."""
        self._say(Event.GO_ON)
        self._phase = Phase.DATA
        if not await self._read_mail(reader):
            return
        events: Sequence[Event]
        if reader.flaw is not None:
            events = self._same_for_all(mail, reader.flaw)
        else:
            self._phase = Phase.DECIDING
            decisions = await self._decide(mail, reader)
            events = self._same_for_all(mail, Event.TROUBLE) if decisions is None else self._replies(mail, decisions)
        for event in events:
            self._say(event)
        if self._phase is Phase.LEAVING:
            return
        self._phase, self._since = Phase.COMMAND, time.monotonic()
        if Event.OK in events:
            self._empty = 0
        if reader.flaw is Event.BARE_LINE_END:
            # What follows may be the second half of a smuggled mail, so it is never a command.
            self._hang_up(None)
        elif self._lobby.is_closing:
            self._hang_up(Event.SHUTTING_DOWN)

    async def _read_mail(self, reader: DataReader) -> bool:
        """Feeds the reader up to the final dot; False when there will be none."""
        await self._flush()
        while True:
            piece = await self._read()
            if not piece or self._phase is Phase.LEAVING:
                return False
            self._since = time.monotonic()
            if reader.feed(piece):
                self._inbox, self._at = reader.rest, 0
                return True
            if reader.is_hopeless:
                self._hang_up(Event.TOO_BIG)
                return False

    async def _decide(self, mail: Transaction, reader: DataReader) -> tuple[Decision, ...] | None:
        """Hands the mail to the door and waits, with or without the client; None when nothing was kept."""
        destinations = tuple(mail.destinations)
        try:
            raw = reader.raw()
            future = self._lobby.door.submit(self._envelope(mail), raw, destinations)
        except Exception:
            log.exception("submit failed")
            return None
        reader.release()
        if raw.path is not None:
            future.add_done_callback(partial(_remove, raw))
        if not future.done():
            waiter = self.loop.create_future()
            future.add_done_callback(lambda _: self.loop.call_soon_threadsafe(_wake, waiter))
            self._decision = future
            try:
                await waiter
            finally:
                self._decision = None
        return _decisions(future, len(destinations))

    def _envelope(self, mail: Transaction) -> Envelope:
        return Envelope(
            reverse_path=mail.reverse_path,
            forward_paths=tuple(mail.forward_paths),
            received_at=self._lobby.now(),
            via=self.via,
            peer=self.peer,
            account=self._account,
        )

    def _replies(self, mail: Transaction, decisions: tuple[Decision, ...]) -> Sequence[Event]:
        return (event_of_all(decisions),)

    def _same_for_all(self, mail: Transaction, event: Event) -> Sequence[Event]:
        return (event,)

    _COMMANDS: ClassVar[dict[bytes, Command]] = {
        **Dialogue._COMMANDS,
        b"AUTH": _do_auth,
        b"MAIL": _do_mail,
        b"RCPT": _do_rcpt,
        b"DATA": _do_data,
    }


class LmtpSession(SmtpSession):
    """A session on the LMTP port: LHLO, and after the final dot a reply for each recipient (RFC 2033 section 4.2)."""

    via: ClassVar[Via] = Via.LMTP

    def _replies(self, mail: Transaction, decisions: tuple[Decision, ...]) -> Sequence[Event]:
        return [event_of(decisions[place]) for place in mail.order]

    def _same_for_all(self, mail: Transaction, event: Event) -> Sequence[Event]:
        return [event] * len(mail.order)

    _COMMANDS: ClassVar[dict[bytes, Command]] = {
        **{verb: command for verb, command in SmtpSession._COMMANDS.items() if verb not in (b"HELO", b"EHLO")},
        b"LHLO": Dialogue._do_ehlo,
    }


def _decisions(future: Future[tuple[Decision, ...]], expected: int) -> tuple[Decision, ...] | None:
    """What a finished future says; None for anything but one decision for each destination."""
    if future.cancelled():
        log.warning("a decision took too long and was taken back")
        return None
    error = future.exception()
    if error is not None:
        log.error("decision failed", exc_info=error)
        return None
    decisions = future.result()
    if len(decisions) != expected:
        log.error("%d decisions for %d destinations", len(decisions), expected)
        return None
    return decisions


def _wake(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)


def _remove(raw: Raw, future: Future[Any]) -> None:
    assert raw.path is not None
    raw.path.unlink(missing_ok=True)
