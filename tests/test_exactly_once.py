"""Each comment is told to each member once, whatever clock, members and workers do (design 8.5, reliability O1, O2, D13)."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import date, timedelta
from random import Random
from unittest import mock
from zoneinfo import ZoneInfo

import pytest
from uuid_utils.compat import uuid7

from gateway.flow.publish import publish, send_due
from gateway.mail.forum import Rhythm
from gateway.store import ledger, roster
from gateway.store.archive import POST
from gateway.store.engine import Store
from gateway.store.ledger import ISSUE
from gateway.store.outbox import LETTER, Kind
from gateway.store.roster import MEMBER
from tests.test_flow_publish import EVENING, FORUM, reader_in
from tests.test_store import incoming, mail_bytes, put, quiet_log, rows  # noqa: F401 - a fixture

ZONES = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia", "UTC")
SEEDS = range(12)


def told(store: Store) -> dict[object, Counter[int]]:
    """How often each publication number was told to each member."""
    number_of = {row.id: row.number for row in rows(store, POST)}
    found: dict[object, Counter[int]] = {row.id: Counter() for row in rows(store, MEMBER)}
    for issue in rows(store, ISSUE):
        found[issue.member_id].update(range(issue.from_number + 1, issue.to_number + 1))
    for letter in rows(store, LETTER):
        if letter.kind == Kind.COPY:
            found[letter.member_id][number_of[letter.subject_id]] += 1
    return found


def check(store: Store) -> None:
    """Nobody was told anything twice, nor skipped anything below what he was told last."""
    cursors = {row.id: row.cursor for row in rows(store, MEMBER)}
    for member, numbers in told(store).items():
        assert set(numbers.values()) <= {1}
        assert sorted(numbers) == list(range(1, cursors[member] + 1))


class Crash(Exception):
    """kill -9, as far as a transaction can tell."""


@pytest.mark.parametrize("seed", SEEDS)
def test_whatever_the_clock_and_the_members_do(store: Store, seed: int) -> None:
    """Posts come, the clock is set back and forward, members change everything, workers die in the middle of a transaction."""
    chance = Random(seed)
    members = [reader_in(zone, hour=chance.randrange(24)) for zone in ZONES]
    roster.add_forum(store, FORUM)
    roster.add_members(store, members)
    now, count = EVENING, 0
    for _ in range(40):
        step = chance.randrange(5)
        if step == 0:
            for _ in range(chance.randrange(1, 4)):
                count += 1
                put(store, incoming(FORUM, mail_bytes(f"{seed}.{count}@x", f"Title {count}"), received_at=now))
        elif step == 1:
            now += timedelta(hours=chance.uniform(-30, 60))
        elif step == 2:
            index = chance.randrange(len(members))
            members[index] = replace(
                members[index],
                hour=chance.randrange(24),
                zone=ZoneInfo(chance.choice(ZONES)),
                form=chance.choice(("html", "plain", "index")),
                rhythm=chance.choice(list(Rhythm)),
                weekday=chance.randrange(7),
                paused_until=chance.choice((None, None, date(2026, 3, chance.randrange(1, 20)))),
            )
            roster.change_member(store, members[index])
        elif step == 3:
            with suppress(Crash), mock.patch.object(roster, "move_cursors", side_effect=Crash):
                publish(store, FORUM, now, uuid7)
                send_due(store, FORUM, now, uuid7)
        publish(store, FORUM, now, uuid7)
        send_due(store, FORUM, now, uuid7, at_once=chance.random() < 0.1)
        check(store)
    for member in members:
        roster.change_member(store, replace(member, paused_until=None))
    later = max([now, *(row.published_at for row in rows(store, POST) if row.published_at)]) + timedelta(days=70)
    publish(store, FORUM, later, uuid7)
    send_due(store, FORUM, later, uuid7)
    check(store)
    assert {row.cursor for row in rows(store, MEMBER)} == {count}


def test_several_workers_at_once(store: Store) -> None:
    """Four workers publish and queue while mail comes in."""
    members = [reader_in(zone, hour=hour) for zone in ZONES for hour in (0, 6, 12)]
    members += [replace(reader_in(zone, hour=23), rhythm=Rhythm.IMMEDIATE) for zone in ZONES]
    roster.add_forum(store, FORUM)
    roster.add_members(store, members)

    def work(worker: int) -> None:
        for step in range(8):
            now = EVENING + timedelta(hours=6 * step)
            if worker == 0:
                put(store, *(incoming(FORUM, mail_bytes(f"{step}.{n}@x", f"Title {n}"), received_at=now) for n in range(3)))
            publish(store, FORUM, now, uuid7)
            send_due(store, FORUM, now, uuid7)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    later = EVENING + timedelta(days=4)
    publish(store, FORUM, later, uuid7)
    send_due(store, FORUM, later, uuid7)
    check(store)
    assert {row.cursor for row in rows(store, MEMBER)} == {24}
    assert len(rows(store, LETTER)) > len(members)


def test_the_check_would_find_it(store: Store) -> None:
    """The control: without the ledger's cursor everything is told again."""
    roster.add_forum(store, FORUM)
    roster.add_members(store, [reader_in("UTC")])
    put(store, incoming(FORUM, mail_bytes("1@x"), received_at=EVENING))
    publish(store, FORUM, EVENING, uuid7)
    with mock.patch.object(ledger, "keep_issues"):
        send_due(store, FORUM, EVENING, uuid7, at_once=True)
    with pytest.raises(AssertionError):
        check(store)
