"""Keeping for other processes: what comes over the socket is kept as if it had been read here, and is answered."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection
from uuid_utils.compat import uuid7

from gateway.mail.envelope import Raw
from gateway.mail.forum import Forum
from gateway.parse.message import parse_message
from gateway.store import roster, shelf
from gateway.store.archive import POST
from gateway.store.engine import Store
from gateway.store.incoming import Incoming
from gateway.store.keep import MAIL, keep
from gateway.store.remote import KeeperGone, RemoteWriter, keep_for
from gateway.store.writer import Writer
from tests.test_store import incoming, mail_bytes, quiet_log, rows  # noqa: F401 - a fixture
from tests.test_store_writer import Parcel


@pytest.fixture
def forum(store: Store) -> Forum:
    made = Forum(id=uuid7(), name="town", domain="gw.example", title="Town")
    roster.add_forum(store, made)
    return made


class Hatch:
    """A receiver's writer and the keeper behind it, with a thread that passes answers on."""

    def __init__(self, store: Store, count: int = 1) -> None:
        pairs = [socket.socketpair() for _ in range(count)]
        self.writers = [RemoteWriter(its) for _, its in pairs]
        self._threads = [threading.Thread(target=keep_for, args=(store, [ours for ours, _ in pairs], uuid7))]
        self._threads += [threading.Thread(target=self._pass_on, args=(writer,)) for writer in self.writers]
        for thread in self._threads:
            thread.start()

    @staticmethod
    def _pass_on(writer: RemoteWriter) -> None:
        while writer.socket.recv(1, socket.MSG_PEEK) and writer.receive():
            pass

    def close(self) -> None:
        for writer in self.writers:
            writer.socket.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(10)
            assert not thread.is_alive()
        for writer in self.writers:
            writer.close()


@pytest.fixture
def hatch(store: Store) -> Iterator[Hatch]:
    made = Hatch(store, 2)
    yield made
    made.close()


def submit(writer: Any, *items: Incoming) -> Future[list[bool]]:
    parcel = Parcel(*items)
    writer.submit(parcel)
    return parcel.answer


def _facts(store: Store) -> list[Any]:
    """All that a mail leaves in the tables but ids."""
    with store.read() as db:
        mails = [row[2:] for row in db.execute(MAIL.select().order_by(MAIL.c.msgid)).all()]
        posts = db.execute(POST.select().order_by(POST.c.msgid)).mappings().all()
        skipped = {"id", "mail_id", "thread_id"}
        return [mails, [{k: v for k, v in post.items() if k not in skipped} for post in posts]]


def test_the_same_rows_as_the_writer_at_home(store: Store, forum: Forum, hatch: Hatch, tmp_path: Path) -> None:
    mails = [
        mail_bytes("one@x", subject="Größe", body="Text\n\n-- \nSignature"),
        mail_bytes("two@x", In_Reply_To="<one@x>", References="<ghost@x> <one@x>", body="> quoted\n> twice\nanswer"),
    ]
    for raw, writer in zip(mails, hatch.writers, strict=True):
        assert submit(writer, incoming(forum, raw)).result(10) == [True]
    remote = _facts(store)
    with store.read() as db:
        kept = [shelf.raw_of(db, forum.id, mail.id) for mail in shelf.iterate_mails(db, forum.id)]
    assert sorted(kept) == sorted(mails)
    home = Store(f"sqlite:///{tmp_path / 'home.db'}")
    home.migrate()
    roster.add_forum(home, forum)
    at_home = Writer(home, uuid7)
    for raw in mails:
        assert submit(at_home, incoming(forum, raw)).result(10) == [True]
    at_home.close()
    assert _facts(home) == remote
    home.close()


def test_a_spooled_mail_is_read_where_it_lies(store: Store, forum: Forum, hatch: Hatch, tmp_path: Path) -> None:
    raw = mail_bytes("long@x", body="word " * 400_000)
    spooled = tmp_path / "spooled"
    spooled.write_bytes(raw)
    item = incoming(forum, raw)
    item = Incoming.of(
        forum=forum,
        recipient=item.recipient,
        envelope=item.envelope,
        message=parse_message(raw),
        raw=Raw(size=len(raw), path=spooled),
        decision=item.decision,
    )
    assert submit(hatch.writers[0], item).result(10) == [True]
    with store.read() as db:
        [mail] = shelf.iterate_mails(db, forum.id)
        assert shelf.raw_of(db, forum.id, mail.id) == raw


def test_a_duplicate_by_another_receiver_is_told(forum: Forum, hatch: Hatch) -> None:
    one, other = hatch.writers
    raw = mail_bytes("one@x")
    assert submit(one, incoming(forum, raw)).result(10) == [True]
    assert submit(other, incoming(forum, raw), incoming(forum, mail_bytes("two@x"))).result(10) == [False, True]


def test_one_that_cannot_be_kept_fails_alone(forum: Forum, hatch: Hatch, monkeypatch: pytest.MonkeyPatch) -> None:
    def fragile(connection: Connection, batch: list[Incoming], new_id: Any) -> list[bool]:
        if any(item.message.subject == "poison" for item in batch):
            raise OSError("no")
        return keep(connection, batch, new_id)

    monkeypatch.setattr("gateway.store.writer.keep", fragile)
    answers = [
        submit(hatch.writers[0], incoming(forum, mail_bytes(f"{n}@x", subject="poison" if n == 3 else "good"))) for n in range(6)
    ]
    with pytest.raises(RuntimeError):
        answers[3].result(10)
    assert all(answer.result(10) == [True] for n, answer in enumerate(answers) if n != 3)


def test_one_that_cannot_be_prepared_never_leaves(forum: Forum, hatch: Hatch) -> None:
    answer = submit(hatch.writers[0], incoming(forum, mail_bytes("bad@x", subject="bad")))
    with pytest.raises(ValueError, match="bad"):
        answer.result(10)


def test_nothing_to_keep_is_answered_at_once(forum: Forum, hatch: Hatch) -> None:
    assert submit(hatch.writers[0]).result(0) == []


def test_an_end_of_the_keeper_is_the_end_of_who_waits(forum: Forum) -> None:
    ours, its = socket.socketpair()
    writer = RemoteWriter(its)
    answer = submit(writer, incoming(forum, mail_bytes("one@x")))
    ours.close()
    assert not writer.receive()
    with pytest.raises(KeeperGone):
        answer.result(0)
    late = submit(writer, incoming(forum, mail_bytes("two@x")))
    assert isinstance(late.exception(0), OSError)
    writer.close()


def test_a_receiver_that_is_gone_is_not_waited_for(store: Store, forum: Forum) -> None:
    ours, its = socket.socketpair()
    submit(RemoteWriter(its), incoming(forum, mail_bytes("one@x")))
    its.close()
    keep_for(store, [ours], uuid7)
    assert len(rows(store, MAIL)) == 1
