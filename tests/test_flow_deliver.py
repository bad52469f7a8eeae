"""From the outbox to a courier: composed, tried again, given up, never sent twice."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import delete
from structlog.testing import capture_logs
from uuid_utils.compat import uuid7

from gateway.flow.deliver import LIFE, deliver, next_attempt
from gateway.flow.lease import Leases
from gateway.flow.publish import publish, send_due
from gateway.flow.settler import Settler
from gateway.flow.way import Way
from gateway.mail.address import Address
from gateway.mail.forum import Member
from gateway.mail.token import read_token
from gateway.send.courier import Fate, Fault, Outcome
from gateway.store import outbox, roster
from gateway.store.engine import Store, Transaction
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


class Ticking:
    """A clock in seconds that goes when told, also by a courier at work."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


BROKEN = Outcome(Fate.DEFERRED, "relay: the certificate of mx is not good: self-signed", Fault.SETUP)
SENT = Outcome(Fate.SENT, "250 ok")


def waiting(store: Store) -> list[tuple[str, int, str]]:
    return sorted((row.state, row.attempts, row.last_reply) for row in rows(store, LETTER))


def trouble(store: Store) -> str:
    with store.read() as db:
        return outbox.trouble(db)


def test_a_broken_way_out_costs_no_letter_anything(store: Store, queued_for_three: None) -> None:
    courier, clock, way = FakeCourier(BROKEN, BROKEN, SENT), Ticking(), Way()
    desk = office(courier)._replace(clock=clock, way=way)
    with capture_logs() as logs:
        for _ in range(3):
            assert deliver(store, desk, NEXT_NOON + timedelta(seconds=clock.seconds)) == 0
        # The first found it out; nobody else was tried while it is paused.
        assert len(courier.carried) == 1
        assert waiting(store) == [("ready", 0, BROKEN.reply)] * 3
        assert trouble(store) == BROKEN.reply
        clock.seconds += way.wait(0.0) + 1
        deliver(store, desk, NEXT_NOON + timedelta(seconds=clock.seconds))
        assert len(courier.carried) == 2
        clock.seconds += way.wait(clock.seconds) + 1
        assert deliver(store, desk, NEXT_NOON + timedelta(seconds=clock.seconds)) == 3
    told = [line for line in logs if "way out" in line["event"]]
    assert [(line["log_level"], line["event"]) for line in told] == [
        ("error", "the way out fails: letters wait"),
        ("info", "the way out works again"),
    ]
    assert waiting(store) == [("sent", 1, "250 ok")] * 3
    assert trouble(store) == ""


def test_a_relay_that_is_down_for_weeks_bounces_nobody(store: Store, queued: datetime) -> None:
    courier = FakeCourier(Outcome(Fate.DEFERRED, "421 4.3.2 down", Fault.WAY), SENT)
    assert deliver(store, office(courier), queued + 3 * LIFE) == 0
    assert waiting(store) == [("ready", 0, "421 4.3.2 down")]
    assert deliver(store, office(courier), queued + 4 * LIFE) == 1


def test_no_more_letters_a_minute_than_allowed(store: Store, queued_for_three: None) -> None:
    clock = Ticking()
    desk = office(FakeCourier())._replace(clock=clock, way=Way(6))
    sent = []
    for _ in range(4):
        sent.append(deliver(store, desk, NEXT_NOON + timedelta(seconds=clock.seconds)))
        clock.seconds += 10
    assert sent == [1, 1, 1, 0]


@pytest.mark.parametrize("change", ["gone", "off", "paused"])
def test_who_left_while_the_letter_waited_gets_nothing(store: Store, queued_for_three: None, change: str) -> None:
    """The first letter leaves with its courier at the moment when another member goes."""
    clock, carried = Ticking(), []

    class Leaving(FakeCourier):
        def deliver(self, reverse_path: Address, recipient: Address, raw: bytes) -> Outcome:
            if not carried:
                others = [one for one in (LONDON, YORK, TOKYO) if one.address != recipient]
                clock.seconds += 2
                leave(store, others[0], change)
            carried.append(recipient)
            return SENT

    sent = deliver(store, office(Leaving())._replace(clock=clock), NEXT_NOON)
    assert sent == len(carried) == (3 if change == "paused" else 2)
    replies = {"gone": "no member any more", "off": "wants no digest any more"}
    assert [row.last_reply for row in rows(store, LETTER) if row.state == "dropped"] == (
        [replies[change]] if change in replies else []
    )


def leave(store: Store, member: Member, how: str) -> None:
    if how == "gone":
        with store.write() as db:
            db.execute(delete(roster.MEMBER).where(roster.MEMBER.c.id == member.id))
    else:
        today = NEXT_NOON.date()
        roster.change_member(store, replace(member, has_digest=how != "off", paused_until=today if how == "paused" else None))


def test_a_notice_reaches_who_has_just_left(store: Store, queued: datetime) -> None:
    notice = outbox.Letter(
        id=uuid7(), forum_id=FORUM.id, kind=outbox.Kind.NOTICE, text="Farewell\n\nYou left.", member_id=uuid7(),
        recipient="gone@example.org", at=queued,
    )  # fmt: skip
    with store.write() as db:
        outbox.put(db, [notice])
    courier = FakeCourier()
    assert deliver(store, office(courier), queued) == 2
    assert "gone@example.org" in {str(recipient) for _, recipient, _ in courier.carried}


def test_a_worker_that_slept_past_its_lease_sends_nothing(store: Store, queued_for_three: None) -> None:
    """As SIGSTOP does: the clock jumps while the first letter is carried; another worker takes all of them."""
    clock, other = Ticking(), FakeCourier()

    class Sleeper(FakeCourier):
        def deliver(self, reverse_path: Address, recipient: Address, raw: bytes) -> Outcome:
            clock.seconds += 400
            deliver(store, office(other), NEXT_NOON + timedelta(seconds=clock.seconds))
            return super().deliver(reverse_path, recipient, raw)

    sleeper = Sleeper()
    deliver(store, office(sleeper)._replace(clock=clock), NEXT_NOON)
    assert (len(sleeper.carried), len(other.carried)) == (1, 3)
    assert waiting(store) == [("sent", 2, "250 ok")] * 3


def test_a_lease_is_lengthened_while_its_worker_lives(store: Store, queued_for_three: None) -> None:
    clock, lease = Ticking(), timedelta(minutes=5)
    with store.write() as db:
        first, second, third = outbox.claim(db, NEXT_NOON, 3, lease)
    leases = Leases(store, lambda: NEXT_NOON + timedelta(seconds=clock.seconds), lease)
    leases._held = {letter.id: (letter, NEXT_NOON + lease) for letter in (first, second)}
    with store.write() as db:
        outbox.settle(db, second, state=outbox.State.READY, reply="451", due_at=NEXT_NOON + timedelta(days=1))
    clock.seconds = 200
    leases.lengthen()
    due = {row.id: row.due_at for row in rows(store, LETTER)}
    # The settled one keeps the time of its next attempt, and what somebody else holds is not ours to lengthen.
    assert due[first.id] == NEXT_NOON + timedelta(seconds=200) + lease
    assert due[second.id] == NEXT_NOON + timedelta(days=1)
    assert due[third.id] == NEXT_NOON + lease
    clock.seconds = 390
    assert leases.holds(first)
    clock.seconds = 410
    assert not leases.holds(first)
    assert not leases.holds(third)


def test_several_couriers_share_the_letters(store: Store, queued_for_three: None) -> None:
    one, two = FakeCourier(), FakeCourier()
    assert deliver(store, office(one)._replace(others=(two,)), NEXT_NOON) == 3
    assert len({str(recipient) for _, recipient, _ in one.carried + two.carried}) == 3
    assert deliver(store, office(one)._replace(others=(two,)), NEXT_NOON) == 0


def test_a_worker_that_is_told_to_stop_puts_the_rest_back(store: Store, queued_for_three: None) -> None:
    courier = FakeCourier()
    desk = office(courier)._replace(is_over=lambda: len(courier.carried) >= 1)
    assert deliver(store, desk, NEXT_NOON) == 1
    assert waiting(store) == [("ready", 0, ""), ("ready", 0, ""), ("sent", 1, "250 ok")]
    assert deliver(store, office(courier), NEXT_NOON) == 2


def test_the_log_names_no_member(store: Store, queued: datetime) -> None:
    reply = f"550 5.1.1 <{LONDON.address}>: no such user"
    with capture_logs() as logs:
        deliver(store, office(FakeCourier(Outcome(Fate.BOUNCED, reply))), queued)
    assert str(LONDON.address) not in str(logs)
    assert [row.last_reply for row in rows(store, LETTER)] == [reply]


def test_a_frozen_outbox_sends_nothing_until_it_is_released(store: Store, queued: datetime) -> None:
    with store.write() as db:
        outbox.halt(db, queued, "restored")
        outbox.halt(db, queued, "restored from a backup")
    assert deliver(store, office(FakeCourier()), queued) == 0
    with store.write() as db:
        assert outbox.why_halted(db) == "restored from a backup"
        assert outbox.release(db)
        assert not outbox.release(db)
    assert deliver(store, office(FakeCourier()), queued) == 1


def test_ends_that_wait_for_each_other_share_a_commit(store: Store) -> None:
    """The first commit lasts until the others have come."""
    settler, commits, begun, go = Settler(store), [], threading.Event(), threading.Event()

    def slow(db: Transaction) -> bool:
        begun.set()
        assert go.wait(30)
        return True

    def quick(db: Transaction) -> bool:
        commits.append(id(db))
        if len(commits) == 3:
            raise RuntimeError("no disk")
        return False

    with ThreadPoolExecutor(5) as pool:
        first = pool.submit(settler.settle, slow)
        assert begun.wait(30)
        others = [pool.submit(settler.settle, quick) for _ in range(3)]
        while len(settler._waiting) < 3:
            assert not first.done()
        go.set()
        assert first.result(30)
        for other in others:
            with pytest.raises(RuntimeError, match="no disk"):
                other.result(30)
    assert len(set(commits)) == 1
    assert not settler.settle(quick)
