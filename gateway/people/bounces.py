"""When mail to a member comes back (design 9): what is remembered of it, and when to do something about it. Pure.

A hard bounce counts 1, a soft one 1/4, and of one day (UTC) only the first counts. The score halves in the time of seven
letters of the member's rhythm, at least a week: seven hard bounces in a row reach the threshold at any rhythm, soft ones alone
never do. There a probe is sent. Only the probe can pause a member, by coming back: its token is known to nobody but who got
it, so that bounces forged with the token of an older letter silence nobody. A probe that does not come back has arrived, and
the next bounce begins at nothing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

from gateway.mail.bounce import NO_BOUNCES, Bounces, Failure
from gateway.mail.forum import Rhythm

PROBE_AT: Final = 5.0
# A letter waits for five days in our outbox at most, and for five days in a relay.
PROBE_WAIT: Final = timedelta(days=10)
WEIGHTS: Final = {Failure.HARD: 1.0, Failure.SOFT: 0.25, Failure.NONE: 0.0}
_HALVING_LETTERS: Final = 7
# Days from one letter to the next; a day where there are more, since a day counts once.
_DAYS: Final = {Rhythm.WEEKDAYS: 7 / 5, Rhythm.WEEKLY: 7.0, Rhythm.MONTHLY: 31.0}


class Step(StrEnum):
    """What to do about a bounce."""

    NOTHING = "nothing"
    COUNT = "count"
    PROBE = "probe"
    PAUSE = "pause"


@dataclass(frozen=True, slots=True)
class Judgement:
    """What to do, and what to remember from now on."""

    step: Step
    bounces: Bounces


def judge(bounces: Bounces, failure: Failure, at: datetime, *, rhythm: Rhythm, is_probe: bool, new_probe: UUID) -> Judgement:
    """A bounce at `at` of a member of whom `bounces` is known. `is_probe`: it is the probe that came back.

    `new_probe` is the id of a probe, should one be needed.
    """
    if failure is Failure.NONE or bounces.paused_at is not None:
        return Judgement(Step.NOTHING, bounces)
    if is_probe and failure is Failure.HARD:
        return Judgement(Step.PAUSE, replace(bounces, paused_at=at))
    if is_probe or (bounces.bounced_at is not None and at.date() <= bounces.bounced_at.date()):
        return Judgement(Step.NOTHING, bounces)
    if bounces.probed_at is not None and at - bounces.probed_at > PROBE_WAIT:
        bounces = NO_BOUNCES
    counted = replace(bounces, score=score_at(bounces, at, rhythm) + WEIGHTS[failure], bounced_at=at)
    if counted.score < PROBE_AT or counted.probe_id is not None:
        return Judgement(Step.COUNT, counted)
    return Judgement(Step.PROBE, replace(counted, probe_id=new_probe, probed_at=at))


def score_at(bounces: Bounces, now: datetime, rhythm: Rhythm) -> float:
    """What is left of the score."""
    if bounces.bounced_at is None:
        return 0.0
    half_life = timedelta(days=_HALVING_LETTERS * _DAYS.get(rhythm, 1.0))
    return bounces.score * math.pow(0.5, max(now - bounces.bounced_at, timedelta(0)) / half_life)


def told(bounces: Bounces, now: datetime, rhythm: Rhythm) -> str:
    """In a few words, for the operator; "" when nothing came back lately."""
    if bounces.paused_at is not None:
        return f"paused by bounces since {bounces.paused_at:%Y-%m-%d}"
    score = score_at(bounces, now, rhythm)
    return f"{score:.2f}" if score >= 0.01 else ""
