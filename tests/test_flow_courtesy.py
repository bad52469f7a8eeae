"""How many letters go to people who may have asked for nothing: B0, under floods; GATEWAY_FLOOD sets the size of the flood."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from uuid_utils.compat import uuid7

from gateway.flow.courtesy import CONFIRMATION, allowed
from gateway.flow.desk import Desk, attend
from gateway.flow.handlers import HANDLERS
from gateway.flow.reading import Reader
from gateway.mail.address import Address, parse_address
from gateway.mail.verdict import Decision, Reason, Verdict
from gateway.people.courtesy import Courtesy
from gateway.store import roster
from gateway.store.engine import Store
from gateway.store.outbox import LETTER
from gateway.store.pending import ALLOWANCE
from tests.test_flow_first_mail import SPAM, STRANGERS
from tests.test_flow_join import TOWN
from tests.test_flow_publish import KEY, NEXT_NOON
from tests.test_store import incoming, mail_bytes, put, quiet_log, rows  # noqa: F401 - a fixture

FLOOD = int(os.environ.get("GATEWAY_FLOOD", "500"))
COMMAND = Decision(Verdict.HOLD, Reason.COMMAND)
HOUR = timedelta(hours=1)


def ask(store: Store, address: str, *, peer: str = "", kind: str = CONFIRMATION, now: datetime = NEXT_NOON) -> bool:
    to = parse_address(address)
    assert to is not None
    with store.write() as db:
        return allowed(db, KEY, kind, to, now, uuid7, peer=peer)


def test_one_a_day_to_an_address_and_its_sub_addresses(store: Store) -> None:
    assert ask(store, "ann@x.example")
    for same in ("ann@x.example", "ANN@X.example", "ann+a@x.example", "ann+b+c@x.example"):
        assert not ask(store, same)
    assert ask(store, "bob@x.example")
    assert not ask(store, "ann@x.example", now=NEXT_NOON + timedelta(hours=23, minutes=59))
    assert ask(store, "ann@x.example", now=NEXT_NOON + timedelta(days=1, minutes=1))


def test_each_kind_counts_for_itself(store: Store) -> None:
    assert ask(store, "ann@x.example", kind="help")
    assert not ask(store, "ann@x.example", kind="help")
    assert ask(store, "ann@x.example", kind="status")
    assert ask(store, "ann@x.example")


NETWORKS = [
    ("192.0.2.{}", 5),
    ("::ffff:192.0.2.{}", 5),
    ("2001:db8::{}", 5),
    ("2001:db8:0:{}::1", 20),
    ("127.0.0.{}", 20),
    ("10.0.0.{}", 20),
    ("fd00::{}", 20),
    ("", 20),
    ("unix {}", 20),
]


@pytest.mark.parametrize(("pattern", "most"), NETWORKS)
def test_five_an_hour_for_a_network_but_not_for_our_own_relay(store: Store, pattern: str, most: int) -> None:
    got = [ask(store, f"u{number}@x.example", peer=pattern.format(number + 1)) for number in range(20)]
    assert sum(got) == most
    assert ask(store, "later@x.example", peer=pattern.format(1), now=NEXT_NOON + HOUR + timedelta(seconds=1))


def test_two_hundred_an_hour_in_all_and_old_rows_go(store: Store) -> None:
    assert sum(ask(store, f"u{number}@x.example") for number in range(220)) == 200
    row = rows(store, ALLOWANCE)[0]
    assert len(row.subject) in (0, 32)
    assert b"u1" not in row.subject
    assert ask(store, "next@x.example", now=NEXT_NOON + timedelta(days=1, seconds=1))
    assert len(rows(store, ALLOWANCE)) == 2


@pytest.fixture
def quick(tmp_path: Path) -> Iterator[Store]:
    """SQLite alone: what is counted does not depend on the engine."""
    store = Store(f"sqlite:///{tmp_path / 'flood.db'}")
    store.migrate()
    roster.add_forum(store, TOWN)
    yield store
    store.close()


def test_what_is_asked_for_a_hundred_thousand_times_is_allowed_once(quick: Store) -> None:
    """The count by itself, without the mails: from 1,000 networks, to sub-addresses of the victim."""
    with quick.write() as db:
        got = [
            allowed(
                db,
                KEY,
                CONFIRMATION,
                Address(f"victim+{number % 97}", "far.example"),
                NEXT_NOON + timedelta(milliseconds=number),
                uuid7,
                peer=f"203.{number % 4}.{number % 250}.7",
            )
            for number in range(FLOOD)
        ]
    assert sum(got) == 1
    assert got[0]


def work(store: Store, courtesy: Courtesy | None = None) -> None:
    reader = Reader()
    desk = Desk(store, KEY, NEXT_NOON, uuid7, reader, courtesy or Courtesy())
    attend(desk, TOWN, HANDLERS)
    reader.close()


def test_a_flood_of_joins_for_one_victim_is_one_letter(quick: Store) -> None:
    """From 1,000 senders in 1,000 networks: by every way to spell the victim's address."""
    to = Address("town-join", "example.org")
    for start in range(0, FLOOD, 500):
        batch = []
        for number in range(start, min(start + 500, FLOOD)):
            data = mail_bytes(f"{number}@flood", subject=SPAM, From=f'"Victim {SPAM}" <VICTIM@far.example>')
            sender = number % 1000
            item = incoming(TOWN, data, decision=COMMAND, received_at=NEXT_NOON, reverse_path=f"s{sender}@senders.example")
            peer = f"203.{sender // 250}.{sender % 250}.7"
            batch.append(replace(item, recipient=to, envelope=replace(item.envelope, peer=peer)))
        assert all(put(quick, *batch))
    work(quick)
    [letter] = rows(quick, LETTER)
    assert letter.recipient == "VICTIM@far.example"
    assert not any(word in letter.text for word in (*SPAM.split(), "Victim"))


def test_forged_spam_makes_no_letters_past_the_limits(quick: Store) -> None:
    """To a forum of members; each with a forged sender of its own, from 100 networks."""
    for start in range(0, FLOOD * 2, 500):
        batch = []
        for number in range(start, min(start + 500, FLOOD * 2)):
            who = f'"{SPAM}" <user{number}@victims.example>'
            data = mail_bytes(f"{number}@spam", subject=f"{SPAM} {number}", body=f"{SPAM}\r\n" * 5, From=who)
            item = incoming(TOWN, data, decision=STRANGERS, received_at=NEXT_NOON, reverse_path=f"user{number}@victims.example")
            batch.append(replace(item, envelope=replace(item.envelope, peer=f"198.51.{number % 100}.9")))
        put(quick, *batch)
    work(quick)
    letters = rows(quick, LETTER)
    assert len(letters) == 200
    assert set(Counter(letter.recipient for letter in letters).values()) == {1}
    assert not any(word in letter.text for letter in letters for word in ("Cheap", "wombats"))
    work(quick)
    assert len(rows(quick, LETTER)) == 200
