"""What one piece of a mail answers, where the mail's own header does not say so (design 8.4)."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from gateway.mail.message import Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """`answers` is the msgid of a post, None for the start of a thread. `evidence` is a word on what told so.

    `spans` None: all of the mail's text. `title` "": the mail's Subject.
    """

    answers: str | None
    evidence: str
    title: str = ""
    spans: tuple[Span, ...] | None = None


_LETTER = re.compile(r"(?:digest|notice|copy)\.[^@]+@(.+)\Z")


def is_letter(msgid: str, domain: str) -> bool:
    """Whether that is the Message-ID of a letter of ours, which is no post and never becomes one."""
    match = _LETTER.match(msgid)
    return match is not None and match[1].lower() == domain


def is_issue(msgid: str, domain: str) -> bool:
    """Whether that is the Message-ID of a digest of ours."""
    return msgid.startswith("digest.") and is_letter(msgid, domain)


def piece_msgid(msgid: str, piece: int, domain: str) -> str:
    """The msgid of a piece: the mail's own for the first, for the others one of ours that follows from it."""
    if piece == 0:
        return msgid
    return f"piece.{piece}.{hashlib.sha256(msgid.encode()).hexdigest()[:24]}@{domain}"
