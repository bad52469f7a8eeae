"""From the outbox to a courier: composed, tried again, given up, never sent twice."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from uuid_utils.compat import uuid7

from gateway.flow.deliver import LIFE, deliver, next_attempt
from gateway.flow.publish import publish, send_due
from gateway.mail.forum import Member
from gateway.mail.token import read_token
from gateway.send.courier import Fate, Outcome
from gateway.store import outbox, roster
from gateway.store.engine import Store
from gateway.store.keep import JOURNAL
from gateway.store.ledger import ISSUE
from gateway.store.outbox import LETTER
from tests.test_flow_publish import DAY, EVENING, FORUM, KEY, LONDON, NEXT_NOON, TOKYO, YORK, FakeCourier, office, parse
from tests.test_store import incoming, mail_bytes, put, quiet_log, rows  # noqa: F401 - a fixture


def queue(store: Store, *members: Member) -> None:
    roster.add_forum(store, FORUM)
    roster.add_members(store, members)
    put(store, incoming(FORUM, mail_bytes(Date="Mon, 2 Mar 2026 20:00:00 +0000"), received_at=EVENING))
    publish(store, FORUM, EVENING, uuid7)
    assert send_due(store, FORUM, NEXT_NOON, uuid7) == len(members)


@pytest.fixture
def queued(store: Store) -> datetime:
    """One letter in the outbox, at this time."""
    queue(store, LONDON)
    return NEXT_NOON


@pytest.fixture
def queued_for_three(store: Store) -> None:
    queue(store, LONDON, YORK, TOKYO)


def test_a_letter_is_as_mail_programs_want_it(store: Store, queued: datetime) -> None:
    courier = FakeCourier()
    deliver(store, office(courier), queued)
    [(reverse_path, recipient, raw)] = courier.carried
    mail = parse(raw)
    assert recipient == LONDON.address
    [issue] = rows(store, ISSUE)
    assert mail["Message-ID"] == f"<{issue.msgid}>"
    assert mail["References"] is None
    assert mail["List-Id"].endswith("<town.example.org>")
    assert mail["Date"].datetime == queued
    local, _, token = reverse_path.local.rpartition("+")
    assert (local, reverse_path.domain, len(token)) == ("town-bounces", "example.org", 37)
    bounce = read_token(KEY, "bounces", "town.example.org", token, queued)
    answer_to = mail["Reply-To"].addresses[0]
    assert answer_to.username.startswith("town+d-")
    answer = read_token(KEY, "digest", "town.example.org", answer_to.username.removeprefix("town+d-"), queued)
    assert bounce is not None
    assert answer is not None
    assert bounce == answer
    assert bounce.member == LONDON.id.bytes[-4:]
    assert read_token(KEY, "digest", "town.example.org", token, queued) is None
    assert read_token(KEY, "bounces", "town.example.org", token, queued + timedelta(days=500)) is None


def test_a_deferred_letter_is_tried_again_with_growing_delays(store: Store, queued: datetime) -> None:
    courier = FakeCourier(Outcome(Fate.DEFERRED, "451 later"))
    now, delays = queued, []
    while deliver(store, office(courier), now) == 0:
        [letter] = rows(store, LETTER)
        assert (letter.last_reply, letter.attempts, letter.lease_until) == ("451 later", len(courier.carried), None)
        if letter.state != "ready":
            break
        assert letter.due_at > now
        assert deliver(store, office(courier), letter.due_at - timedelta(seconds=1)) == 0
        delays.append((letter.due_at - now).total_seconds() / 60)
        now = letter.due_at
    assert letter.state == "bounced"
    assert now - queued > LIFE
    assert [0.8 * m <= delay <= 1.2 * m for delay, m in zip(delays, (1, 5, 15, 30, 60, 120, 240, 240), strict=False)] == [
        True
    ] * 8
    assert len({raw for _, _, raw in courier.carried}) == 1
    assert {row.verb for row in rows(store, JOURNAL) if row.subject_id == letter.id} == {"deferred", "bounced"}


def test_a_letter_that_was_sent_is_not_sent_again(store: Store, queued: datetime) -> None:
    courier = FakeCourier(Outcome(Fate.DEFERRED, "451 later"), Outcome(Fate.SENT, "250 ok"))
    assert deliver(store, office(courier), queued) == 0
    assert deliver(store, office(courier), queued + timedelta(hours=1)) == 1
    assert deliver(store, office(courier), queued + timedelta(days=1)) == 0
    [letter] = rows(store, LETTER)
    assert (letter.state, letter.attempts, letter.last_reply) == ("sent", 2, "250 ok")


def test_a_bounced_letter_ends(store: Store, queued: datetime) -> None:
    courier = FakeCourier(Outcome(Fate.BOUNCED, "550 no"))
    assert deliver(store, office(courier), queued) == 0
    assert deliver(store, office(courier), queued + timedelta(days=1)) == 0
    assert len(courier.carried) == 1
    assert [(row.state, row.last_reply) for row in rows(store, LETTER)] == [("bounced", "550 no")]
    with store.read() as db:
        assert outbox.count_waiting(db) == 0


def test_a_courier_that_raises_stops_nobody_else(store: Store, queued_for_three: None) -> None:
    courier = FakeCourier(RuntimeError("bug"), Outcome(Fate.SENT, "250 ok"))
    assert deliver(store, office(courier), NEXT_NOON) == 2
    assert sorted(row.state for row in rows(store, LETTER)) == ["ready", "sent", "sent"]
    assert deliver(store, office(courier), NEXT_NOON + timedelta(hours=1)) == 1


def test_a_letter_whose_sender_died_is_taken_over_after_its_lease(store: Store, queued: datetime) -> None:
    with store.write() as db:
        [dead] = outbox.claim(db, queued, 10)
    assert deliver(store, office(FakeCourier()), queued + timedelta(minutes=4)) == 0
    assert deliver(store, office(FakeCourier()), queued + timedelta(minutes=6)) == 1
    with store.write() as db:
        assert not outbox.settle(db, dead, state=outbox.State.READY, reply="too late", due_at=queued)
    assert [row.state for row in rows(store, LETTER)] == ["sent"]


def test_the_delay_is_spread() -> None:
    early, late = (next_attempt(2, DAY, jitter) for jitter in (0.0, 1.0))
    assert (early, late) == (DAY + timedelta(minutes=4), DAY + timedelta(minutes=6))
