"""The relay courier: hands letters to an SMTP relay over one reused connection (RFC 5321).

A 5xx at RCPT or after the data is about the letter: bounced. Everything else (connection, greeting, TLS, MAIL) is about
the relay: deferred, and no member suffers for it.
"""

from __future__ import annotations

import contextlib
import smtplib
import ssl
from dataclasses import dataclass
from typing import Literal

from gateway.mail.address import Address
from gateway.send.courier import Fate, Outcome

CONNECT_SECONDS = 30
REPLY_MAX = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Relay:
    """Where the relay is; with `tls` "starttls" or "implicit" its certificate must be good for `host`."""

    host: str
    port: int
    hostname: str
    tls: Literal["none", "starttls", "implicit"] = "none"


class RelayCourier:
    """One connection to the relay, opened when needed and again when it broke. Not for several threads at once."""

    def __init__(self, relay: Relay) -> None:
        self._relay = relay
        self._smtp: smtplib.SMTP | None = None

    def deliver(self, reverse_path: Address, recipient: Address, raw: bytes) -> Outcome:
        """One try. A connection that the relay closed meanwhile is opened anew once."""
        is_reused = self._smtp is not None
        outcome = self._attempt(reverse_path, recipient, raw)
        if outcome is None and is_reused:
            outcome = self._attempt(reverse_path, recipient, raw)
        return outcome or _LOST

    def close(self) -> None:
        if self._smtp is not None:
            with contextlib.suppress(OSError, smtplib.SMTPException):
                self._smtp.quit()
            self._smtp = None

    def _attempt(self, reverse_path: Address, recipient: Address, raw: bytes) -> Outcome | None:
        """None when the connection was lost."""
        try:
            smtp = self._smtp = self._smtp or self._connect()
            return self._send(smtp, reverse_path, recipient, raw)
        except smtplib.SMTPServerDisconnected:
            self._drop()
            return None
        except smtplib.SMTPResponseException as error:
            self._drop()
            return Outcome(Fate.DEFERRED, _line(error.smtp_code, error.smtp_error))
        except (OSError, smtplib.SMTPException) as error:
            self._drop()
            return Outcome(Fate.DEFERRED, f"relay: {type(error).__name__}")

    def _connect(self) -> smtplib.SMTP:
        relay = self._relay
        if relay.tls == "implicit":
            context = ssl.create_default_context()
            return smtplib.SMTP_SSL(relay.host, relay.port, relay.hostname, timeout=CONNECT_SECONDS, context=context)
        smtp = smtplib.SMTP(relay.host, relay.port, relay.hostname, timeout=CONNECT_SECONDS)
        try:
            if relay.tls == "starttls":
                smtp.starttls(context=ssl.create_default_context())
            smtp.ehlo_or_helo_if_needed()
        except BaseException:
            smtp.close()
            raise
        return smtp

    def _send(self, smtp: smtplib.SMTP, reverse_path: Address, recipient: Address, raw: bytes) -> Outcome:
        options = [f"SIZE={len(raw)}"] if smtp.has_extn("size") else []
        if smtp.has_extn("8bitmime"):
            options.append("BODY=8BITMIME")
        if not (reverse_path.is_ascii and recipient.is_ascii):
            if not smtp.has_extn("smtputf8"):
                return Outcome(Fate.BOUNCED, "relay: no SMTPUTF8, which this address needs")
            options.append("SMTPUTF8")
            smtp.command_encoding = "utf-8"
        code, text = smtp.mail(str(reverse_path), options)
        if code != 250:
            return self._refused(smtp, code, text, Fate.DEFERRED)
        code, text = smtp.rcpt(str(recipient))
        if code not in (250, 251):
            return self._refused(smtp, code, text, Fate.BOUNCED)
        code, text = smtp.data(raw)
        if code != 250:
            return self._refused(smtp, code, text, Fate.BOUNCED)
        return Outcome(Fate.SENT, _line(code, text))

    def _refused(self, smtp: smtplib.SMTP, code: int, text: bytes, permanent: Fate) -> Outcome:
        # What was said counts, also when the relay hangs up after it.
        try:
            smtp.rset()
        except (OSError, smtplib.SMTPException):
            self._drop()
        return Outcome(permanent if code >= 500 else Fate.DEFERRED, _line(code, text))

    def _drop(self) -> None:
        if self._smtp is not None:
            self._smtp.close()
        self._smtp = None


_LOST = Outcome(Fate.DEFERRED, "relay: connection lost")


def _line(code: int, text: bytes | str) -> str:
    plain = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    return " ".join(f"{code} {plain}".split())[:REPLY_MAX]
