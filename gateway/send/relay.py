"""The relay courier: hands letters over one reused connection to an SMTP relay or an LMTP server (RFC 5321, RFC 2033).

One recipient a letter, so that a reply is about one member. With PIPELINING (RFC 2920) a letter takes two round trips.
"""

from __future__ import annotations

import contextlib
import smtplib
from typing import NamedTuple

from gateway.mail.address import Address
from gateway.send.connection import COMMAND_SECONDS, NoConnection, Relay, open_connection
from gateway.send.courier import Fate, Outcome
from gateway.send.judge import Step, judge

# RFC 5321 section 4.5.3.2: for DATA, for each block, and for the reply to the end of the letter.
DATA_SECONDS = 120
BLOCK_SECONDS = 180
DOT_SECONDS = 600
BLOCK = 1 << 16


class _Line(NamedTuple):
    step: Step
    text: str


class _Lost(Exception):
    """The connection broke, or what came is no reply."""

    temporary = True

    def __init__(self, step: Step, why: str) -> None:
        super().__init__(why)
        self.step = step


class RelayCourier:
    """One connection to the relay, opened when needed and again when it broke. Not for several threads at once."""

    def __init__(self, relay: Relay) -> None:
        self._relay = relay
        self._smtp: smtplib.SMTP | None = None

    def deliver(self, reverse_path: Address, recipient: Address, raw: bytes) -> Outcome:
        """One try. A connection that the relay closed meanwhile is opened anew once; `raw` has CRLF ends."""
        is_reused = self._smtp is not None
        outcome = self._attempt(reverse_path, recipient, raw)
        if outcome is None and is_reused:
            outcome = self._attempt(reverse_path, recipient, raw)
        return outcome or judge(Step.MAIL, None)

    def close(self) -> None:
        if self._smtp is not None:
            with contextlib.suppress(OSError, smtplib.SMTPException):
                _wait_at_most(self._smtp, DATA_SECONDS)
                self._smtp.quit()
            self._drop()

    def _attempt(self, reverse_path: Address, recipient: Address, raw: bytes) -> Outcome | None:
        """None when an older connection came to its end before the letter was taken: it was closed, or said 421."""
        is_reused = self._smtp is not None
        try:
            smtp = self._smtp = self._smtp or open_connection(self._relay)
        except NoConnection as error:
            return error.outcome
        try:
            outcome = self._send(smtp, reverse_path, recipient, raw)
        except _Lost as lost:
            self._drop()
            return None if is_reused and lost.step is Step.MAIL else judge(lost.step, None, str(lost))
        if outcome.fate is not Fate.SENT:
            self._reset()
        return None if is_reused and outcome.reply.startswith("421") else outcome

    def _send(self, smtp: smtplib.SMTP, reverse_path: Address, recipient: Address, raw: bytes) -> Outcome:
        options = f" SIZE={len(raw)}" if smtp.has_extn("size") else ""
        if smtp.has_extn("8bitmime"):
            options += " BODY=8BITMIME"
        if not (reverse_path.is_ascii and recipient.is_ascii):
            if not smtp.has_extn("smtputf8"):
                return Outcome(Fate.BOUNCED, "relay: no SMTPUTF8, which this address needs")
            options += " SMTPUTF8"
        lines = (
            _Line(Step.MAIL, f"MAIL FROM:<{reverse_path}>{options}"),
            _Line(Step.RCPT, f"RCPT TO:<{recipient}>"),
            _Line(Step.DATA, "DATA"),
        )
        outcome = self._pipelined(smtp, lines) if smtp.has_extn("pipelining") else self._one_by_one(smtp, lines)
        if outcome.fate is not Fate.SENT:
            return outcome
        return self._data(smtp, raw)

    def _one_by_one(self, smtp: smtplib.SMTP, lines: tuple[_Line, ...]) -> Outcome:
        """The first reply that is not good, or the last."""
        for line in lines:
            _write(smtp, line.step, f"{line.text}\r\n".encode())
            code, outcome = _reply(smtp, line.step)
            if outcome.fate is not Fate.SENT:
                break
        if code == 421:
            self._drop()
        return outcome

    def _pipelined(self, smtp: smtplib.SMTP, lines: tuple[_Line, ...]) -> Outcome:
        """The same, with all commands in one go; every reply is read, also those after the first that is not good."""
        _write(smtp, Step.MAIL, "".join(f"{line.text}\r\n" for line in lines).encode())
        bad: Outcome | None = None
        code = 0
        for line in lines:
            try:
                code, outcome = _reply(smtp, line.step)
            except _Lost:
                if bad is None:
                    raise
                # What was said counts, also when the relay hangs up after it.
                self._drop()
                return bad
            if outcome.fate is not Fate.SENT:
                bad = bad or outcome
            if code == 421:
                self._drop()
                return bad or outcome
        if bad is not None and code == 354:
            # RFC 2920 section 3.1: a server may ask for the data of no recipient. It is told so by a new connection.
            self._drop()
        return bad or outcome

    def _data(self, smtp: smtplib.SMTP, raw: bytes) -> Outcome:
        stuffed = raw.replace(b"\r\n.", b"\r\n..")
        if stuffed.startswith(b"."):
            stuffed = b"." + stuffed
        stuffed += b".\r\n" if stuffed.endswith(b"\r\n") else b"\r\n.\r\n"
        last = max(0, len(stuffed) - BLOCK)
        _wait_at_most(smtp, BLOCK_SECONDS)
        for start in range(0, last, BLOCK):
            _write(smtp, Step.DATA, stuffed[start : min(start + BLOCK, last)])
        # Until the last block has gone the relay cannot have taken it.
        _write(smtp, Step.DOT, stuffed[last:])
        code, outcome = _reply(smtp, Step.DOT)
        if code == 421:
            self._drop()
        return outcome

    def _reset(self) -> None:
        if self._smtp is None:
            return
        try:
            _wait_at_most(self._smtp, COMMAND_SECONDS)
            self._smtp.rset()
        except (OSError, smtplib.SMTPException):
            self._drop()

    def _drop(self) -> None:
        if self._smtp is not None:
            self._smtp.close()
        self._smtp = None


_SECONDS = {Step.MAIL: COMMAND_SECONDS, Step.RCPT: COMMAND_SECONDS, Step.DATA: DATA_SECONDS, Step.DOT: DOT_SECONDS}


def _wait_at_most(smtp: smtplib.SMTP, seconds: float) -> None:
    if smtp.sock is not None:
        smtp.sock.settimeout(seconds)


def _write(smtp: smtplib.SMTP, step: Step, data: bytes) -> None:
    try:
        smtp.send(data)
    except (OSError, smtplib.SMTPException) as error:
        raise _Lost(step, _why(error)) from error


def _reply(smtp: smtplib.SMTP, step: Step) -> tuple[int, Outcome]:
    _wait_at_most(smtp, _SECONDS[step])
    try:
        code, text = smtp.getreply()
    except (OSError, smtplib.SMTPException) as error:
        raise _Lost(step, _why(error)) from error
    outcome = judge(step, code, text.decode("utf-8", "replace"))
    if not 200 <= code < 600:
        raise _Lost(step, "not a reply")
    return code, outcome


def _why(error: Exception) -> str:
    return "timed out" if isinstance(error, TimeoutError) else "connection lost"
