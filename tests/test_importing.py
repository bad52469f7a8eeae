"""An archive comes in, hidden until it has ended, goes on where it was broken off, and comes out again as it was."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select
from uuid_utils.compat import uuid7

from gateway.exchange import sources
from gateway.exchange.archives import Kind
from gateway.exchange.outlets import mbox_outlet
from gateway.exchange.records import beside, header_line, mail_line, move_line
from gateway.flow import exporting, held, importing, repair
from gateway.flow.explain import explain
from gateway.flow.importing import NOT_KEPT, TOO_LARGE, Outcome, bring_in, open_import
from gateway.flow.publish import find_due, publish
from gateway.flow.reindex import reindex
from gateway.mail.forum import Forum
from gateway.mail.piece import Change, Move, Piece, Record
from gateway.mail.verdict import Decision, Reason, Verdict
from gateway.store import imports, roster, shelf
from gateway.store.archive import MOVE, POST
from gateway.store.engine import Store
from gateway.store.keep import DECISION, MAIL
from tests.test_flow_publish import reader_in
from tests.test_store import incoming, mail_bytes, put, quiet_log, rows  # noqa: F401 - a fixture

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)


@dataclass
class FakeArchive:
    """Mails in memory. `breaks` ends the archive with an interrupt after so many."""

    mails: Sequence[bytes | None]
    source: str = "fake"
    moves: Sequence[Move] = ()
    changes: Sequence[Change] = ()
    records: dict[bytes, Record] = field(default_factory=dict)
    breaks: int | None = None
    size: int = 0
    read: int = 0

    def pieces(self) -> Iterator[Piece]:
        for number, raw in enumerate(self.mails):
            if number == self.breaks:
                raise KeyboardInterrupt
            self.read += 1
            yield Piece(raw, NOON + timedelta(minutes=number), 1, f"mail {number}")

    def find(self, raw: bytes) -> tuple[bytes, Record | None]:
        return raw, self.records.get(raw)


@pytest.fixture
def town(store: Store) -> Forum:
    forum = Forum(id=uuid7(), name="town", domain="gw.example", title="Town")
    roster.add_forum(store, forum)
    return forum


def take(store: Store, forum: Forum, archive: Any, *, is_news: bool = False) -> list[Outcome]:
    told: list[Outcome] = []
    run = open_import(store, forum, archive, getattr(archive, "highest", 0), NOON, uuid7)
    bring_in(store, forum, archive, run, is_news=is_news, now=NOON, new_id=uuid7, told=told.append)
    return told


def seen(store: Store, forum: Forum) -> list[str]:
    with store.read() as db:
        return sorted(one.head.msgid for one in shelf.list_threads(db, forum.id, 100))


def test_it_takes_what_live_mail_would_have_held_and_tells_of_each(store: Store, town: Forum) -> None:
    told = take(
        store,
        town,
        FakeArchive(
            [
                mail_bytes("1@x", Precedence="bulk"),
                mail_bytes("2@x", Auto_Submitted="auto-replied"),
                mail_bytes("1@x", Precedence="bulk"),
                b"Received: x\r\n" * 51 + mail_bytes("3@x"),
                None,
                b"Message-ID: <5@x>\r\nDate: soon\r\n\r\nHi\r\n",
                mail_bytes("6@x", body="x" * 300_000),
            ]
        ),
    )
    assert [(one.msgid, one.result) for one in told if one.piece.raw] == [
        ("1@x", Reason.POSTED),
        ("2@x", Reason.POSTED),
        ("1@x", Reason.DUPLICATE),
        ("3@x", Reason.POSTED),
        ("5@x", Reason.POSTED),
        ("6@x", Reason.POSTED),
    ]
    assert [(one.piece.where, one.result) for one in told if not one.piece.raw] == [("mail 4", TOO_LARGE)]
    assert [one.piece.where for one in told if one.is_odd] == ["mail 4", "mail 5"]
    assert [one.notes for one in told if one.piece.where == "mail 5"] == [("no date that can be read",)]
    assert {row.via for row in rows(store, MAIL)} == {"import"}


def test_what_came_by_an_import_that_has_not_ended_is_nowhere_to_be_seen(store: Store, town: Forum) -> None:
    put(store, incoming(town, mail_bytes("live@x", In_Reply_To="<1@x>")))
    with pytest.raises(KeyboardInterrupt):
        take(store, town, FakeArchive([mail_bytes("1@x"), mail_bytes("2@x")] * 150, breaks=250))
    assert len(rows(store, POST)) == 3
    assert seen(store, town) == ["live@x"]
    with store.read() as db:
        assert shelf.find_post(db, town.id, "1@x") is None
        [thread] = {row.thread_id for row in db.execute(select(POST.c.thread_id).where(POST.c.msgid == "1@x"))}
        assert [post.msgid for post in shelf.posts_of_threads(db, town.id, [thread])[thread]] == ["live@x"]
    [found] = explain(store, town, "1@x")
    assert found.verdict == Verdict.ACCEPT
    assert publish(store, town, NOON, uuid7) == 1
    take(store, town, FakeArchive([mail_bytes("1@x"), mail_bytes("2@x")] * 150))
    assert seen(store, town) == ["1@x", "2@x"]


def test_it_goes_on_where_it_was_broken_off(store: Store, town: Forum) -> None:
    mails = [mail_bytes(f"{number}@x") for number in range(500)]
    with pytest.raises(KeyboardInterrupt):
        take(store, town, FakeArchive(mails, breaks=450))
    told = take(store, town, FakeArchive(mails))
    assert [one.msgid for one in told] == [f"{number}@x" for number in range(500)][-len(told) :]
    assert len(told) < 500
    assert {one.result for one in told} == {Reason.POSTED}
    assert len(seen(store, town)) == 100
    assert len(rows(store, POST)) == 500
    with store.read() as db:
        assert imports.unfinished(db, town.id) == []


def test_another_archive_of_that_name_is_taken_from_its_beginning(store: Store, town: Forum) -> None:
    with pytest.raises(KeyboardInterrupt):
        take(store, town, FakeArchive([mail_bytes(f"{number}@x") for number in range(500)], breaks=450))
    told = take(store, town, FakeArchive([mail_bytes(f"{number}@y") for number in range(300)]))
    assert len(told) == 300


@pytest.mark.parametrize("is_news", [False, True])
def test_old_mail_is_no_news(store: Store, town: Forum, is_news: bool) -> None:
    member = replace(reader_in("UTC"), forum_id=town.id)
    roster.add_members(store, [member])
    take(store, town, FakeArchive([mail_bytes("1@x")]), is_news=is_news)
    assert publish(store, town, NOON, uuid7) == int(is_news)
    with store.read() as db:
        assert len(find_due(db, town, [member], NOON + timedelta(days=2), at_once=True)) == int(is_news)
    put(store, incoming(town, mail_bytes("2@x")))
    assert publish(store, town, NOON, uuid7) == 1


def test_trouble_is_told_and_keeps_the_import_open(store: Store, town: Forum, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = FakeArchive([mail_bytes("1@x")])
    with monkeypatch.context() as broken:
        broken.setattr("gateway.store.writer.keep", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
        assert [one.result for one in take(store, town, archive)] == [NOT_KEPT]
    with store.read() as db:
        assert [one.taken for one in imports.unfinished(db, town.id)] == [0]
    assert [one.result for one in take(store, town, archive)] == [Reason.POSTED]
    assert seen(store, town) == ["1@x"]


def test_a_large_archive_is_read_by_other_processes(store: Store, town: Forum, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "FEW_BYTES", 0)
    monkeypatch.setattr(importing, "RUN", 3)
    mails = [mail_bytes(f"{number}@x", body=f"Body {number}\r\n\r\nAnn wrote:\r\n> quoted") for number in range(20)]
    mails.insert(7, mail_bytes("odd@x", body="x" * 300_000))
    assert [one.msgid for one in take(store, town, FakeArchive(mails))] == [f"{n}@x" for n in range(7)] + ["odd@x"] + [
        f"{n}@x" for n in range(7, 20)
    ]
    with store.read() as db:
        post = shelf.find_post(db, town.id, "3@x")
    assert post is not None
    assert [span.text for span in post.spans] == ["Body 3\n", "Ann wrote:", "quoted"]


def export(store: Store, forum: Forum, path: Path) -> sources.Source:
    """As the command does it."""
    with mbox_outlet(path) as put_mail, beside(path).open("wb") as lines:
        lines.write(header_line())
        for raw, record in exporting.mails(store, forum):
            put_mail(raw, record.received_at)
            lines.write(mail_line(record))
        for move in exporting.moves(store, forum):
            lines.write(move_line(move))
    return sources.mbox(path, Kind.MBOXRD)


OF_POST = (
    *("msgid", "marker", "is_imposter", "parent", "rule", "base", "date", "subject", "spans", "attachments"),
    *("number", "published_at"),
)
OF_MAIL = (
    *("msgid", "content_hash", "received_at", "reverse_path", "forward_path", "via", "peer", "size"),
    *("verdict", "reason"),
)


def all_that_counts(store: Store, forum: Forum) -> tuple[Any, ...]:
    """Everything of a forum but ids."""
    with store.read() as db:
        posts = db.execute(select(POST).where(POST.c.forum_id == forum.id)).all()
        mails = db.execute(select(MAIL).where(MAIL.c.forum_id == forum.id)).all()
        decisions = db.execute(select(DECISION).where(DECISION.c.forum_id == forum.id)).all()
        moves = db.execute(select(MOVE).where(MOVE.c.forum_id == forum.id).order_by(MOVE.c.id)).all()
        threads: dict[UUID, set[str]] = {}
        for post in posts:
            threads.setdefault(post.thread_id, set()).add(post.marker)
    return (
        sorted(tuple(str(getattr(post, name)) for name in OF_POST) for post in posts),
        sorted(tuple(str(getattr(mail, name)) for name in OF_MAIL) for mail in mails),
        sorted((one.at, one.verdict, one.reason) for one in decisions),
        [(one.msgid, one.parent, one.is_undone, one.at) for one in moves],
        sorted(map(sorted, threads.values())),
    )


def test_a_forum_comes_back_from_its_export_as_it_was(store: Store, town: Forum, tmp_path: Path) -> None:
    """Envelopes, held and discarded mail, decisions and moves by hand, publication numbers, imposters."""
    put(
        store,
        incoming(town, mail_bytes("1@x"), received_at=NOON),
        incoming(town, mail_bytes("2@x", In_Reply_To="<1@x>"), received_at=NOON),
        incoming(town, mail_bytes("3@x", In_Reply_To="<ghost@x>"), received_at=NOON),
        incoming(town, mail_bytes("1@x", body="Other\r\n> From me\r\nFrom me"), received_at=NOON + timedelta(hours=1)),
        incoming(town, mail_bytes("4@x"), received_at=NOON, decision=Decision(Verdict.HOLD, Reason.BULK)),
        incoming(town, mail_bytes("5@x"), received_at=NOON, decision=Decision(Verdict.HOLD, Reason.BULK)),
        incoming(town, mail_bytes("6@x"), received_at=NOON, decision=Decision(Verdict.HOLD, Reason.BULK)),
        incoming(town, b"Message-ID: <7@x>\nSubject: Re: no end\n\nno end", received_at=NOON),
    )
    publish(store, town, NOON, uuid7)
    for name, decide in (("4@x", held.release), ("5@x", held.discard)):
        waiting = held.find_held(store, town, name)
        assert waiting is not None
        decide(store, town, waiting, NOON, uuid7)
    with store.read() as db:
        posts = {post.msgid: post for name in ("2@x", "3@x", "7@x") if (post := shelf.find_post(db, town.id, name))}
    repair.move(store, town, posts["2@x"], posts["3@x"], NOON, uuid7)
    repair.move(store, town, posts["7@x"], posts["2@x"], NOON, uuid7)
    repair.move(store, town, posts["3@x"], None, NOON, uuid7)
    repair.undo(store, town, posts["3@x"], NOON, uuid7)

    there = Forum(id=uuid7(), name="there", domain="gw.example", title="There")
    roster.add_forum(store, there)
    member = replace(reader_in("UTC"), forum_id=there.id)
    roster.add_members(store, [member])
    take(store, there, export(store, town, tmp_path / "town.mbox"))

    assert all_that_counts(store, there) == all_that_counts(store, town)
    assert reindex(store, there, uuid7) == 0
    assert publish(store, there, NOON, uuid7) == 1
    with store.read() as db:
        [due] = find_due(db, there, [member], NOON + timedelta(days=2), at_once=True)
        assert sum(map(len, shelf.published_between(db, there.id, due.from_number, due.to_number).values())) == 1


def test_the_same_export_twice_changes_nothing(store: Store, town: Forum, tmp_path: Path) -> None:
    put(store, incoming(town, mail_bytes("1@x")), incoming(town, mail_bytes("2@x")))
    with store.read() as db:
        one, other = (shelf.find_post(db, town.id, name) for name in ("1@x", "2@x"))
    assert one is not None
    assert other is not None
    repair.move(store, town, one, other, NOON, uuid7)
    before = all_that_counts(store, town)
    source = export(store, town, tmp_path / "town.mbox")
    assert {outcome.result for outcome in take(store, town, source)} == {Reason.DUPLICATE}
    assert all_that_counts(store, town) == before


def test_a_forum_with_numbers_of_its_own_takes_no_others(store: Store, town: Forum, tmp_path: Path) -> None:
    put(store, incoming(town, mail_bytes("1@x")))
    publish(store, town, NOON, uuid7)
    source = export(store, town, tmp_path / "town.mbox")
    there = Forum(id=uuid7(), name="there", domain="gw.example", title="There")
    roster.add_forum(store, there)
    put(store, incoming(there, mail_bytes("own@x")))
    publish(store, there, NOON, uuid7)
    take(store, there, source)
    numbers = {row.msgid: row.number for row in rows(store, POST) if row.forum_id == there.id}
    assert numbers == {"own@x": 1, "1@x": 0}
