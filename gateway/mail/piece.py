"""One mail of an archive, and what a gateway had recorded about it: the nouns of import and export."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Piece:
    """`raw` is None for a mail that is too large to be taken. `received_at` None: unknown. `size` is how far the archive's
    own bytes went on with it (of the compressed file, when it is one); `where` names its place there for people."""

    raw: bytes | None
    received_at: datetime | None
    size: int
    where: str = ""


@dataclass(frozen=True, slots=True)
class Resolution:
    """A decision about a mail that came after the first one."""

    at: datetime
    verdict: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """The facts of one kept mail that do not stand in its bytes, which are known by their SHA-256 (hexadecimal).

    `number` and `published_at` are those of its post; None for what is no post or was not published.
    """

    sha256: str
    received_at: datetime
    reverse_path: str | None
    forward_path: str
    via: str
    peer: str
    verdict: str
    reason: str
    number: int | None = None
    published_at: datetime | None = None
    resolutions: tuple[Resolution, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """Somebody gave a post another parent (None: the start of a thread), or took that back."""

    msgid: str
    parent: str | None
    is_undone: bool
    at: datetime


class Alteration(StrEnum):
    """What became of a post that was there."""

    REMOVED = "removed"
    RESTORED = "restored"
    EDITED = "edited"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Somebody removed the post with that marker, put it back, or gave it another text; the mail stays as it came."""

    marker: str
    alteration: Alteration
    text: str = ""
    at: datetime
