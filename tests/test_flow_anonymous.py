"""Posts of Anonymous Coward from the door to the digest: who may, what is kept, what the author gets, how he takes it back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text
from uuid_utils.compat import uuid7

from gateway.flow.anonymous import Keys
from gateway.flow.deliver import deliver
from gateway.flow.desk import Desk, attend
from gateway.flow.handlers import HANDLERS
from gateway.flow.held import list_held, release
from gateway.flow.locking import lock, unlock
from gateway.flow.proving import Means
from gateway.flow.publish import publish
from gateway.flow.reading import Reader
from gateway.flow.receive import Receiver
from gateway.flow.reindex import reindex
from gateway.flow.senders import Senders
from gateway.house.blind import blind_keys
from gateway.mail.address import Address, parse_address
from gateway.mail.envelope import Envelope, Raw, Via
from gateway.mail.forum import Member, Posting, Role, Standing, Who
from gateway.mail.verdict import Reason, Verdict
from gateway.people.anonymity import end_of_month
from gateway.people.sender import NOBODY, Proof, Sender
from gateway.send.courier import Fate, Outcome
from gateway.store import anonymous, roster, shelf
from gateway.store.archive import GHOST, POST
from gateway.store.cases import set_flooded
from gateway.store.engine import Store
from gateway.store.keep import DECISION, JOURNAL, MAIL
from gateway.store.outbox import LETTER
from gateway.store.writer import Writer
from tests.test_anonymity import decoded
from tests.test_flow_publish import FORUM, KEY, LONDON, FakeCourier, office, parse
from tests.test_store import mail_bytes, quiet_log, rows  # noqa: F401 - a fixture

NOON = datetime(2026, 1, 2, 12, 3, 21, tzinfo=UTC)
MARK = datetime(2026, 1, 2, 12, 15, tzinfo=UTC)
ANN: Member = replace(LONDON, address=Address("ann", "x.example"), handle="wombat77", has_digest=False)
PATIENCE = 20
Answer = tuple[Verdict, Reason]
ACCEPT: Answer = (Verdict.ACCEPT, Reason.POSTED)
REFUSED: Answer = (Verdict.REFUSE, Reason.ANONYMOUS)


class Town:
    """A forum, its receiver, its desk, and a courier; `sender` is who is found to have sent what comes."""

    def __init__(self, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        roster.add_forum(store, FORUM)
        roster.add_members(store, [ANN])
        self.store = store
        self.sender = Sender(ANN, Proof.DKIM)
        self.courier = FakeCourier()
        monkeypatch.setattr(Senders, "_sender_of", lambda *_: self.sender)
        self.keys = blind_keys(tmp_path / "anonymous-key")
        self.reader = Reader()
        self.receiver = Receiver(store, Writer(store, uuid7), self.reader, keys=Keys(self.keys, lambda: KEY))

    def send(
        self, raw: bytes | Raw, *locals_: str, now: datetime = NOON, reverse_path: Address | None = ANN.address
    ) -> list[Answer]:
        found = [self.receiver.route(Address(local, FORUM.domain)) for local in locals_ or ("town+anon",)]
        to = tuple(one for one in found if one is not None)
        envelope = Envelope(
            reverse_path=reverse_path,
            forward_paths=tuple(one.address for one in to),
            received_at=now,
            via=Via.SMTP,
            peer="192.0.2.1",
        )
        raw = raw if isinstance(raw, Raw) else Raw.of(raw)
        return [(one.verdict, one.reason) for one in self.receiver.submit(envelope, raw, to).result(PATIENCE)]

    def tick(self, now: datetime) -> int:
        attend(Desk(self.store, KEY, now, uuid7, self.reader), FORUM, HANDLERS)
        return publish(self.store, FORUM, now, uuid7)

    def receipt(self, now: datetime = NOON) -> tuple[Address, bytes]:
        """Envelope sender and bytes of the last letter, delivered."""
        deliver(self.store, office(self.courier), now)
        return self.courier.carried[-1][0], self.courier.carried[-1][2]


@pytest.fixture
def town(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Town]:
    made = Town(store, tmp_path, monkeypatch)
    yield made
    made.receiver.close()


def test_what_is_kept(town: Town) -> None:
    assert town.send(mail_bytes(body="Anonymous: yes\r\nIcon: beer\r\n\r\nTitle: x\r\nI am Ann."), "town") == [ACCEPT]
    [mail], [post] = rows(town.store, MAIL), rows(town.store, POST)
    assert (mail.reverse_path, mail.forward_path, mail.peer, mail.proof) == (None, "town+anon@example.org", "", "dkim")
    assert mail.received_at == post.date == post.publish_at == MARK
    assert (post.author_name, post.author_key, post.icon, post.subject) == ("Anonymous Coward", "", "", "Hello")
    assert {mail.id.version, post.id.version, post.thread_id.version} == {4}
    assert {(row.id.version, row.at) for row in rows(town.store, JOURNAL)} == {(4, MARK)}
    assert post.spans == '[["text","I am [name].",0]]'
    assert reindex(town.store, FORUM, uuid7) == 0


REFUSALS: list[tuple[dict[str, str], Sender, tuple[str, ...], Answer]] = [
    ({}, Sender(ANN), ("town+anon",), (Verdict.REFUSE, Reason.ANONYMOUS_UNPROVED)),
    ({}, Sender(None, Proof.DKIM), ("town+anon",), (Verdict.REFUSE, Reason.ANONYMOUS_UNPROVED)),
    ({"body": "Anonymous: yes\r\n\r\nHi"}, NOBODY, ("town",), (Verdict.REFUSE, Reason.ANONYMOUS_UNPROVED)),
    ({}, Sender(ANN, Proof.DKIM), ("town", "town+anon"), REFUSED),
    ({}, Sender(ANN, Proof.DKIM), ("town+anon", "town-owner"), REFUSED),
    ({"To": "x@y.example, Town <TOWN@example.org>"}, Sender(ANN, Proof.DKIM), ("town+anon",), REFUSED),
    ({"Cc": "town@example.org"}, Sender(ANN, Proof.DKIM), ("town+anon",), REFUSED),
    ({"body": "Anonymous: yes\r\n\r\nhelp"}, Sender(ANN, Proof.DKIM), ("town-request",), REFUSED),
    ({"Auto_Submitted": "auto-replied"}, Sender(ANN, Proof.DKIM), ("town+anon",), (Verdict.REFUSE, Reason.AUTOMATIC)),
]


@pytest.mark.parametrize(("fields", "sender", "to", "answer"), REFUSALS, ids=range(len(REFUSALS)))
def test_refused_and_nothing_kept(
    town: Town, fields: dict[str, str], sender: Sender, to: tuple[str, ...], answer: Answer
) -> None:
    town.sender = sender
    assert set(town.send(mail_bytes(**fields), *to)) == {answer}
    assert rows(town.store, MAIL) == rows(town.store, LETTER) == rows(town.store, JOURNAL) == []


def test_without_keys_nobody_is_anonymous(town: Town, store: Store) -> None:
    receiver = Receiver(store, Writer(store, uuid7), Reader())
    town.receiver, before = receiver, town.receiver
    assert town.send(mail_bytes()) == [REFUSED]
    receiver.close()
    town.receiver = before


def test_sent_again_is_kept_once(town: Town) -> None:
    assert town.send(mail_bytes()) == [ACCEPT]
    assert town.send(b"Received: by mx\r\n" + mail_bytes(), now=NOON + timedelta(minutes=40)) == [
        (Verdict.ACCEPT, Reason.DUPLICATE)
    ]
    assert town.send(mail_bytes(body="another")) == [ACCEPT]
    assert (len(rows(town.store, MAIL)), len(rows(town.store, LETTER))) == (2, 2)


def test_five_an_hour_and_nobody_elses(town: Town) -> None:
    for number in range(5):
        assert town.send(mail_bytes(f"{number}@x")) == [ACCEPT]
    assert town.send(mail_bytes("6@x")) == [(Verdict.DEFER, Reason.TOO_MANY)]
    assert town.send(mail_bytes("7@x"), now=NOON + timedelta(minutes=75)) == [ACCEPT]
    town.sender = Sender(replace(ANN, id=uuid7()), Proof.DKIM)
    assert town.send(mail_bytes("8@x")) == [ACCEPT]


def test_they_count_for_the_forum(town: Town) -> None:
    """As others do; of their author nothing is noted but by his tag."""
    receiver, policy = town.receiver, replace(FORUM.policy, posting=Posting.PROVED, newcomer_posts=0)
    roster.change_forum(town.store, replace(FORUM, policy=policy))
    means = Means(posts_in_forum=3, posts_of_member=1)
    town.receiver = Receiver(town.store, Writer(town.store, uuid7), Reader(), means, keys=Keys(town.keys, lambda: KEY))
    for number in range(2):
        assert town.send(mail_bytes(f"{number}@x")) == [ACCEPT]
    assert town.send(mail_bytes("held@x", List_Id="<other.example>")) == [(Verdict.HOLD, Reason.OTHER_LIST)]
    assert town.send(mail_bytes("2@x"), "town") == [ACCEPT]
    assert town.send(mail_bytes("3@x")) == [(Verdict.DEFER, Reason.TOO_MANY)]
    town.sender = Sender(replace(ANN, id=uuid7()), Proof.DKIM)
    assert town.send(mail_bytes("4@x"), "town") == [(Verdict.DEFER, Reason.TOO_MANY)]
    assert town.send(mail_bytes("5@x"), "town", now=NOON + timedelta(minutes=61)) == [ACCEPT]
    town.receiver.close()
    town.receiver = receiver


def test_a_ban_ends_with_the_month(town: Town) -> None:
    town.send(mail_bytes())
    [post] = rows(town.store, POST)
    with town.store.write() as db:
        anonymous.ban(db, FORUM.id, post.tag, NOON, end_of_month(NOON))
        anonymous.ban(db, FORUM.id, post.tag, NOON, end_of_month(NOON))
    assert town.send(mail_bytes("2@x")) == [(Verdict.REFUSE, Reason.BANNED)]
    assert town.send(mail_bytes("3@x"), now=NOON + timedelta(days=31)) == [ACCEPT]


def test_nobody_sees_it_before_its_mark(town: Town) -> None:
    town.send(mail_bytes())
    [post] = rows(town.store, POST)
    with town.store.read() as db:
        assert shelf.find_post(db, FORUM.id, post.marker) is None
        assert shelf.list_threads(db, FORUM.id, 9) == []
    assert town.tick(MARK - timedelta(seconds=1)) == 0
    assert town.tick(MARK) == 1
    with town.store.read() as db:
        assert shelf.find_post(db, FORUM.id, post.marker) is not None


def test_the_letter_shows_it_and_is_forgotten(town: Town) -> None:
    town.send(mail_bytes(body="Anonymous: yes\r\nIcon: beer\r\n\r\nYes,\r\nAnn"), "town")
    town.courier.script = [Outcome(Fate.DEFERRED, "450 ann@x.example later"), Outcome(Fate.SENT, "250 ok")]
    deliver(town.store, office(town.courier), NOON)
    [letter] = rows(town.store, LETTER)
    assert (letter.member_id, letter.last_reply) == (None, "")
    reverse_path, raw = town.receipt(NOON + timedelta(hours=1))
    mail = parse(raw)
    body = mail.get_content()
    assert (mail["Subject"], mail["To"]) == ("Your anonymous post to Town Talk", "ann@x.example")
    assert "From Fri 2 Jan 2026, 12:15 GMT on" in body
    assert "Yes,\n[name]\n" in body.replace("\r\n", "\n")
    assert "The icon was left out" in body
    assert str(parse_address(mail["Reply-To"])) in body
    assert rows(town.store, LETTER) == []
    assert len(rows(town.store, JOURNAL)) == 1
    # A bounce of it would name the author.
    bounce = mail_bytes(body=f"undeliverable: {ANN.address}")
    assert town.send(bounce, reverse_path.local, reverse_path=None) == [(Verdict.REFUSE, Reason.BOUNCE)]


@pytest.mark.parametrize("is_shown", [False, True])
def test_taken_back_by_an_answer(town: Town, is_shown: bool) -> None:
    town.send(mail_bytes())
    undo = parse_address(parse(town.receipt()[1])["Reply-To"])
    assert undo is not None
    assert town.tick(MARK if is_shown else NOON) == is_shown
    answer = mail_bytes("answer@ann-laptop", body="I am Ann, take it back")
    assert town.send(answer, undo.local) == [(Verdict.HOLD, Reason.WITHDRAWAL)]
    assert town.tick(MARK) == 0
    [post] = rows(town.store, POST)
    assert (post.number is not None) == is_shown
    with town.store.read() as db:
        kept = b"".join(shelf.raw_of(db, FORUM.id, mail.id) for mail in rows(town.store, MAIL))
    assert b"ann-laptop" not in kept
    assert b"take it back" not in kept
    assert [row.detail for row in rows(town.store, JOURNAL) if row.verb == "withdrawn"] == [post.marker]
    with town.store.read() as db:
        told = db.execute(text("SELECT alteration, marker FROM change")).all()
    assert [tuple(row) for row in told] == [("withdrawn", post.marker)]


SECRETS = ["Zitronenfalter", "Kohlweissling", "Schwalbenschwanz"]


@pytest.mark.parametrize("state", ["held", "waits", "shown", "answered"])
def test_what_was_taken_back_is_kept_nowhere(town: Town, tmp_path: Path, state: str) -> None:
    """Only its place stays, and its title where a thread is known by it."""
    subject, body, title = SECRETS
    town.send(mail_bytes("first@x", title), "town")
    fields = {"In_Reply_To": "<first@x>"} | ({"List_Id": "<other.example>"} if state == "held" else {})
    town.send(mail_bytes("2@x", f"Re: {subject}", body, **fields))
    undo = parse_address(parse(town.receipt()[1])["Reply-To"])
    assert undo is not None
    town.tick(MARK if state in ("shown", "answered") else NOON)
    if state == "answered":
        [post] = [row for row in rows(town.store, POST) if row.tag]
        town.send(mail_bytes("3@x", In_Reply_To=f"<{post.msgid}>"), "town")
    before = len(rows(town.store, POST))
    town.send(mail_bytes(), undo.local)
    town.tick(MARK)
    assert len(rows(town.store, POST)) == before
    with town.store.read() as db:
        mails = [shelf.raw_of(db, FORUM.id, mail.id) for mail in rows(town.store, MAIL)]
        kept = repr([db.execute(text(f"SELECT * FROM {table}")).all() for table in ("mail", "post", "change", "journal")])
    for secret in (subject, body):
        assert secret not in kept
        assert not any(secret.encode() in decoded(mail) for mail in mails)
        assert not any(secret.encode() in path.read_bytes() for path in tmp_path.iterdir() if path.is_file())
    assert title in kept
    assert reindex(town.store, FORUM, uuid7) == 0


def test_a_token_of_nobody_takes_nothing_back(town: Town) -> None:
    town.send(mail_bytes())
    assert town.send(mail_bytes("2@x"), f"town-undo+{'a' * 37}") == [(Verdict.HOLD, Reason.WITHDRAWAL)]
    assert town.send(mail_bytes("3@x"), f"town-undo+{'a' * 37}", reverse_path=None) == [(Verdict.REFUSE, Reason.AUTOMATIC)]
    assert town.tick(MARK) == 1
    assert [row.reason for row in rows(town.store, DECISION)] == [Reason.NOT_UNDERSTOOD]


def test_held_released_and_taken_back(town: Town) -> None:
    for number in range(2):
        assert town.send(mail_bytes(f"{number}@x", List_Id="<other.example>")) == [(Verdict.HOLD, Reason.OTHER_LIST)]
    mails = [parse(raw) for raw in _letters(town)]
    assert all("A moderator looks at it first" in mail.get_content() for mail in mails)
    first, second = list_held(town.store, FORUM)
    assert first.mail.msgid.startswith("anonymous.")
    release(town.store, FORUM, first, NOON + timedelta(hours=2), uuid7)
    [post] = rows(town.store, POST)
    tag = post.tag
    assert (post.author_name, post.publish_at, len(tag)) == ("Anonymous Coward", MARK + timedelta(hours=2), 16)
    for mail in mails:
        undo = parse_address(mail["Reply-To"])
        assert undo is not None
        town.send(mail_bytes(), undo.local)
    assert town.tick(NOON + timedelta(hours=3)) == 0
    assert list_held(town.store, FORUM) == []
    assert second.marker in {row.detail for row in rows(town.store, JOURNAL)}
    town.send(mail_bytes("3@x"), now=NOON + timedelta(hours=4))
    assert {row.tag for row in rows(town.store, POST)} == {tag}


def test_it_may_do_no_more_than_its_author(town: Town) -> None:
    town.send(mail_bytes("known@x"), "town")
    with town.store.write() as db:
        lock(db, FORUM, rows(town.store, POST)[0].thread_id, NOON, uuid7, "Mo")
    assert town.send(mail_bytes("own@laptop", In_Reply_To="<known@x>")) == [(Verdict.HOLD, Reason.LOCKED)]
    roster.change_forum(town.store, replace(FORUM, policy=replace(FORUM.policy, start=Who.EDITORS)))
    town.receiver.refresh()
    assert town.send(mail_bytes("start@laptop")) == [(Verdict.HOLD, Reason.NO_RIGHT)]


ROLES = [Role.EDITOR, Role.MODERATOR, Role.OWNER]


@pytest.mark.parametrize("role", ROLES)
def test_what_it_may_do_does_not_tell_that_its_author_has_a_role(town: Town, role: Role) -> None:
    """Each of these is let through under the author's name, but for an editor in a flood."""
    policy = replace(FORUM.policy, posting=Posting.PROVED, start=Who.EDITORS, newcomer_posts=2)
    roster.change_forum(town.store, replace(FORUM, policy=policy))
    town.receiver.refresh()
    town.sender = Sender(replace(ANN, role=role, standing=Standing.NEW), Proof.DKIM)
    assert town.send(mail_bytes("known@x"), "town") == [ACCEPT]
    assert town.send(mail_bytes("start@x")) == [(Verdict.HOLD, Reason.NO_RIGHT)]
    answer = {"In_Reply_To": "<known@x>"}
    assert town.send(mail_bytes("new@x", **answer)) == [(Verdict.HOLD, Reason.NEWCOMER)]
    first_line = mail_bytes("first@x", body="Anonymous: yes\r\n\r\nHi", **answer)
    assert town.send(first_line, "town") == [(Verdict.HOLD, Reason.NEWCOMER)]
    town.sender = Sender(replace(ANN, role=role), Proof.DKIM)
    with town.store.write() as db:
        lock(db, FORUM, rows(town.store, POST)[0].thread_id, NOON, uuid7, "Mo")
    assert town.send(mail_bytes("locked@x", **answer)) == [(Verdict.HOLD, Reason.LOCKED)]
    assert town.send(mail_bytes("named@x", **answer), "town") == [ACCEPT]
    with town.store.write() as db:
        set_flooded(db, FORUM.id, NOON)
        unlock(db, FORUM, rows(town.store, POST)[0].thread_id, NOON, uuid7, "Mo")
    town.receiver.refresh()
    assert town.send(mail_bytes("flooded@x", **answer)) == [(Verdict.HOLD, Reason.FLOOD)]
    named = ACCEPT if role is not Role.EDITOR else (Verdict.HOLD, Reason.FLOOD)
    assert town.send(mail_bytes("named again@x", **answer), "town") == [named]


def _letters(town: Town) -> list[bytes]:
    deliver(town.store, office(town.courier), NOON)
    return [raw for _, _, raw in town.courier.carried]


def test_it_answers_what_everybody_knows_and_his_own(town: Town) -> None:
    town.sender = NOBODY
    town.send(mail_bytes("known@x", From="Bob <bob@x.example>"), "town")
    town.tick(NOON)
    town.sender = Sender(ANN, Proof.DKIM)
    town.send(mail_bytes("own@laptop", In_Reply_To="<known@x>", References="<private@laptop> <known@x>"))
    own = next(row for row in rows(town.store, POST) if row.tag)
    assert own.parent == "known@x"
    town.send(mail_bytes("again@laptop", In_Reply_To="<own@laptop>", References="<known@x> <own@laptop>"))
    again = next(row for row in rows(town.store, POST) if row.tag and row.id != own.id)
    assert again.parent == own.msgid
    assert rows(town.store, GHOST) == []


def test_a_spool_file_is_overwritten(town: Town, tmp_path: Path) -> None:
    path = tmp_path / "mail.spool"
    path.write_bytes(mail_bytes(body="I am Ann\r\n" * 200_000))
    assert town.send(Raw(size=path.stat().st_size, path=path)) == [ACCEPT]
    assert not path.read_bytes().strip(b"\0")


def test_a_key_for_each_month(tmp_path: Path) -> None:
    path = tmp_path / "key"
    keys: Callable[[datetime], bytes] = blind_keys(path)
    january = keys(NOON)
    assert (keys(NOON + timedelta(days=29)), path.stat().st_mode & 0o777) == (january, 0o600)
    february = keys(NOON + timedelta(days=30))
    assert february != january
    assert january.hex() not in path.read_text()
    # A clock that is put back does not make a third.
    assert keys(NOON) == february
    path.write_text("")
    assert keys(NOON) not in (january, february)
