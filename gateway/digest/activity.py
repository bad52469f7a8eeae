"""When the posts of an issue were written: counts by the hour or by the day, for a small picture. Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

BARS_MAX = 31
_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Bar:
    """So many posts in the hour or day that begins at `at`, local time."""

    at: datetime
    posts: int


def activity(dates: Iterable[datetime], since: datetime, until: datetime, zone: ZoneInfo) -> tuple[Bar, ...]:
    """Bars for the whole of a period, empty ones too; none for a period that is too short, too long, or that tells nothing.

    By the hour for a day or two, else by the day, as clocks in `zone` show them.
    """
    by_hour = until - since <= 2 * _DAY
    start, end = _floor(since.astimezone(zone), by_hour=by_hour), until.astimezone(zone)
    step = _HOUR if by_hour else _DAY
    slots: list[datetime] = []
    while start < end.replace(tzinfo=None) and len(slots) <= 2 * BARS_MAX:
        slots.append(start)
        start += step
    if by_hour and len(slots) > BARS_MAX:
        slots = slots[::2]
    if not 3 <= len(slots) <= BARS_MAX:
        return ()
    # Each counts for the last slot that began by then.
    inside = [date.astimezone(zone).replace(tzinfo=None) for date in dates if since <= date < until]
    counts = Counter([bisect_right(slots, local) - 1 for local in inside])
    return tuple(Bar(slot, counts[index]) for index, slot in enumerate(slots)) if len(inside) >= 3 else ()


def _floor(local: datetime, *, by_hour: bool) -> datetime:
    wall = local.replace(minute=0, second=0, microsecond=0, tzinfo=None)
    return wall if by_hour else wall.replace(hour=0)
