"""The envelope of one mail transaction (RFC 5321 section 2.3.1) and the bytes that came with it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from gateway.mail.address import Address

CHUNK = 1 << 20


class Via(StrEnum):
    """By which door a mail came; live mail is judged, the others are taken as they are."""

    SMTP = "smtp"
    LMTP = "lmtp"
    WEB = "web"
    IMPORT = "import"


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """`reverse_path` None is the null reverse-path `<>`; `received_at` is an aware UTC instant; `account` logged in (AUTH)."""

    reverse_path: Address | None
    forward_paths: tuple[Address, ...]
    received_at: datetime
    via: Via
    peer: str = ""
    account: Address | None = None


@dataclass(frozen=True, slots=True)
class Raw:
    """The bytes as received, dot-unstuffed, with CRLF ends: in memory, or past 1 MiB in a spool file.

    Exactly one of `data` and `path` is set. Whoever made the spool file removes it.
    """

    size: int
    data: bytes | None = None
    path: Path | None = None

    @classmethod
    def of(cls, data: bytes) -> Raw:
        return cls(size=len(data), data=data)

    def read(self) -> bytes:
        """All of it, in memory."""
        if self.data is not None:
            return self.data
        assert self.path is not None
        return self.path.read_bytes()

    def chunks(self) -> Iterator[bytes]:
        """Pieces of at most 1 MiB in order; one empty piece never occurs."""
        if self.data is not None:
            for start in range(0, len(self.data), CHUNK):
                yield self.data[start : start + CHUNK]
            return
        assert self.path is not None
        with self.path.open("rb") as file:
            while piece := file.read(CHUNK):
                yield piece
