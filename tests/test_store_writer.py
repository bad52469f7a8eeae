"""Group commit: many share one transaction, and one that fails fails alone; on both engines."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from typing import Any

import pytest
from sqlalchemy import Connection
from uuid_utils.compat import uuid7

from gateway.mail.forum import Forum
from gateway.store import roster
from gateway.store.engine import Store
from gateway.store.incoming import Incoming
from gateway.store.keep import MAIL, keep
from gateway.store.writer import Writer
from tests.test_store import NOON, incoming, mail_bytes, put, quiet_log, rows  # noqa: F401 - a fixture


@pytest.fixture
def forum(store: Store) -> Forum:
    made = Forum(id=uuid7(), name="town", domain="gw.example", title="Town")
    roster.add_forum(store, made)
    return made


class Parcel:
    """A unit of the writer's, judged beforehand; a subject "bad" cannot be prepared."""

    def __init__(self, *items: Incoming) -> None:
        self.answer: Future[list[bool]] = Future()
        self.items = items

    @property
    def size(self) -> int:
        return sum(item.raw.size for item in self.items)

    def prepare(self) -> Sequence[Incoming]:
        if any(item.message.subject == "bad" for item in self.items):
            raise ValueError("bad")
        return self.items

    def finish(self, kept: Sequence[bool]) -> list[bool]:
        return list(kept)


def submit(writer: Writer, *items: Incoming) -> Future[list[bool]]:
    parcel = Parcel(*items)
    writer.submit(parcel)
    return parcel.answer


@pytest.fixture
def writer(store: Store) -> Iterator[Writer]:
    made = Writer(store, uuid7)
    yield made
    made.close()


class Gate:
    """Holds the writer in its first commit until everything else is queued, and counts commits."""

    def __init__(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        self.is_entered = threading.Event()
        self.is_open = threading.Event()
        self.commits: list[list[str]] = []
        real: Callable[..., list[bool]] = keep

        def gated(db: Connection, batch: Sequence[Incoming], new_id: Any) -> list[bool]:
            self.commits.append([item.message.msgid for item in batch])
            if len(self.commits) == 1:
                self.is_entered.set()
                assert self.is_open.wait(20)
            if any(item.message.subject == "worse" for item in batch):
                real(db, batch, new_id)
                raise OSError("disk")
            return real(db, batch, new_id)

        monkeypatch.setattr("gateway.store.writer.keep", gated)


def test_many_share_a_commit_and_one_that_fails_fails_alone(
    store: Store, forum: Forum, writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate(store, monkeypatch)
    futures: dict[str, Future[list[bool]]] = {"first": submit(writer, incoming(forum, mail_bytes("first@x")))}
    assert gate.is_entered.wait(20)
    for name in ("1", "bad", "2", "worse", "3"):
        data = mail_bytes(f"{name}@x", subject=name)
        futures[name] = submit(writer, incoming(forum, data), incoming(forum, data))
    cancelled = submit(writer, incoming(forum, mail_bytes("cancelled@x")))
    assert cancelled.cancel()
    gate.is_open.set()
    assert futures["first"].result(20) == [True]
    for name in "123":
        assert futures[name].result(20) == [True, False]
    with pytest.raises(ValueError, match="bad"):
        futures["bad"].result(20)
    with pytest.raises(OSError, match="disk"):
        futures["worse"].result(20)
    assert {row.msgid for row in rows(store, MAIL)} == {"first@x", "1@x", "2@x", "3@x"}
    assert [sorted(set(commit)) for commit in gate.commits[:2]] == [["first@x"], ["1@x", "2@x", "3@x", "worse@x"]]


def test_a_good_group_is_one_commit(store: Store, forum: Forum, writer: Writer, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = Gate(store, monkeypatch)
    futures = [submit(writer, incoming(forum, mail_bytes("first@x")))]
    assert gate.is_entered.wait(20)
    futures += [submit(writer, incoming(forum, mail_bytes(f"{n}@x"))) for n in range(30)]
    gate.is_open.set()
    assert [future.result(20) for future in futures] == [[True]] * 31
    assert [len(commit) for commit in gate.commits] == [1, 30]


def test_a_closed_writer_takes_nothing_and_has_kept_all(store: Store, forum: Forum) -> None:
    writer = Writer(store, uuid7)
    futures = [submit(writer, incoming(forum, mail_bytes(f"{n}@x"))) for n in range(10)]
    writer.close()
    assert all(future.done() for future in futures)
    assert len(rows(store, MAIL)) == 10
    with pytest.raises(RuntimeError, match="closed"):
        submit(writer, incoming(forum, mail_bytes("late@x")))
