"""Entries of a digest answered, voted on and reported by the addresses in it; scores, icons and badges."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from html import unescape
from urllib.parse import unquote

import pytest
from uuid_utils.compat import uuid4, uuid7

from gateway.admit.route import destination_of
from gateway.exchange.seed import Seed, read_seed
from gateway.flow.badges import award
from gateway.flow.browse import by_key, tell_thread
from gateway.flow.compose import TOKEN_LIFE
from gateway.flow.desk import Desk, attend
from gateway.flow.handlers import HANDLERS
from gateway.flow.proving import Means
from gateway.flow.reading import Reader
from gateway.flow.receive import Receiver
from gateway.flow.reindex import reindex
from gateway.mail.address import Address, parse_address
from gateway.mail.envelope import Envelope, Raw, Via
from gateway.mail.forum import Forum, Member, Posting
from gateway.mail.message import Span, SpanKind
from gateway.mail.token import make_token, marker_bytes, marker_of
from gateway.people.badges import DEFAULT_RULES, BadgeRule, Record, badge_of
from gateway.people.votes import report_in, vote_in
from gateway.store import outbox, roster, shelf, votes
from gateway.store.cases import REPORT
from gateway.store.engine import Store
from gateway.store.writer import Writer
from tests.test_exchange import PAGE
from tests.test_flow_publish import EVENING, FORUM, KEY, LONDON, NEXT_NOON, YORK, FakeCourier, parse, tick, town  # noqa: F401
from tests.test_store import quiet_log, rows  # noqa: F401 - a fixture

LATER = NEXT_NOON + timedelta(hours=1)


@pytest.fixture(scope="module")
def seed() -> Seed:
    return read_seed(PAGE)


def mailed(store: Store, to: str, sender: Address, text: str, **fields: str) -> str:
    """Mails `text`, lets the desk attend; the reason it was taken for."""
    address = parse_address(to)
    assert address is not None
    destination = destination_of(address, {str(FORUM.address): FORUM})
    assert destination is not None
    head = {"From": str(sender), "To": to, "Message-ID": f"<{uuid4().hex}@x>"} | {
        k.replace("_", "-"): v for k, v in fields.items()
    }
    raw = "".join(f"{name}: {value}\r\n" for name, value in head.items()) + "\r\n" + text.replace("\n", "\r\n")
    receiver = Receiver(store, Writer(store, uuid7), Reader(), Means(key=KEY))
    envelope = Envelope(reverse_path=sender, forward_paths=(address,), received_at=LATER, via=Via.SMTP)
    decision = receiver.submit(envelope, Raw.of(raw.encode()), (destination,)).result(20)[0]
    receiver.close()
    reader = Reader()
    attend(Desk(store, KEY, LATER, uuid7, reader), FORUM, HANDLERS)
    reader.close()
    return str(decision.reason)


def links(store: Store, member: Member) -> dict[str, dict[str, str]]:
    """Of each entry of a member's digest, by number, the addresses of its links by word, as a mail program reads them."""
    courier = FakeCourier()
    tick(store, courier, EVENING)
    tick(store, courier, NEXT_NOON)
    mail = next(parse(raw) for _, to, raw in courier.carried if to == member.address)
    page = mail.get_body(("html",)).get_content()  # type: ignore[union-attr]
    found: dict[str, dict[str, str]] = {}
    for answer, rest in re.findall(r'href="(mailto:[^"]*)">Answer (?:[^<]*)</a>(.*?)</p>', page):
        number = re.search(r">Answer ([^<]*)<", page[page.index(answer) :])[1]  # type: ignore[index]
        found[number] = {"answer": answer} | dict(
            zip(("up", "down", "report"), re.findall(r'href="(mailto:[^"]*)"', rest), strict=True)
        )
    return {number: {word: target(link) for word, link in each.items()} for number, each in found.items()}


def target(link: str) -> str:
    return unquote(unescape(link).removeprefix("mailto:").partition("?")[0])


def entry(store: Store, number: str) -> object:
    with store.read() as db:
        [thread] = shelf.list_threads(db, FORUM.id, 10)
        part = tell_thread(db, FORUM, by_key(roster.list_members(store, FORUM.id)), thread.id)
    return next(one for one in part.entries if one.number == number)


def test_an_answer_to_an_entry_needs_no_header(store: Store, town: Forum) -> None:  # noqa: F811
    """A web mail program that opens the link drops In-Reply-To and makes a Subject of its own."""
    to = links(store, LONDON)
    assert mailed(store, to["3.1.1.1"]["answer"], LONDON.address, "So it was.", Subject="hello") == "posted"
    below = entry(store, "3.1.1.1.1")
    assert (below.spans[0].text, below.parent_number) == ("So it was.", "3.1.1.1")  # type: ignore[attr-defined]
    assert reindex(store, FORUM, uuid7) == 0


def test_the_address_wins_over_the_header(store: Store, town: Forum) -> None:  # noqa: F811
    to = links(store, LONDON)
    mailed(store, to["11"]["answer"], LONDON.address, "Here.", In_Reply_To="<1.seed@example.org>")
    assert entry(store, "11.3").spans[0].text == "Here."  # type: ignore[attr-defined]


def test_a_token_of_nobody_places_nothing(store: Store, town: Forum) -> None:  # noqa: F811
    to = links(store, LONDON)["11"]["answer"]
    forged = to.replace(to[10:12], "aa", 1)
    assert mailed(store, forged, LONDON.address, "There.", In_Reply_To="<1.seed@example.org>") == "posted"
    assert entry(store, "1.1").spans[0].text == "There."  # type: ignore[attr-defined]


def test_votes(store: Store, town: Forum) -> None:  # noqa: F811
    of_london = links(store, LONDON)
    assert mailed(store, of_london["7"]["up"], LONDON.address, "") == "a vote"
    assert (entry(store, "7").up, entry(store, "7").down) == (1, 0)  # type: ignore[attr-defined]
    mailed(store, of_london["7"]["up"], LONDON.address, "once more")
    assert entry(store, "7").up == 1  # type: ignore[attr-defined]
    mailed(store, of_london["7"]["down"], LONDON.address, "no, down")
    assert (entry(store, "7").up, entry(store, "7").down) == (0, 1)  # type: ignore[attr-defined]


@pytest.mark.parametrize("sender", [YORK.address, Address("stranger", "example.net")])
def test_a_vote_by_another_does_not_count(store: Store, town: Forum, sender: Address) -> None:  # noqa: F811
    """Who got a digest forwarded has its addresses, and neither that member's From nor a proof."""
    to = links(store, LONDON)
    mailed(store, to["7"]["up"], sender, "")
    assert (entry(store, "7").up, entry(store, "7").down) == (0, 0)  # type: ignore[attr-defined]
    with store.read() as db:
        assert shelf.list_mails(db, FORUM.id, "hold") == []


def test_no_vote_for_oneself(store: Store, town: Forum) -> None:  # noqa: F811
    to = links(store, LONDON)
    mailed(store, to["11"]["answer"], LONDON.address, "So it was.")
    mine = entry(store, "11.3")
    desk = Desk(store, KEY, LATER, uuid7, Reader())

    data = marker_bytes(mine.marker)  # type: ignore[attr-defined]
    assert data is not None
    made = make_token(
        KEY, "entry", FORUM.list_id, marker=data, member=LONDON.id.bytes[-4:], expires=(desk.now + TOKEN_LIFE).date()
    )
    mailed(store, f"town+up-{made}@example.org", LONDON.address, "")
    assert entry(store, "11.3").up == 0  # type: ignore[attr-defined]
    with store.read() as db:
        letters = db.execute(outbox.LETTER.select().where(outbox.LETTER.c.kind == "notice")).all()
    assert "a comment of your own" in letters[0].text


def test_icons_and_scores_are_shown(store: Store, town: Forum) -> None:  # noqa: F811
    with store.write() as db:
        votes.keep_icon(db, FORUM.id, votes.Icon("beer", "🍺"))
    to = links(store, LONDON)
    mailed(store, to["11"]["answer"], LONDON.address, "Icon: Beer\n\nCheers")
    mailed(store, to["11"]["answer"], LONDON.address, "Icon: nothing\n\nCheers")
    cheers = sorted((entry(store, number) for number in ("11.3", "11.4")), key=lambda one: one.icon)  # type: ignore[attr-defined,return-value]
    assert [one.icon for one in cheers] == ["", "🍺"]  # type: ignore[attr-defined]
    data = marker_bytes(cheers[1].marker)  # type: ignore[attr-defined]
    assert data is not None
    with store.write() as db:
        votes.cast_vote(db, FORUM.id, marker_of(data), YORK.id, 1, LATER)
    courier = FakeCourier()
    tick(store, courier, LATER)
    tick(store, courier, LATER + timedelta(days=1))
    mail = next(parse(raw) for _, to_, raw in courier.carried if to_ == YORK.address)
    page = mail.get_body(("html",)).get_content()  # type: ignore[union-attr]
    text = mail.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    assert "🍺" in unescape(page)
    assert "From: london 🍺" in text
    assert "Votes: 1 up" in text
    assert "· 1 up" in unescape(page)


RULES = (BadgeRule(name="Tin badge", posts=1), BadgeRule(name="Gold badge", posts=1, up_votes=1))


def test_badges_from_stored_facts(store: Store, town: Forum) -> None:  # noqa: F811
    to = links(store, LONDON)
    for _ in range(2):
        mailed(store, to["11"]["answer"], LONDON.address, f"{uuid4()}")
    assert award(store, FORUM, RULES, LATER) == 6  # others of the page have written twice, too
    assert entry(store, "11.3").badge == "Tin badge"  # type: ignore[attr-defined]
    with store.write() as db:
        for member in (YORK.id, uuid7()):
            votes.cast_vote(db, FORUM.id, entry(store, "11.3").marker, member, 1, LATER)  # type: ignore[attr-defined]
    assert award(store, FORUM, RULES, LATER) == 1
    assert entry(store, "11.3").badge == "Gold badge"  # type: ignore[attr-defined]
    assert award(store, FORUM, RULES, LATER) == 0
    assert award(store, FORUM, RULES, LATER + timedelta(days=366)) == 6
    assert entry(store, "11.3").badge == ""  # type: ignore[attr-defined]
    given = replace(LONDON, badge="Wooden badge")
    roster.change_member(store, given)
    award(store, FORUM, RULES, LATER)
    assert entry(store, "11.3").badge == "Wooden badge"  # type: ignore[attr-defined]


RECORDS = [
    (Record(joined_at=EVENING - timedelta(days=365), posts=101, up_votes=0), "Bronze badge"),
    (Record(joined_at=None, posts=101, up_votes=2000), "Bronze badge"),
    (Record(joined_at=None, posts=101, up_votes=2001), "Silver badge"),
    (Record(joined_at=EVENING - timedelta(days=364), posts=500, up_votes=5000), ""),
    (Record(joined_at=None, posts=100, up_votes=5000), ""),
]


@pytest.mark.parametrize(("record", "badge"), RECORDS)
def test_rules_of_badges(record: Record, badge: str) -> None:
    assert badge_of(DEFAULT_RULES, record, EVENING) == badge


@pytest.mark.parametrize(
    ("text", "value"),
    [("+1", 1), ("-1", -1), ("+1.\n", 1), ("−1", -1), ("👍🏽", 1), ("+12", 0), ("1", 0), ("", 0), ("+1 for that", 0)],
)
def test_vote_in(text: str, value: int) -> None:
    assert vote_in((Span(SpanKind.QUOTE, "+1", 1), Span(SpanKind.TEXT, text), Span(SpanKind.SIGNATURE, "Ann"))) == value


@pytest.mark.parametrize("marker", ["k3f9x2ma", "00000000", "zzzzzzzzz", "k3f9x2ma7"])
def test_a_marker_travels_in_a_token(marker: str) -> None:
    data = marker_bytes(marker)
    assert data is not None
    assert marker_of(data) == marker
    assert marker_bytes(f"{marker}00") is None


REPORTS = [
    ("report", ""),
    ("Report.", ""),
    ("report: rude", "rude"),
    ("Melden : grob\nund lang", "grob\nund lang"),
    ("signaler:x", "x"),
    ("Report it to the police!", None),
    ("Reporting: rude", None),
    ("report rude", None),
    ("So: report: rude", None),
    ("report: rude\n\nAnd what I think of it:", None),
    (f"report: {'x' * 400}", None),
    ("", None),
]


@pytest.mark.parametrize(("text", "why"), REPORTS)
def test_report_in(text: str, why: str | None) -> None:
    assert report_in((Span(SpanKind.QUOTE, "report: you", 1), Span(SpanKind.TEXT, text), Span(SpanKind.SIGNATURE, "Ann"))) == why


@pytest.mark.parametrize("posting", [Posting.OPEN, Posting.PROVED])
def test_an_answer_that_is_a_report_or_a_vote(store: Store, town: Forum, posting: Posting) -> None:  # noqa: F811
    roster.change_forum(store, replace(FORUM, policy=replace(FORUM.policy, posting=posting)))
    to = links(store, LONDON)
    quote = "On Monday Bob wrote:\n> They said so.\n> And more."
    assert mailed(store, to["7"]["answer"], LONDON.address, f"report: rude\n\n{quote}") == "a report"
    assert mailed(store, to["7"]["answer"], LONDON.address, "+1") == "a vote"
    assert [(row.reason, row.member_id) for row in rows(store, REPORT)] == [("rude", LONDON.id)]
    assert entry(store, "7").up == 1  # type: ignore[attr-defined]
    assert mailed(store, to["7"]["answer"], YORK.address, "report: rude") != "a report"
    assert mailed(store, "town@example.org", LONDON.address, "report: rude", In_Reply_To="<7.seed@example.org>") != "a report"
    assert len(rows(store, REPORT)) == 1
