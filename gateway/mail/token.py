"""Tokens in addresses: 37 base32 characters that we can check and nobody else can make (design 3).

23 bytes: version and key (1), marker (6), member (4), expiry in days since 2020 (2), HMAC-SHA-256 over purpose, forum and
the rest, cut to 80 bits (10). Read without regard to case, because mail systems fold it; a local part has 64 octets.
"""

from __future__ import annotations

import base64
import hmac
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache

_CROCKFORD = "0123456789abcdefghjkmnpqrstvwxyz"
_BASE32 = str.maketrans(_CROCKFORD, "0123456789abcdefghijklmnopqrstuv")
_MARKER = re.compile(f"[{_CROCKFORD}]{{8,9}}\\Z")
EPOCH = date(2020, 1, 1)
LENGTH = 37
VERSION = 1
KEY_BYTES = 32


def is_key(text: str) -> bool:
    """Whether a text is a key, as the file of secrets holds it: hexadecimal digits."""
    return len(text) == 2 * KEY_BYTES and set(text) <= set("0123456789abcdef")


@dataclass(frozen=True, slots=True)
class Claims:
    """What a valid token says."""

    marker: bytes
    member: bytes
    expires: date


# Those of one digest are asked for again with each letter.
@lru_cache(maxsize=4096)
def marker_bytes(marker: str) -> bytes | None:
    """A post's marker as the six bytes of a token, three bits of which count its digits; None when these are too many."""
    if not is_marker(marker):
        return None
    return (len(marker) - 8 << 45 | int(marker.translate(_BASE32), 32)).to_bytes(6, "big")


def is_marker(text: str) -> bool:
    """Whether `marker_bytes` takes it."""
    return _MARKER.match(text) is not None


def marker_of(data: bytes) -> str:
    """The other way; of bytes that no marker has made, one that no post has."""
    number = int.from_bytes(data, "big")
    size = 8 + (number >> 45)
    return "".join(_CROCKFORD[number >> 5 * place & 31] for place in range(size - 1, -1, -1))


def make_token(key: bytes, purpose: str, forum: str, *, marker: bytes, member: bytes, expires: date) -> str:
    """A token for `marker` (6 bytes) and `member` (4 bytes), good until the end of `expires` (UTC)."""
    head = bytes([VERSION << 4]) + marker + member + (expires - EPOCH).days.to_bytes(2, "big")
    if len(head) != 13:
        raise ValueError("a marker has 6 bytes and a member 4")
    return base64.b32encode(head + _mac(key, purpose, forum, head)).decode().rstrip("=").lower()


def read_token(key: bytes, purpose: str, forum: str, token: str, now: datetime) -> Claims | None:
    """What `token` says, or None when it is not ours, for another purpose or forum, or too old."""
    if len(token) != LENGTH:
        return None
    try:
        data = base64.b32decode(token.upper() + "===")
    except ValueError:
        return None
    head, mac = data[:13], data[13:]
    # The last character has bits to spare: only the one spelling that we make is good.
    is_canonical = base64.b32encode(data).decode().rstrip("=").lower() == token.lower()
    if not hmac.compare_digest(mac, _mac(key, purpose, forum, head)) or not is_canonical or head[0] != VERSION << 4:
        return None
    expires = EPOCH + timedelta(days=int.from_bytes(head[11:13], "big"))
    if now.astimezone(UTC).date() > expires:
        return None
    return Claims(head[1:7], head[7:11], expires)


def names_nobody(token: str) -> bool:
    """Whether `token`, ours or not, is about no letter and no member: so are those of letters that nothing must lead back to."""
    try:
        data = base64.b32decode(token.upper() + "===") if len(token) == LENGTH else b"?"
    except ValueError:
        return False
    return data[0] == VERSION << 4 and not any(data[1:11])


def _mac(key: bytes, purpose: str, forum: str, head: bytes) -> bytes:
    text = b"\0".join((purpose.encode(), forum.encode(), head))
    return hmac.digest(key, text, "sha256")[:10]
