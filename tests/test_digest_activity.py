"""The picture of a period: bars by the hour or the day, as the reader's clock shows them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from gateway.digest.activity import BARS_MAX, activity
from gateway.render.page import BAR_HEIGHT, list_bars
from gateway.render.wording import wording

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")
DAY, HOUR = timedelta(days=1), timedelta(hours=1)


def test_a_day_is_told_by_the_hour() -> None:
    dates = [NOON - HOUR, NOON - HOUR - timedelta(minutes=20), NOON - 5 * HOUR, NOON + HOUR]
    bars = activity(dates, NOON - DAY, NOON, BERLIN)
    assert len(bars) == 24
    assert {f"{bar.at:%H:%M}": bar.posts for bar in bars if bar.posts} == {"11:00": 1, "12:00": 1, "08:00": 1}
    assert f"{bars[0].at:%d. %H:%M}" == "01. 13:00"


def test_a_week_and_a_month_are_told_by_the_day() -> None:
    dates = [NOON - timedelta(hours=hours) for hours in range(1, 24 * 6)]
    for days, most in ((7, 8), (29, 30)):
        bars = activity(dates, NOON - days * DAY, NOON, BERLIN)
        assert days <= len(bars) <= most <= BARS_MAX
        assert sum(bar.posts for bar in bars) == len(dates)
        assert {bar.at.hour for bar in bars} == {0}


def test_there_is_no_picture_of_nothing() -> None:
    assert activity([], NOON - DAY, NOON, BERLIN) == ()
    assert activity([NOON - HOUR] * 2, NOON - DAY, NOON, BERLIN) == ()
    assert activity([NOON - HOUR] * 9, NOON - HOUR, NOON, BERLIN) == ()
    assert activity([NOON - HOUR] * 9, NOON - 400 * DAY, NOON, BERLIN) == ()
    assert list_bars((), wording()) is None


def test_the_night_when_the_clock_goes_back() -> None:
    end = datetime(2026, 10, 25, 12, tzinfo=UTC)
    dates = [end - timedelta(hours=hours, minutes=1) for hours in range(24)]
    bars = activity(dates, end - DAY, end, BERLIN)
    assert sum(bar.posts for bar in bars) == 24
    assert f"{max(bars, key=lambda bar: bar.posts).at:%d. %H:%M}" == "25. 02:00"


def test_bars_have_heights_and_words() -> None:
    dates = [NOON - HOUR] * 6 + [NOON - 3 * HOUR]
    chart = list_bars(activity(dates, NOON - DAY, NOON, BERLIN), wording())
    assert chart is not None
    assert sorted({height for height, _ in chart.bars}) == [0, 6, BAR_HEIGHT]
    assert chart.told == "6 posts at most, 12:00"
    assert (chart.first, chart.last) == ("13:00", "12:00")
    german = list_bars(activity(dates, NOON - DAY, NOON, BERLIN), wording("de"))
    assert german is not None
    assert german.told == "höchstens 6 Beiträge, 12:00"
