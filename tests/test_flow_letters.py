"""A letter and its line in the journal: whatever the desk says to somebody, `gateway` can say that it did."""

from __future__ import annotations

from uuid_utils.compat import uuid7

from gateway.flow.letters import queue
from gateway.mail.address import Address
from gateway.store.engine import Store
from gateway.store.keep import JOURNAL
from gateway.store.outbox import LETTER, Kind
from tests.cases import MODERATOR, NOON, TOWN, answer, hold, letters, make_town
from tests.test_store import quiet_log, rows  # noqa: F401 - a fixture


def test_a_letter_has_a_line_in_the_journal(store: Store) -> None:
    make_town(store)
    known = uuid7()
    with store.write() as db:
        queue(db, TOWN, MODERATOR.address, "Hello\n\nMo", NOON, uuid7, member=MODERATOR)
        queue(db, TOWN, Address("who", "far.example"), "?", NOON, uuid7, kind=Kind.QUESTION, about=known, detail="why")
    first, second = sorted(rows(store, LETTER), key=lambda row: row.id)
    assert (first.kind, first.member_id, first.recipient, first.text) == (
        "notice",
        MODERATOR.id,
        "mo@home.example",
        "Hello\n\nMo",
    )
    assert (second.kind, second.member_id, second.subject_id) == ("question", None, known)
    told = {row.subject_id: (row.verb, row.detail) for row in rows(store, JOURNAL)}
    assert told == {first.id: ("queued", "notice"), second.id: ("queued", "why")}


def test_so_have_those_of_a_ruling(store: Store) -> None:
    make_town(store)
    hold(store)
    [docket] = letters(store)
    answer(store, docket, "no off topic")
    told = {row.subject_id for row in rows(store, JOURNAL) if row.verb == "queued"}
    assert {row.id for row in rows(store, LETTER)} == told
    assert len(told) == 3
