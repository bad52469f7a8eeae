"""Answers to a digest: each piece under the comment that it answers, or one question, and nothing lost."""

from __future__ import annotations

import email
import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.message import EmailMessage
from email.policy import default
from ipaddress import ip_network

import pytest
from uuid_utils.compat import uuid4, uuid7

from gateway.digest.issue import Entry
from gateway.exchange.seed import Seed, read_seed
from gateway.flow.browse import by_key, tell_thread
from gateway.flow.desk import Desk, attend
from gateway.flow.first_mail import end_waiting
from gateway.flow.handlers import HANDLERS
from gateway.flow.proving import Means
from gateway.flow.reading import Reader
from gateway.flow.receive import Receiver
from gateway.flow.reindex import reindex
from gateway.mail.address import Address
from gateway.mail.envelope import Envelope, Raw, Via
from gateway.mail.forum import Forum
from gateway.store import roster, shelf
from gateway.store.engine import Store
from gateway.store.writer import Writer
from tests.test_exchange import PAGE
from tests.test_flow_publish import EVENING, FORUM, KEY, LONDON, NEXT_NOON, YORK, FakeCourier, tick, town  # noqa: F401
from tests.test_store import quiet_log  # noqa: F401 - a fixture

LATER = NEXT_NOON + timedelta(hours=1)
STRANGER = Address("stranger", "example.net")


@pytest.fixture(scope="module")
def seed() -> Seed:
    return read_seed(PAGE)


@dataclass
class Reading:
    """A reader with a digest in front of him: what he mails, and which letters he gets."""

    store: Store
    digest: EmailMessage
    now: object = LATER
    seen: set[bytes] = field(default_factory=set)

    @property
    def text(self) -> str:
        return self.digest.get_body(("plain",)).get_content().replace("\r\n", "\n")  # type: ignore[union-attr]

    def entry_text(self, number: str) -> str:
        """One enclosed message of the digest, as a reader selects it: fields and body."""
        found = [
            one for one in self.text.split("\n" + "-" * 30 + "\n") if re.search(rf"^Subject: {re.escape(number)} ", one, re.M)
        ]
        return found[0].strip("\n")

    def answer(
        self,
        body: str,
        *,
        to: str = "",
        first: str = "",
        sender: Address = LONDON.address,
        peer: str = "127.0.0.1",
        at: datetime = LATER,
        **fields: str,
    ) -> list[EmailMessage]:
        """Mails it, `first` to another address of ours; lets the desk attend; the letters that come of it."""
        head = {
            "From": f"Reader <{sender}>",
            "To": to or str(self.digest["Reply-To"]),
            "Subject": f"Re: {self.digest['Subject']}",
            "Message-ID": f"<{uuid4().hex}@reader.example>",
            "In-Reply-To": str(self.digest["Message-ID"]),
        } | {name.replace("_", "-"): value for name, value in fields.items()}
        raw = "".join(f"{name}: {value}\r\n" for name, value in head.items() if value) + "\r\n" + body.replace("\n", "\r\n")
        receiver = Receiver(self.store, Writer(self.store, uuid7), Reader(), Means(key=KEY, trusted=(ip_network("127.0.0.0/8"),)))
        routes = [receiver.route(Address(*one.rsplit("@", 1))) for one in (first, head["To"]) if one]
        destinations = tuple(route for route in routes if route is not None)
        assert len(destinations) == len(routes)
        paths = tuple(one.address for one in destinations)
        envelope = Envelope(reverse_path=sender, forward_paths=paths, received_at=at, via=Via.SMTP, peer=peer)
        receiver.submit(envelope, Raw.of(raw.encode()), destinations).result(20)
        receiver.close()
        return self.work(at - LATER)

    def work(self, later: timedelta = timedelta(0)) -> list[EmailMessage]:
        reader = Reader()
        desk = Desk(self.store, KEY, LATER + later, uuid7, reader)
        forum = roster.find_forum(self.store, FORUM.name)
        assert forum is not None
        attend(desk, forum, HANDLERS)
        end_waiting(desk, forum)
        reader.close()
        courier = FakeCourier()
        tick(self.store, courier, LATER + later)
        mails = [email.message_from_bytes(raw, policy=default) for _, _, raw in courier.carried]
        return [mail for mail in mails if isinstance(mail, EmailMessage) and "Digest" not in str(mail["Subject"])]

    def entries(self) -> dict[str, Entry]:
        with self.store.read() as db:
            [thread] = [one for one in shelf.list_threads(db, FORUM.id, 10) if one.posts > 10]
            part = tell_thread(db, FORUM, by_key(roster.list_members(self.store, FORUM.id)), thread.id)
        return {entry.number: entry for entry in part.entries}

    def words(self, number: str) -> str:
        return "\n".join(span.text for span in self.entries()[number].spans)

    def held(self) -> list[str]:
        with self.store.read() as db:
            return [mail.reason for mail in shelf.list_mails(db, FORUM.id, "hold")]


@pytest.fixture
def reading(store: Store, town: Forum) -> Reading:  # noqa: F811
    courier = FakeCourier()
    tick(store, courier, EVENING)
    tick(store, courier, NEXT_NOON)
    raw = next(raw for _, to, raw in courier.carried if to == LONDON.address)
    mail = email.message_from_bytes(raw, policy=default)
    assert isinstance(mail, EmailMessage)
    return Reading(store, mail)


def quoted(text: str) -> str:
    return "\n".join(f"> {line}".rstrip() for line in text.split("\n"))


def test_three_comments_in_one_mail(reading: Reading) -> None:
    answers = {"3.1.1.1": "The first answer.", "4.1.2": "The second answer.", "11": "The third answer."}
    body = "On Tuesday, Town Talk wrote:\n" + "\n\n".join(
        f"{quoted(reading.entry_text(number))}\n\n{text}" for number, text in answers.items()
    )
    [receipt] = reading.answer(body)
    assert "The first answer." in reading.words("3.1.1.1.1")
    assert "The second answer." in reading.words("4.1.2.1")
    assert "The third answer." in reading.words("11.3")
    told = receipt.get_content()
    assert [told.count(reading.entries()[number].marker) >= 1 for number in ("3.1.1.1.1", "4.1.2.1", "11.3")] == [True] * 3
    assert "withdraw" in told
    assert reading.entries()["4.1.2.1"].title.lower().startswith("re:") or reading.entries()["4.1.2.1"].title == ""
    assert not any("Digest" in entry.title for entry in reading.entries().values())
    assert reindex(reading.store, FORUM, uuid7) == 0


@pytest.mark.parametrize("way", ["from", "subject"])
def test_a_reply_that_went_elsewhere(reading: Reading, way: str) -> None:
    """Some programs answer From, and some keep nothing but the Subject."""
    more = {} if way == "from" else {"In_Reply_To": ""}
    reading.answer(f"{quoted(reading.entry_text('7'))}\n\nSo it is.", to="town@example.org", **more)
    assert "So it is." in reading.words("7.3" if "7.2" in reading.entries() and "7.3" in reading.entries() else "7.2")


def test_both_addresses_post_once(reading: Reading) -> None:
    before = len(reading.entries())
    body = f"{quoted(reading.entry_text('7'))}\n\nSo it is."
    reading.answer(body, Message_ID="<once@reader.example>")
    reading.answer(body, Message_ID="<once@reader.example>", to="town@example.org")
    assert len(reading.entries()) == before + 1


def test_only_the_new_words_of_a_full_quote(reading: Reading) -> None:
    [letter] = reading.answer("I beg to differ.\n\nOn Tuesday, Town Talk wrote:\n" + quoted(reading.text))
    assert reading.held() == ["its author was asked which comment it answers"]
    assert "I beg to differ." in letter.get_content()


def test_the_member_says_which(reading: Reading) -> None:
    [letter] = reading.answer("I beg to differ.\n\nOn Tuesday, Town Talk wrote:\n" + quoted(reading.text))
    marker = reading.entries()["5.1"].marker
    before = len(reading.entries())
    answers = reading.answer(
        f"{marker}\n\n> {letter.get_content()[:40]}", to=str(letter["Reply-To"]), Subject="Re: which", In_Reply_To=""
    )
    assert answers == []
    assert len(reading.entries()) == before + 1
    assert any("I beg to differ." in reading.words(number) for number in reading.entries() if number.startswith("5.1."))
    assert reading.held() == []


def test_a_number_that_is_none_is_asked_again(reading: Reading) -> None:
    [letter] = reading.answer("I beg to differ.\n\nOn Tuesday, Town Talk wrote:\n" + quoted(reading.text))
    [again] = reading.answer("99", to=str(letter["Reply-To"]), Subject="Re: which", In_Reply_To="")
    assert again["Reply-To"] != letter["Reply-To"]
    assert reading.held() == ["its author was asked which comment it answers"]


def test_after_a_week_a_moderator_sees_it(reading: Reading) -> None:
    reading.answer("I beg to differ.\n\nOn Tuesday, Town Talk wrote:\n" + quoted(reading.text))
    reading.work(timedelta(days=8))
    assert reading.held() == ["not understood"]


def test_nothing_new(reading: Reading) -> None:
    before = len(reading.entries())
    [letter] = reading.answer("On Tuesday, Town Talk wrote:\n" + quoted(reading.entry_text("7")))
    assert "no words of your own" in letter["Subject"]
    assert len(reading.entries()) == before
    assert reading.held() == []


def test_a_vote_in_a_digest(reading: Reading) -> None:
    before = len(reading.entries())
    reading.answer(f"{quoted(reading.entry_text('7'))}\n\n+1")
    assert reading.entries()["7"].up == 1
    assert len(reading.entries()) == before


def test_a_subject_that_was_changed_is_the_title(reading: Reading) -> None:
    reading.answer(f"{quoted(reading.entry_text('11'))}\n\nSo it is.", Subject="A new thought")
    assert reading.entries()["11.3"].title == "A new thought"


def test_of_somebody_else_with_the_token(reading: Reading) -> None:
    """Who has the digest by a friend may write where everybody may; the digest's address makes him nobody else."""
    reading.answer(f"{quoted(reading.entry_text('7'))}\n\n+1", sender=YORK.address, peer="203.0.113.9")
    assert reading.entries()["7"].up == 0


def test_a_marker_that_is_not_here_is_asked_about(reading: Reading) -> None:
    before = len(reading.entries())
    letters = reading.answer(
        "> [#zzzzzzzz]\n> Something from elsewhere that nobody wrote here.\n\nSo it is.", sender=LONDON.address
    )
    assert len(letters) == 1
    assert len(reading.entries()) == before
    assert reading.held() == ["its author was asked which comment it answers"]


def test_the_receipt_s_way_back(reading: Reading) -> None:
    """A piece that was put under another comment stays there, also when everything is computed again."""
    body = "\n\n".join(f"{quoted(reading.entry_text(number))}\n\nAnswer to {number}." for number in ("7", "11"))
    reading.answer(body)
    entries = reading.entries()
    mine = next(entry.marker for entry in entries.values() if any("Answer to 11." in span.text for span in entry.spans))
    command = {"to": "town-request@example.org", "In_Reply_To": "", "Subject": f"move {mine} {entries['1'].marker}"}
    reading.answer("", **command)
    assert "Answer to 11." in reading.words("1.1")
    assert reindex(reading.store, FORUM, uuid7) == 0
