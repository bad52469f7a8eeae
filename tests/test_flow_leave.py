"""Leaving by a token: who leaves, who does not, what is dropped; a digest run of the same moment tells nobody who left."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from uuid_utils.compat import uuid7

from gateway.flow.deliver import deliver
from gateway.flow.held import list_held
from gateway.flow.leave import leave_by_click, leave_by_mail
from gateway.flow.proving import Means
from gateway.flow.publish import publish, send_due
from gateway.flow.reading import Reader
from gateway.flow.receive import Receiver
from gateway.mail.address import Address, parse_address
from gateway.mail.envelope import Envelope, Raw, Via
from gateway.mail.forum import Forum, Member
from gateway.mail.token import make_token
from gateway.store import outbox, roster
from gateway.store.engine import Store
from gateway.store.keep import JOURNAL, MAIL
from gateway.store.outbox import LETTER
from gateway.store.roster import MEMBER
from gateway.store.writer import Writer
from tests.test_flow_publish import EVENING, FORUM, KEY, LONDON, NEXT_NOON, YORK, FakeCourier, office, parse
from tests.test_store import incoming, mail_bytes, put, quiet_log, rows  # noqa: F401 - a fixture

OTHER = Forum(id=uuid7(), name="village", domain="example.org", title="Village")
LATER = NEXT_NOON + timedelta(days=1)
GERMAN = replace(LONDON, id=uuid7(), address=Address("berlin", "example.org"), language="de")


def token(
    member: Member = LONDON, *, key: bytes = KEY, purpose: str = "leave", forum: Forum = FORUM, expires: datetime = LATER
) -> str:
    return make_token(key, purpose, forum.list_id, marker=bytes(6), member=member.id.bytes[-4:], expires=expires.date())


@pytest.fixture
def town(store: Store) -> Store:
    """Two forums, members in one, and a digest for each in the outbox."""
    roster.add_forum(store, FORUM)
    roster.add_forum(store, OTHER)
    roster.add_members(store, [LONDON, YORK, GERMAN])
    put(store, incoming(FORUM, mail_bytes(Date="Mon, 2 Mar 2026 20:00:00 +0000"), received_at=EVENING))
    publish(store, FORUM, EVENING, uuid7)
    assert send_due(store, FORUM, NEXT_NOON, uuid7) == 3
    return store


def click(store: Store, word: str, list_id: str = FORUM.list_id, now: datetime = NEXT_NOON) -> None:
    leave_by_click(store, KEY, list_id, word, now, uuid7)


def readers(store: Store) -> set[str]:
    return {row.address for row in rows(store, MEMBER) if row.has_digest}


def state(store: Store) -> list[object]:
    return [sorted(map(tuple, rows(store, table)), key=repr) for table in (MEMBER, LETTER, JOURNAL)]


EVERYBODY = {str(member.address) for member in (LONDON, YORK, GERMAN)}


def test_a_click_leaves_and_drops_what_waits(town: Store) -> None:
    click(town, token().upper())
    assert readers(town) == EVERYBODY - {str(LONDON.address)}
    states = {row.recipient: (row.state, row.last_reply) for row in rows(town, LETTER)}
    assert states.pop(str(LONDON.address)) == ("dropped", "the member left")
    assert set(states.values()) == {("ready", "")}
    [line] = [row for row in rows(town, JOURNAL) if row.verb == "left"]
    assert (line.subject_id, line.detail, line.at) == (LONDON.id, "one-click, 1 letters dropped", NEXT_NOON)
    courier = FakeCourier()
    deliver(town, office(courier), NEXT_NOON)
    assert {str(to) for _, to, _ in courier.carried} == EVERYBODY - {str(LONDON.address)}


def test_a_second_click_changes_nothing(town: Store) -> None:
    click(town, token())
    before = state(town)
    click(town, token(), now=NEXT_NOON + timedelta(minutes=1))
    assert state(town) == before


BAD: list[tuple[str, str, str]] = [
    ("other purpose", token(purpose="bounces"), FORUM.list_id),
    ("purpose of a digest", token(purpose="digest"), FORUM.list_id),
    ("other forum's token", token(forum=OTHER), FORUM.list_id),
    ("token at the other forum", token(), OTHER.list_id),
    ("other forum, its token", token(forum=OTHER), OTHER.list_id),
    ("no such forum", token(), "nowhere.example.org"),
    ("another key", token(key=bytes(32)), FORUM.list_id),
    ("expired", token(expires=NEXT_NOON - timedelta(days=1)), FORUM.list_id),
    ("no such member", token(replace(LONDON, id=UUID(int=7))), FORUM.list_id),
    ("empty", "", FORUM.list_id),
    ("too long", token() + "a", FORUM.list_id),
    ("too short", token()[:-1], FORUM.list_id),
    ("not ASCII", "ſ" * 37, FORUM.list_id),
    ("list id in capitals", token(), FORUM.list_id.upper()),
]


def test_a_token_that_is_not_good_changes_nothing(town: Store) -> None:
    before = state(town)
    for name, word, list_id in BAD:
        click(town, word, list_id)
        assert state(town) == before, name


def test_no_single_bit_may_be_wrong(town: Store) -> None:
    data = base64.b32decode(token().upper() + "===")
    before = state(town)
    for bit in range(len(data) * 8):
        flipped = bytes(byte ^ (0x80 >> bit % 8 if index == bit // 8 else 0) for index, byte in enumerate(data))
        click(town, base64.b32encode(flipped).decode().rstrip("=").lower())
    assert state(town) == before
    click(town, token())
    assert state(town) != before


def test_two_members_whose_ids_end_alike_are_nobody(town: Store) -> None:
    twin = replace(LONDON, id=UUID(bytes=uuid7().bytes[:12] + LONDON.id.bytes[-4:]), address=Address("twin", "example.org"))
    roster.add_members(town, [twin])
    before = state(town)
    click(town, token())
    assert state(town) == before


def test_a_letter_in_the_couriers_hands_is_not_tried_again(town: Store) -> None:
    with town.write() as db:
        letters = {letter.member_id: letter for letter in outbox.claim(db, NEXT_NOON, 10)}
    click(town, token())
    with town.write() as db:
        assert not outbox.settle(db, letters[LONDON.id], state=outbox.State.READY, reply="451", due_at=NEXT_NOON)
    assert deliver(town, office(FakeCourier()), LATER) == 2


def test_a_digest_run_of_the_same_moment_does_not_tell_who_left(town: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """The run has read who is a member; then he leaves; then the run takes the lock."""
    put(town, incoming(FORUM, mail_bytes("2@x"), received_at=NEXT_NOON))
    publish(town, FORUM, NEXT_NOON, uuid7)
    read = roster.list_members

    def then_leaves(store: Store, forum_id: UUID) -> list[Member]:
        found = read(store, forum_id)
        click(store, token())
        return found

    monkeypatch.setattr("gateway.store.roster.list_members", then_leaves)
    assert send_due(town, FORUM, LATER, uuid7) == 2
    waiting = [row.recipient for row in rows(town, LETTER) if row.state == "ready"]
    assert str(LONDON.address) not in waiting


def test_who_comes_back_gets_no_old_posts(town: Store) -> None:
    click(town, token())
    put(town, incoming(FORUM, mail_bytes("missed@x"), received_at=NEXT_NOON))
    publish(town, FORUM, NEXT_NOON, uuid7)
    assert send_due(town, FORUM, LATER, uuid7) == 2
    roster.change_member(town, LONDON)
    assert send_due(town, FORUM, LATER, uuid7) == 0
    put(town, incoming(FORUM, mail_bytes("new@x"), received_at=LATER))
    publish(town, FORUM, LATER, uuid7)
    assert send_due(town, FORUM, LATER + timedelta(days=1), uuid7) == 3
    with town.read() as db:
        assert set(roster.cursors(db, FORUM.id).values()) == {3}


def test_a_change_of_who_reads_skips_nothing(town: Store) -> None:
    put(town, incoming(FORUM, mail_bytes("2@x"), received_at=NEXT_NOON))
    publish(town, FORUM, NEXT_NOON, uuid7)
    roster.change_member(town, replace(LONDON, hour=8))
    with town.read() as db:
        assert roster.cursors(db, FORUM.id)[LONDON.id] == 1


Mailed = Callable[..., str]


@pytest.fixture
def mailed(town: Store) -> Mailed:
    """Mails to the local parts, then does what the tick does; the letter that goes out for it, or ""."""

    def run(data: bytes, *locals_: str, reverse_path: str = "anybody@elsewhere.example", now: datetime = NEXT_NOON) -> str:
        receiver = Receiver(town, Writer(town, uuid7), Reader(), Means(key=bytes(32)))
        to = tuple(one for local in locals_ if (one := receiver.route(Address(local, "example.org"))))
        assert len(to) == len(locals_)
        path = parse_address(reverse_path) if reverse_path else None
        envelope = Envelope(reverse_path=path, forward_paths=(), received_at=now, via=Via.SMTP)
        assert receiver.submit(envelope, Raw.of(data), to).result(20)
        receiver.close()
        known = {row.id for row in rows(town, LETTER)}
        leave_by_mail(town, KEY, FORUM, now, uuid7)
        new = [row for row in rows(town, LETTER) if row.id not in known]
        assert all(row.kind == "notice" and row.state == "ready" for row in new)
        return "\n".join(f"{row.recipient}: {row.text}" for row in new)

    return run


def fates(store: Store) -> list[tuple[str, str]]:
    return [(row.verdict, row.reason) for row in sorted(rows(store, MAIL), key=lambda row: row.id) if row.msgid != "1@x"]


def test_a_mail_leaves_whoever_wrote_it(town: Store, mailed: Mailed) -> None:
    said = mailed(mail_bytes("out@x", body=""), f"town-leave+{token()}")
    assert said.startswith(f"{LONDON.address}: You have left Town Talk\n\nAs you asked by mail")
    assert readers(town) == EVERYBODY - {str(LONDON.address)}
    assert fates(town) == [("discard", "left")]
    assert [row.detail for row in rows(town, JOURNAL) if row.verb == "left"] == ["mail, 1 letters dropped"]
    assert mailed(mail_bytes("again@x", body=""), f"town-leave+{token()}") == ""
    assert publish(town, FORUM, NEXT_NOON, uuid7) == 0
    courier = FakeCourier()
    deliver(town, office(courier), NEXT_NOON)
    [raw] = [raw for _, to, raw in courier.carried if to == LONDON.address]
    letter = parse(raw)
    assert (letter["Subject"], letter["Auto-Submitted"]) == ("You have left Town Talk", "auto-generated")


def test_the_letter_is_in_the_members_language(mailed: Mailed) -> None:
    assert "Sie haben Town Talk verlassen\n\nWie per Mail" in mailed(mail_bytes("out@x"), f"town+leave-{token(GERMAN).upper()}")


PROGRAMS = [
    (mail_bytes("out@x", Auto_Submitted="auto-replied"), "responder@elsewhere.example"),
    (mail_bytes("out@x", Auto_Submitted="auto-generated"), "tool@elsewhere.example"),
    (mail_bytes("out@x"), ""),
    (mail_bytes("out@x", subject="Automatic reply: digest"), "ann@elsewhere.example"),
]


@pytest.mark.parametrize(("data", "reverse_path"), PROGRAMS)
def test_a_programs_mail_leaves_and_gets_no_answer(town: Store, mailed: Mailed, data: bytes, reverse_path: str) -> None:
    assert mailed(data, f"town-leave+{token()}", reverse_path=reverse_path) == ""
    assert readers(town) == EVERYBODY - {str(LONDON.address)}
    assert fates(town) == [("discard", "left")]


def test_a_bad_token_goes_to_the_owner(town: Store, mailed: Mailed) -> None:
    words = [token(purpose="bounces"), token(forum=OTHER), "a" * 37, token(expires=NEXT_NOON - timedelta(days=1))]
    for number, word in enumerate(words):
        assert mailed(mail_bytes(f"{number}@bad"), f"town-leave+{word}") == ""
    assert mailed(mail_bytes("tool@bad", Auto_Submitted="auto-replied"), f"town-leave+{'b' * 37}") == ""
    assert readers(town) == EVERYBODY
    assert fates(town) == [("hold", "for the owners")] * 4 + [("discard", "automatic mail")]
    assert len(list_held(town, FORUM)) == 4


def test_no_leaving_is_lost_as_a_duplicate(town: Store, mailed: Mailed) -> None:
    """One mail to the forum and to two addresses to leave, and the same bytes once more."""
    local = [f"town-leave+{token(member)}" for member in (LONDON, YORK)]
    assert mailed(mail_bytes("out@x"), "town", *local).count("You have left") == 2
    assert readers(town) == {str(GERMAN.address)}
    assert sorted(fates(town)) == [("accept", "posted"), ("discard", "left"), ("discard", "left")]
    assert mailed(mail_bytes("out@x"), "town", *local) == ""
    assert len(fates(town)) == 3
