"""What is to be kept, made ready without the database (design 4): one `Incoming` for each mail and recipient.

In: what was read and judged. Out: compressed pieces, JSON columns, the digits of markers, the nodes of threading: whoever keeps
has the database to himself, and should have nothing else to do meanwhile.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import zstandard
from pydantic_core import to_json

from gateway.mail.address import Address
from gateway.mail.answer import Answer, is_letter, piece_msgid
from gateway.mail.envelope import Envelope, Raw
from gateway.mail.forum import Forum
from gateway.mail.message import Attachment, Message, Span
from gateway.mail.piece import Resolution
from gateway.mail.verdict import Decision
from gateway.store.outbox import Letter
from gateway.thread.forest import Node, effective_date
from gateway.thread.titles import subject_key

MARKER = 8
_CROCKFORD = "0123456789abcdefghjkmnpqrstvwxyz"
_PAIRS = [high + low for high in _CROCKFORD for low in _CROCKFORD]
_threads = threading.local()


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """What an import knows of a mail besides: it stays hidden until that import ends; when its post was published, if it was."""

    hidden_by: UUID
    number: int | None
    published_at: datetime | None
    resolutions: tuple[Resolution, ...] = ()


class Part(NamedTuple):
    """One piece of a mail as a post: where it belongs, its subject, the digits of its marker, and its JSON columns."""

    piece: int
    node: Node
    subject: str
    digits: str
    spans: str
    attachments: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """One mail for one recipient, read and judged.

    What can be made of it without the database is made here, since whoever keeps it has the database to himself: the
    compressed pieces (None for a spooled mail, which is never in memory as a whole), the JSON columns, the marker's digits.
    `answers`: what its pieces answer, when something else than its header tells. `proof` is how its author was known; no digest
    tells of the post before `publish_at`; `tag` stands for who wrote anonymously.
    """

    forum: Forum
    recipient: Address
    envelope: Envelope
    message: Message
    raw: Raw
    decision: Decision
    pieces: tuple[bytes, ...] | None
    spans: str
    attachments: str
    digits: str
    past: Past | None = None
    proof: str = ""
    publish_at: datetime | None = None
    tag: bytes = b""
    answers: tuple[Answer, ...] = ()
    receipt: Letter | None = None

    @classmethod
    def of(
        cls,
        *,
        forum: Forum,
        recipient: Address,
        envelope: Envelope,
        message: Message,
        raw: Raw,
        decision: Decision,
        proof: str = "",
        publish_at: datetime | None = None,
        tag: bytes = b"",
        answers: tuple[Answer, ...] = (),
    ) -> Incoming:
        """Makes the rest from what was read."""
        compress = compressor()
        return cls(
            forum=forum,
            recipient=recipient,
            envelope=envelope,
            message=message,
            raw=raw,
            decision=decision,
            pieces=tuple(map(compress, raw.chunks())) if raw.data is not None else None,
            spans=spans_to_json(message.spans),
            attachments=attachments_to_json(message.attachments),
            digits=marker_digits(message.msgid, message.content_hash, 0),
            proof=proof,
            publish_at=publish_at,
            tag=tag,
            answers=answers,
        )

    @property
    def parts(self) -> list[Part]:
        """What the mail says, piece by piece."""
        if not self.answers:
            node = node_of(
                self.message, self.envelope.received_at, follows_subjects=self.forum.follows_subjects, domain=self.forum.domain
            )
            return [Part(0, node, self.message.subject, self.digits, self.spans, self.attachments)]
        return list(parts_of(self.message, self.envelope.received_at, self.forum.domain, self.answers, self.spans))


def marker_digits(msgid: str, content_hash: bytes, piece: int) -> str:
    """The 20 Crockford base32 digits that a post's marker is cut from (design 5.12): more than any two will ever share."""
    digest = hashlib.sha256(b"\0".join((msgid.encode(), content_hash, str(piece).encode()))).digest()
    number = int.from_bytes(digest[:13], "big") >> 4
    return "".join([_PAIRS[(number >> shift) & 1023] for shift in range(90, -1, -10)])


def compressor() -> Callable[[bytes], bytes]:
    """One for each thread: to make one costs as much as half a mail, and level 3 as much again for 1 % less."""
    if not hasattr(_threads, "compress"):
        _threads.compress = zstandard.ZstdCompressor(level=1).compress
    return _threads.compress  # type: ignore[no-any-return]


def node_of(message: Message, received_at: datetime, *, follows_subjects: bool = True, domain: str = "") -> Node:
    """What threading needs to know of a mail; nothing of its subject, where the forum does not follow these.

    Letters of ours from `domain` are nobody's parents (design 5.1).
    """
    ancestors = message.ancestors
    if domain and any(is_letter(msgid, domain) for msgid in ancestors):
        ancestors = tuple(msgid for msgid in ancestors if not is_letter(msgid, domain))
    base, is_reply = ("", False) if ancestors or not follows_subjects else subject_key(message.subject)
    return Node(message.msgid, ancestors, effective_date(message.date, received_at), base, is_reply)


def parts_of(message: Message, received_at: datetime, domain: str, answers: Sequence[Answer], spans: str) -> Iterator[Part]:
    """The pieces of a mail of which `answers` tell; `spans` are those of the whole mail. Files belong to the first."""
    date = effective_date(message.date, received_at)
    attachments = attachments_to_json(message.attachments)
    for piece, one in enumerate(answers):
        ancestors: tuple[str, ...] = (one.answers,) if one.answers is not None else ()
        if one.answers is not None and len(answers) == 1:
            ancestors += tuple(id for id in message.ancestors if id != one.answers and not is_letter(id, domain))
        yield Part(
            piece=piece,
            node=Node(piece_msgid(message.msgid, piece, domain), ancestors, date, "", False),
            subject=one.title or message.subject,
            digits=marker_digits(message.msgid, message.content_hash, piece),
            spans=spans if one.spans is None else spans_to_json(one.spans),
            attachments=attachments if piece == 0 else "[]",
        )


def spans_to_json(spans: Iterable[Span]) -> str:
    return to_json([(span.kind.value, span.text, span.depth) for span in spans]).decode()


def attachments_to_json(attachments: Sequence[Attachment]) -> str:
    fields = Attachment.__slots__
    return to_json([{name: getattr(item, name) for name in fields} for item in attachments]).decode() if attachments else "[]"
