"""What each form brings: parts of a digest that is too much, mails as they came, contents alone, each post at once."""

from __future__ import annotations

import email
from dataclasses import replace
from datetime import date, timedelta
from email.message import EmailMessage
from email.policy import SMTP

import pytest
from uuid_utils.compat import uuid7

from gateway.digest.issue import Entry, ThreadPart
from gateway.digest.parts import Caps, part_threads
from gateway.flow.compose import Composer
from gateway.flow.deliver import deliver
from gateway.flow.publish import COPIES_MAX, publish, send_due
from gateway.mail.address import Address
from gateway.mail.forum import Member, Rhythm
from gateway.mail.message import Span, SpanKind
from gateway.store import outbox, roster
from gateway.store.engine import Store
from gateway.store.ledger import ISSUE, RENDERING
from gateway.store.outbox import LETTER
from gateway.store.roster import MEMBER
from tests.test_flow_publish import EVENING, FORUM, KEY, NEXT_NOON, FakeCourier, office, parse, reader_in
from tests.test_store import incoming, mail_bytes, put, quiet_log, rows  # noqa: F401 - a fixture

HOUR = timedelta(hours=1)


def town(store: Store, *members: Member) -> None:
    roster.add_forum(store, FORUM)
    roster.add_members(store, members)


def post(store: Store, msgid: str, title: str, at: timedelta = timedelta(), **more: str) -> None:
    raw = mail_bytes(msgid, title, Date="Mon, 2 Mar 2026 20:00:00 +0000", **more)
    put(store, incoming(FORUM, raw, received_at=EVENING + at))
    publish(store, FORUM, EVENING + at, uuid7)


def sent(store: Store, now: object = NEXT_NOON, caps: Caps | None = None, web: str = "") -> list[EmailMessage]:
    courier = FakeCourier()
    send_due(store, FORUM, now, uuid7, caps, web=web)  # type: ignore[arg-type]
    deliver(store, office(courier)._replace(web=web), now)  # type: ignore[arg-type]
    return [parse(raw) for _, _, raw in courier.carried]


def thread(title: str, posts: int, size: int = 10) -> ThreadPart:
    entry = Entry(number="1", depth=1, marker="m", spans=(Span(SpanKind.TEXT, "x" * size),))
    return ThreadPart(title=title, entries=(entry,) * posts, new=posts, total=posts)


def test_threads_stay_whole() -> None:
    threads = [thread("a", 3), thread("b", 2), thread("c", 9), thread("d", 1), thread("e", 1, 50_000), thread("f", 1, 50_000)]
    parts = part_threads(threads, Caps(posts=5, size=90_000))
    assert ["".join(one.title for one in part) for part in parts] == ["ab", "c", "de", "f"]
    assert part_threads([], Caps()) == []


def test_a_digest_that_is_too_much_comes_in_numbered_parts(store: Store) -> None:
    town(store, reader_in("Europe/London"))
    for number in range(3):
        post(store, f"{number}@x", f"Title {number}")
    mails = sent(store, caps=Caps(posts=1))
    assert [mail["Subject"] for mail in mails] == [f"Town Talk Digest, Issue 1, part {part} of 3: 1 new" for part in (1, 2, 3)]
    assert len({mail["Message-ID"] for mail in mails}) == 3
    [issue] = rows(store, ISSUE)
    assert mails[0]["Message-ID"] == f"<{issue.msgid}>"
    assert sent(store, NEXT_NOON + HOUR) == []
    for number, mail in enumerate(mails):
        text = mail.get_body(("plain",)).get_content()  # type: ignore[union-attr]
        assert f"Title {number}" in text
        assert f"Title {number - 1}" not in text
        assert text.rstrip().splitlines()[-2] == f"End of Town Talk Digest, Issue 1, part {number + 1}"


@pytest.mark.parametrize("words", [5, 60, 400])
def test_no_part_is_cut_off_by_a_provider(store: Store, words: int) -> None:
    """Not even with long ids and links to pages; and nobody gets more parts than it takes."""
    town(store, reader_in("Europe/London"))
    for number in range(150):
        msgid = f"{number}.a-long-id-as-the-servers-of-large-companies-make-them.{'0' * 30}@mail.server.of.example"
        post(store, msgid, f"A title of a usual length, number {number}", body="wordy " * words)
    pages = [mail.get_body(("html",)) for mail in sent(store, web="https://discussion.example.org")]
    sizes = [len(page.get_content().encode()) for page in pages if page]
    assert max(sizes) < 102_000
    assert min(sizes[:-1]) > 75_000


def test_mime_brings_each_mail_to_be_opened_and_answered(store: Store) -> None:
    town(store, reader_in("Europe/London", form="mime"))
    traces = {"Received": "from a by b", "Disposition-Notification-To": "a@b.example"}
    post(store, "one@x", "First", To="secret@example.org", **traces)
    post(store, "two@x", "Re: First", **{"In-Reply-To": "<one@x>"})
    [mail] = sent(store)
    assert mail.get_content_type() == "multipart/mixed"
    contents, digest = mail.iter_parts()
    assert "First" in contents.get_content()
    assert digest.get_content_type() == "multipart/digest"
    parts = [part.get_content() for part in digest.iter_parts()]
    assert [part["Message-ID"] for part in parts] == ["<one@x>", "<two@x>"]
    assert parts[1]["In-Reply-To"] == "<one@x>"
    assert parts[0]["Reply-To"] == str(FORUM.address)
    assert parts[0]["From"].addresses[0].addr_spec == str(FORUM.address)
    assert [name for name in traces if name in parts[0]] == []
    assert "secret@example.org" not in mail.as_string()
    # A mail keeps its last line end: the one before a boundary belongs to the boundary.
    assert all(part.as_bytes().endswith(b"\n") for part in parts)


def test_an_index_tells_only_what_there_is(store: Store) -> None:
    town(store, reader_in("Europe/London", form="index"))
    post(store, "one@x", "First")
    post(store, "two@x", "Other words", **{"In-Reply-To": "<one@x>"})
    [mail] = sent(store)
    text = mail.get_content()
    assert mail.get_content_type() == "text/plain"
    assert "First (2 new of 2)" in text
    assert "Other words" in text
    assert "Some text" not in text
    assert text.count("[#") == 2


def test_each_post_at_once_is_the_mail_as_it_came(store: Store) -> None:
    reader = replace(reader_in("Europe/London"), rhythm=Rhythm.IMMEDIATE)
    town(store, reader)
    raw = mail_bytes(
        "one@x",
        "=?utf-8?q?Gr=C3=BC=C3=9Fe?=",
        Date="Mon, 2 Mar 2026 20:00:00 +0000",
        Cc="other@example.org",
        Received="from a by b",
        References="<gone@x>\r\n <older@x>",
        Sender="boss@example.org",
        **{"DKIM-Signature": "v=1; a=x", "Reply-To": "elsewhere@example.org", "Return-Receipt-To": "a@b.example"},
    )
    put(store, incoming(FORUM, raw, received_at=EVENING))
    publish(store, FORUM, EVENING, uuid7)
    courier = FakeCourier()
    assert send_due(store, FORUM, EVENING, uuid7) == 1
    assert deliver(store, office(courier), EVENING) == 1
    [(reverse_path, recipient, copy)] = courier.carried
    mail = parse(copy)
    assert recipient == reader.address
    assert reverse_path.local.startswith("town-bounces+")
    assert mail["Message-ID"] == "<one@x>"
    assert mail["Subject"] == "Grüße"
    assert mail["From"].addresses[0].addr_spec == str(FORUM.address)
    assert mail["From"].addresses[0].display_name == "Ann via Town Talk"
    assert mail["References"].split() == ["<gone@x>", "<older@x>"]
    assert mail["List-Id"].endswith("<town.example.org>")
    assert copy.partition(b"\r\n\r\n")[2] == raw.partition(b"\r\n\r\n")[2]
    for name in ("Cc", "Received", "Sender", "DKIM-Signature", "Return-Receipt-To"):
        assert mail[name] is None
    for address in ("other@example.org", "ann@example.org", "elsewhere@example.org", "boss@example.org"):
        assert address.encode() not in copy.partition(b"\r\n\r\n")[0]
    assert send_due(store, FORUM, EVENING + HOUR, uuid7) == 0


def test_a_mail_that_is_not_fit_for_the_wire_is_set_anew(store: Store) -> None:
    town(store, replace(reader_in("Europe/London"), rhythm=Rhythm.IMMEDIATE), reader_in("Asia/Tokyo", form="mime"))
    raw = mail_bytes("one@x", "Long", Date="Mon, 2 Mar 2026 20:00:00 +0000") + b"\r\n" + b"words " * 400 + b"\r\n"
    put(store, incoming(FORUM, raw, received_at=EVENING))
    publish(store, FORUM, EVENING, uuid7)
    [copy] = sent(store, EVENING)
    assert copy["Subject"] == "Long"
    assert copy["Message-ID"] == "<one@x>"
    assert "words words" in copy.get_content()
    [digest] = [mail for mail in sent(store) if mail.is_multipart()]
    assert "words words" in str(digest)


def test_a_copy_names_its_author_and_no_address_of_who_is_quoted(store: Store) -> None:
    town(store, replace(reader_in("Europe/London"), rhythm=Rhythm.IMMEDIATE))
    body = "On Monday, Bob <bob@far.example> wrote:\n> A bench?\n>> And trees\nYes, please.\n\n-- \nAnn"
    raw = mail_bytes("one@x", "Re: Bench", Date="Mon, 2 Mar 2026 20:00:00 +0000", **{"In-Reply-To": "<zero@x>"})
    header = raw.partition(b"\r\n\r\n")[0]
    put(store, incoming(FORUM, header + b"\r\n\r\n" + body.replace("\n", "\r\n").encode() + b"\r\n", received_at=EVENING))
    publish(store, FORUM, EVENING, uuid7)
    [copy] = sent(store, EVENING)
    assert copy["From"].addresses[0].display_name == "Ann via Town Talk"
    assert [copy[name] for name in ("Message-ID", "Subject", "In-Reply-To")] == ["<one@x>", "Re: Bench", "<zero@x>"]
    assert copy["Date"].datetime == EVENING.replace(hour=20, minute=0)
    assert copy.get_content().replace("\r\n", "\n") == body.replace(" <bob@far.example>", "") + "\n"


@pytest.mark.parametrize("page", ["entry", "leave", ""])
def test_a_copy_leads_to_nobodys_page(store: Store, page: str) -> None:
    """Who quotes a digest in HTML hands on links that act in their name: nobody gets those."""
    town(store, replace(reader_in("Europe/London"), rhythm=Rhythm.IMMEDIATE))
    link = f"https://forum.example/{page}/town.example.org/{'a' * 37}"
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"], mail["Message-ID"] = "ann@example.org", str(FORUM.address), "Bench", "<one@x>"
    mail.set_content("My words.")
    mail.add_alternative(f'<p>My words.</p><p><a href="{link}">Web</a></p>', subtype="html")
    put(store, incoming(FORUM, mail.as_bytes(policy=SMTP), received_at=EVENING))
    publish(store, FORUM, EVENING, uuid7)
    [copy] = sent(store, EVENING)
    assert "My words." in copy.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    assert any(link in part.get_content() for part in copy.walk() if not part.is_multipart()) == (page == "")


def test_after_a_pause_what_was_missed_comes_as_one_digest(store: Store) -> None:
    reader = replace(reader_in("Europe/London"), rhythm=Rhythm.IMMEDIATE, paused_until=date(2026, 3, 5))
    town(store, reader)
    post(store, "one@x", "First")
    post(store, "two@x", "Second")
    assert sent(store, EVENING + HOUR) == []
    [mail] = sent(store, EVENING + timedelta(days=4))
    assert "2 new" in mail["Subject"]
    post(store, "three@x", "Third", timedelta(days=4))
    [mail] = sent(store, EVENING + timedelta(days=4, hours=1))
    assert mail["Subject"] == "Third"


def test_very_many_at_once_come_as_one_digest(store: Store) -> None:
    town(store, replace(reader_in("Europe/London"), rhythm=Rhythm.IMMEDIATE))
    for number in range(COPIES_MAX + 1):
        put(store, incoming(FORUM, mail_bytes(f"{number}@x", f"Title {number}"), received_at=EVENING))
    publish(store, FORUM, EVENING, uuid7)
    [mail] = sent(store, EVENING, Caps(size=200_000))
    assert f"{COPIES_MAX + 1} new" in mail["Subject"]
    assert sent(store, EVENING + HOUR) == []


def test_changing_to_at_once_and_back_tells_everything_once(store: Store) -> None:
    reader = reader_in("Europe/London")
    town(store, reader)
    post(store, "one@x", "First")
    roster.change_member(store, replace(reader, rhythm=Rhythm.IMMEDIATE))
    assert [mail["Subject"] for mail in sent(store, EVENING + HOUR)] == ["First"]
    roster.change_member(store, reader)
    post(store, "two@x", "Second", 2 * HOUR)
    [mail] = sent(store, NEXT_NOON)
    assert "1 new" in mail["Subject"]
    assert [row.cursor for row in rows(store, MEMBER)] == [2]


def test_a_notice_is_a_letter_too(store: Store) -> None:
    town(store)
    letter = outbox.Letter(
        id=uuid7(),
        forum_id=FORUM.id,
        kind=outbox.Kind.NOTICE,
        text="A word\n\nSome text.\n",
        member_id=None,
        recipient="owner@example.org",
        at=EVENING,
    )
    with store.write() as db:
        outbox.put(db, [letter])
    [mail] = sent(store)
    assert (mail["Subject"], mail["To"], mail.get_content()) == ("A word", "owner@example.org", "Some text.\r\n")


def test_one_click_is_offered_when_there_is_a_web_address(store: Store) -> None:
    reader = reader_in("Europe/London")
    town(store, reader)
    post(store, "one@x", "First")
    send_due(store, FORUM, NEXT_NOON, uuid7)
    with store.write() as db:
        [letter] = outbox.claim(db, NEXT_NOON, 5)
    town_ = FORUM
    for web in ("", "https://forum.example.org/"):
        raw = Composer(store, KEY, web).compose(town_, letter, Address("ann", "example.org")).raw
        mail = email.message_from_bytes(raw)
        leave = mail["List-Unsubscribe"].replace("\r\n", "")
        assert ("<mailto:town-leave%2B" in leave, "<https://forum.example.org/leave/town.example.org/" in leave) == (
            True,
            bool(web),
        )
        assert mail["List-Unsubscribe-Post"] == ("List-Unsubscribe=One-Click" if web else None)
        html = parse(raw).get_body(("html",)).get_content()  # type: ignore[union-attr]
        assert ('href="https://forum.example.org/leave/' in html) == bool(web)
        assert "\x02" not in html
    assert len(rows(store, RENDERING)) == len(rows(store, LETTER)) == 1
