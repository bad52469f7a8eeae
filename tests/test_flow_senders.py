"""Who sent it and what may become of it, from the envelope to the store: the way in with members, on both engines."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from ipaddress import ip_network
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import insert
from uuid_utils.compat import uuid7

from gateway.flow.proving import Means
from gateway.flow.reading import Reader
from gateway.flow.receive import Receiver
from gateway.mail.address import Address
from gateway.mail.envelope import Envelope, Raw, Via
from gateway.mail.forum import Forum, Policy, Posting, Purpose, Role, Standing, Who
from gateway.mail.token import make_token
from gateway.mail.verdict import Reason, Verdict
from gateway.store import roster
from gateway.store.engine import Store
from gateway.store.keep import MAIL
from gateway.store.locks import LOCK
from gateway.store.writer import Writer
from tests.crowd import NOON, mail_from, make_member
from tests.test_store import quiet_log, rows  # noqa: F401 - a fixture
from tests.test_verify import RECORDS, signed

KEY = b"k" * 32
PROVED = Policy(posting=Posting.PROVED, newcomer_posts=2)
TOWN = Forum(id=uuid7(), name="town", domain="gw.example", title="Town", mirrors=("list.example",), policy=PROVED)
HALL = Forum(id=uuid7(), name="hall", domain="gw.example", title="Hall", policy=Policy(posting=Posting.MEMBERS))
OPEN = Forum(id=uuid7(), name="open", domain="gw.example", title="Open")
ANN = make_member(TOWN, Address("ann", "x.example"), joined_at=NOON - timedelta(days=1))
ASKED: list[str] = []


def ask(name: str, seconds: float) -> bytes | None:
    ASKED.append(name)
    return RECORDS.get(name)


MEANS = Means(
    key=KEY,
    trusted=(ip_network("192.0.2.0/24"), ip_network("2001:db8::/32")),
    authserv_id="mx.gw.example",
    border=(ip_network("127.0.0.0/8"),),
    ask=ask,
    posts_of_member=3,
    posts_in_forum=5,
)


class Town:
    """A receiver, and what one does with it."""

    def __init__(self, store: Store, means: Means = MEANS) -> None:
        self.store = store
        for forum in (TOWN, HALL, OPEN):
            roster.add_forum(store, forum)
        roster.add_members(store, [ANN])
        self.receiver = Receiver(store, Writer(store, uuid7), Reader(), means)

    def post(
        self,
        raw: bytes,
        to: str = "town",
        *,
        peer: str = "198.51.100.7",
        account: Address | None = None,
        at: int = 0,
        via: Via = Via.SMTP,
    ) -> tuple[Verdict, Reason]:
        destinations = [self.receiver.route(Address(local, "gw.example")) for local in to.split()]
        assert all(destinations)
        paths = tuple(one.address for one in destinations if one)
        received_at = NOON + timedelta(minutes=at)
        envelope = Envelope(
            reverse_path=Address("a", "b.example"),
            forward_paths=paths,
            received_at=received_at,
            via=via,
            peer=peer,
            account=account,
        )
        future = self.receiver.submit(envelope, Raw.of(raw), tuple(one for one in destinations if one))
        decision = future.result(20)[0]
        return decision.verdict, decision.reason

    def change(self, **more: Any) -> None:
        roster.change_member(self.store, replace(ANN, **more))

    def proofs(self) -> list[str]:
        return [row.proof for row in sorted(rows(self.store, MAIL), key=lambda row: row.received_at)]


@pytest.fixture
def town(store: Store) -> Iterator[Town]:
    made = Town(store)
    ASKED.clear()
    yield made
    made.receiver.close()


ME = "Ann <ann@x.example>"
POSTED = (Verdict.ACCEPT, Reason.POSTED)
UNPROVED = (Verdict.HOLD, Reason.UNPROVED)
STRANGER = (Verdict.HOLD, Reason.STRANGER)
RESULTS = "mx.gw.example; dkim=pass header.d=x.example"
TRUSTED = {"peer": "192.0.2.9"}


def token(purpose: Purpose = Purpose.ENTRY, forum: Forum = TOWN, member: UUID = ANN.id) -> str:
    expires = (NOON + timedelta(days=30)).date()
    return make_token(KEY, purpose, forum.list_id, marker=b"marker", member=member.bytes[-4:], expires=expires)


# Raw, where it goes and how it came; what is decided, and the proof that is kept with it.
WAYS: list[tuple[bytes, dict[str, Any], tuple[Verdict, Reason], str]] = [
    (mail_from(ME), {}, UNPROVED, ""),
    (mail_from("Eve <eve@y.example>"), {}, STRANGER, ""),
    (mail_from("Eve <eve@y.example>"), TRUSTED, STRANGER, "network"),
    (mail_from(ME), TRUSTED, POSTED, "network"),
    (mail_from(ME), {"peer": "::ffff:192.0.2.9"}, POSTED, "network"),
    (mail_from(ME), {"peer": "2001:db8::1%eth0"}, POSTED, "network"),
    (mail_from(ME), {**TRUSTED, "via": Via.LMTP}, UNPROVED, ""),
    (mail_from(ME), {"peer": "", "via": Via.LMTP}, UNPROVED, ""),
    (mail_from("ann@x.example (Ann)"), TRUSTED, UNPROVED, ""),
    (mail_from(ME), {"account": Address("ANN", "x.example")}, POSTED, "auth"),
    (mail_from(ME), {"account": Address("eve", "x.example")}, UNPROVED, ""),
    (mail_from(ME), {"to": f"town+c-{token()}"}, POSTED, "token"),
    (mail_from(ME), {"to": f"town+c-{token(Purpose.DIGEST)}"}, UNPROVED, ""),
    (mail_from(ME), {"to": f"town+c-{token(forum=HALL)}"}, UNPROVED, ""),
    (mail_from(ME), {"to": f"town+c-{token(member=UUID(int=1))}"}, UNPROVED, ""),
    (mail_from("Eve <eve@y.example>"), {"to": f"town+c-{token()}"}, STRANGER, ""),
    (mail_from(ME, Authentication_Results=RESULTS), {"peer": "127.0.0.1"}, POSTED, "results"),
    (mail_from(ME, Authentication_Results=RESULTS), {"peer": "", "via": Via.LMTP}, POSTED, "results"),
    (mail_from(ME, Authentication_Results=RESULTS), {}, UNPROVED, ""),
    (mail_from(ME, Authentication_Results="evil.example; dmarc=pass header.from=x.example"), {"peer": ""}, UNPROVED, ""),
    (signed(mail_from(ME)), {}, POSTED, "dkim"),
    (signed(mail_from(ME, body="Large\r\n" * 50_000)), {}, POSTED, "dkim"),
    (signed(mail_from(ME)).replace(b"Text", b"Test"), {}, UNPROVED, ""),
    (signed(mail_from("Eve <eve@y.example>")), {}, STRANGER, ""),
    (mail_from(ME), {"to": "hall"}, STRANGER, ""),
    (mail_from("Eve <eve@y.example>"), {"to": "open"}, POSTED, ""),
    (signed(mail_from(ME)), {"to": "town-request"}, (Verdict.HOLD, Reason.COMMAND), "dkim"),
    (signed(mail_from(ME)), {"to": "open-request"}, (Verdict.HOLD, Reason.COMMAND), "dkim"),
    (mail_from(ME), {"to": f"town+up-{token(Purpose.UP)}"}, (Verdict.HOLD, Reason.VOTE), "token"),
    (mail_from(ME, List_Id="<list.example>"), {}, POSTED, ""),
]


@pytest.mark.parametrize(("raw", "words", "decision", "proof"), WAYS, ids=range(len(WAYS)))
def test_ways_to_prove_it(town: Town, raw: bytes, words: dict[str, Any], decision: tuple[Verdict, Reason], proof: str) -> None:
    assert town.post(raw, **words) == decision
    assert town.proofs() == [proof]


def test_in_an_open_forum_anonymity_must_be_proved(town: Town) -> None:
    """Nothing is kept without the key of the month; the reason tells what was found."""
    [forum] = [one for one in roster.list_forums(town.store) if one.name == "open"]
    roster.add_members(town.store, [replace(ANN, id=uuid7(), forum_id=forum.id)])
    raw = mail_from(ME, body="Anonymous: yes\r\n\r\nText")
    assert town.post(raw, "open") == (Verdict.REFUSE, Reason.ANONYMOUS_UNPROVED)
    assert town.post(signed(raw), "open") == (Verdict.REFUSE, Reason.ANONYMOUS)
    assert town.proofs() == []


def test_in_an_open_forum_nobody_is_asked_about_signatures(town: Town) -> None:
    assert town.post(signed(mail_from(ME)), "open") == POSTED
    assert ASKED == []
    assert town.post(signed(mail_from(ME)), "open town") == (Verdict.ACCEPT, Reason.DUPLICATE)
    assert ASKED == ["rsa._domainkey.x.example."]


def test_newcomers(town: Town) -> None:
    town.change(standing=Standing.NEW)
    held = (Verdict.HOLD, Reason.NEWCOMER)
    assert town.post(mail_from(ME, "1@x"), **TRUSTED) == held
    town.change(role=Role.EDITOR, standing=Standing.NEW)
    assert [town.post(mail_from(ME, f"{n}@x"), **TRUSTED) for n in (2, 3)] == [POSTED, POSTED]
    town.change(standing=Standing.NEW)
    assert town.post(mail_from(ME, "4@x"), **TRUSTED) == POSTED


@pytest.mark.parametrize(
    ("standing", "decision"),
    [
        (Standing.TRUSTED, POSTED),
        (Standing.PROBATION, (Verdict.HOLD, Reason.PROBATION)),
        (Standing.BANNED, (Verdict.REFUSE, Reason.BANNED)),
    ],
)
def test_standing(town: Town, standing: Standing, decision: tuple[Verdict, Reason]) -> None:
    town.change(standing=standing)
    assert town.post(mail_from(ME, "1@x"), **TRUSTED) == decision
    # Who forges the name of anybody is told the same.
    assert town.post(mail_from(ME, "2@x")) == UNPROVED


def test_a_further_address_is_the_members(town: Town, store: Store) -> None:
    with store.write() as db:
        roster.add_address(db, ANN, Address("private", "y.example"), NOON)
    assert town.post(mail_from("Ann <private@y.example>"), account=ANN.address) == POSTED


def set_policy(town: Town, **more: Any) -> None:
    roster.change_forum(town.store, replace(TOWN, policy=replace(PROVED, **more)))
    town.receiver.refresh()


def test_rights(town: Town) -> None:
    set_policy(town, start=Who.EDITORS)
    no_right = (Verdict.HOLD, Reason.NO_RIGHT)
    assert town.post(mail_from(ME, "1@x"), **TRUSTED) == no_right
    assert town.post(mail_from(ME, "2@x", above="9@x"), **TRUSTED) == POSTED
    assert town.post(mail_from(ME, "3@x", subject="Re: s"), **TRUSTED) == POSTED
    assert town.post(mail_from(ME, "4@x"), f"town+c-{token()}") == POSTED
    town.change(role=Role.EDITOR)
    assert town.post(mail_from(ME, "5@x"), **TRUSTED) == POSTED


def lock(town: Town, msgid: str, *, is_undone: bool = False) -> None:
    with town.store.write() as db:
        values = {"forum_id": TOWN.id, "id": uuid7(), "msgid": msgid, "is_undone": is_undone, "at": NOON}
        db.execute(insert(LOCK).values(**values))


def test_locked_threads(town: Town) -> None:
    locked = (Verdict.HOLD, Reason.LOCKED)
    for msgid, above in (("1@x", ""), ("2@x", "1@x"), ("3@x", "")):
        assert town.post(mail_from(ME, msgid, above=above, subject=msgid), **TRUSTED) == POSTED
    lock(town, "1@x")
    assert town.post(mail_from(ME, "4@x", above="2@x"), **TRUSTED, at=100) == locked
    assert town.post(mail_from(ME, "5@x", subject="Re: 1@x"), **TRUSTED, at=100) == locked
    assert town.post(mail_from(ME, "6@x", above="3@x"), **TRUSTED, at=100) == POSTED
    assert town.post(mail_from(ME, "7@x", above="unknown@x"), **TRUSTED, at=100) == POSTED
    lock(town, "1@x", is_undone=True)
    assert town.post(mail_from(ME, "8@x", above="2@x"), **TRUSTED, at=200) == POSTED
    set_policy(town, lock_days=30)
    month = 31 * 24 * 60
    assert town.post(mail_from(ME, "9@x", above="2@x"), **TRUSTED, at=month) == locked
    town.change(role=Role.MODERATOR)
    assert town.post(mail_from(ME, "10@x", above="2@x"), **TRUSTED, at=month) == POSTED


def test_posts_an_hour(town: Town) -> None:
    later = (Verdict.DEFER, Reason.TOO_MANY)
    assert [town.post(mail_from(ME, f"{n}@x"), **TRUSTED)[0] for n in range(3)] == [Verdict.ACCEPT] * 3
    assert town.post(mail_from(ME, "3@x"), **TRUSTED, at=59) == later
    # Of a mail to two forums nothing is kept, since it comes again as a whole; LMTP has a reply for each.
    assert town.post(mail_from(ME, "3@x"), "open town", **TRUSTED, at=59) == later
    assert len(rows(town.store, MAIL)) == 3
    assert town.post(mail_from(ME, "3@x"), "open town", account=ANN.address, at=59, via=Via.LMTP) == POSTED
    assert town.post(mail_from(ME, "3@x"), **TRUSTED, at=60) == POSTED
    assert [town.post(mail_from(ME, f"{n}@x"), "open", at=60) for n in range(10, 20)] == [POSTED] * 10
    town.change(role=Role.OWNER)
    answers = [town.post(mail_from(ME, f"{n}@x"), **TRUSTED, at=61) for n in range(20, 26)]
    assert answers == [POSTED] * 4 + [later] * 2


def test_what_is_remembered_is_two_seconds_old_at_most(store: Store) -> None:
    now = [0.0]
    town = Town(store, replace(MEANS, memory=2.0, clock=lambda: now[0]))
    try:
        assert town.post(mail_from(ME, "1@x"), **TRUSTED) == POSTED
        town.change(standing=Standing.BANNED)
        roster.change_forum(store, replace(TOWN, policy=replace(PROVED, posting=Posting.OPEN)))
        assert town.post(mail_from(ME, "2@x"), **TRUSTED) == POSTED
        assert town.post(mail_from("Eve <eve@y.example>", "3@x")) == STRANGER
        now[0] = 2.0
        assert town.post(mail_from("Eve <eve@y.example>", "4@x")) == POSTED
        roster.change_forum(store, TOWN)
        now[0] = 4.0
        assert town.post(mail_from(ME, "5@x"), **TRUSTED) == (Verdict.REFUSE, Reason.BANNED)
    finally:
        town.receiver.close()


def test_trouble_with_signatures_is_ours(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    town = Town(store)
    try:
        monkeypatch.setattr("gateway.flow.proving.good_signers", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            town.post(signed(mail_from(ME)))
        assert rows(store, MAIL) == []
    finally:
        town.receiver.close()
