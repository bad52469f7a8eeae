"""The way in as a whole: read, judged, placed and kept before anybody is told so; on both engines."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from uuid_utils.compat import uuid7

from gateway.flow.proving import Means
from gateway.flow.reading import READER_STOPPED, Reader
from gateway.flow.receive import Receiver
from gateway.mail.address import Address
from gateway.mail.envelope import Envelope, Raw, Via
from gateway.mail.forum import Destination, Forum, Purpose
from gateway.mail.message import Message
from gateway.mail.verdict import Reason, Verdict
from gateway.parse.message import parse_message, unread_message
from gateway.store import roster
from gateway.store.archive import POST
from gateway.store.engine import Store
from gateway.store.keep import MAIL, RAW
from gateway.store.writer import Writer
from tests.test_store import mail_bytes, quiet_log, rows  # noqa: F401 - a fixture

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
PATIENCE = 20
TOWN = Forum(id=uuid7(), name="town", domain="gw.example", title="Town")
HALL = Forum(id=uuid7(), name="hall", domain="gw.example", title="Hall", mirrors=("list.example",))
Receive = Callable[..., list[tuple[Verdict, Reason]]]


class FakeReader(Reader):
    """Takes note of what is odd; reads it at once, or raises what it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[int] = []
        self.trouble: Exception | None = None
        self.is_stopped = True

    def read(self, raw: Raw) -> Message:
        self.seen.append(raw.size)
        if self.trouble:
            raise self.trouble
        return unread_message(raw, READER_STOPPED) if self.is_stopped else parse_message(raw.read())


@pytest.fixture
def reader() -> FakeReader:
    return FakeReader()


@pytest.fixture
def receiver(store: Store, reader: FakeReader) -> Iterator[Receiver]:
    for forum in (TOWN, HALL):
        roster.add_forum(store, forum)
    made = Receiver(store, Writer(store, uuid7), reader, Means(key=bytes(32)))
    yield made
    made.close()


def envelope(reverse_path: str = "ann@x.example") -> Envelope:
    local, _, domain = reverse_path.partition("@")
    path = Address(local, domain) if reverse_path else None
    return Envelope(reverse_path=path, forward_paths=(), received_at=NOON, via=Via.SMTP)


def destinations(receiver: Receiver, *locals_: str) -> tuple[Destination, ...]:
    found = [receiver.route(Address(local, "gw.example")) for local in locals_]
    assert all(found)
    return tuple(one for one in found if one)


@pytest.fixture
def receive(receiver: Receiver) -> Receive:
    def run(data: bytes, *locals_: str, reverse_path: str = "ann@x.example") -> list[tuple[Verdict, Reason]]:
        future = receiver.submit(envelope(reverse_path), Raw.of(data), destinations(receiver, *(locals_ or ("town",))))
        return [(one.verdict, one.reason) for one in future.result(PATIENCE)]

    return run


ACCEPT, DUPLICATE = (Verdict.ACCEPT, Reason.POSTED), (Verdict.ACCEPT, Reason.DUPLICATE)
OWNER = (Verdict.HOLD, Reason.FOR_OWNER)


def test_accepted_and_then_a_duplicate(store: Store, receive: Receive) -> None:
    assert receive(mail_bytes()) == [ACCEPT]
    [post] = rows(store, POST)
    assert post.msgid == "1@x"
    assert receive(mail_bytes()) == [DUPLICATE]
    assert receive(b"Received: by mx\r\n" + mail_bytes()) == [DUPLICATE]
    assert len(rows(store, MAIL)) == 1


# What is mailed, to whom; what is answered, and how many mails and posts there are.
TABLE: list[tuple[dict[str, Any], tuple[str, ...], list[tuple[Verdict, Reason]], int, int]] = [
    ({"List_Id": "<other.example>"}, ("town",), [(Verdict.HOLD, Reason.OTHER_LIST)], 1, 0),
    ({"List_Id": "<list.example>"}, ("town", "hall"), [(Verdict.HOLD, Reason.OTHER_LIST), ACCEPT], 2, 1),
    ({}, ("town", "hall"), [ACCEPT, ACCEPT], 2, 2),
    ({}, ("town", "town-owner"), [ACCEPT, DUPLICATE], 1, 1),
    ({}, ("town-owner", "TOWN"), [DUPLICATE, ACCEPT], 1, 1),
    ({}, ("town-owner", "hall-owner"), [OWNER, OWNER], 2, 0),
    ({"Auto_Submitted": "auto-replied"}, ("town",), [(Verdict.DISCARD, Reason.AUTOMATIC)], 1, 0),
    ({}, ("town-bounces", "hall"), [(Verdict.DISCARD, Reason.BOUNCE), ACCEPT], 2, 1),
]


@pytest.mark.parametrize(("fields", "to", "answers", "mails", "posts"), TABLE, ids=range(len(TABLE)))
def test_verdicts(
    store: Store, receive: Receive, fields: dict[str, str], to: tuple[str, ...], answers: object, mails: int, posts: int
) -> None:
    assert receive(mail_bytes(**fields), *to) == answers
    assert (len(rows(store, MAIL)), len(rows(store, RAW)), len(rows(store, POST))) == (mails, mails, posts)


HEADERS = [
    ({f"X{n}": "y" * 900 for n in range(300)}, False),
    ({"X": "y" * 270_000}, False),
    ({f"X{n}": "y" * 900 for n in range(300)}, True),
]


@pytest.mark.parametrize(("fields", "is_stopped"), HEADERS)
def test_a_header_too_large_is_refused(reader: FakeReader, receive: Receive, fields: dict[str, str], is_stopped: bool) -> None:
    reader.is_stopped = is_stopped
    assert receive(mail_bytes(**fields)) == [(Verdict.REFUSE, Reason.HEADER_TOO_LARGE)]


def test_a_mail_in_a_loop_is_refused_and_not_kept(store: Store, receive: Receive) -> None:
    assert receive(b"Received: x\r\n" * 51 + mail_bytes(), "town", "hall") == [(Verdict.REFUSE, Reason.LOOP)] * 2
    assert rows(store, MAIL) == []


def test_a_null_reverse_path_is_kept_but_no_post(store: Store, receive: Receive) -> None:
    assert receive(mail_bytes(), reverse_path="") == [(Verdict.DISCARD, Reason.AUTOMATIC)]
    assert (len(rows(store, MAIL)), rows(store, POST)) == (1, [])


def test_trouble_of_the_store_is_an_exception_and_nothing_is_kept(
    store: Store, receiver: Receiver, receive: Receive, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr("gateway.store.writer.keep", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
        future = receiver.submit(envelope(), Raw.of(mail_bytes()), destinations(receiver, "town"))
        assert isinstance(future.exception(PATIENCE), OSError)
    assert rows(store, MAIL) == []
    assert receive(mail_bytes()) == [ACCEPT]


def test_trouble_of_the_rules_is_an_exception_too(receiver: Receiver, receive: Receive, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as broken:
        broken.setattr("gateway.flow.receive.decide", lambda *_: 1 / 0)
        future = receiver.submit(envelope(), Raw.of(mail_bytes()), destinations(receiver, "town"))
        assert isinstance(future.exception(PATIENCE), ZeroDivisionError)
    assert receive(mail_bytes()) == [ACCEPT]


def test_odd_mail_goes_the_odd_way(store: Store, reader: FakeReader, receive: Receive) -> None:
    assert receive(mail_bytes()) == [ACCEPT]
    assert reader.seen == []
    odd = mail_bytes("odd@x", body="x" * 300_000)
    assert receive(odd) == [(Verdict.HOLD, Reason.UNREADABLE)]
    assert reader.seen == [len(odd)]
    assert {row.msgid: row.verdict for row in rows(store, MAIL)} == {"1@x": "accept", "odd@x": "hold"}
    assert receive(odd) == [DUPLICATE]


def test_trouble_of_the_reading_process_is_ours(store: Store, reader: FakeReader, receiver: Receiver, receive: Receive) -> None:
    reader.trouble = OSError("no process")
    odd = Raw.of(mail_bytes(body="x" * 300_000))
    future = receiver.submit(envelope(), odd, destinations(receiver, "town"))
    assert isinstance(future.exception(PATIENCE), OSError)
    assert rows(store, MAIL) == []
    assert receive(mail_bytes()) == [ACCEPT]


def test_the_real_reading_process_reads_what_is_large_but_good(store: Store) -> None:
    roster.add_forum(store, TOWN)
    receiver = Receiver(store, Writer(store, uuid7), Reader(wall_seconds=60, cpu_seconds=30), Means(key=bytes(32)))
    data = mail_bytes(body="A line.\r\n" * 40_000)
    try:
        [decision] = receiver.submit(envelope(), Raw.of(data), destinations(receiver, "town")).result(60)
    finally:
        receiver.close()
    assert decision.reason is Reason.POSTED
    assert [row.msgid for row in rows(store, POST)] == ["1@x"]


def test_a_new_forum_is_known_after_a_refresh(store: Store, receiver: Receiver) -> None:
    address = Address("late", "gw.example")
    roster.add_forum(store, Forum(id=uuid7(), name="late", domain="gw.example", title="Late"))
    assert receiver.route(address) is None
    receiver.refresh()
    found = receiver.route(address)
    assert found is not None
    assert (found.forum.name, found.purpose) == ("late", Purpose.POST)


def test_closing_answers_what_was_submitted(store: Store) -> None:
    roster.add_forum(store, TOWN)
    receiver = Receiver(store, Writer(store, uuid7), FakeReader(), Means(key=bytes(32)))
    to = destinations(receiver, "town")
    futures = [receiver.submit(envelope(), Raw.of(mail_bytes(f"{n}@x", body="x" * (n % 2 * 300_000))), to) for n in range(20)]
    receiver.close()
    assert all(future.done() for future in futures)
    assert len(rows(store, MAIL)) == 20
