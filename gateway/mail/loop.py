"""The mark on our letters by which a forum knows its own when they come back (RFC 3834 section 3.1.1, RFC 5321 section 6.3).

A letter's id and an HMAC-SHA-256 over forum and id, cut to 80 bits: whoever does not hold the key cannot put one on another's
mail to have it thrown away. Other forums hand the marks on, so that two that mirror each other come to rest.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable
from uuid import UUID

FIELD = "X-Gateway-Loop"
# So many are read and handed on.
MARKS_MAX = 20
_ID, _MAC = 32, 20
_MARK = re.compile(rf"[0-9a-f]{{{_ID + _MAC}}}\Z")
_VALUE_MAX = 4096


def marks_in(values: Iterable[bytes]) -> tuple[str, ...]:
    """The marks in the values of that field; what looks like none is left out."""
    words = b" ".join(values)[:_VALUE_MAX].decode("ascii", "replace").replace(",", " ").split()
    return tuple([word for word in words if _MARK.match(word)][:MARKS_MAX])


def make_mark(key: bytes, list_id: str, letter: UUID) -> str:
    """The mark of one letter of the forum with that List-Id."""
    return f"{letter.hex}{_mac(key, list_id, letter.hex)}"


def is_own(key: bytes, list_id: str, marks: Iterable[str]) -> bool:
    """Whether one of `marks` is from a letter of the forum with that List-Id."""
    return any(_MARK.match(mark) and hmac.compare_digest(mark[_ID:], _mac(key, list_id, mark[:_ID])) for mark in marks)


def _mac(key: bytes, list_id: str, letter: str) -> str:
    text = b"\0".join((b"loop", list_id.encode(), letter.encode()))
    return hmac.new(key, text, hashlib.sha256).hexdigest()[:_MAC]
