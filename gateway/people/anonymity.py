"""Anonymous Coward (design 7): when such a post appears, what stands for its author, what its Message-ID is. Pure.

In: the clock, and a key that is destroyed after its month. Out: instants, and keyed hashes of what must not be kept: with the
key whoever knows all members can try each of them, and after the month nobody can.
"""

from __future__ import annotations

import hashlib
import hmac
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

NAME: Final = "Anonymous Coward"
# The author has so long to look at his preview; then the post waits for the next mark, with all others of its batch.
LOOK: Final = timedelta(minutes=5)
BATCH: Final = timedelta(minutes=15)
POSTS_AN_HOUR: Final = 5
HOUR: Final = timedelta(hours=1)
_EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)


def publish_time(now: datetime, edit_minutes: int = 0) -> datetime:
    """The mark at which a post that comes now is shown: a quarter of an hour by the clock, or later, in a forum's time to edit.

    It stands for every time of such a post: of writing, of receipt, of publication.
    """
    earliest = now.astimezone(UTC) + max(LOOK, timedelta(minutes=edit_minutes))
    return _EPOCH - ((_EPOCH - earliest) // BATCH) * BATCH


def month_of(now: datetime) -> str:
    """The month whose key is in use."""
    return f"{now.astimezone(UTC):%Y-%m}"


def end_of_month(now: datetime) -> datetime:
    """When the key in use is destroyed, and with it all that depends on it."""
    first = now.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return (first + timedelta(days=32)).replace(day=1)


def blind_tag(key: bytes, forum_id: UUID, member_id: UUID) -> bytes:
    """What stands for an author in one forum: the same for each of his posts of a month, and for nobody else's."""
    return _mac(key, b"tag", forum_id.bytes, member_id.bytes)[:16]


def blind_start(key: bytes, msgid: str) -> str:
    """How our Message-ID begins for a mail that had `msgid`."""
    return f"anonymous.{_mac(key, b'msgid', msgid.encode()).hex()[:24]}."


def blind_msgid(key: bytes, msgid: str, content_hash: bytes, domain: str) -> str:
    """Our Message-ID for a mail: the same when it is sent again, another for another mail with the same id."""
    return f"{blind_start(key, msgid)}{_mac(key, b'content', content_hash).hex()[:16]}@{domain}"


def _mac(key: bytes, what: bytes, *parts: bytes) -> bytes:
    return hmac.new(key, b"\0".join((what, *parts)), hashlib.sha256).digest()
