"""What an operator does with letters: look, try again, give up; never while a worker is at one, never twice."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from uuid_utils.compat import uuid7

from gateway.flow.deliver import deliver
from gateway.send.courier import Fate, Outcome
from gateway.store import outbox, waybills
from gateway.store.engine import Store
from gateway.store.outbox import LETTER
from gateway.store.waybills import Waybill
from tests.test_flow_deliver import queued, queued_for_three  # noqa: F401 - fixtures
from tests.test_flow_publish import FORUM, FakeCourier, office
from tests.test_store import quiet_log, rows  # noqa: F401 - a fixture


def letters(store: Store, state: str = "") -> list[Waybill]:
    with store.read() as db:
        return waybills.list_letters(db, FORUM.id, state, 50)


def retry(store: Store, letter: Waybill, now: datetime) -> bool:
    with store.write() as db:
        return waybills.retry(db, letter, now)


def drop(store: Store, letter: Waybill, now: datetime) -> bool:
    with store.write() as db:
        return waybills.drop(db, letter, now, uuid7())


def test_letters_are_listed_and_found(store: Store, queued_for_three: None) -> None:  # noqa: F811
    found = letters(store)
    assert len({letter.name for letter in found}) == 3
    assert {(letter.state, letter.attempts, letter.last_reply) for letter in found} == {("ready", 0, "")}
    assert letters(store, "sent") == []
    with store.read() as db:
        assert waybills.find_letter(db, FORUM.id, found[1].name.upper()) == found[1]
        assert waybills.find_letter(db, FORUM.id, "00000000") is None


def test_a_letter_that_came_back_is_tried_again(store: Store, queued: datetime) -> None:  # noqa: F811
    deliver(store, office(FakeCourier(Outcome(Fate.BOUNCED, "550 no such user"))), queued)
    [letter] = letters(store, "bounced")
    assert letter.last_reply == "550 no such user"
    assert retry(store, letter, queued)
    courier = FakeCourier()
    assert deliver(store, office(courier), queued) == 1
    assert not retry(store, letter, queued)
    assert not drop(store, letter, queued)
    assert deliver(store, office(courier), queued + timedelta(days=1)) == 0


def test_a_letter_that_waits_is_due_at_once(store: Store, queued: datetime) -> None:  # noqa: F811
    deliver(store, office(FakeCourier(Outcome(Fate.DEFERRED, "451 later"))), queued)
    [letter] = letters(store)
    assert letter.due_at > queued
    assert retry(store, letter, queued)
    assert deliver(store, office(FakeCourier()), queued) == 1


def test_a_dropped_letter_is_not_sent_until_it_is_tried_again(store: Store, queued: datetime) -> None:  # noqa: F811
    [letter] = letters(store)
    assert drop(store, letter, queued)
    assert not drop(store, letter, queued)
    assert deliver(store, office(FakeCourier()), queued) == 0
    assert [one.last_reply for one in letters(store, "dropped")] == ["dropped by hand"]
    assert retry(store, letter, queued)
    assert deliver(store, office(FakeCourier()), queued) == 1


@pytest.mark.parametrize("act", [retry, drop])
def test_a_letter_that_somebody_carries_is_left_alone(store: Store, queued: datetime, act: object) -> None:  # noqa: F811
    assert callable(act)
    with store.write() as db:
        outbox.claim(db, queued, 1)
    [letter] = letters(store)
    assert not act(store, letter, queued)
    assert act(store, letter, queued + 2 * outbox.LEASE)
    [row] = rows(store, LETTER)
    assert row.lease_until is None
