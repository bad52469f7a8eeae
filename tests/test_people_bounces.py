"""Scores of bounces: what counts, what is forgotten, when a probe is sent, what pauses a member."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.digest.due import is_reading, last_period
from gateway.mail.bounce import NO_BOUNCES, Bounces, Failure
from gateway.mail.forum import Rhythm
from gateway.people.bounces import PROBE_AT, PROBE_WAIT, Judgement, Step, judge, score_at, told
from gateway.people.preferences import told as told_preferences
from gateway.people.preferences import with_preferences
from tests.test_digest_due import member

HARD, SOFT, NONE = Failure.HARD, Failure.SOFT, Failure.NONE
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
DAY = timedelta(days=1)
PROBE = UUID(int=7)
GAPS = {
    Rhythm.IMMEDIATE: [timedelta(hours=3)],
    Rhythm.HOURLY: [timedelta(hours=1)],
    Rhythm.DAILY: [DAY],
    Rhythm.WEEKDAYS: [DAY, DAY, DAY, DAY, 3 * DAY],
    Rhythm.WEEKLY: [7 * DAY],
    Rhythm.MONTHLY: [31 * DAY, 28 * DAY, 31 * DAY, 30 * DAY, 31 * DAY, 30 * DAY],
}


def step(
    bounces: Bounces, failure: Failure, at: datetime = NOON, *, rhythm: Rhythm = Rhythm.DAILY, is_probe: bool = False
) -> Judgement:
    return judge(bounces, failure, at, rhythm=rhythm, is_probe=is_probe, new_probe=PROBE)


def in_a_row(failure: Failure, rhythm: Rhythm, letters: int) -> list[Judgement]:
    """What becomes of so many bounces, one for each letter."""
    bounces, at, found = NO_BOUNCES, NOON, []
    for number in range(letters):
        judged = step(bounces, failure, at, rhythm=rhythm)
        bounces = judged.bounces
        found.append(judged)
        at += GAPS[rhythm][number % len(GAPS[rhythm])]
    return found


SENT = Bounces(score=5.2, bounced_at=NOON, probe_id=PROBE, probed_at=NOON)
TABLE = [
    # known before, what came, days later, the probe came back; what to do, the score then
    (NO_BOUNCES, NONE, 0, False, Step.NOTHING, 0.0),
    (NO_BOUNCES, HARD, 0, False, Step.COUNT, 1.0),
    (NO_BOUNCES, SOFT, 0, False, Step.COUNT, 0.25),
    (Bounces(score=1.0, bounced_at=NOON), HARD, 0.4, False, Step.NOTHING, 1.0),
    (Bounces(score=1.0, bounced_at=NOON), HARD, -3, False, Step.NOTHING, 1.0),
    (Bounces(score=1.0, bounced_at=NOON), HARD, 7, False, Step.COUNT, 1.5),
    (Bounces(score=4.0, bounced_at=NOON), HARD, 7, False, Step.COUNT, 3.0),
    (Bounces(score=4.5, bounced_at=NOON), HARD, 1, False, Step.PROBE, 4.5 * 0.5 ** (1 / 7) + 1),
    # the probe is on its way: others count, but only the probe itself pauses
    (SENT, HARD, 1, False, Step.COUNT, 5.2 * 0.5 ** (1 / 7) + 1),
    (SENT, HARD, 0.1, True, Step.PAUSE, 5.2),
    (SENT, HARD, 30, True, Step.PAUSE, 5.2),
    (SENT, SOFT, 1, True, Step.NOTHING, 5.2),
    (SENT, NONE, 1, True, Step.NOTHING, 5.2),
    # it did not come back, so it has arrived
    (SENT, HARD, 11, False, Step.COUNT, 1.0),
    (replace(SENT, paused_at=NOON), HARD, 40, False, Step.NOTHING, 5.2),
    (replace(SENT, paused_at=NOON), HARD, 40, True, Step.NOTHING, 5.2),
]


@pytest.mark.parametrize(("known", "failure", "days", "is_probe", "wanted", "score"), TABLE)
def test_judging(known: Bounces, failure: Failure, days: float, is_probe: bool, wanted: Step, score: float) -> None:
    at = NOON + days * DAY
    judged = step(known, failure, at, is_probe=is_probe)
    assert (judged.step, judged.bounces.score) == (wanted, pytest.approx(score))
    if wanted is Step.NOTHING:
        assert judged.bounces is known
    if wanted is Step.PROBE:
        assert (judged.bounces.probe_id, judged.bounces.probed_at) == (PROBE, at)
    if wanted is Step.PAUSE:
        assert judged.bounces.paused_at == at


@pytest.mark.parametrize("rhythm", [Rhythm.DAILY, Rhythm.WEEKDAYS, Rhythm.WEEKLY, Rhythm.MONTHLY])
def test_seven_hard_bounces_in_a_row_send_a_probe(rhythm: Rhythm) -> None:
    assert [judged.step for judged in in_a_row(HARD, rhythm, 7)] == [Step.COUNT] * 6 + [Step.PROBE]


@pytest.mark.parametrize("rhythm", [Rhythm.IMMEDIATE, Rhythm.HOURLY])
def test_a_day_counts_once(rhythm: Rhythm) -> None:
    found = in_a_row(HARD, rhythm, 24 * 8)
    days = {(NOON + number * GAPS[rhythm][0]).date() for number in range(len(found))}
    assert sum(judged.step is not Step.NOTHING for judged in found) == len(days)
    probe = next(judged for judged in found if judged.step is Step.PROBE)
    assert probe.bounces.probed_at is not None
    assert probe.bounces.probed_at - NOON < 7 * DAY


@pytest.mark.parametrize("rhythm", Rhythm)
def test_soft_bounces_alone_do_nothing(rhythm: Rhythm) -> None:
    assert {judged.step for judged in in_a_row(SOFT, rhythm, 300)} <= {Step.COUNT, Step.NOTHING}


@given(st.lists(st.tuples(st.sampled_from([HARD, SOFT, NONE]), st.integers(-48, 24 * 40)), max_size=60), st.sampled_from(Rhythm))
def test_without_the_probe_nobody_is_paused(events: list[tuple[Failure, int]], rhythm: Rhythm) -> None:
    """Whatever somebody makes of a token that he saw; and a probe follows another only after a wait."""
    bounces, at = NO_BOUNCES, NOON
    probes = []
    for failure, hours in events:
        at += timedelta(hours=hours)
        judged = step(bounces, failure, at, rhythm=rhythm)
        assert judged.step is not Step.PAUSE
        assert 0 <= score_at(judged.bounces, at, rhythm) <= max(score_at(bounces, at, rhythm), 0) + 1
        if judged.step is Step.PROBE:
            assert judged.bounces.score >= PROBE_AT
            probes.append(at)
        bounces = judged.bounces
    assert all(later - earlier > PROBE_WAIT for earlier, later in pairwise(probes))


@given(st.floats(0, 20), st.integers(0, 10**7), st.integers(0, 10**7), st.sampled_from(Rhythm))
def test_a_score_only_falls_by_itself(score: float, one: int, more: int, rhythm: Rhythm) -> None:
    bounces = Bounces(score=score, bounced_at=NOON)
    early, late = (score_at(bounces, NOON + timedelta(seconds=seconds), rhythm) for seconds in (one, one + more))
    assert 0 <= late <= early <= score


@pytest.mark.parametrize(
    ("bounces", "text"),
    [
        (NO_BOUNCES, ""),
        (Bounces(score=1.0, bounced_at=NOON), "0.50"),
        (Bounces(score=0.01, bounced_at=NOON), ""),
        (replace(SENT, paused_at=NOON), "paused by bounces since 2026-03-02"),
    ],
)
def test_told(bounces: Bounces, text: str) -> None:
    assert told(bounces, NOON + 7 * DAY, Rhythm.DAILY) == text


def test_a_paused_member_gets_no_digest_until_it_is_taken_back() -> None:
    paused = member(bounces=replace(SENT, paused_at=NOON))
    assert not is_reading(NOON + DAY, paused)
    assert last_period(NOON + DAY, paused) is None
    assert told_preferences(paused) == "no digest, paused by bounces since 2026-03-02"
    resumed = with_preferences(paused, ["bounces=0"])
    assert resumed.bounces == NO_BOUNCES
    assert is_reading(NOON + DAY, resumed)
    with pytest.raises(ValueError, match="bounces '3' is not 0"):
        with_preferences(paused, ["bounces=3"])
