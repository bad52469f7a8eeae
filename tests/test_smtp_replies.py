"""Every reply, walked; and what each decision says on the wire."""

from __future__ import annotations

import itertools
import re

import pytest

from gateway.mail.verdict import ACCEPTED, Decision, Reason, Verdict
from gateway.smtp.replies import REPLIES, WIRE, Event, event_of, event_of_all

DEFER = Decision(Verdict.DEFER, Reason.TROUBLE)
FULL = Decision(Verdict.DEFER, Reason.NO_SPACE)
REFUSE = Decision(Verdict.REFUSE, Reason.OTHER_LIST)
LOOP = Decision(Verdict.REFUSE, Reason.LOOP)
HELD = Decision(Verdict.HOLD, Reason.BULK)


@pytest.mark.parametrize("event", list(Event))
def test_every_reply_is_well_formed(event: Event) -> None:
    reply = REPLIES[event]
    assert re.fullmatch(r"[2345]\d\d (?:[245]\.\d{1,3}\.\d{1,3} )?[ -~]+\r\n", WIRE[event].decode("ascii"))
    assert len(WIRE[event]) <= 512
    if event is not Event.GO_ON:
        assert reply.enhanced[0] == str(reply.code)[0]
    assert not re.search(r"[@/\\]|[Ee]rror:|Exception|[A-Za-z]+Error", reply.text)


@pytest.mark.parametrize(("verdict", "reason"), list(itertools.product(Verdict, Reason)))
def test_every_decision_has_a_reply(verdict: Verdict, reason: Reason) -> None:
    code = REPLIES[event_of(Decision(verdict, reason))].code
    if verdict is Verdict.DEFER or (verdict is Verdict.REFUSE and reason in (Reason.NO_SPACE, Reason.TROUBLE)):
        assert 400 <= code < 500
    elif verdict is Verdict.REFUSE:
        assert code in (550, 554)
    else:
        assert event_of(Decision(verdict, reason)) is Event.OK


@pytest.mark.parametrize(
    ("decisions", "event"),
    [
        ((ACCEPTED,), Event.OK),
        ((HELD,), Event.OK),
        ((ACCEPTED, DEFER), Event.TROUBLE),
        ((REFUSE, FULL), Event.NO_SPACE),
        ((REFUSE, ACCEPTED), Event.OK),
        ((REFUSE, LOOP), Event.REFUSED),
        ((LOOP, REFUSE), Event.LOOP),
        ((Decision(Verdict.REFUSE, Reason.HEADER_TOO_LARGE),), Event.BAD_CONTENT),
        ((REFUSE, Decision(Verdict.DISCARD, Reason.LOOP)), Event.OK),
    ],
)
def test_one_reply_for_all(decisions: tuple[Decision, ...], event: Event) -> None:
    assert event_of_all(decisions) is event
