"""Joining and leaving by mail: one question, one yes, and nothing to see for anybody who does not read that mailbox."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import update
from uuid_utils.compat import uuid7

from gateway.flow.compose import Composer
from gateway.flow.desk import Desk, attend
from gateway.flow.first_mail import end_waiting
from gateway.flow.handlers import HANDLERS
from gateway.flow.leave import leave_by_mail
from gateway.flow.proving import Means
from gateway.flow.reading import Reader
from gateway.flow.receive import Decisions, Receiver
from gateway.mail.address import Address, parse_address
from gateway.mail.envelope import Envelope, Raw, Via
from gateway.mail.forum import Forum, Member, Policy, Posting, Standing
from gateway.store import outbox, roster
from gateway.store.engine import Store
from gateway.store.keep import MAIL
from gateway.store.outbox import LETTER
from gateway.store.pending import PENDING
from gateway.store.writer import Writer
from tests.test_flow_publish import KEY, NEXT_NOON, parse, reader_in
from tests.test_store import mail_bytes, quiet_log, rows  # noqa: F401 - a fixture

RULES = "Be kind.\nNo spam, no links to what you sell."
TOWN = Forum(
    id=uuid7(),
    name="town",
    domain="example.org",
    title="Town Talk",
    policy=Policy(posting=Posting.PROVED, newcomer_posts=0, house_rules=RULES),
)
ANN = replace(reader_in("Europe/London"), forum_id=TOWN.id, address=Address("ann", "members.example"), handle="Ann")
STRANGER = "Zoe Newcomer <zoe@far.example>"
DAY = timedelta(days=1)


@dataclass
class Town:
    """A forum and its desk; `mail` brings a mail and returns the letters that go out for it."""

    store: Store
    forum: Forum
    now: datetime = NEXT_NOON
    seen: set[object] = field(default_factory=set)
    count: int = 0
    replies: Decisions = ()

    def mail(
        self, local: str, *, peer: str = "192.0.2.1", path: str = "zoe@far.example", body: str = "Hi", **fields: str
    ) -> list[str]:
        self.count += 1
        receiver = Receiver(self.store, Writer(self.store, uuid7), Reader(), Means(key=KEY))
        to = receiver.route(Address(local, "example.org"))
        assert to is not None, local
        envelope = Envelope(
            reverse_path=parse_address(path) if path else None, forward_paths=(), received_at=self.now, via=Via.SMTP, peer=peer
        )
        data = mail_bytes(f"{self.count}@mail", body=body, **({"From": STRANGER} | fields))
        self.replies = receiver.submit(envelope, Raw.of(data), (to,)).result(20)
        receiver.close()
        return self.work()

    def work(self) -> list[str]:
        reader = Reader()
        desk = Desk(self.store, KEY, self.now, uuid7, reader)
        forum = next(one for one in roster.list_forums(self.store) if one.id == self.forum.id)
        leave_by_mail(self.store, KEY, forum, self.now, uuid7)
        attend(desk, forum, HANDLERS)
        end_waiting(desk, forum)
        reader.close()
        new = [row for row in rows(self.store, LETTER) if row.id not in self.seen]
        self.seen |= {row.id for row in new}
        return [f"{row.recipient}: {row.text}" for row in new]

    def answer(self, **fields: str) -> list[str]:
        """Answers the last letter as a mail program would."""
        return self.mail(self.reply_to().local, **fields)

    def reply_to(self) -> Address:
        row = max(rows(self.store, LETTER), key=lambda row: (row.at, row.id))
        names = ("id", "forum_id", "subject_id", "part", "text", "member_id", "recipient", "at")
        letter = outbox.Letter(kind=outbox.Kind(row.kind), **{name: getattr(row, name) for name in names})
        recipient = parse_address(letter.recipient)
        assert recipient is not None
        mail = parse(Composer(self.store, KEY).compose(self.forum, letter, recipient).raw)
        assert mail["Auto-Submitted"] == "auto-generated"
        assert re.fullmatch("[0-9a-f]{52}", mail["X-Gateway-Loop"])
        address = parse_address(mail["Reply-To"])
        assert address is not None
        return address

    def member(self, address: str) -> Member | None:
        found = parse_address(address)
        assert found is not None
        return roster.find_member(self.store, self.forum.id, found)

    def fates(self) -> list[tuple[str, str]]:
        return [(row.verdict, row.reason) for row in sorted(rows(self.store, MAIL), key=lambda row: row.id)]

    def prove(self) -> None:
        """As if all mails so far had come with a proof."""
        with self.store.write() as db:
            db.execute(update(MAIL).values(proof="dkim"))


@pytest.fixture
def town(store: Store) -> Town:
    roster.add_forum(store, TOWN)
    roster.add_members(store, [ANN])
    return Town(store, TOWN)


def test_join_and_welcome(town: Town) -> None:
    [letter] = town.mail("town-join", subject="join digest=weekly zone=Europe/Paris BUY=PILLS")
    assert letter.startswith("zoe@far.example: Do you want to join Town Talk?\n\n")
    assert "weekly digest on Monday at 07:00 Europe/Paris" in letter
    assert not re.search("PILLS|Newcomer|Hi", letter)
    assert str(town.reply_to()) in letter
    assert all(len(line) <= 72 for line in letter.splitlines() if "@" not in line)
    assert town.member("zoe@far.example") is None
    [welcome] = town.answer(body="yes please", subject="Re: Do you want to join Town Talk?")
    assert welcome.startswith("zoe@far.example: Welcome to Town Talk\n\n")
    assert "Zoe Newcomer" in welcome
    assert RULES in welcome
    assert "town-leave@example.org" in welcome
    member = town.member("zoe@far.example")
    assert member is not None
    assert (member.handle, member.rhythm, member.zone.key, member.standing) == (
        "Zoe Newcomer",
        "weekly",
        "Europe/Paris",
        "trusted",
    )
    assert member.joined_at == NEXT_NOON
    assert set(town.fates()) == {("discard", "done")}


@pytest.mark.parametrize("local", ["town-subscribe", "town+join", "Town-Join"])
def test_every_spelling_asks(town: Town, local: str) -> None:
    assert len(town.mail(local, body="")) == 1


def test_one_letter_a_day_and_a_token_is_good_once(town: Town) -> None:
    assert len(town.mail("town-join")) == 1
    address = town.reply_to()
    assert town.mail("town-join") == []
    assert len(town.mail(address.local)) == 1
    before = [tuple(row) for row in rows(town.store, roster.MEMBER)]
    assert town.mail(address.local) == []
    assert [tuple(row) for row in rows(town.store, roster.MEMBER)] == before
    assert town.mail("town-join") == [], "a member gets no letter"
    town.now += DAY
    assert town.mail("town-join") == []


def test_who_left_comes_back_by_joining(town: Town) -> None:
    roster.change_member(town.store, replace(ANN, has_digest=False))
    assert len(town.mail("town-join", From=f"Ann <{ANN.address}>")) == 1
    [welcome] = town.answer(From="anybody@else.example")
    assert welcome.startswith(f"{ANN.address}: Welcome")
    member = town.member(str(ANN.address))
    assert member is not None
    assert (member.has_digest, member.id) == (True, ANN.id)


def test_newcomers_begin_as_new(town: Town) -> None:
    roster.change_forum(town.store, replace(TOWN, policy=replace(TOWN.policy, newcomer_posts=5)))
    town.mail("town-join")
    [welcome] = town.answer()
    assert "first 5 posts" in " ".join(welcome.split())
    member = town.member("zoe@far.example")
    assert member is not None
    assert member.standing is Standing.NEW


def test_a_late_answer_is_told_how_to_ask_again(town: Town) -> None:
    town.mail("town-join")
    address = town.reply_to()
    town.now += timedelta(days=9)
    [letter] = town.mail(address.local)
    assert "zoe@far.example: Your answer came too late" in letter
    assert town.member("zoe@far.example") is None
    assert town.mail(address.local) == [], "one a day"
    assert rows(town.store, PENDING) == []


BAD_TOKENS: list[Callable[[str], str]] = [
    lambda local: local[:-1] + ("a" if local[-1] != "a" else "b"),
    lambda local: local[:20] + ("a" if local[20] != "a" else "b") + local[21:],
    lambda local: "town-confirm+" + "a" * 37,
]


@pytest.mark.parametrize("spoil", BAD_TOKENS)
def test_a_forged_token_does_nothing_and_gets_no_letter(town: Town, spoil: Callable[[str], str]) -> None:
    town.mail("town-join")
    assert town.mail(spoil(town.reply_to().local)) == []
    assert town.member("zoe@far.example") is None
    assert town.fates()[-1] == ("discard", "not understood")


AUTOMATIC: list[dict[str, str]] = [
    {"path": ""},
    {"Auto_Submitted": "auto-replied"},
    {"Precedence": "bulk"},
    {"List_Unsubscribe": "<mailto:x@y.example>"},
    {"From": "noreply@shop.example"},
    {"From": "MAILER-DAEMON@far.example"},
    {"path": "bounces-17@far.example"},
    {"From": "town@example.org"},
    {"From": "town-owner@example.org"},
    {"X_Gateway_Loop": "0" * 52},
    {"subject": "Abwesenheit: Urlaub"},
    {"From": ""},
]


@pytest.mark.parametrize("fields", AUTOMATIC)
def test_no_program_and_not_ourselves_gets_a_letter(town: Town, fields: dict[str, str]) -> None:
    for local in ("town-join", "town-leave", "town"):
        assert town.mail(local, **fields) == []


def test_leaving_with_a_proof_is_done_at_once(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    work = Town.work
    monkeypatch.setattr(Town, "work", lambda self: (self.prove(), work(self))[1])
    [letter] = town.mail("town-leave", From=f"Ann <{ANN.address}>")
    assert letter.startswith(f"{ANN.address}: You have left Town Talk")
    member = town.member(str(ANN.address))
    assert member is not None
    assert not member.has_digest


def test_leaving_without_a_proof_asks_the_member(town: Town) -> None:
    [letter] = town.mail("town-unsubscribe", From=f"Ann <{ANN.address}>", path="forger@evil.example")
    assert letter.startswith(f"{ANN.address}: Do you want to leave Town Talk?")
    member = town.member(str(ANN.address))
    assert member is not None
    assert member.has_digest
    [letter] = town.answer(From=f"Ann <{ANN.address}>")
    assert "You have left" in letter


def test_a_stranger_who_leaves_hears_nothing(town: Town) -> None:
    assert town.mail("town-leave") == []
    assert rows(town.store, PENDING) == []
    stranger = town.replies
    town.mail("town-leave", From=f"<{ANN.address}>")
    member = town.replies
    assert member == stranger, "the answer in the dialogue tells nothing"


def test_a_second_address_needs_a_yes_from_both(town: Town) -> None:
    [first] = town.mail("town-join", subject=f"claim {ANN.address}")
    assert first.startswith("zoe@far.example: Is this your address, too?")
    assert str(ANN.address) not in first
    [second] = town.answer()
    assert second.startswith(f"{ANN.address}: Is this your address, too?")
    assert "zoe@far.example" in second
    assert town.member("zoe@far.example") is None
    [done] = town.answer(From=f"<{ANN.address}>")
    assert done.startswith(f"{ANN.address}: You can write from one more address")
    member = town.member("zoe@far.example")
    assert member is not None
    assert member.id == ANN.id


def test_a_claim_of_nobodys_address_looks_the_same(town: Town) -> None:
    real = town.mail("town-join", subject=f"claim {ANN.address}")
    other = town.mail("town-join", subject="claim nobody@nowhere.example", From="Yan <yan@far.example>")
    plain = [re.sub(r"\S+@\S+", "", text) for text in (*real, *other)]
    assert plain[0] == plain[1]
    assert town.answer() == []
