"""A connection to the next mail server, ready for letters: greeting, TLS, AUTH (RFC 5321, RFC 3207, RFC 4954, RFC 2033).

In: a `Relay`. Out: an open `smtplib` connection, or `NoConnection` with the outcome for the letter that waits.
"""

from __future__ import annotations

import smtplib
import socket
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from gateway.send.courier import Fate, Fault, Outcome
from gateway.send.judge import Step, judge

# RFC 5321 section 4.5.3.2, but for the connection and its greeting.
CONNECT_SECONDS = 30
COMMAND_SECONDS = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Relay:
    """Where the relay is; with `tls` its certificate must be good for `host`, by the authorities in the file `ca` when named.

    With `is_lmtp`, `host` may be the path of a socket, and a 250 at the end means that it lies in the mailbox.
    """

    host: str
    port: int
    hostname: str
    tls: Literal["none", "starttls", "implicit"] = "none"
    ca: Path | None = None
    user: str = ""
    password: str = field(default="", repr=False)
    is_lmtp: bool = False


class NoConnection(Exception):
    """The relay cannot be used now; `outcome` says why."""

    temporary = True

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.reply)
        self.outcome = outcome


def open_connection(relay: Relay) -> smtplib.SMTP:
    """A connection that waits for MAIL. Raises NoConnection."""
    smtp: smtplib.SMTP | None = None
    step = Step.CONNECT
    try:
        smtp = _connect(relay)
        if smtp.sock is not None:
            smtp.sock.settimeout(COMMAND_SECONDS)
            if smtp.sock.family is not socket.AF_UNIX:
                # The last piece of a letter must not wait for the acknowledgement of the one before.
                smtp.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        step = Step.HELLO
        smtp.ehlo_or_helo_if_needed()
        if relay.tls == "starttls":
            step = Step.TLS
            smtp.starttls(context=_context(relay))
            smtp.ehlo_or_helo_if_needed()
        if relay.user:
            step = Step.AUTH
            smtp.login(relay.user, relay.password)
    except (OSError, smtplib.SMTPException) as error:
        if smtp is not None:
            smtp.close()
        raise NoConnection(_outcome(relay, step, error)) from error
    return smtp


def _connect(relay: Relay) -> smtplib.SMTP:
    where = (relay.host, relay.port, relay.hostname)
    if relay.is_lmtp:
        return smtplib.LMTP(*where, timeout=CONNECT_SECONDS)
    if relay.tls == "implicit":
        return smtplib.SMTP_SSL(*where, timeout=CONNECT_SECONDS, context=_context(relay))
    return smtplib.SMTP(*where, timeout=CONNECT_SECONDS)


def _context(relay: Relay) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=relay.ca)


def _outcome(relay: Relay, step: Step, error: Exception) -> Outcome:
    if isinstance(error, ssl.SSLCertVerificationError):
        why = f"relay: the certificate of {relay.host} is not good: {error.verify_message}"
        return Outcome(Fate.DEFERRED, why, Fault.SETUP)
    if isinstance(error, smtplib.SMTPResponseException):
        text = error.smtp_error
        return judge(step, error.smtp_code, text.decode("utf-8", "replace") if isinstance(text, bytes) else text)
    if isinstance(error, smtplib.SMTPServerDisconnected):
        return judge(step, None)
    if isinstance(error, smtplib.SMTPException):
        # What we need it does not offer: STARTTLS, or a way of AUTH that we know.
        return Outcome(Fate.DEFERRED, f"relay: {step} is not offered, and is wanted", Fault.SETUP)
    return judge(step, None, type(error).__name__)
