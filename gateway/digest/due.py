"""When a digest is due: by the member's rhythm, at a local time in an IANA zone (design 8.1). Pure: `now` is an argument."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from gateway.mail.forum import Member, Rhythm

_HOUR: Final = timedelta(hours=1)
_DAY: Final = timedelta(days=1)
_SATURDAY: Final = 5


@dataclass(frozen=True, slots=True)
class Period:
    """The stretch of time that an issue covers; `id` names it for ever, so that no jump of the clock sends it twice."""

    id: str
    since: datetime
    until: datetime


def last_period(now: datetime, member: Member) -> Period | None:
    """The last whole period of a member that has ended at `now`; None while his digests are paused or off."""
    if not is_reading(now, member):
        return None
    if member.rhythm is Rhythm.HOURLY:
        return _hour(now, member.minute)
    at = time(member.hour, member.minute)
    day = _last_day(now.astimezone(member.zone).date(), member)
    until = _at(day, member.zone, at)
    while until > now:
        # Twice, where the clock skips the last hour of a day and with it the member's.
        day = _last_day(day - _DAY, member)
        until = _at(day, member.zone, at)
    earlier = _last_day(day - _DAY, member)
    since = _at(earlier, member.zone, at)
    if since == until:
        # A country that crossed the date line left out a day.
        since = _at(_last_day(earlier - _DAY, member), member.zone, at)
    return Period(day.isoformat(), since, until)


def last_hour(now: datetime, member: Member) -> datetime:
    """The last time that it was the member's hour, where he is: what comes once a day comes then."""
    at = time(member.hour, member.minute)
    day = now.astimezone(member.zone).date()
    until = _at(day, member.zone, at)
    while until > now:
        day -= _DAY
        until = _at(day, member.zone, at)
    return until


def is_reading(now: datetime, member: Member) -> bool:
    """Whether digests go to a member at all, now."""
    pause = member.paused_until
    is_reachable = member.bounces.paused_at is None
    return (
        member.has_digest and is_reachable and (pause is None or now >= _at(pause, member.zone, time(member.hour, member.minute)))
    )


def _last_day(day: date, member: Member) -> date:
    """`day`, or the last one before it, on which a digest of that rhythm comes."""
    match member.rhythm:
        case Rhythm.WEEKDAYS:
            return day - _DAY * max(0, day.weekday() - _SATURDAY + 1)
        case Rhythm.WEEKLY:
            return day - _DAY * ((day.weekday() - member.weekday) % 7)
        case Rhythm.MONTHLY:
            return day.replace(day=1)
        case _:
            return day


def _hour(now: datetime, minute: int) -> Period:
    """Hours are those of UTC: they have no gaps and come once, wherever the member is."""
    until = now.astimezone(UTC).replace(minute=minute, second=0, microsecond=0)
    if until > now:
        until -= _HOUR
    return Period(f"{until:%Y-%m-%dT%H:%M}", until - _HOUR, until)


def _at(day: date, zone: ZoneInfo, at: time) -> datetime:
    # A time that the clock skips in spring is that much later, one that comes twice in autumn is the first: fold=0.
    return datetime.combine(day, at, tzinfo=zone).astimezone(UTC)
