"""Instants as readers see them: in their zone, with its name or offset, the day as their language writes it.

In: aware UTC instants. Out: RFC 5322 section 3.3 dates for fields, in English, and a form for reading.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from gateway.render.wording import Wording, wording

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("", "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def both_dates(at: datetime, zone: ZoneInfo, words: Wording | None = None) -> tuple[str, str]:
    """`Fri, 10 Sep 2021 14:02:00 +0100` for a field, and `Fri 10 Sep 2021, 14:02 BST` for reading (`... +0545` where the
    zone has no letters of its own)."""
    words = words or wording()
    local = at.astimezone(zone)
    offset = _offset(local.utcoffset())
    name = local.tzname() or ""
    day, date = _DAYS[local.weekday()], f"{local.day} {_MONTHS[local.month]} {local.year:04d}"
    time = f"{local.hour:02d}:{local.minute:02d}"
    reading = f"{words.day(local.date())}, {time} {name if name.isalpha() else offset}"
    return f"{day}, {date} {time}:{local.second:02d} {offset}", reading


def field_date(at: datetime, zone: ZoneInfo) -> str:
    """The date of a header field."""
    return both_dates(at, zone)[0]


def reading_date(at: datetime, zone: ZoneInfo, words: Wording | None = None) -> str:
    """The date that a reader sees."""
    return both_dates(at, zone, words)[1]


@lru_cache(maxsize=64)
def _offset(offset: timedelta | None) -> str:
    minutes = round((offset or timedelta()).total_seconds() / 60)
    return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02d}{abs(minutes) % 60:02d}"
