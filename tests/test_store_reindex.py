"""Reindex: derived rows are made anew from the facts; on a sound store nothing changes, and each kind of damage is repaired."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from random import Random
from typing import Any

import pytest
from sqlalchemy import Connection, delete, insert, select, update
from uuid_utils.compat import uuid7

from gateway.flow import held as holding
from gateway.flow.reindex import reindex
from gateway.mail.forum import Forum
from gateway.store import roster
from gateway.store.archive import CLAIM, GHOST, POST
from gateway.store.engine import Store
from gateway.store.keep import DECISION, MAIL, RAW
from gateway.store.ledger import publish
from tests.test_store import HELD, NOON, incoming, mail_bytes, put, rows

Snapshot = dict[str, Any]


@pytest.fixture
def forum(store: Store) -> Forum:
    """A forum with everything in it: ghosts, imposters, a cycle, a released mail, a held and a discarded one, attachments."""
    made = Forum(id=uuid7(), name="town", domain="gw.example", title="Town")
    roster.add_forum(store, made)
    attached = mail_bytes(
        "file@x",
        body='--b\r\n\r\nSee\r\n--b\r\nContent-Disposition: attachment; filename="a.bin"\r\n\r\nxyz\r\n--b--',
        Content_Type="multipart/mixed; boundary=b",
    )
    mails = [
        mail_bytes("a@x", "Article"),
        mail_bytes("b@x", "Re: Article", In_Reply_To="<a@x>", References="<a@x>"),
        mail_bytes("c@x", "Re: Article", In_Reply_To="<b@x>", References="<a@x> <b@x>"),
        mail_bytes("d@x", "Re: lost", In_Reply_To="<ghost2@x>", References="<ghost1@x> <ghost2@x>"),
        mail_bytes(
            "e@x", "Re: lost", In_Reply_To="<ghost2@x>", References="<ghost3@x> <ghost2@x>", Date="Fri, 2 Jan 2026 10:00:00 +0000"
        ),
        mail_bytes("l1@x", "loop", In_Reply_To="<l2@x>"),
        mail_bytes("l2@x", "loop", In_Reply_To="<l1@x>"),
        mail_bytes("b@x", "Re: Article", "another text", In_Reply_To="<d@x>"),
        attached,
    ]
    items = [incoming(made, data, received_at=NOON + timedelta(minutes=minute)) for minute, data in enumerate(mails)]
    held = [incoming(made, mail_bytes(f"h{n}@x", "held", In_Reply_To="<a@x>"), decision=HELD) for n in range(3)]
    order = [*items, *held]
    Random(3).shuffle(order)
    for item in order:
        put(store, item)
    for name, decide in (("h0@x", holding.release), ("h1@x", holding.discard)):
        one = holding.find_held(store, made, name)
        assert one is not None
        decide(store, made, one, NOON, uuid7)
    with store.write() as db:
        assert publish(db, made.id, NOON) == 10
    return made


def snapshot(store: Store) -> Snapshot:
    """All rows; of thread ids only which posts and ghosts share one."""
    found: Snapshot = {}
    threads: dict[Any, set[Any]] = {}
    for table in (POST, GHOST, CLAIM, MAIL, RAW, DECISION):
        values = [row._asdict() for row in rows(store, table)]
        for row in values:
            if "thread_id" in row:
                threads.setdefault(row.pop("thread_id"), set()).add((table.name, row["msgid"], str(row.get("mail_id"))))
        found[table.name] = sorted(map(repr, values))
    found["threads"] = sorted(sorted(group) for group in threads.values())
    return found


def test_a_sound_store_is_not_touched(store: Store, forum: Forum) -> None:
    before = [list(map(tuple, rows(store, table))) for table in (POST, GHOST, CLAIM, MAIL)]
    assert reindex(store, forum, uuid7) == 0
    assert [list(map(tuple, rows(store, table))) for table in (POST, GHOST, CLAIM, MAIL)] == before


def _set(**values: Any) -> Callable[[Connection], None]:
    return lambda db: _hit(db.execute(update(POST).where(POST.c.msgid == "c@x").values(**values)).rowcount)


def _hit(count: int) -> None:
    assert count > 0


def _ghost(**values: Any) -> Callable[[Connection], None]:
    return lambda db: _hit(db.execute(update(GHOST).where(GHOST.c.msgid == "ghost2@x").values(**values)).rowcount)


def _claim(**values: Any) -> Callable[[Connection], None]:
    return lambda db: _hit(
        db.execute(update(CLAIM).where(CLAIM.c.claimant == "d@x", CLAIM.c.ghost == "ghost2@x").values(**values)).rowcount
    )


def _copy_post(db: Connection) -> None:
    row = db.execute(select(POST).where(POST.c.msgid == "c@x")).one()._asdict()
    db.execute(insert(POST).values(**row | {"id": uuid7(), "marker": "zzzzzzzz"}))


def _swap_markers(db: Connection) -> None:
    one, other = (db.execute(select(POST.c.id, POST.c.marker).where(POST.c.msgid == name)).one() for name in ("c@x", "a@x"))
    for id, marker in ((one.id, "yyyyyyyy"), (other.id, one.marker), (one.id, other.marker)):
        db.execute(update(POST).where(POST.c.id == id).values(marker=marker))


def _fuse(db: Connection) -> None:
    thread = uuid7()
    for table in (POST, GHOST):
        db.execute(update(table).values(thread_id=thread))


def _scatter(db: Connection) -> None:
    for row in db.execute(select(POST.c.id)).all():
        db.execute(update(POST).where(POST.c.id == row.id).values(thread_id=uuid7()))


DAMAGES: dict[str, Callable[[Connection], Any]] = {
    "msgid": _set(msgid="other@x"),
    "marker of others": _set(marker="00000000"),
    "marker too short": _set(marker="0"),
    "imposter": _set(is_imposter=True),
    "no parent": _set(parent=None),
    "another parent": _set(parent="l1@x"),
    "date": _set(date=NOON),
    "author": _set(author_name="Mallory", author_key="m@x"),
    "subject": _set(subject="changed"),
    "text": _set(spans="[]"),
    "attachments": _set(attachments="[]", spans="[]"),
    "attachments lost": lambda db: db.execute(update(POST).where(POST.c.msgid == "file@x").values(attachments="[]")),
    "thread of one": _set(thread_id=uuid7()),
    "threads fused": _fuse,
    "threads scattered": _scatter,
    "imposter taken for first": lambda db: db.execute(update(POST).where(POST.c.msgid == "b@x").values(is_imposter=False)),
    "first taken for imposter": lambda db: db.execute(update(POST).where(POST.c.msgid == "b@x").values(is_imposter=True)),
    "post twice": _copy_post,
    "markers swapped": _swap_markers,
    "ghost gone": lambda db: db.execute(delete(GHOST).where(GHOST.c.msgid == "ghost2@x")),
    "all ghosts gone": lambda db: db.execute(delete(GHOST)),
    "ghost's parent": _ghost(parent="a@x"),
    "ghost's date": _ghost(date=NOON),
    "ghost's claimant": _ghost(claimant="d@x"),
    "ghost's thread": _ghost(thread_id=uuid7()),
    "ghost too many": lambda db: db.execute(
        insert(GHOST).values(
            forum_id=db.execute(select(GHOST.c.forum_id)).scalars().first(),
            msgid="new@x",
            thread_id=uuid7(),
            date=NOON,
            claimant="a@x",
        )
    ),
    "claim gone": lambda db: db.execute(delete(CLAIM).where(CLAIM.c.claimant == "e@x")),
    "claim's next": _claim(next="a@x"),
    "claim's position": _claim(position=7),
    "claim's claimant": _claim(claimant="nobody@x"),
    "verdict": lambda db: db.execute(update(MAIL).where(MAIL.c.msgid == "h0@x").values(verdict="hold", reason="bulk mail")),
    "verdict the other way": lambda db: db.execute(
        update(MAIL).where(MAIL.c.msgid == "h1@x").values(verdict="accept", reason="posted")
    ),
}


def test_damage_is_repaired(store: Store, forum: Forum, subtests: pytest.Subtests) -> None:
    sound = snapshot(store)
    for name, damage in DAMAGES.items():
        with subtests.test(name):
            with store.write() as db:
                damage(db)
            assert snapshot(store) != sound
            assert reindex(store, forum, uuid7) > 0
            assert snapshot(store) == sound
            assert reindex(store, forum, uuid7) == 0


def test_a_lost_post_is_posted_again(store: Store, forum: Forum) -> None:
    """All but its publication number, which was a fact of the lost row: it is told once more."""
    with store.write() as db:
        db.execute(delete(POST))
    assert reindex(store, forum, uuid7) > 0
    assert len(rows(store, POST)) == 10
    assert {row.number for row in rows(store, POST)} == {None}
    assert reindex(store, forum, uuid7) == 0


def test_other_forums_are_left_alone(store: Store, forum: Forum) -> None:
    hall = Forum(id=uuid7(), name="hall", domain="gw.example", title="Hall")
    roster.add_forum(store, hall)
    put(store, incoming(hall, mail_bytes("a@x", "Article")))
    with store.write() as db:
        db.execute(update(POST).values(subject="changed"))
    assert reindex(store, forum, uuid7) == 10
    assert [row.subject for row in rows(store, POST) if row.forum_id == hall.id] == ["changed"]


def test_progress_is_told(store: Store, forum: Forum) -> None:
    told: list[int] = []
    reindex(store, forum, uuid7, told.append)
    assert told == [10]
