"""The memory: bytes come back as they came, one mail is kept once, decisions are facts; all on both engines."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import structlog
from sqlalchemy import select, update
from uuid_utils.compat import uuid7

import gateway.store.incoming as keeping
from gateway.flow import held as holding
from gateway.mail.address import Address
from gateway.mail.envelope import Envelope, Raw, Via
from gateway.mail.forum import Forum
from gateway.mail.verdict import ACCEPTED, Decision, Reason, Verdict
from gateway.parse.message import parse_message
from gateway.store import roster, shelf
from gateway.store.archive import POST
from gateway.store.engine import Store
from gateway.store.incoming import Incoming, marker_digits
from gateway.store.keep import DECISION, JOURNAL, MAIL, RAW, keep

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
HELD = Decision(Verdict.HOLD, Reason.OTHER_LIST)


@pytest.fixture(autouse=True)
def quiet_log() -> Iterator[None]:
    """Tracebacks of structlog's default show what all variables hold, which takes seconds."""
    structlog.configure(processors=[structlog.processors.format_exc_info, structlog.processors.JSONRenderer()])
    yield
    structlog.reset_defaults()


@pytest.fixture
def forum(store: Store) -> Forum:
    made = Forum(id=uuid7(), name="town", domain="gw.example", title="Town", mirrors=("a.example",))
    roster.add_forum(store, made)
    return made


def mail_bytes(msgid: str = "1@x", subject: str = "Hello", body: str = "Hi", **fields: str) -> bytes:
    header = {
        "From": "Ann <ann@x.example>",
        "Subject": subject,
        "Message-ID": f"<{msgid}>",
        "Date": "Fri, 2 Jan 2026 11:00:00 +0000",
    }
    names = {name.replace("_", "-"): value for name, value in fields.items()}
    lines = [f"{name}: {value}" for name, value in (header | names).items()]
    return "\r\n".join([*lines, "", body, ""]).encode("utf-8", "surrogateescape")


def incoming(
    forum: Forum,
    data: bytes | Raw,
    *,
    decision: Decision = ACCEPTED,
    received_at: datetime = NOON,
    reverse_path: str = "ann@x.example",
) -> Incoming:
    raw = data if isinstance(data, Raw) else Raw.of(data)
    local, _, domain = reverse_path.partition("@")
    envelope = Envelope(
        reverse_path=Address(local, domain) if reverse_path else None,
        forward_paths=(forum.address,),
        received_at=received_at,
        via=Via.SMTP,
        peer="192.0.2.1",
    )
    message = parse_message(raw.read())
    return Incoming.of(forum=forum, recipient=forum.address, envelope=envelope, message=message, raw=raw, decision=decision)


def put(store: Store, *items: Incoming) -> list[bool]:
    with store.write() as db:
        return keep(db, items, uuid7)


def rows(store: Store, table: Any) -> list[Any]:
    with store.read() as db:
        return list(db.execute(select(table)))


def raw_of(store: Store, forum: Forum, msgid: str) -> bytes:
    with store.read() as db:
        mail_id = db.execute(select(MAIL.c.id).where(MAIL.c.msgid == msgid)).scalar_one()
        return shelf.raw_of(db, forum.id, mail_id)


ODD_BYTES = [
    b"",
    b"\x00",
    b"no header at all",
    bytes(range(256)) * 4,
    b"Subject: a\n\nbare LF\n",
    b"Subject: a\r\rbare CR\r",
    b"\xff\xfe\x00" * 1000,
    mail_bytes(body="x" * (1 << 20)),
]


def test_bytes_come_back_as_they_came(store: Store, forum: Forum) -> None:
    for data in ODD_BYTES:
        item = incoming(forum, data)
        put(store, item)
        assert raw_of(store, forum, item.message.msgid) == data


def test_a_spooled_mail_comes_back_in_pieces(store: Store, forum: Forum, tmp_path: Path) -> None:
    data = mail_bytes() + b"".join(f"{index}\r\n".encode() for index in range(500_000))
    assert len(data) > 3 << 20
    path = tmp_path / "spool"
    path.write_bytes(data)
    put(store, incoming(forum, Raw(size=len(data), path=path)))
    with store.read() as db:
        mail_id = db.execute(select(MAIL.c.id)).scalar_one()
        pieces = list(shelf.raw_chunks(db, forum.id, mail_id))
    assert b"".join(pieces) == data
    assert len(pieces) == 4
    assert path.exists()


def test_the_envelope_is_kept(store: Store, forum: Forum) -> None:
    put(store, incoming(forum, mail_bytes()), incoming(forum, mail_bytes("2@x"), reverse_path=""))
    one, other = sorted(rows(store, MAIL), key=lambda row: str(row.msgid))
    assert (one.reverse_path, one.forward_path, one.via, one.peer) == ("ann@x.example", "town@gw.example", "smtp", "192.0.2.1")
    assert (one.received_at, one.size) == (NOON, len(mail_bytes()))
    assert one.received_at.utcoffset() == timedelta(0)
    assert other.reverse_path is None


def test_a_duplicate_is_kept_once(store: Store, forum: Forum) -> None:
    item = incoming(forum, mail_bytes())
    again = incoming(forum, b"Received: by another way\r\n" + mail_bytes(), received_at=NOON + timedelta(hours=1))
    assert put(store, item, item) == [True, False]
    assert put(store, again, incoming(forum, mail_bytes("2@x"))) == [False, True]
    assert len(rows(store, MAIL)) == len(rows(store, POST)) == len(rows(store, RAW)) == len(rows(store, JOURNAL)) == 2
    assert raw_of(store, forum, "1@x") == mail_bytes()


def test_the_same_mail_in_two_forums_is_two_posts(store: Store, forum: Forum) -> None:
    hall = Forum(id=uuid7(), name="hall", domain="gw.example", title="Hall")
    roster.add_forum(store, hall)
    assert put(store, incoming(forum, mail_bytes()), incoming(hall, mail_bytes())) == [True, True]
    assert {row.forum_id for row in rows(store, POST)} == {forum.id, hall.id}
    assert len({row.marker for row in rows(store, POST)}) == 1


@pytest.mark.parametrize("is_one_batch", [True, False])
@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_of_imposters_the_earliest_received_is_first(
    store: Store, forum: Forum, order: Sequence[int], is_one_batch: bool
) -> None:
    """Each answers another article; the headers of the first count, the others are leaves under it."""
    items = [incoming(forum, mail_bytes(f"a{n}@x")) for n in range(3)]
    for n in range(3):
        data = mail_bytes("same@x", body=f"text {n}", In_Reply_To=f"<a{n}@x>")
        items.append(incoming(forum, data, received_at=NOON + timedelta(hours=n)))
    mixed = [*items[:3], *(items[3 + n] for n in order)]
    if is_one_batch:
        put(store, *mixed)
    else:
        for item in mixed:
            put(store, item)
    found = {row.spans: row for row in rows(store, POST) if row.msgid == "same@x"}
    by_text = [next(row for spans, row in found.items() if f"text {n}" in spans) for n in range(3)]
    assert [row.is_imposter for row in by_text] == [False, True, True]
    assert [row.parent for row in by_text] == ["a0@x", "same@x", "same@x"]
    assert len({row.thread_id for row in by_text}) == 1
    [article] = [row for row in rows(store, POST) if row.msgid == "a0@x"]
    assert by_text[0].thread_id == article.thread_id


def test_markers_have_eight_crockford_digits(store: Store, forum: Forum) -> None:
    put(store, *(incoming(forum, mail_bytes(f"{n}@x")) for n in range(50)))
    markers = [row.marker for row in rows(store, POST)]
    assert len(set(markers)) == 50
    assert all(re.fullmatch("[0-9abcdefghjkmnpqrstvwxyz]{8}", marker) for marker in markers)
    digits = marker_digits("1@x", b"1" * 32, 0)
    assert len(digits) == 20
    assert (
        len({digits, marker_digits("2@x", b"1" * 32, 0), marker_digits("1@x", b"2" * 32, 0), marker_digits("1@x", b"1" * 32, 1)})
        == 4
    )


@pytest.mark.parametrize("is_one_batch", [True, False])
def test_a_marker_that_is_taken_gets_one_digit_more(
    store: Store, forum: Forum, monkeypatch: pytest.MonkeyPatch, is_one_batch: bool
) -> None:
    real = marker_digits
    # The first ten digits of all are alike.
    monkeypatch.setattr(keeping, "marker_digits", lambda msgid, digest, piece: "k3f9x2ma77" + real(msgid, digest, piece)[:10])
    items = [incoming(forum, mail_bytes(f"{n}@x")) for n in range(4)]
    kept = put(store, *items) if is_one_batch else [put(store, item)[0] for item in items]
    assert kept == [True] * 4
    markers = {row.msgid: row.marker for row in rows(store, POST)}
    assert [markers[f"{n}@x"][:10] for n in range(4)] == ["k3f9x2ma", "k3f9x2ma7", "k3f9x2ma77", "k3f9x2ma77"]
    assert [len(markers[f"{n}@x"]) for n in range(4)] == [8, 9, 10, 11]


def test_release_is_a_fact(store: Store, forum: Forum) -> None:
    put(store, incoming(forum, mail_bytes(), decision=HELD), incoming(forum, mail_bytes("2@x", In_Reply_To="<1@x>")))
    assert [row.msgid for row in rows(store, POST)] == ["2@x"]
    [one] = holding.list_held(store, forum)
    assert holding.find_held(store, forum, f"[#{one.marker.upper()}]") == holding.find_held(store, forum, "<1@x>") == one
    assert holding.find_held(store, forum, "2@x") is None
    later = NOON + timedelta(days=2)
    holding.release(store, forum, one, later, uuid7)
    assert holding.list_held(store, forum) == []
    [fact] = rows(store, DECISION)
    assert (fact.mail_id, fact.at, fact.verdict, fact.reason) == (one.mail.id, later, "accept", "decided by hand")
    posts = {row.msgid: row for row in rows(store, POST)}
    assert posts["1@x"].marker == one.marker
    assert posts["1@x"].date == datetime(2026, 1, 2, 11, tzinfo=UTC)
    assert posts["1@x"].thread_id == posts["2@x"].thread_id
    assert [row.verb for row in sorted(rows(store, JOURNAL), key=lambda row: row.at)] in (
        ["held", "placed", "placed"],
        ["placed", "held", "placed"],
    )
    assert next(row for row in rows(store, MAIL) if row.msgid == "1@x").verdict == "accept"


def test_discard_is_a_fact_and_the_mail_stays(store: Store, forum: Forum) -> None:
    put(store, incoming(forum, mail_bytes(), decision=HELD))
    [one] = holding.list_held(store, forum)
    holding.discard(store, forum, one, NOON, uuid7)
    assert (holding.list_held(store, forum), rows(store, POST)) == ([], [])
    [fact] = rows(store, DECISION)
    assert (fact.verdict, fact.reason) == ("discard", "decided by hand")
    assert {row.verb for row in rows(store, JOURNAL)} == {"held", "discarded"}
    assert raw_of(store, forum, "1@x") == mail_bytes()


def test_a_held_mail_is_a_duplicate_when_it_comes_again(store: Store, forum: Forum) -> None:
    put(store, incoming(forum, mail_bytes(), decision=HELD))
    assert put(store, incoming(forum, mail_bytes())) == [False]
    assert rows(store, POST) == []


def test_a_held_mail_makes_no_imposter(store: Store, forum: Forum) -> None:
    put(store, incoming(forum, mail_bytes(body="held"), decision=HELD, received_at=NOON - timedelta(days=1)))
    put(store, incoming(forum, mail_bytes(body="posted")))
    [row] = rows(store, POST)
    assert not row.is_imposter
    holding.release(store, forum, holding.list_held(store, forum)[0], NOON, uuid7)
    found = {row.is_imposter: row.spans for row in rows(store, POST)}
    # Received earlier, it is the first now.
    assert "held" in found[False]
    assert "posted" in found[True]


HOSTILE = [
    "'; DROP TABLE post; --",
    "%s %(msgid)s {0} :msgid ?",
    "\x00nul\x00",
    "\udcff\udcfe raw bytes",
    "\ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16"),
    "\u202ereversed\u2028\u2029",
    "\\x41\\u0041\\000",
    '{"a": "b"} [1, 2]',
    "a\u0301" * 100 + "\U0010fffd\ufffd",
    "🧑‍🤝‍🧑" * 50,
    "\x1b[31mred\x07",
    "word " * 20_000,
    "x" * 30_000,
]


def test_hostile_text_in_every_field(store: Store, forum: Forum, subtests: pytest.Subtests) -> None:
    for number, evil in enumerate(HOSTILE):
        with subtests.test(number):
            check_hostile(store, forum, evil)


def check_hostile(store: Store, forum: Forum, evil: str) -> None:
    flat = evil.replace("\n", " ").replace("\r", " ")
    data = mail_bytes(
        f"{flat.replace(' ', '')[:200]}@x",
        flat,
        evil,
        From=f'"{flat}" <ann@x.example>',
        In_Reply_To=f"<{flat}@y>",
        References=f"<{flat}@z> <{flat}@y>",
    )
    item = incoming(forum, data, reverse_path="ann@x.example")
    assert put(store, item, incoming(forum, mail_bytes(f"ok{hash(evil)}@x"))) == [True, True]
    assert put(store, item) == [False]
    message = item.message
    with store.read() as db:
        post = shelf.find_post(db, forum.id, message.msgid)
        assert post is not None
        assert shelf.raw_of(db, forum.id, post.mail_id) == data
        assert (post.subject, post.author_name, post.spans) == (message.subject, message.author_name, message.spans)
        assert post.parent == (message.ancestors[0] if message.ancestors else None)
        ghosts = shelf.ghosts_of_threads(db, forum.id, [post.thread_id]).get(post.thread_id, [])
    assert {ghost.msgid for ghost in ghosts} == set(message.ancestors)


def test_the_roster_takes_hostile_text(store: Store) -> None:
    for number, evil in enumerate(HOSTILE):
        title = parse_message(mail_bytes(subject=evil)).subject
        made = Forum(id=uuid7(), name=f"f{number}", domain="gw.example", title=title, mirrors=(title,))
        roster.add_forum(store, made)
        assert roster.find_forum(store, f"F{number}") == made
        with pytest.raises(roster.AlreadyThere, match="exists already"):
            roster.add_forum(store, replace(made, id=uuid7()))


def test_find_post(store: Store, forum: Forum) -> None:
    put(
        store,
        incoming(forum, mail_bytes("1@x", body="a")),
        incoming(forum, mail_bytes("1@x", body="b"), received_at=NOON - timedelta(1)),
    )
    with store.read() as db:
        first = shelf.find_post(db, forum.id, "<1@x>")
        assert first is not None
        assert "b" in first.spans[0].text
        for name in (first.marker, first.marker.upper(), f"[#{first.marker}]", " 1@x "):
            assert shelf.find_post(db, forum.id, name) == first
        assert shelf.find_post(db, forum.id, "none") is None
        assert shelf.find_post(db, uuid7(), "1@x") is None


def test_threads_are_listed_latest_first_with_the_earliest_root_as_head(store: Store, forum: Forum) -> None:
    for msgid, minute, fields in (("a@x", 0, {}), ("b@x", 1, {}), ("c@x", 9, {"In_Reply_To": "<a@x>"})):
        put(store, incoming(forum, mail_bytes(msgid, Date=f"Fri, 2 Jan 2026 11:0{minute}:00 +0000", **fields)))
    with store.read() as db:
        found = shelf.list_threads(db, forum.id, 10)
        assert [(one.head.msgid, one.posts) for one in found] == [("a@x", 2), ("b@x", 1)]
        assert len(shelf.list_threads(db, forum.id, 1)) == 1


def test_publication_numbers_are_not_given_twice(store: Store, forum: Forum) -> None:
    from gateway.store.ledger import publish

    put(store, *(incoming(forum, mail_bytes(f"{n}@x"), received_at=NOON - timedelta(n)) for n in range(3)))
    with store.write() as db:
        assert publish(db, forum.id, NOON) == 3
        assert publish(db, forum.id, NOON) == 0
    put(store, incoming(forum, mail_bytes("3@x"), received_at=NOON - timedelta(30)))
    with store.write() as db:
        assert publish(db, forum.id, NOON) == 1
        db.execute(update(MAIL).values(peer=""))
    assert {row.msgid: row.number for row in rows(store, POST)} == {"2@x": 1, "1@x": 2, "0@x": 3, "3@x": 4}
