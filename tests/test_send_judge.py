"""What a reply means, at each step; how fast letters may go; how long a broken way out is left alone."""

from __future__ import annotations

import pytest

from gateway.send.courier import Fate, Fault
from gateway.send.judge import Step, judge
from gateway.send.pace import BURST_SECONDS, PAUSES, Bucket, Pause

SENT, LATER, NEVER = Fate.SENT, Fate.DEFERRED, Fate.BOUNCED
LETTER, WAY, SETUP = Fault.LETTER, Fault.WAY, Fault.SETUP
OPENING = (Step.CONNECT, Step.HELLO, Step.TLS, Step.AUTH)
TABLE = [
    # steps, code, text, fate, whose fault
    (OPENING, None, "", LATER, WAY),
    (OPENING, 421, "4.3.2 busy", LATER, WAY),
    (OPENING, 454, "4.7.0 not now", LATER, WAY),
    (OPENING, 554, "5.7.1 go away", LATER, SETUP),
    (OPENING, 535, "5.7.8 wrong password", LATER, SETUP),
    ((Step.MAIL, Step.RCPT, Step.DATA, Step.DOT), 421, "4.7.0 slow down", LATER, WAY),
    ((Step.MAIL, Step.RCPT, Step.DATA, Step.DOT), 530, "5.7.0 log in first", LATER, SETUP),
    ((Step.MAIL, Step.RCPT), None, "", LATER, WAY),
    ((Step.DATA, Step.DOT), None, "", LATER, LETTER),
    ((Step.MAIL,), 250, "ok", SENT, LETTER),
    ((Step.MAIL,), 451, "4.3.0 busy", LATER, WAY),
    ((Step.MAIL,), 452, "4.3.1 disk full", LATER, LETTER),
    ((Step.MAIL,), 550, "5.7.1 not this sender", LATER, LETTER),
    ((Step.MAIL,), 552, "5.3.4 too large", NEVER, LETTER),
    ((Step.RCPT,), 250, "ok", SENT, LETTER),
    ((Step.RCPT,), 251, "forwarded", SENT, LETTER),
    ((Step.RCPT,), 450, "4.7.1 greylisted", LATER, LETTER),
    ((Step.RCPT,), 550, "5.1.1 no such user", NEVER, LETTER),
    ((Step.RCPT,), 554, "5.7.1 relay access denied", LATER, LETTER),
    ((Step.DATA,), 354, "go", SENT, LETTER),
    ((Step.DATA,), 250, "what?", LATER, LETTER),
    ((Step.DATA, Step.DOT), 451, "later", LATER, LETTER),
    ((Step.DATA, Step.DOT), 554, "5.6.0 ugly", NEVER, LETTER),
    ((Step.DOT,), 250, "2.0.0 queued", SENT, LETTER),
    # Not SMTP at all.
    (OPENING, -1, "HTTP/1.1", LATER, WAY),
    ((Step.DOT,), 999, "", LATER, LETTER),
]


@pytest.mark.parametrize(("steps", "code", "text", "fate", "fault"), TABLE, ids=range(len(TABLE)))
def test_judge(steps: tuple[Step, ...], code: int | None, text: str, fate: Fate, fault: Fault) -> None:
    for step in steps:
        outcome = judge(step, code, text)
        assert (outcome.fate, outcome.fault) == (fate, fault), step
        assert outcome.reply
        assert fault is LETTER or outcome.fate is LATER


def test_nothing_said_before_a_recipient_is_named_bounces_but_a_size() -> None:
    for step in (*OPENING, Step.MAIL):
        bounced = {code for code in (None, *range(100, 700)) if judge(step, code, "x").fate is NEVER}
        assert bounced == ({552} if step is Step.MAIL else set())


@pytest.mark.parametrize("per_minute", [1, 7, 60, 600, 6000])
def test_the_bucket_never_lets_more_go_than_it_may(per_minute: int) -> None:
    bucket, now, gone = Bucket.full(per_minute, 100.0), 100.0, []
    for step in range(4000):
        bucket, given = bucket.take(1 + step % 50, now)
        gone += [now] * given
        now += 0.1
    burst = max(1, per_minute * BURST_SECONDS / 60)
    for start in (100.0, 130.0, 333.3, 400.0):
        assert sum(start <= at < start + 60 for at in gone) <= per_minute + burst
    assert len(gone) >= per_minute * 400 / 60 * 0.95


def test_what_did_not_go_may_go_later_and_no_limit_is_none() -> None:
    bucket, given = Bucket.full(60, 0.0).take(50, 0.0)
    assert given == 10
    assert bucket.take(1, 0.0)[1] == 0
    assert bucket.wait(0.0) == pytest.approx(1.0)
    assert bucket.give_back(4).take(50, 0.0)[1] == 4
    assert Bucket.full(0, 0.0).take(50, 0.0)[1] == 50
    assert Bucket.full(0, 0.0).wait(0.0) == 0.0
    # A clock that goes back gives nothing, and takes nothing away.
    assert Bucket.full(60, 50.0).take(3, 0.0)[0].take(50, 50.0)[1] == 7


def test_pauses_widen_once_for_all_threads_and_are_spread() -> None:
    pause, now, lengths = Pause(), 0.0, []
    for _ in range(len(PAUSES) + 2):
        pause = pause.longer(now, 0.5)
        assert pause.longer(now + 0.1, 0.5) is pause
        lengths.append(pause.until - now)
        now = pause.until
    assert lengths == pytest.approx([*PAUSES, PAUSES[-1], PAUSES[-1]])
    assert (Pause().longer(0.0, 0.0).until, Pause().longer(0.0, 1.0).until) == pytest.approx((4.0, 6.0))
