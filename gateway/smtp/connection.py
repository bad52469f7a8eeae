"""One connection: bytes in, replies out, and how it ends (RFC 5321 sections 3.1, 3.8 and 4.5.3.2).

aiosmtpd gives the protocol, the session object and STARTTLS; the loop, the commands and DATA are our own. What comes is
kept here and not in a stream reader, whose ways cost more than the commands: one wait for each read of the socket.
`session` says what the commands mean.

A client that hangs up cancels nothing: the loop meets the end of input when it next reads, and a mail that was handed
to the door is waited for without it.
"""

from __future__ import annotations

import asyncio
import fcntl
import logging
import struct
import termios
import time
from concurrent.futures import Future
from enum import Enum, auto
from typing import Any, cast

from aiosmtpd.smtp import SMTP, Session, TLSSetupException

from gateway.smtp.callers import network_of
from gateway.smtp.lobby import Lobby
from gateway.smtp.replies import WIRE, Event

# What may wait to be read before the client is kept waiting; one read of the loop (256 KiB) comes on top.
_UNREAD_MAX = 1 << 17
# How long a client that was told goodbye may take to read it.
LINGER = 1.0

log = logging.getLogger(__name__)


class Phase(Enum):
    """Whose turn it is, and so which clock runs."""

    COMMAND = auto()
    DATA = auto()
    DECIDING = auto()
    LEAVING = auto()


class Connection(SMTP):
    """What SMTP and LMTP sessions share below the meaning of commands."""

    def __init__(self, lobby: Lobby) -> None:
        # SMTP's own constructor inspects every attribute of its class for each connection, which costs more than a mail
        # (255 us); what its STARTTLS and its stream need is set here instead.
        loop = asyncio.get_running_loop()
        asyncio.StreamReaderProtocol.__init__(self, asyncio.StreamReader(loop=loop), self._cb_client_connected, loop=loop)
        self.loop = loop
        self.tls_context = lobby.tls
        self.transport = self.session = self.envelope = None
        self._tls_protocol = self._original_transport = self._handler_coroutine = None
        self._tls_handshake_okay = True
        self._handle_hooks = {}

        self.peer = ""
        self._lobby = lobby
        self._limits = lobby.limits
        self._network: str | None = None
        self._phase = Phase.COMMAND
        self._inbox = b""
        self._at = 0
        self._is_overlong = False
        self._unread = b""
        self._is_at_end = self._is_kept_waiting = False
        self._reading: asyncio.Future[None] | None = None
        self._out: list[bytes] = []
        self._decision: Future[Any] | None = None
        self._born = self._since = time.monotonic()
        self._is_lost = self._is_done = False

    # What asyncio and aiosmtpd call.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Lets the client in, or tells it why not; called again when TLS has begun."""
        stream = cast(asyncio.Transport, transport)
        if self._original_transport is None:
            name = transport.get_extra_info("peername")
            self.peer = name[0] if isinstance(name, tuple) else ""
            network = network_of(self.peer)
            refusal = Event.SHUTTING_DOWN if self._lobby.is_closing else self._lobby.callers.enter(network, self._since)
            if refusal is not None:
                self._phase = Phase.LEAVING
                stream.write(WIRE[refusal])
                stream.close()
                return
            self._network = network
            self._lobby.enter(self)
            stream.set_write_buffer_limits(high=self._limits.write_buffer)
        # What was said in clear is no part of what TLS protects.
        self._unread = b""
        super().connection_made(transport)

    def data_received(self, data: bytes) -> None:
        """Keeps what came for who reads next; a client that is far ahead of us is not listened to for a while."""
        self._unread = self._unread + data if self._unread else data
        if self._reading is not None:
            self._wake()
        elif len(self._unread) > _UNREAD_MAX and not self._is_kept_waiting:
            self._is_kept_waiting = True
            cast(asyncio.Transport, self.transport).pause_reading()

    def _wake(self) -> None:
        self._is_at_end = self._is_at_end or self._is_lost
        if self._reading is not None and not self._reading.done():
            self._reading.set_result(None)

    def connection_lost(self, error: Exception | None) -> None:
        self._is_lost = True
        self._wake()
        asyncio.StreamReaderProtocol.connection_lost(self, error)
        if self._original_transport is not None:
            # Else it reports an end of input to a protocol that is gone.
            cast(asyncio.Transport, self._original_transport).abort()
        self._leave()

    def eof_received(self) -> bool:
        """A client that has only closed its own side still gets its reply, which TLS cannot do."""
        if self._network is None:
            return False
        self._is_at_end = True
        self._wake()
        return self._original_transport is None

    def _reset_timeout(self, duration: float | None = None) -> None:
        """Nothing: `check_time` keeps the time of all connections."""

    def _create_session(self) -> Session:
        return Session(self.loop)

    async def push(self, status: str | bytes) -> None:
        """The one line that aiosmtpd still sends itself: the go-ahead of STARTTLS."""
        self._say(Event.READY_FOR_TLS)
        await self._flush()

    async def _handle_client(self) -> None:
        try:
            await self._converse()
        except OSError:
            pass
        except TLSSetupException:
            # asyncio does not report the end of a connection whose handshake failed.
            self._is_lost = True
        finally:
            self._is_done = True
            self._hang_up(None)
            self._leave()

    async def _converse(self) -> None:
        raise NotImplementedError

    # Reading and writing.

    def _take_line(self) -> bytes | None:
        """The next line with its end, when it is there already."""
        end = self._inbox.find(b"\n", self._at)
        if end >= 0:
            line = self._inbox[self._at : end + 1]
            self._at = end + 1
            return line
        if len(self._inbox) - self._at > self._limits.command_line:
            # The last byte stays, so that a bare LF behind it is still seen to be bare.
            self._is_overlong = True
            self._inbox, self._at = self._inbox[-1:], 0
        return None

    async def _read_more(self) -> bool:
        """Sends what is to be said and waits for more; False when nothing more will come."""
        await self._flush()
        piece = await self._read()
        if not piece or self._phase is Phase.LEAVING:
            return False
        self._inbox = self._inbox[self._at :] + piece
        self._at = 0
        return True

    async def _read(self) -> bytes:
        """What has come, or what comes next; b"" when nothing more will."""
        while not self._unread and not self._is_at_end:
            self._reading = self.loop.create_future()
            try:
                await self._reading
            finally:
                self._reading = None
        piece, self._unread = self._unread, b""
        if self._is_kept_waiting:
            self._is_kept_waiting = False
            cast(asyncio.Transport, self.transport).resume_reading()
        return piece

    def _has_early_bytes(self) -> bool:
        """Whether the client went on talking when it had to wait for our reply."""
        return self._at < len(self._inbox) or bool(self._unread)

    def _has_talked_first(self) -> bool:
        """Whether bytes came before the banner; they may still be in the kernel, for nobody has read yet."""
        assert self.transport is not None
        waiting = fcntl.ioctl(self.transport.get_extra_info("socket").fileno(), termios.FIONREAD, bytes(4))
        return struct.unpack("i", waiting)[0] > 0 or self._has_early_bytes()

    def _say(self, event: Event) -> None:
        self._out.append(WIRE[event])

    async def _flush(self) -> None:
        if self._out and self._phase is not Phase.LEAVING:
            cast(asyncio.Transport, self.transport).write(b"".join(self._out) if len(self._out) > 1 else self._out[0])
            self._out.clear()
            if self._paused:  # type: ignore[attr-defined]
                await self._writer.drain()

    # The end.

    def _hang_up(self, event: Event | None) -> None:
        """Says what is left to say, and `event`, and closes; `check_time` cuts a client that does not listen."""
        if self._phase is Phase.LEAVING:
            return
        self._phase = Phase.LEAVING
        self._since = time.monotonic()
        if event is not None:
            self._say(event)
        transport = cast(asyncio.Transport | None, self.transport)
        if transport is None or transport.is_closing():
            return
        transport.write(b"".join(self._out))
        self._out.clear()
        transport.close()

    def _leave(self) -> None:
        """Gives the place free once both the socket and the conversation have ended."""
        if self._is_lost and self._is_done and self._network is not None:
            self._lobby.callers.leave(self._network)
            self._lobby.leave(self)
            self._network = None

    # What the lobby calls.

    @property
    def is_in_data(self) -> bool:
        return self._phase is Phase.DATA

    def check_time(self, now: float) -> None:
        """Says goodbye to a client that has used up its time, and cuts one that does not leave."""
        limits, waited = self._limits, now - self._since
        if self._phase is Phase.LEAVING:
            if waited >= LINGER:
                self.cut()
        elif self._phase is Phase.DECIDING:
            # A mail that nobody has begun to keep is taken back; one that is being kept is waited for.
            if waited >= limits.reply_time and self._decision is not None:
                self._decision.cancel()
        elif waited >= self._patience() or now - self._born >= limits.session_life:
            if self._is_deaf():
                self.cut()
            else:
                self._hang_up(Event.TOO_SLOW)

    def _patience(self) -> float:
        if self._phase is Phase.DATA:
            return self._limits.idle_in_data
        return self._limits.idle_when_crowded if self._lobby.callers.is_crowded else self._limits.idle

    def _is_deaf(self) -> bool:
        """Whether earlier replies are still unread: then a goodbye would only wait behind them."""
        transport = cast(asyncio.Transport | None, self.transport)
        return transport is not None and transport.get_write_buffer_size() > 0

    def ask_to_leave(self) -> None:
        """421 at once to who is between mails; the others hear it after their reply."""
        if self._phase is Phase.COMMAND:
            self._hang_up(Event.SHUTTING_DOWN)

    def cut(self) -> None:
        """Drops the connection, and what the conversation waits for; a decision goes on without us."""
        self._phase = Phase.LEAVING
        transport = cast(asyncio.Transport | None, self._original_transport or self.transport)
        if transport is not None:
            transport.abort()
        if self._handler_coroutine is not None:
            self._handler_coroutine.cancel()
