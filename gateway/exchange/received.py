"""When a mail of an archive was received, where the archive itself does not tell: the newest Received field does."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

HEADER_MAX = 64 << 10
_RECEIVED = re.compile(rb"(?im)^Received:(.{0,2000}?)\r?\n(?![ \t])", re.DOTALL)


def received_at(raw: bytes) -> datetime | None:
    """The instant after the last ";" of the first Received field (RFC 5322 section 3.6.7), None when there is none."""
    header = raw[:HEADER_MAX].partition(b"\n\n")[0].partition(b"\r\n\r\n")[0]
    match = _RECEIVED.search(header + b"\n\n")
    if match is None or b";" not in match[1]:
        return None
    text = match[1].rpartition(b";")[2].decode("ascii", "replace")
    try:
        at = parsedate_to_datetime(" ".join(text.split()))
        return (at if at.tzinfo is not None else at.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError, TypeError, IndexError):
        return None
