"""What a reply of the next mail server means for a letter (RFC 5321 section 4.2.1, RFC 3463; reliability O4). Pure.

In: at which step of the dialogue, the reply's code (None when none came) and text. Out: the letter's fate and who is to
blame. What is said before a recipient is named is about us, so that no member loses a letter for it.
"""

from __future__ import annotations

from enum import StrEnum

from gateway.send.courier import Fate, Fault, Outcome

REPLY_MAX = 300


class Step(StrEnum):
    """Of a dialogue, in their order; DOT is the end of the data."""

    CONNECT = "connecting"
    HELLO = "EHLO"
    TLS = "STARTTLS"
    AUTH = "AUTH"
    MAIL = "MAIL"
    RCPT = "RCPT"
    DATA = "DATA"
    DOT = "the end of the letter"


GOOD = {Step.CONNECT: (220,), Step.MAIL: (250,), Step.RCPT: (250, 251), Step.DATA: (354,), Step.DOT: (250,)}
_OPENING = (Step.CONNECT, Step.HELLO, Step.TLS, Step.AUTH)
# Authentication required, too weak, refused, or only with encryption (RFC 4954 section 6).
_AUTH_CODES = (530, 534, 535, 538)


def judge(step: Step, code: int | None, text: str = "") -> Outcome:
    """What becomes of the letter."""
    if code is None or not 200 <= code < 600:
        return _lost(step, text)
    reply = " ".join(f"{code} {text}".split())[:REPLY_MAX]
    if code in GOOD.get(step, ()):
        return Outcome(Fate.SENT, reply)
    is_permanent = code >= 500
    if step in _OPENING or code in _AUTH_CODES:
        return Outcome(Fate.DEFERRED, reply, Fault.SETUP if is_permanent else Fault.WAY)
    if code == 421:
        return Outcome(Fate.DEFERRED, reply, Fault.WAY)
    if step is Step.MAIL:
        return _at_mail(code, reply)
    if step is Step.RCPT and text.startswith("5.7."):
        # "Relay access denied": the relay does not know us, and would say so for every member.
        return Outcome(Fate.DEFERRED, reply)
    return Outcome(Fate.BOUNCED if is_permanent else Fate.DEFERRED, reply)


def _at_mail(code: int, reply: str) -> Outcome:
    """452 and 552 are answers to SIZE, about this letter (RFC 1870 section 6.1); other 5xx about its forum's address."""
    if code == 552:
        return Outcome(Fate.BOUNCED, reply)
    return Outcome(Fate.DEFERRED, reply, Fault.LETTER if code >= 500 or code == 452 else Fault.WAY)


def _lost(step: Step, text: str) -> Outcome:
    """No reply. From the data on, the letter itself may be what the relay stumbles over, so that it counts as tried."""
    why = " ".join(text.split())[:REPLY_MAX] or "connection lost"
    if step is Step.DOT:
        why = f"{why} after the end of the letter: it may have arrived"
    elif step is not Step.CONNECT:
        why = f"{why} at {step}"
    return Outcome(Fate.DEFERRED, f"relay: {why}", Fault.LETTER if step in (Step.DATA, Step.DOT) else Fault.WAY)
