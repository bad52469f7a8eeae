"""When a digest is due: the member's hour, through every jump of the clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.digest.due import daily_period

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
    period = daily_period(utc(now), ZoneInfo(zone), hour)
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


@given(st.datetimes(datetime(2011, 1, 1), datetime(2030, 1, 1)), st.sampled_from(ZONES), st.integers(0, 23))  # noqa: DTZ001
def test_periods_follow_each_other_without_a_gap(now: datetime, zone: str, hour: int) -> None:
    period = daily_period(now.replace(tzinfo=UTC), ZoneInfo(zone), hour)
    assert period.since < period.until <= now.replace(tzinfo=UTC)
    before = daily_period(period.until - timedelta(microseconds=1), ZoneInfo(zone), hour)
    assert before.until == period.since
    assert before.id < period.id
    assert daily_period(period.until, ZoneInfo(zone), hour) == period
