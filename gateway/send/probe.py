"""Asks a mail server who it is and what it offers, and sends nothing: for `gateway doctor`. Out: an `Answer`, never an error."""

from __future__ import annotations

import contextlib
import re
import smtplib
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, Literal

Tls = Literal["none", "starttls", "implicit"]
SECONDS = 3.0
_CLOCK = re.compile(r";\s*(\w{3}, .+)$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a server said. `error` is why it could not be asked, `tls_error` why its TLS is not good; "" where all is well.

    `extensions` are those after STARTTLS, where there was one, in capitals; `at` is its clock, where its greeting tells.
    """

    greeting: str = ""
    extensions: frozenset[str] = frozenset()
    is_encrypted: bool = False
    error: str = ""
    tls_error: str = ""
    at: datetime | None = None


class _Asked(smtplib.SMTP):
    """Keeps the greeting, which smtplib forgets."""

    greeting = ""

    def connect(self, host: str = "localhost", port: int = 0, source_address: Any = None) -> tuple[int, bytes]:
        code, text = super().connect(host, port, source_address)
        self.greeting = text.decode("utf-8", "replace")
        return code, text


class _AskedByTls(_Asked, smtplib.SMTP_SSL):
    pass


def ask(host: str, port: int, hostname: str, tls: Tls = "none", ca: Path | None = None) -> Answer:
    """Connects, says EHLO as `hostname`, begins TLS as wanted, and leaves. Waits at most 3 seconds for each step."""
    smtp: _Asked | None = None
    is_encrypted, tls_error = tls == "implicit", ""
    extensions: frozenset[str] = frozenset()
    try:
        context = ssl.create_default_context(cafile=ca)
        if tls == "implicit":
            smtp = _AskedByTls(host, port, hostname, timeout=SECONDS, context=context)
        else:
            smtp = _Asked(host, port, hostname, timeout=SECONDS)
        smtp.ehlo_or_helo_if_needed()
        if tls == "starttls" and smtp.has_extn("starttls"):
            smtp.starttls(context=context)
            smtp.ehlo()
            is_encrypted = True
        extensions = frozenset(name.upper() for name in smtp.esmtp_features)
    except ssl.SSLError as error:
        tls_error = _tls_reason(error)
    except (OSError, smtplib.SMTPException) as error:
        return Answer(error=_reason(error))
    finally:
        if smtp is not None:
            with contextlib.suppress(OSError, smtplib.SMTPException):
                smtp.quit()
            smtp.close()
    greeting = smtp.greeting if smtp else ""
    return Answer(
        greeting=greeting,
        extensions=extensions,
        is_encrypted=is_encrypted and not tls_error,
        tls_error=tls_error,
        at=clock_in(greeting),
    )


def clock_in(greeting: str) -> datetime | None:
    """The time that a greeting tells at its end, as Sendmail's does (RFC 5322 section 3.3)."""
    found = _CLOCK.search(greeting)
    if found is None:
        return None
    try:
        at = parsedate_to_datetime(found[1])
    except ValueError:
        return None
    return at.astimezone(UTC) if at.tzinfo else None


def _reason(error: OSError | smtplib.SMTPException) -> str:
    if isinstance(error, smtplib.SMTPResponseException) and error.smtp_code > 0:
        text = error.smtp_error.decode("utf-8", "replace") if isinstance(error.smtp_error, bytes) else error.smtp_error
        return f"answers {error.smtp_code} {' '.join(text.split())}"[:200]
    # smtplib says that the server hung up when it is smtplib that did, after waiting.
    if isinstance(error, TimeoutError) or isinstance(error.__context__, TimeoutError):
        return f"no answer within {SECONDS:.0f} seconds"
    if isinstance(error, smtplib.SMTPServerDisconnected):
        return "hangs up"
    if isinstance(error, smtplib.SMTPException):
        return "does not speak SMTP"
    return error.strerror or type(error).__name__


def _tls_reason(error: ssl.SSLError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not good: {error.verify_message}"
    return f"TLS fails: {error.reason or type(error).__name__}"
