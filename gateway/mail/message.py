"""What was read from raw: header fields that decide something, and the body as spans."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from gateway.mail.address import Address

# The header fields that rules of the operator may look at (`admit.rules`), besides those of spam filters ("x-spam-...").
RULED = frozenset(
    (
        *("subject", "from", "to", "cc", "sender", "reply-to", "list-id", "x-mailer", "user-agent", "content-type", "precedence"),
        *("importance", "organization", "x-rspamd-score", "x-spamd-result", "x-virus-status", "x-virus-scanned", "x-bogosity"),
    )
)
_RULED = frozenset(name.encode() for name in RULED)


def is_ruled(name: bytes) -> bool:
    """Whether rules may look at a field of that name, in lower case."""
    return name in _RULED or name.startswith(b"x-spam-")


class SpanKind(StrEnum):
    """What a stretch of the body is; only display drops any of them.

    An attribution says whose words the quote below it holds. A forward is another mail that the author passes on: content.
    A client footer is what a mail program adds ("Sent from my ..."), a list footer what a list server adds.
    """

    TEXT = "text"
    ATTRIBUTION = "attribution"
    QUOTE = "quote"
    FORWARD = "forward"
    SIGNATURE = "signature"
    CLIENT_FOOTER = "client_footer"
    LIST_FOOTER = "list_footer"


class Automation(StrEnum):
    """How sure we are that a program wrote a mail."""

    NONE = "none"
    LIKELY = "likely"
    CERTAIN = "certain"


@dataclass(frozen=True, slots=True)
class Span:
    """Whole lines of one kind, joined by LF, without a last LF.

    `depth` counts the ">" of a quote, which are cut off; 0 is a quote without marks, where an author's words may hide.
    """

    kind: SpanKind
    text: str
    depth: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """A file that came with a mail: known by its hash; the bytes stay where they are, at `start`..`end` of raw (encoded)."""

    sha256: str
    name: str
    type: str
    size: int
    start: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One mail, read. Text fields hold no control characters but LF and TAB (in spans), no lone surrogates, no NUL.

    `msgid` has no angle brackets and is derived from `content_hash` when the mail had none. `content_hash` is 32 bytes
    (design: same mail by two ways, same hash). `ancestors` come nearest first, cleaned, each once, never `msgid` itself
    (`parse.references` holds the policy). `is_author_sure`: From is one address, which every program reads alike. `date` is
    None when the Date field is missing or unreadable. `icon` and `wants_anonymity` are what the first lines of the text asked
    for (`parse.directives`). `has_list_fields`: any field of RFC 2369, which no letter of a person has. `fields` are those
    that rules may look at, by name in lower case, as they came. `loop_marks` are those of letters of ours, or of another
    gateway (`mail.loop`).
    """

    msgid: str
    content_hash: bytes
    author_name: str
    author_address: Address | None
    subject: str
    date: datetime | None
    ancestors: tuple[str, ...]
    spans: tuple[Span, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    list_ids: tuple[str, ...] = ()
    auto_submitted: str = ""
    precedence: str = ""
    automation: Automation = Automation.NONE
    received_count: int = 0
    header_size: int = 0
    is_unreadable: bool = False
    defects: tuple[str, ...] = ()
    icon: str = ""
    wants_anonymity: bool = False
    has_list_fields: bool = False
    loop_marks: tuple[str, ...] = ()
    is_author_sure: bool = False
    fields: tuple[tuple[bytes, bytes], ...] = ()
