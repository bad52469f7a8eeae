"""From posts to letters: the seed page told again word for word, to whom it is due, when it is due, once."""

from __future__ import annotations

import email
import json
import re
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.policy import SMTP, default
from html.parser import HTMLParser
from random import Random
from zoneinfo import ZoneInfo

import pytest
from uuid_utils.compat import uuid7

from gateway.exchange.seed import Seed, read_seed, seed_mails, seed_members
from gateway.flow.browse import by_key, tell_thread
from gateway.flow.deliver import Office, deliver
from gateway.flow.proving import Means
from gateway.flow.publish import preview, publish, send_due
from gateway.flow.reading import Reader
from gateway.flow.receive import Receiver
from gateway.mail.address import Address
from gateway.mail.envelope import Envelope, Raw, Via
from gateway.mail.forum import Destination, Forum, Member, Purpose
from gateway.send.courier import Fate, Outcome
from gateway.store import roster, shelf
from gateway.store.archive import POST
from gateway.store.engine import Store
from gateway.store.ledger import ISSUE, RENDERING
from gateway.store.outbox import LETTER
from gateway.store.writer import Writer
from tests.test_exchange import PAGE
from tests.test_store import incoming, mail_bytes, put, quiet_log, rows  # noqa: F401 - a fixture

DAY = datetime(2026, 3, 2, tzinfo=UTC)
EVENING = DAY + timedelta(hours=21)
NEXT_NOON = DAY + timedelta(days=1, hours=13)
FORUM = Forum(id=uuid7(), name="town", domain="example.org", title="Town Talk")
KEY = bytes(range(32))


def reader_in(zone: str, *, hour: int = 7, form: str = "html", has_digest: bool = True) -> Member:
    name = zone.rpartition("/")[2].lower()
    return Member(
        id=uuid7(),
        forum_id=FORUM.id,
        address=Address(f"{name}.{hour}.{form}", "example.org"),
        handle=name,
        badge="",
        zone=ZoneInfo(zone),
        hour=hour,
        form=form,
        has_digest=has_digest,
    )


LONDON, YORK, TOKYO = reader_in("Europe/London"), reader_in("America/New_York"), reader_in("Asia/Tokyo", form="plain")


class FakeCourier:
    """Follows a script of outcomes, the last of them for ever; an exception in it is raised."""

    def __init__(self, *script: Outcome | Exception) -> None:
        self.script = list(script) or [Outcome(Fate.SENT, "250 ok")]
        self.carried: list[tuple[Address, Address, bytes]] = []

    def deliver(self, reverse_path: Address, recipient: Address, raw: bytes) -> Outcome:
        self.carried.append((reverse_path, recipient, raw))
        outcome = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def close(self) -> None:
        """Nothing is open."""


def office(courier: FakeCourier) -> Office:
    return Office(courier, KEY, Random(1), uuid7)


def parse(raw: bytes) -> EmailMessage:
    mail = email.message_from_bytes(raw, policy=default)
    assert isinstance(mail, EmailMessage)
    return mail


@pytest.fixture(scope="module")
def seed() -> Seed:
    return read_seed(PAGE)


@pytest.fixture
def town(store: Store, seed: Seed) -> Forum:
    """The seed page, received in no order, some of it twice; three readers and those with badges."""
    roster.add_forum(store, FORUM)
    roster.add_members(store, [*seed_members(seed, FORUM, uuid7), LONDON, YORK, TOKYO])
    receiver = Receiver(store, Writer(store, uuid7), Reader(), Means(key=bytes(32)))
    mails = [mail.as_bytes(policy=SMTP) for mail in seed_mails(seed, str(FORUM.address), DAY + timedelta(hours=8))]
    batch = [*mails, *mails[::7]]
    Random(5).shuffle(batch)
    to = (Destination(address=FORUM.address, forum=FORUM, purpose=Purpose.POST),)
    path = Address("ann", "example.org")
    futures = []
    for index, raw in enumerate(batch):
        at = EVENING - timedelta(hours=1) + timedelta(seconds=index)
        envelope = Envelope(reverse_path=path, forward_paths=(FORUM.address,), received_at=at, via=Via.SMTP)
        futures.append(receiver.submit(envelope, Raw.of(raw), to))
    reasons = [future.result(20)[0].reason for future in futures]
    receiver.close()
    assert reasons.count("posted") == 42
    assert reasons.count("duplicate") == len(batch) - 42
    return FORUM


def tick(store: Store, courier: FakeCourier, now: datetime) -> tuple[int, int, int]:
    """What the house does every few seconds: posts numbered, letters queued, letters sent."""
    return publish(store, FORUM, now, uuid7), send_due(store, FORUM, now, uuid7), deliver(store, office(courier), now)


class Words(HTMLParser):
    """What a reader of the HTML sees."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self._hidden = 0
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._hidden += tag in ("style", "title")

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag in ("style", "title")

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.words += data.split()


def test_the_tree_is_that_of_the_page(store: Store, town: Forum, seed: Seed) -> None:
    with store.read() as db:
        [thread] = shelf.list_threads(db, town.id, 10)
        part = tell_thread(db, town, by_key(roster.list_members(store, town.id)), thread.id)
    head, *entries = part.entries
    assert (part.title, part.total, head.number, head.title) == (seed.title, 42, "", seed.title)
    told = [(e.number, e.title, e.author, e.badge, "\n".join(span.text for span in e.spans)) for e in entries]
    assert told == [(c.number, c.title, c.author, c.badge, c.text) for c in seed.comments]


def test_the_digest_tells_every_word_of_the_page(store: Store, town: Forum, seed: Seed) -> None:
    courier = FakeCourier()
    assert tick(store, courier, EVENING) == (42, 0, 0)
    assert tick(store, courier, NEXT_NOON) == (0, 3, 3)
    mails = {str(recipient): parse(raw) for _, recipient, raw in courier.carried}
    london = mails[str(LONDON.address)]
    text = london.get_body(("plain",))
    html = london.get_body(("html",))
    assert text is not None
    assert html is not None
    messages = text.get_content().replace("\r\n", "\n").partition("-" * 70)[2].split("\n" + "-" * 30 + "\n")
    subjects = [
        " ".join(re.search(r"Subject: (.*?)\[#", m, re.DOTALL)[1].split()) for m in messages if "[#" in m and "Date:" in m
    ]  # type: ignore[index]
    assert subjects == [seed.title, *(f"{c.number} {c.title}".strip() for c in seed.comments)]
    for comment, message in zip(seed.comments, [m for m in messages if "Date:" in m][1:], strict=True):
        fields, _, body = message.strip("\n").partition("\n\n")
        assert body.split() == comment.text.split(), comment.number
        shown = comment.author or "(no name)"
        assert f"From: {shown}{f' ({comment.badge.lower()})' if comment.badge else ''}" in fields.split("\n"), comment.number
    page = " ".join(Words(html.get_content()).words)
    at = page.index("When did you stop", page.index(" ".join(seed.teaser.split())))
    for comment in seed.comments:
        for piece in (comment.title, *comment.text.split("\n\n")):
            at = page.index(" ".join(piece.split()), at)
    assert mails[str(TOKYO.address)].get_content_type() == "text/plain"
    assert len(html.get_content().encode()) < 100_000


def test_nothing_is_told_twice(store: Store, town: Forum) -> None:
    courier = FakeCourier()
    tick(store, courier, EVENING)
    assert tick(store, courier, NEXT_NOON)[1:] == (3, 3)
    for hours in (0, 1, 24, 48):
        assert tick(store, courier, NEXT_NOON + timedelta(hours=hours)) == (0, 0, 0)
    assert preview(store, town, LONDON, NEXT_NOON) == []
    assert send_due(store, town, NEXT_NOON + timedelta(days=3), uuid7, at_once=True) == 0


def test_each_is_told_at_their_own_hour(store: Store, town: Forum) -> None:
    courier = FakeCourier()
    tick(store, courier, EVENING)
    sent = {}
    for hours in range(24):
        before = len(courier.carried)
        tick(store, courier, EVENING + timedelta(hours=hours))
        sent |= {str(recipient): hours for _, recipient, _ in courier.carried[before:]}
    # 21:00 UTC: 7 in Tokyo is 22:00 UTC, in London 07:00 UTC, in New York 12:00 UTC.
    assert sent == {str(TOKYO.address): 1, str(LONDON.address): 10, str(YORK.address): 15}


def test_what_came_after_the_hour_waits_for_the_next_day(store: Store, town: Forum) -> None:
    tick(store, FakeCourier(), DAY + timedelta(days=1, hours=7, minutes=1))
    assert send_due(store, town, DAY + timedelta(days=1, hours=8), uuid7) == 0
    assert send_due(store, town, DAY + timedelta(days=2, hours=7), uuid7) == 3


def test_the_next_day_tells_what_is_new_and_what_stands_above_it(store: Store, town: Forum, seed: Seed) -> None:
    courier = FakeCourier()
    tick(store, courier, EVENING)
    tick(store, courier, NEXT_NOON)
    later = mail_bytes(
        "late@x",
        "Re: The Wombat",
        "A late word.",
        In_Reply_To="<4.1.4.seed@example.org>",
        Date="Tue, 3 Mar 2026 14:00:00 +0000",
        From="Eve <eve@example.org>",
    )
    other = mail_bytes("new@x", "A new article", "Fresh.", Date="Tue, 3 Mar 2026 15:00:00 +0000")
    put(store, incoming(FORUM, later, received_at=NEXT_NOON), incoming(FORUM, other, received_at=NEXT_NOON))
    courier = FakeCourier()
    assert tick(store, courier, NEXT_NOON + timedelta(hours=3)) == (2, 0, 0)
    assert tick(store, courier, NEXT_NOON + timedelta(days=1)) == (0, 3, 3)
    mail = next(parse(raw) for _, to, raw in courier.carried if to == LONDON.address)
    body = mail.get_body(("plain",))
    assert body is not None
    text = body.get_content()
    assert re.findall(r"^Subject: (.*) \[#", text, re.MULTILINE) == ["4.1.4.1 Re: The Wombat", "A new article"]
    context = re.findall(r"^Earlier: (.*) \[#", text, re.MULTILINE)
    assert [line.partition(" ")[0] for line in context][-3:] == ["4", "4.1", "4.1.4"]
    assert "distant habitat" not in text
    assert "A late word." in text
    assert "2 new" in mail["Subject"]
    assert "Issue 2" in mail["Subject"]
    first = next(row for row in rows(store, ISSUE) if row.member_id == LONDON.id and row.from_number == 0)
    assert mail["References"] == f"<{first.msgid}>"


def test_renderings_are_shared_where_they_can_be(store: Store, town: Forum) -> None:
    roster.add_members(
        store,
        [reader_in("Europe/London", form="plain"), reader_in("Europe/London", hour=8), reader_in("Asia/Tokyo", has_digest=False)],
    )
    tick(store, FakeCourier(), EVENING)
    courier = FakeCourier()
    assert tick(store, courier, NEXT_NOON)[1] == 5
    found = {row.id: row.zone for row in rows(store, RENDERING)}
    # London at seven in each of two forms, London at eight, New York, Tokyo.
    assert sorted(found.values()) == ["America/New_York", "Asia/Tokyo", *["Europe/London"] * 3]
    assert {row.rendering_id for row in rows(store, ISSUE)} == set(found)
    outlines = [json.loads(row.outline) for row in rows(store, RENDERING)]
    assert all(outline == outlines[0] for outline in outlines)
    markers = {row.marker for row in rows(store, POST)}
    assert set(outlines[0][0].values()) == markers
    assert outlines[0][0]["3.1.1"] in markers


def test_at_once_does_not_wait_for_the_hour(store: Store, town: Forum) -> None:
    publish(store, town, EVENING, uuid7)
    [shown] = preview(store, town, LONDON, EVENING)
    assert rows(store, ISSUE) == rows(store, LETTER) == rows(store, RENDERING) == []
    assert send_due(store, town, EVENING, uuid7, at_once=True) == 3
    rendering = next(row for row in rows(store, RENDERING) if row.zone == "Europe/London")
    assert (rendering.subject, rendering.text, rendering.html) == (shown.subject, shown.text, shown.html)
    assert send_due(store, town, EVENING + timedelta(hours=1), uuid7, at_once=True) == 0
    assert send_due(store, town, NEXT_NOON, uuid7) == 0


def test_a_new_member_is_told_from_now_on(store: Store, town: Forum) -> None:
    publish(store, town, EVENING, uuid7)
    late = reader_in("Europe/Paris")
    roster.add_members(store, [late])
    put(store, incoming(FORUM, mail_bytes("new@x", "New", Date="Mon, 2 Mar 2026 21:30:00 +0000"), received_at=EVENING))
    publish(store, town, EVENING + timedelta(hours=1), uuid7)
    send_due(store, town, NEXT_NOON, uuid7)
    ranges = {row.member_id: (row.from_number, row.to_number) for row in rows(store, ISSUE)}
    assert ranges[late.id] == (42, 43)
    assert ranges[LONDON.id] == (0, 43)


def test_a_queue_that_fails_leaves_nothing(store: Store, town: Forum, monkeypatch: pytest.MonkeyPatch) -> None:
    publish(store, town, EVENING, uuid7)
    with monkeypatch.context() as broken:
        broken.setattr("gateway.store.roster.move_cursors", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            send_due(store, town, NEXT_NOON, uuid7)
    assert rows(store, ISSUE) == rows(store, LETTER) == rows(store, RENDERING) == []
    assert send_due(store, town, NEXT_NOON, uuid7) == 3
