"""When a daily digest is due: at the member's local hour in an IANA zone (design 8.1). Pure: `now` is an argument."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True)
class Period:
    """The stretch of time that an issue covers; `id` names it for ever, so that no jump of the clock sends it twice."""

    id: str
    since: datetime
    until: datetime


def daily_period(now: datetime, zone: ZoneInfo, hour: int) -> Period:
    """The last whole day, from `hour` to `hour` local time, that has ended at `now`."""
    today = now.astimezone(zone).date()
    until = _at(today, zone, hour)
    if until > now:
        today -= timedelta(days=1)
        until = _at(today, zone, hour)
    since = _at(today - timedelta(days=1), zone, hour)
    if since == until:
        # A country that crossed the date line left out yesterday.
        since = _at(today - timedelta(days=2), zone, hour)
    return Period(today.isoformat(), since, until)


def _at(day: date, zone: ZoneInfo, hour: int) -> datetime:
    # An hour that the clock skips in spring becomes the next one, one that comes twice in autumn is the first: fold=0.
    return datetime.combine(day, time(hour), tzinfo=zone).astimezone(UTC)
