"""SMTP AUTH (RFC 4954): PLAIN (RFC 4616) and LOGIN, only inside TLS, and how guessing is slowed.

In: the AUTH command of a session and the lines after it. Out: who logged in. A password is checked in a thread, two at a
time; a wrong one costs five seconds, the third ends the session, and an account or a network that fails again and again is
put off for longer and longer. A name that nobody has is treated like any other.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from gateway.mail.address import Address
from gateway.smtp.replies import Event

if TYPE_CHECKING:
    from gateway.smtp.session import SmtpSession

MECHANISMS = "PLAIN LOGIN"
CHECKS_AT_ONCE = 2
# So many failures are forgiven; each one more doubles the time until the next try, up to the longest.
FORGIVEN = 5
FIRST_WAIT = 10.0
LONGEST_WAIT = 900.0
REMEMBERED_MAX = 10_000

log = logging.getLogger(__name__)


class Authenticator(Protocol):
    """Who knows passwords. An exception is answered 454."""

    def check(self, name: str, password: str) -> Address | None:
        """The address that logged in, or None. It may block: it is called in a thread."""
        ...


@dataclass(slots=True)
class _Failures:
    count: int = 0
    until: float = 0.0


class Guard:
    """Counts failures by account and by network, in this process. `clock` is monotonic."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._known: dict[str, _Failures] = {}
        self.turn = asyncio.Semaphore(CHECKS_AT_ONCE)

    def is_put_off(self, *keys: str) -> bool:
        now = self._clock()
        return any(now < failures.until for key in keys if (failures := self._known.get(key)))

    def failed(self, *keys: str) -> None:
        now = self._clock()
        if len(self._known) >= REMEMBERED_MAX:
            self._known = {key: one for key, one in self._known.items() if now < one.until}
        for key in keys:
            failures = self._known.setdefault(key, _Failures())
            # A quiet time forgives.
            failures.count = 1 if failures.until and now - failures.until > LONGEST_WAIT else failures.count + 1
            over = failures.count - FORGIVEN
            failures.until = now + (min(LONGEST_WAIT, FIRST_WAIT * 2 ** min(over - 1, 10)) if over > 0 else 0.0)

    def succeeded(self, account: str) -> None:
        self._known.pop(account, None)


def without_auth(parameters: bytes) -> bytes:
    """Parameters of MAIL without AUTH=, which says what we do not believe (RFC 4954 section 5)."""
    return b" ".join(word for word in parameters.split(b" ") if not word.upper().startswith(b"AUTH="))


async def authenticate(session: SmtpSession, argument: bytes) -> None:
    """One AUTH command, in a session that may log in; says what came of it, and notes who it is."""
    mechanism, _, initial = argument.partition(b" ")
    read = {b"PLAIN": _plain, b"LOGIN": _login}.get(mechanism.upper())
    if read is None:
        session._fault(Event.NO_MECHANISM)
        return
    credentials = await read(session, initial.strip(b" "))
    if credentials is None:
        return
    name, password = credentials
    account, network = f"account {name.casefold()[:320]}", f"network {session._network}"
    guard, authenticator = session._lobby.guard, session._lobby.authenticator
    assert authenticator is not None
    if guard.is_put_off(account, network):
        session._fault(Event.LOGIN_LATER)
        return
    try:
        async with guard.turn:
            found = await asyncio.to_thread(authenticator.check, name, password)
    except Exception as error:  # noqa: BLE001 - trouble of ours, which the client may try again
        # Not with what variables hold: that is a password.
        log.error("authenticator failed: %s", type(error).__name__)
        session._say(Event.LOGIN_TROUBLE)
        return
    if found is not None:
        guard.succeeded(account)
        session._account = found
        session._say(Event.LOGGED_IN)
        return
    guard.failed(account, network)
    session._logins += 1
    await asyncio.sleep(session._limits.login_delay)
    if 0 < session._limits.logins <= session._logins:
        session._say(Event.LOGIN_FAILED)
        session._hang_up(Event.TOO_MANY_ERRORS)
    else:
        session._fault(Event.LOGIN_FAILED)


async def _plain(session: SmtpSession, initial: bytes) -> tuple[str, str] | None:
    text = await _answer(session, initial, b"")
    if text is None:
        return None
    parts = text.split("\0")
    # Nobody may act for somebody else: an authorization identity is empty or the same.
    if len(parts) != 3 or parts[0] not in ("", parts[1]):
        session._fault(Event.BAD_ARGUMENT)
        return None
    return parts[1], parts[2]


async def _login(session: SmtpSession, initial: bytes) -> tuple[str, str] | None:
    name = await _answer(session, initial, b"VXNlcm5hbWU6")
    password = await _answer(session, b"", b"UGFzc3dvcmQ6") if name is not None else None
    return (name, password) if name is not None and password is not None else None


async def _answer(session: SmtpSession, initial: bytes, challenge: bytes) -> str | None:
    """What the client says, decoded: at once, or to a challenge; None when it was told that it is none, or has gone."""
    line = initial
    if not line:
        session._out.append(b"334 " + challenge + b"\r\n")
        given = await _next_line(session)
        if given is None:
            return None
        line = given
        if line == b"*":
            session._fault(Event.LOGIN_CANCELLED)
            return None
    try:
        return base64.b64decode(b"" if line == b"=" else line, validate=True).decode()
    except (binascii.Error, ValueError):
        session._fault(Event.BAD_ARGUMENT)
        return None


async def _next_line(session: SmtpSession) -> bytes | None:
    """The next line without its end; None when there is none, or it was refused."""
    while True:
        line = session._take_line()
        if line is None:
            if session._is_overlong:
                session._is_overlong = False
                session._hang_up(Event.LINE_TOO_LONG)
                return None
            if not await session._read_more():
                return None
            continue
        session._since = time.monotonic()
        if line[-2:] != b"\r\n" or len(line) > session._limits.command_line:
            session._hang_up(Event.BAD_LINE)
            return None
        return line[:-2]
