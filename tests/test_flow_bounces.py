"""Mail of ours that comes back: counted once, for whom the token says and nobody else; probe, pause, a letter to the owner."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import event, update
from uuid_utils.compat import uuid7

from gateway.flow.bounces import BATCH, read_bounces
from gateway.flow.compose import Composer
from gateway.flow.deliver import LIFE, deliver
from gateway.flow.proving import Means
from gateway.flow.publish import find_due, publish, send_due
from gateway.flow.reading import Reader
from gateway.flow.receive import Receiver
from gateway.flow.reindex import reindex
from gateway.house.working import WorkingHouse
from gateway.mail.address import Address
from gateway.mail.bounce import NO_BOUNCES, Bounces
from gateway.mail.envelope import Envelope, Raw, Via
from gateway.mail.forum import Member
from gateway.mail.token import make_token
from gateway.mail.verdict import Reason, Verdict
from gateway.people.bounces import PROBE_AT
from gateway.render.notices import pause_notice, probe_notice
from gateway.send.courier import Fate, Outcome
from gateway.settings import Settings
from gateway.store import outbox, roster, shelf
from gateway.store.engine import Store
from gateway.store.keep import DECISION, JOURNAL, MAIL, take_bounce
from gateway.store.outbox import LETTER, Letter
from gateway.store.writer import Writer
from tests.conftest import ROOT
from tests.test_flow_publish import DAY, FORUM, KEY, LONDON, NEXT_NOON, TOKYO, FakeCourier, office, parse
from tests.test_store import incoming, mail_bytes, put, quiet_log, rows  # noqa: F401 - a fixture

OWNERS = (Address("owner", "example.org"), Address("deputy", "example.org"))
TOWN = replace(FORUM, owners=OWNERS)
MAILS = ROOT / "tests" / "mails"
ONE_DAY = timedelta(days=1)
REFUSED = Outcome(Fate.BOUNCED, "550 5.1.1 <ann@example.net>: no such user")


@pytest.fixture
def town(store: Store) -> Store:
    roster.add_forum(store, TOWN)
    roster.add_members(store, [LONDON, TOKYO])
    return store


def letter(member: Member = LONDON, at: datetime = NEXT_NOON) -> Letter:
    return Letter(
        id=uuid7(),
        forum_id=TOWN.id,
        kind=outbox.Kind.NOTICE,
        text="Subject\n\ntext",
        member_id=member.id,
        recipient=str(member.address),
        at=at,
    )


def return_path(store: Store, sent: Letter) -> Address:
    """The envelope sender that the letter goes out with."""
    return Composer(store, KEY).compose(TOWN, sent, LONDON.address).reverse_path


def give_back(store: Store, to: Address, name: str = "bounce-failed.eml", at: datetime = NEXT_NOON, sender: str = "") -> str:
    """That mail comes by the front door, a different one each time; the reason why it was kept."""
    raw = (MAILS / name).read_bytes().replace(b"Message-ID: <", f"Message-ID: <{uuid7().hex}.".encode())
    return receive(store, to, raw, at, sender)


def receive(store: Store, to: Address, raw: bytes, at: datetime = NEXT_NOON, sender: str = "") -> str:
    receiver = Receiver(store, Writer(store, uuid7), Reader(), Means(key=bytes(32)))
    destination = receiver.route(to)
    assert destination is not None
    local, _, domain = sender.partition("@")
    path = Address(local, domain) if sender else None
    envelope = Envelope(reverse_path=path, forward_paths=(to,), received_at=at, via=Via.SMTP)
    [decision] = receiver.submit(envelope, Raw.of(raw), (destination,)).result(20)
    receiver.close()
    return decision.reason


def read(store: Store, now: datetime = NEXT_NOON) -> int:
    return read_bounces(store, TOWN, KEY, now, uuid7)


def bounces_of(store: Store, member: Member = LONDON) -> Bounces:
    found = roster.find_member(store, TOWN.id, member.address)
    assert found is not None
    return found.bounces


def said(store: Store) -> list[str]:
    """The journal about bounces."""
    return [row.detail for row in sorted(rows(store, JOURNAL), key=lambda row: row.id) if row.verb == "bounced"]


def nearly(store: Store, member: Member = LONDON, score: float = PROBE_AT) -> None:
    """One more hard bounce, and a probe is sent."""
    with store.write() as db:
        roster.keep_bounces(db, TOWN.id, member.id, Bounces(score=score, bounced_at=NEXT_NOON - ONE_DAY))


def probed(store: Store) -> Letter:
    """The probe, after it was put into the outbox by a bounce."""
    nearly(store)
    give_back(store, return_path(store, letter()))
    assert read(store) == 1
    [row] = rows(store, LETTER)
    assert row.id == bounces_of(store).probe_id
    return Letter(
        id=row.id,
        forum_id=TOWN.id,
        kind=outbox.Kind(row.kind),
        text=row.text,
        member_id=row.member_id,
        recipient=row.recipient,
        at=row.at,
    )


def test_a_bounce_counts_once(town: Store) -> None:
    assert give_back(town, return_path(town, letter())) == Reason.BOUNCE
    assert (read(town), read(town)) == (1, 0)
    assert bounces_of(town) == Bounces(score=1.0, bounced_at=NEXT_NOON)
    assert bounces_of(town, TOKYO) == NO_BOUNCES
    assert said(town) == ["hard 5.1.1, score 1.00, count"]
    [mail] = rows(town, MAIL)
    assert (mail.verdict, mail.reason) == (Verdict.DISCARD, Reason.BOUNCE_READ)
    assert [(row.verdict, row.reason) for row in rows(town, DECISION)] == [(Verdict.DISCARD, Reason.BOUNCE_READ)]
    assert reindex(town, TOWN, uuid7) == 0
    assert read(town) == 0


def test_of_two_who_found_the_same_bounce_one_counts_it(town: Store) -> None:
    give_back(town, return_path(town, letter()))
    with town.read() as db:
        [found] = shelf.unread_bounces(db, TOWN.id, BATCH)
    with town.write() as db:
        assert take_bounce(db, TOWN.id, found.id, NEXT_NOON, uuid7())
    with town.write() as db:
        assert not take_bounce(db, TOWN.id, found.id, NEXT_NOON, uuid7())
    assert len(rows(town, DECISION)) == 1


@pytest.mark.parametrize("sender", ["", "mailer-daemon@mx.example.net"])
def test_the_reverse_path_does_not_matter(town: Store, sender: str) -> None:
    """Of 315 real bounces 116 have one."""
    give_back(town, return_path(town, letter()), sender=sender)
    read(town)
    assert bounces_of(town).score == 1.0


def test_servers_that_change_the_case_of_an_address_are_understood(town: Store) -> None:
    to = return_path(town, letter())
    give_back(town, Address(to.local.upper(), to.domain.upper()))
    read(town)
    assert bounces_of(town).score == 1.0


@pytest.mark.parametrize(
    ("name", "score"), [("bounce-delayed.eml", 0.25), ("bounce-of-qmail.eml", 1.0), ("vacation.eml", 0.0), ("complaint.eml", 0.0)]
)
def test_what_it_says_counts(town: Store, name: str, score: float) -> None:
    give_back(town, return_path(town, letter()), name)
    assert (read(town), read(town)) == (1, 0)
    assert bounces_of(town).score == score
    assert rows(town, LETTER) == []


def forged(**changes: object) -> Address:
    facts = {"key": KEY, "purpose": "bounces", "forum": TOWN.list_id, "member": LONDON.id.bytes[-4:], "expires": NEXT_NOON.date()}
    values = facts | {"marker": b"abcdef"} | changes
    key, purpose, forum = (values.pop(name) for name in ("key", "purpose", "forum"))
    return Address(f"town-bounces+{make_token(key, purpose, forum, **values)}", "example.org")  # type: ignore[arg-type]


FORGED = [
    ("the address alone", Address("town-bounces", "example.org")),
    ("rubbish", Address(f"town-bounces+{'a' * 37}", "example.org")),
    ("another key", forged(key=bytes(32))),
    ("another purpose", forged(purpose="leave")),
    ("another forum", forged(forum="village.example.org")),
    ("too old", forged(expires=(NEXT_NOON - ONE_DAY).date())),
    ("nobody", forged(member=b"none")),
    ("the owner's letter", forged(member=bytes(4))),
]


@pytest.mark.parametrize("to", [address for _, address in FORGED], ids=[name for name, _ in FORGED])
def test_without_a_good_token_it_is_kept_and_counts_for_nobody(town: Store, to: Address) -> None:
    nearly(town)
    before = bounces_of(town)
    assert give_back(town, to) == Reason.BOUNCE
    assert (read(town), read(town)) == (1, 0)
    assert bounces_of(town) == before
    assert bounces_of(town, TOKYO) == NO_BOUNCES
    assert rows(town, LETTER) == []
    assert len(rows(town, MAIL)) == 1


def test_every_flipped_bit_of_a_token_is_seen(town: Store) -> None:
    good = str(forged()).partition("+")[2].partition("@")[0]
    alphabet = "abcdefghijklmnopqrstuvwxyz234567"
    for place, char in enumerate(good):
        for bit in range(5):
            other = alphabet[alphabet.index(char) ^ 1 << bit]
            put(
                town,
                replace(
                    incoming(TOWN, mail_bytes(f"{place}.{bit}@x")),
                    recipient=Address(f"town-bounces+{good[:place]}{other}{good[place + 1 :]}", "example.org"),
                ),
            )
    with town.write() as db:
        db.execute(update(MAIL).values(verdict=Verdict.DISCARD, reason=Reason.BOUNCE))
    assert [read(town) for _ in range(3)] == [BATCH, 37 * 5 - BATCH, 0]
    assert said(town) == []


def test_members_whose_ids_end_alike_are_told_apart_by_the_letter(town: Store) -> None:
    twin = replace(LONDON, id=UUID(bytes=bytes(12) + LONDON.id.bytes[-4:]), address=Address("twin", "example.org"))
    roster.add_members(town, [twin])
    sent = letter(twin)
    with town.write() as db:
        outbox.put(db, [sent])
    give_back(town, return_path(town, letter()))
    give_back(town, return_path(town, sent))
    assert read(town) == 2
    assert (bounces_of(town).score, bounces_of(town, twin).score) == (0.0, 1.0)


def test_at_the_threshold_a_probe_is_sent(town: Store) -> None:
    probe = probed(town)
    assert (probe.kind, probe.recipient, probe.member_id) == (outbox.Kind.NOTICE, str(LONDON.address), LONDON.id)
    assert said(town)[-1].endswith("probe")
    courier = FakeCourier()
    assert deliver(town, office(courier), NEXT_NOON) == 1
    [(_, recipient, raw)] = courier.carried
    mail = parse(raw)
    assert (recipient, mail["Subject"], mail["Auto-Submitted"]) == (LONDON.address, "Mail to you came back", "auto-generated")
    assert "The last answer of the mail server was 5.1.1." in mail.get_content()


def test_when_the_probe_comes_back_the_member_is_paused_and_the_owners_told(town: Store) -> None:
    probe = probed(town)
    give_back(town, return_path(town, probe), at=NEXT_NOON + timedelta(hours=1))
    assert read(town, NEXT_NOON + timedelta(hours=1)) == 1
    assert bounces_of(town).paused_at == NEXT_NOON + timedelta(hours=1)
    told = [row for row in rows(town, LETTER) if row.id != probe.id]
    assert sorted(row.recipient for row in told) == sorted(map(str, OWNERS))
    courier = FakeCourier()
    deliver(town, office(courier), NEXT_NOON + timedelta(hours=2))
    texts = {str(recipient): parse(raw) for _, recipient, raw in courier.carried}
    mail = texts["owner@example.org"]
    assert mail["Subject"] == f"No more mail to {LONDON.handle}: it comes back"
    assert str(LONDON.address) not in mail.as_string()
    # what comes back to the owner counts for nobody
    back = [path for path, recipient, _ in courier.carried if recipient == OWNERS[0]]
    give_back(town, back[0], at=NEXT_NOON + ONE_DAY)
    give_back(town, return_path(town, probe), at=NEXT_NOON + ONE_DAY)
    assert read(town, NEXT_NOON + ONE_DAY) == 2
    assert len(rows(town, LETTER)) == 3


def test_a_paused_member_is_told_what_came_meanwhile_when_it_is_taken_back(town: Store) -> None:
    give_back(town, return_path(town, probed(town)))
    read(town)
    put(town, incoming(TOWN, mail_bytes(), received_at=DAY))
    publish(town, TOWN, NEXT_NOON, uuid7)
    later = NEXT_NOON + ONE_DAY
    members = roster.list_members(town, TOWN.id)
    with town.read() as db:
        assert [due.member.id for due in find_due(db, TOWN, members, later, at_once=True)] == [TOKYO.id]
    assert send_due(town, TOWN, later, uuid7) == 1
    [paused] = [member for member in members if member.id == LONDON.id]
    roster.change_member(town, replace(paused, hour=8))
    assert bounces_of(town).paused_at is not None
    roster.change_member(town, replace(paused, bounces=NO_BOUNCES))
    assert bounces_of(town) == NO_BOUNCES
    assert send_due(town, TOWN, later, uuid7) == 1


def refuse(store: Store, sent: Letter, outcome: Outcome, at: datetime = NEXT_NOON) -> None:
    with store.write() as db:
        outbox.put(db, [sent])
    deliver(store, office(FakeCourier(outcome)), at)


@pytest.mark.parametrize(
    ("outcome", "score"),
    [(REFUSED, 1.0), (Outcome(Fate.DEFERRED, "450 4.2.1 later"), 0.0), (Outcome(Fate.SENT, "250 ok"), 0.0)],
)
def test_a_refusal_of_the_relay_counts_as_a_bounce(town: Store, outcome: Outcome, score: float) -> None:
    refuse(town, letter(), outcome)
    assert bounces_of(town).score == score


def test_a_relay_that_is_down_for_days_is_nobodys_bounce(town: Store) -> None:
    refuse(town, letter(), Outcome(Fate.DEFERRED, "relay: connection lost"), NEXT_NOON + LIFE + ONE_DAY)
    assert [row.state for row in rows(town, LETTER)] == ["bounced"]
    assert bounces_of(town) == NO_BOUNCES


def test_a_refused_probe_pauses(town: Store) -> None:
    nearly(town)
    refuse(town, letter(), REFUSED)
    # in the same run the probe is refused, and then the owners' letters
    assert deliver(town, office(FakeCourier(REFUSED)), NEXT_NOON) == 0
    assert bounces_of(town).paused_at == NEXT_NOON
    assert deliver(town, office(FakeCourier(REFUSED)), NEXT_NOON) == 0
    assert len(rows(town, LETTER)) == 4
    assert {row.state for row in rows(town, LETTER)} == {"bounced"}


def test_a_failure_on_the_way_leaves_the_bounce_unread(town: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """As kill -9 does: nothing, or everything."""
    nearly(town)
    give_back(town, return_path(town, letter()))
    before = bounces_of(town)
    with monkeypatch.context() as patch:
        patch.setattr(outbox, "put", lambda *_: 1 // 0)
        with pytest.raises(ZeroDivisionError):
            read(town)
    assert bounces_of(town) == before
    assert (rows(town, LETTER), rows(town, DECISION), said(town)) == ([], [], [])
    assert read(town) == 1
    assert len(rows(town, LETTER)) == 1


def test_the_house_reads_what_came_back(tmp_path: Path) -> None:
    house = WorkingHouse(Settings(data=tmp_path), now=lambda: NEXT_NOON)
    roster.add_forum(house.store, TOWN)
    roster.add_members(house.store, [LONDON])
    sent = letter()
    with house.office() as office:
        to = Composer(house.store, office.key).compose(TOWN, sent, LONDON.address).reverse_path
        give_back(house.store, to)
        house.tick(office)
    assert bounces_of(house.store).score == 1.0
    house.close()


def test_without_an_owner_a_pause_is_only_written_down(store: Store) -> None:
    roster.add_forum(store, FORUM)
    roster.add_members(store, [LONDON])
    with store.write() as db:
        probe = uuid7()
        roster.keep_bounces(db, FORUM.id, LONDON.id, Bounces(score=5.0, bounced_at=DAY, probe_id=probe, probed_at=DAY))
    give_back(store, return_path(store, replace(letter(), id=probe)))
    assert read_bounces(store, FORUM, KEY, NEXT_NOON, uuid7) == 1
    assert bounces_of(store).paused_at == NEXT_NOON
    assert rows(store, LETTER) == []
    assert said(store) == ["hard 5.1.1, score 4.29, pause"]


def test_unread_bounces_are_found_by_their_index(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path / 'gateway.db'}")
    store.migrate()
    asked: list[tuple[str, tuple[object, ...]]] = []
    with store.read() as db:
        event.listen(db, "before_cursor_execute", lambda *args: asked.append(args[2:4]))
        shelf.unread_bounces(db, TOWN.id, 1)
        query, values = asked[-1]
        plan = str(db.exec_driver_sql(f"EXPLAIN QUERY PLAN {query}", values).all())
    store.close()
    assert "ix_mail_unread_bounces" in plan


def test_notices_keep_their_lines_whatever_the_names() -> None:
    odd = replace(TOWN, title="Wombats\r\nBcc: all@example.org " * 9)
    for notice in (probe_notice(odd, "5.1.1", "de"), probe_notice(odd, "", "en"), pause_notice(odd, "x\r\ny" * 50, "")):
        subject, blank, *lines = notice.splitlines()
        assert subject
        assert blank == ""
        assert all(len(line) <= 78 for line in (subject, *lines)), notice
        assert not any(line.startswith("Bcc:") for line in notice.splitlines())
