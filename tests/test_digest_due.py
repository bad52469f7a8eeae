"""When a digest is due: the member's hour, through every jump of the clock."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.digest.due import Period, last_period
from gateway.mail.address import Address
from gateway.mail.forum import Member, Rhythm


def member(zone: str = "UTC", hour: int = 7, minute: int = 0, **more: Any) -> Member:
    facts = {"handle": "Ann", "badge": "", "form": "html", "has_digest": True, **more}
    return Member(
        id=UUID(int=1),
        forum_id=UUID(int=2),
        address=Address("a", "x.example"),
        zone=ZoneInfo(zone),
        hour=hour,
        minute=minute,
        **facts,
    )


def due(now: datetime, reader: Member) -> Period:
    period = last_period(now, reader)
    assert period is not None
    return period


PERIODS = [
    # now in UTC, zone, hour; the period and its ends in UTC
    ("2026-01-02T12:00", "UTC", 7, "2026-01-02", "2026-01-01T07:00", "2026-01-02T07:00"),
    ("2026-01-02T06:59", "UTC", 7, "2026-01-01", "2025-12-31T07:00", "2026-01-01T07:00"),
    ("2026-01-02T07:00", "UTC", 7, "2026-01-02", "2026-01-01T07:00", "2026-01-02T07:00"),
    ("2026-01-01T22:00", "Asia/Tokyo", 7, "2026-01-02", "2025-12-31T22:00", "2026-01-01T22:00"),
    ("2026-01-02T11:59", "America/New_York", 7, "2026-01-01", "2025-12-31T12:00", "2026-01-01T12:00"),
    # spring: 02:00 to 03:00 is skipped in New York on 8 March; two becomes three
    ("2026-03-08T06:59", "America/New_York", 2, "2026-03-07", "2026-03-06T07:00", "2026-03-07T07:00"),
    ("2026-03-08T07:00", "America/New_York", 2, "2026-03-08", "2026-03-07T07:00", "2026-03-08T07:00"),
    ("2026-03-09T06:00", "America/New_York", 2, "2026-03-09", "2026-03-08T07:00", "2026-03-09T06:00"),
    # autumn: 01:00 to 02:00 comes twice on 1 November; the first counts, and the second sends nothing more
    ("2026-11-01T05:00", "America/New_York", 1, "2026-11-01", "2026-10-31T05:00", "2026-11-01T05:00"),
    ("2026-11-01T06:30", "America/New_York", 1, "2026-11-01", "2026-10-31T05:00", "2026-11-01T05:00"),
    ("2026-11-02T06:00", "America/New_York", 1, "2026-11-02", "2026-11-01T05:00", "2026-11-02T06:00"),
    # half hours, and a day that a country left out
    ("2026-06-01T01:30", "Asia/Kolkata", 7, "2026-06-01", "2026-05-31T01:30", "2026-06-01T01:30"),
    ("2011-12-30T17:00", "Pacific/Apia", 7, "2011-12-31", "2011-12-29T17:00", "2011-12-30T17:00"),
    ("2026-10-03T15:29", "Australia/Lord_Howe", 2, "2026-10-03", "2026-10-01T15:30", "2026-10-02T15:30"),
    ("2026-10-03T15:30", "Australia/Lord_Howe", 2, "2026-10-04", "2026-10-02T15:30", "2026-10-03T15:30"),
]


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(("now", "zone", "hour", "id", "since", "until"), PERIODS)
def test_period(now: str, zone: str, hour: int, id: str, since: str, until: str) -> None:
    period = due(utc(now), member(zone, hour))
    assert (period.id, period.since, period.until) == (id, utc(since), utc(until))


ZONES = [
    "UTC",
    "Europe/London",
    "America/New_York",
    "Asia/Tokyo",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Africa/Cairo",
    "America/St_Johns",
]


WHEN = st.builds(
    member,
    st.sampled_from(ZONES),
    st.integers(0, 23),
    st.sampled_from((0, 30, 59)),
    rhythm=st.sampled_from(Rhythm),
    weekday=st.integers(0, 6),
)


@given(st.datetimes(datetime(2011, 1, 1), datetime(2030, 1, 1)), WHEN)  # noqa: DTZ001
def test_periods_follow_each_other_without_a_gap(now: datetime, reader: Member) -> None:
    period = due(now.replace(tzinfo=UTC), reader)
    assert period.since < period.until <= now.replace(tzinfo=UTC)
    before = due(period.until - timedelta(microseconds=1), reader)
    assert before.until == period.since
    assert before.id < period.id
    assert due(period.until, reader) == period


RHYTHMS = [
    # rhythm, weekday, now; id and beginning of the period. 2 January 2026 is a Friday.
    (Rhythm.WEEKDAYS, 0, "2026-01-02T12:00", "2026-01-02", "2026-01-01T07:30"),
    (Rhythm.WEEKDAYS, 0, "2026-01-04T12:00", "2026-01-02", "2026-01-01T07:30"),
    (Rhythm.WEEKDAYS, 0, "2026-01-05T07:29", "2026-01-02", "2026-01-01T07:30"),
    (Rhythm.WEEKDAYS, 0, "2026-01-05T07:30", "2026-01-05", "2026-01-02T07:30"),
    (Rhythm.WEEKLY, 4, "2026-01-02T07:30", "2026-01-02", "2025-12-26T07:30"),
    (Rhythm.WEEKLY, 4, "2026-01-02T07:29", "2025-12-26", "2025-12-19T07:30"),
    (Rhythm.WEEKLY, 0, "2026-01-02T12:00", "2025-12-29", "2025-12-22T07:30"),
    (Rhythm.MONTHLY, 0, "2026-01-02T12:00", "2026-01-01", "2025-12-01T07:30"),
    (Rhythm.MONTHLY, 0, "2026-03-01T07:29", "2026-02-01", "2026-01-01T07:30"),
    (Rhythm.HOURLY, 0, "2026-01-02T12:29", "2026-01-02T11:30", "2026-01-02T10:30"),
    (Rhythm.HOURLY, 0, "2026-01-02T00:30", "2026-01-02T00:30", "2026-01-01T23:30"),
]


@pytest.mark.parametrize(("rhythm", "weekday", "now", "id", "since"), RHYTHMS)
def test_rhythms(rhythm: Rhythm, weekday: int, now: str, id: str, since: str) -> None:
    period = due(utc(now), member(minute=30, rhythm=rhythm, weekday=weekday))
    assert (period.id, period.since) == (id, utc(since))


def test_a_pause_ends_at_the_members_hour() -> None:
    reader = member("Europe/Paris", 7, paused_until=date(2026, 1, 5))
    assert last_period(utc("2026-01-05T05:59"), reader) is None
    assert due(utc("2026-01-05T06:00"), reader).id == "2026-01-05"
    assert last_period(utc("2026-01-05T06:00"), member(has_digest=False)) is None


FIRST, LAST = datetime(2024, 1, 1, tzinfo=UTC), datetime(2031, 1, 1, tzinfo=UTC)


def transitions(zone: ZoneInfo) -> Iterator[datetime]:
    """The instants at which the zone's clock jumps, to the hour."""
    at, offset = FIRST, FIRST.astimezone(zone).utcoffset()
    while at < LAST:
        later = at + timedelta(days=1)
        if later.astimezone(zone).utcoffset() != offset:
            while (at + timedelta(hours=1)).astimezone(zone).utcoffset() == offset:
                at += timedelta(hours=1)
            offset = later.astimezone(zone).utcoffset()
            yield at + timedelta(hours=1)
        at = later


def exists(day: date, zone: ZoneInfo, hour: int, minute: int) -> bool:
    local = datetime.combine(day, time(hour, minute), tzinfo=zone)
    return local.astimezone(UTC).astimezone(zone).replace(tzinfo=None) == local.replace(tzinfo=None)


def test_every_transition_of_every_zone() -> None:
    """One issue for each local day around each jump, at the member's time, or as much later as the clock jumped over it."""
    jumps = 0
    for name in sorted(available_timezones()):
        zone = ZoneInfo(name)
        for jump in transitions(zone):
            jumps += 1
            local = jump.astimezone(zone)
            for hour, minute in {(local.hour, 0), (local.hour, 30), ((local.hour - 1) % 24, 30), (12, 0)}:
                reader = member(name, hour, minute)
                now = jump + timedelta(days=3)
                for _ in range(5):
                    period = due(now, reader)
                    day = date.fromisoformat(period.id)
                    shown = period.until.astimezone(zone)
                    if exists(day, zone, hour, minute):
                        assert (shown.date(), shown.hour, shown.minute) == (day, hour, minute)
                    else:
                        # Troll, in Antarctica, jumps two hours.
                        late = shown.replace(tzinfo=None) - datetime.combine(day, time(hour, minute))
                        assert timedelta() < late <= timedelta(hours=2)
                    before = due(period.until - timedelta(microseconds=1), reader)
                    assert date.fromisoformat(before.id) == day - timedelta(days=1)
                    assert before.until == period.since
                    now = period.until - timedelta(microseconds=1)
    assert jumps > 2_000
