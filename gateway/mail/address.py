"""Addresses of envelopes, members and forums (RFC 5321 section 4.1.2, RFC 6531).

In: text that somebody else wrote. Out: an `Address` that is safe to compare, to store and to put on the wire.
The constructor refuses what could be read as more than one address; `parse_address` never raises.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

LOCAL_MAX = 64
DOMAIN_MAX = 255

# RFC 5321 Dot-string and RFC 6531's extension of it; the quoted form is kept out: nobody we write to needs it, and
# every trick with a second "@" or a line end does.
_LOCAL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\x80-\U0010ffff-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~\x80-\U0010ffff-]+)*\Z")
_DOMAIN = re.compile(
    r"[A-Za-z0-9\xa1-\U0010ffff](?:[A-Za-z0-9\xa1-\U0010ffff-]{0,62})(?:\.[A-Za-z0-9\xa1-\U0010ffff][A-Za-z0-9\xa1-\U0010ffff-]{0,62})*\Z"
)
_UNSAFE = re.compile("[\x00-\x20\x7f-\xa0\u2028\u2029\ud800-\udfff\ufffe\uffff]")


@dataclass(frozen=True, slots=True)
class Address:
    """One mailbox. `local` is kept as written, `domain` in lower case; ValueError when either could not be an address."""

    local: str
    domain: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "domain", self.domain.lower())
        if not is_local_part(self.local) or not is_domain(self.domain):
            raise ValueError("not an address")

    def __str__(self) -> str:
        return f"{self.local}@{self.domain}"

    @property
    def key(self) -> str:
        """What two spellings of one mailbox share: case folded, sub-address kept (RFC 5233)."""
        return f"{self.local.casefold()}@{self.domain}"

    @property
    def is_ascii(self) -> bool:
        """Whether it travels without SMTPUTF8."""
        return self.local.isascii() and self.domain.isascii()


def is_local_part(text: str) -> bool:
    return len(text.encode("utf-8", "replace")) <= LOCAL_MAX and bool(_LOCAL.match(text)) and not _UNSAFE.search(text)


def is_domain(text: str) -> bool:
    return len(text.encode("utf-8", "replace")) <= DOMAIN_MAX and bool(_DOMAIN.match(text)) and not _UNSAFE.search(text)


def parse_address(text: str) -> Address | None:
    """The address in `text` (nothing but the address, angle brackets allowed), or None."""
    text = text.strip()
    if text.startswith("<") and text.endswith(">"):
        text = text[1:-1]
    local, at, domain = text.rpartition("@")
    if not at or not is_local_part(local) or not is_domain(domain.lower()):
        return None
    return Address(local, domain)
