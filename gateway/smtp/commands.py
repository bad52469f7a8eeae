"""The command loop, and the commands that carry no mail (RFC 5321 section 4.1, RFC 2920, RFC 3207).

In: command lines of one client. Out: replies; `session` adds what a mail transaction needs.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Coroutine
from typing import Any, ClassVar

from aiosmtpd.smtp import TLSSetupException

from gateway.smtp.connection import Connection, Phase
from gateway.smtp.replies import Event

_CONTROL = re.compile(rb"[\x00-\x1f\x7f]")

log = logging.getLogger(__name__)

Work = Coroutine[Any, Any, None] | None
Command = Callable[[Any, bytes], Work]


class Dialogue(Connection):
    """Lines in, commands called, mistakes counted."""

    def _set_rset_state(self) -> None:
        """A connection begins, or begins anew inside TLS: nothing said before counts (RFC 3207 section 4.2)."""
        self._has_greeted = self._is_extended = False
        self._forget_mail()
        if self._original_transport is None:
            self._errors = self._unknown = self._empty = self._refused = 0

    def _forget_mail(self) -> None:
        """No transaction is open any more."""
        raise NotImplementedError

    async def _converse(self) -> None:
        if self._has_talked_first():
            self._hang_up(Event.TOO_EARLY)
            return
        self._out.append(self._lobby.banner)
        while self._phase is not Phase.LEAVING:
            line = self._take_line()
            if line is not None:
                await self._obey(line)
            elif not await self._read_more():
                return

    async def _obey(self, line: bytes) -> None:
        self._since = time.monotonic()
        if line[-2:] != b"\r\n":
            # What another server took for one line must not become two commands here.
            self._hang_up(Event.BAD_LINE)
            return
        if self._is_overlong or len(line) > self._limits.command_line:
            self._is_overlong = False
            self._fault(Event.LINE_TOO_LONG)
            return
        line = line[:-2]
        if _CONTROL.search(line):
            self._fault(Event.BAD_LINE)
            return
        verb, _, argument = line.partition(b" ")
        command = self._COMMANDS.get(verb.upper(), Dialogue._do_unknown)
        try:
            work = command(self, argument.strip(b" "))
            if work is not None:
                await work
        except (OSError, TLSSetupException):
            raise
        except Exception:
            log.exception("command failed")
            self._forget_mail()
            self._say(Event.TROUBLE)
            if self._phase is not Phase.COMMAND:
                # The rest of a mail must not be read as commands.
                self._hang_up(None)

    def _fault(self, event: Event) -> None:
        """Says what is wrong with a command; too many of these end the session."""
        self._say(event)
        self._errors += 1
        if 0 < self._limits.errors < self._errors:
            self._hang_up(Event.TOO_MANY_ERRORS)

    def _idle_reply(self, event: Event) -> None:
        """Replies to a command that gets no mail any further; between two mails only so many are borne."""
        self._empty += 1
        if 0 < self._limits.empty_commands < self._empty:
            self._hang_up(Event.TOO_MANY_ERRORS)
        else:
            self._say(event)

    def _refuse_recipient(self, event: Event) -> None:
        self._say(event)
        self._refused += 1
        if 0 < self._limits.refused_recipients < self._refused:
            self._hang_up(Event.TOO_MANY_ERRORS)

    # Commands without a mail.

    def _do_unknown(self, argument: bytes) -> None:
        self._unknown += 1
        if 0 < self._limits.unknown_commands < self._unknown:
            self._hang_up(Event.TOO_MANY_ERRORS)
        else:
            self._fault(Event.UNKNOWN_COMMAND)

    def _do_helo(self, argument: bytes) -> None:
        self._greet(argument, Event.OK)

    def _do_ehlo(self, argument: bytes) -> None:
        self._greet(argument, None)

    def _greet(self, name: bytes, event: Event | None) -> None:
        if not name or len(name) > self._limits.greeting_name:
            self._fault(Event.BAD_ARGUMENT)
            return
        self._has_greeted, self._is_extended = True, event is None
        self._forget_mail()
        # A second greeting is as empty as RSET, and its reply is long.
        self._empty += 1
        if 0 < self._limits.empty_commands < self._empty:
            self._hang_up(Event.TOO_MANY_ERRORS)
        elif event is None:
            self._out.append(self._lobby.greeting(is_secure=self._tls_protocol is not None))
        else:
            self._say(event)

    def _do_noop(self, argument: bytes) -> None:
        self._idle_reply(Event.OK)

    def _do_rset(self, argument: bytes) -> None:
        if argument:
            self._fault(Event.BAD_ARGUMENT)
            return
        self._forget_mail()
        self._idle_reply(Event.OK)

    def _do_vrfy(self, argument: bytes) -> None:
        self._idle_reply(Event.NOT_SAID)

    def _do_help(self, argument: bytes) -> None:
        self._idle_reply(Event.HELP)

    def _do_not_offered(self, argument: bytes) -> None:
        self._fault(Event.NO_SUCH_SERVICE)

    def _do_http(self, argument: bytes) -> None:
        self._hang_up(Event.NOT_HTTP)

    def _do_quit(self, argument: bytes) -> None:
        self._hang_up(Event.BYE)

    async def _do_starttls(self, argument: bytes) -> None:
        if self._has_early_bytes():
            self._hang_up(Event.TOO_EARLY)
        elif argument:
            self._fault(Event.BAD_ARGUMENT)
        elif self._lobby.tls is None:
            self._fault(Event.NO_SUCH_SERVICE)
        elif self._tls_protocol is not None:
            self._fault(Event.WRONG_ORDER)
        else:
            await self.smtp_STARTTLS("")
            if self.session is None or self.session.ssl is None:
                # The client hung up in the middle of the handshake, which aiosmtpd takes for its end.
                raise TLSSetupException

    _COMMANDS: ClassVar[dict[bytes, Command]] = {
        b"HELO": _do_helo,
        b"EHLO": _do_ehlo,
        b"RSET": _do_rset,
        b"NOOP": _do_noop,
        b"VRFY": _do_vrfy,
        b"HELP": _do_help,
        b"QUIT": _do_quit,
        b"STARTTLS": _do_starttls,
        **dict.fromkeys((b"EXPN", b"ETRN", b"TURN", b"AUTH", b"BDAT", b"SEND", b"SOML", b"SAML"), _do_not_offered),
        **dict.fromkeys((b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"OPTIONS", b"CONNECT"), _do_http),
    }
