"""Answers to digests that come by other ways, late, by other hands, or with what should not be in them: nothing is lost."""

from __future__ import annotations

import email
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from email.message import EmailMessage
from email.policy import default

import pytest
from uuid_utils.compat import uuid7

from gateway.flow.alter import alter
from gateway.flow.leave import leave_now
from gateway.flow.publish import publish, send_due
from gateway.mail.address import Address
from gateway.mail.forum import Forum, Posting, Who
from gateway.mail.piece import Alteration
from gateway.mail.token import make_token, marker_bytes
from gateway.store import roster, shelf
from tests.test_flow_filing import LATER, Reading, quoted, reading, seed  # noqa: F401 - fixtures
from tests.test_flow_publish import FORUM, KEY, LONDON, YORK, FakeCourier, tick, town  # noqa: F401
from tests.test_store import incoming, mail_bytes, put, quiet_log  # noqa: F401 - a fixture

AWAY = "203.0.113.9"
YEAR = timedelta(days=366)


@pytest.fixture
def proved(reading: Reading) -> Reading:  # noqa: F811
    """Where who wrote must be proved, and nothing but a token does: mail comes from a network that nobody trusts."""
    roster.change_forum(reading.store, replace(FORUM, policy=replace(FORUM.policy, posting=Posting.PROVED)))
    return reading


def posted(reading: Reading, words: str) -> list[str]:  # noqa: F811
    """The numbers of the comments with these words."""
    return [number for number, one in reading.entries().items() if any(words in span.text for span in one.spans)]


def entry_address(reading: Reading, number: str, *, days: int = 90, reader: object = LONDON) -> str:  # noqa: F811
    marker = marker_bytes(reading.entries()[number].marker)
    assert marker is not None
    until = (LATER + timedelta(days=days)).date()
    token = make_token(KEY, "entry", FORUM.list_id, marker=marker, member=reader.id.bytes[-4:], expires=until)  # type: ignore[attr-defined]
    return f"town+c-{token}@example.org"


@pytest.mark.parametrize("order", ["forum first", "digest first"])
def test_who_answers_everybody_posts_once(proved: Reading, order: str) -> None:
    """One copy goes to the forum, one to the digest's address: the token of the one proves both."""
    both = {"first": "town@example.org"}
    if order == "digest first":
        both = {"first": str(proved.digest["Reply-To"]), "to": "town@example.org"}
    assert proved.answer(f"{quoted(proved.entry_text('7'))}\n\nSo it is.", peer=AWAY, **both) == []
    assert len(posted(proved, "So it is.")) == 1
    assert proved.held() == []


def test_another_mail_with_that_message_id_is_not_proved(proved: Reading) -> None:
    """Who knows the Message-ID of an answer that waits cannot post by it."""
    true, forged = (f"{quoted(proved.entry_text('7'))}\n\n{words}" for words in ("So it is.", "So it is not."))
    proved.answer(forged, peer=AWAY, to="town@example.org", Message_ID="<same@reader.example>")
    [letter] = proved.answer(true, peer=AWAY, Message_ID="<same@reader.example>")
    # It asks about the forged one.
    assert letter["Subject"] == "Is the mail to Town Talk yours?"
    assert posted(proved, "So it is not.") == []
    assert len(posted(proved, "So it is.")) == 1


def test_from_another_address_of_the_member(proved: Reading) -> None:
    other = Address("london", "office.example")
    with proved.store.write() as db:
        roster.add_address(db, LONDON, other, LATER)
    assert proved.answer(f"{quoted(proved.entry_text('7'))}\n\nSo it is.", sender=other, peer=AWAY) == []
    assert posted(proved, "So it is.") == ["7.2"]
    assert proved.entries()["7.2"].author == LONDON.handle


def test_a_friend_answers_a_forwarded_digest(reading: Reading) -> None:  # noqa: F811
    """He is known by himself, the comment by the marker; the digest was not his."""
    body = f"Begin forwarded message:\n\n{quoted(reading.entry_text('7'))}\n\nSo it is."
    assert reading.answer(body, sender=YORK.address, Subject=f"Fwd: {reading.digest['Subject']}", In_Reply_To="") == []
    assert posted(reading, "So it is.") == ["7.2"]
    assert reading.entries()["7.2"].author == YORK.handle


def test_a_friend_uses_the_link_of_an_entry(proved: Reading) -> None:
    """It proves nothing about him: he is asked whether the mail is his, and told nothing about whose link it was."""
    [letter] = proved.answer("So it is.", to=entry_address(proved, "7"), sender=YORK.address, peer=AWAY, In_Reply_To="")
    assert letter["To"] == str(YORK.address)
    assert "london" not in str(letter).lower()
    assert posted(proved, "So it is.") == []
    assert len(proved.held()) == 1


def test_an_issue_of_last_year(reading: Reading) -> None:  # noqa: F811
    assert reading.answer(f"{quoted(reading.entry_text('7'))}\n\nSo it is.", at=LATER + YEAR) == []
    assert posted(reading, "So it is.") == ["7.2"]


def test_an_old_issue_by_who_is_not_proved(proved: Reading) -> None:
    """Its token is too old to prove anything: one letter asks, and the mail is kept."""
    proved.answer(f"{quoted(proved.entry_text('7'))}\n\nSo it is.", at=LATER + 3 * YEAR, peer=AWAY)
    [letter] = proved.work(3 * YEAR)
    assert letter["To"] == str(LONDON.address)
    assert posted(proved, "So it is.") == []
    assert len(proved.held()) == 1


def test_two_issues_in_one_answer(reading: Reading) -> None:  # noqa: F811
    raw = mail_bytes("late@x", "A late thought", body="Words that came late, and stand in the second issue only.")
    put(reading.store, incoming(FORUM, raw, received_at=LATER))
    publish(reading.store, FORUM, LATER, uuid7)
    courier = FakeCourier()
    send_due(reading.store, FORUM, LATER + timedelta(days=1), uuid7)
    tick(reading.store, courier, LATER + timedelta(days=1))
    [second] = [
        mail
        for _, to, raw in courier.carried
        if to == LONDON.address
        and isinstance(mail := email.message_from_bytes(raw, policy=default), EmailMessage)
        and "Issue 2" in mail["Subject"]
    ]
    entry = next(one for one in Reading(reading.store, second).text.split("\n" + "-" * 30 + "\n") if "late thought" in one)
    body = f"{quoted(reading.entry_text('7'))}\n\nTo the first.\n\n{quoted(entry)}\n\nTo the second."
    both = {"In_Reply_To": str(second["Message-ID"]), "References": f"{reading.digest['Message-ID']} {second['Message-ID']}"}
    reading.answer(body, to=str(second["Reply-To"]), at=LATER + timedelta(days=1, hours=1), **both)
    assert posted(reading, "To the first.") == ["7.2"]
    with reading.store.read() as db:
        late = shelf.find_post(db, FORUM.id, "late@x")
        assert late is not None
        assert [post.parent for posts in shelf.posts_of_threads(db, FORUM.id, [late.thread_id]).values() for post in posts] == [
            None,
            "late@x",
        ]
    assert reading.held() == []


def test_an_answer_to_one_post_by_itself(reading: Reading) -> None:  # noqa: F811
    """An immediate copy and the opened part of the mime form keep the Message-ID of the post, and lead to the forum."""
    with reading.store.read() as db:
        post = shelf.find_post(db, FORUM.id, reading.entries()["7"].marker)
    assert post is not None
    reading.answer("So it is.", to="town@example.org", In_Reply_To=f"<{post.msgid}>", Subject=f"Re: {post.subject}")
    assert posted(reading, "So it is.") == ["7.2"]


def removed(reading: Reading) -> str:  # noqa: F811
    address = entry_address(reading, "7")
    with reading.store.read() as db:
        post = shelf.find_post(db, FORUM.id, reading.entries()["7"].marker)
    assert post is not None
    alter(reading.store, FORUM, post, Alteration.REMOVED, LATER, uuid7)
    return address


def left(reading: Reading) -> str:  # noqa: F811
    address = entry_address(reading, "7")
    with reading.store.write() as db:
        member = roster.member_with_key(db, FORUM.id, LONDON.address.key)
        assert member is not None
        leave_now(db, FORUM, member, LATER, uuid7)
    return address


def expired(reading: Reading) -> str:  # noqa: F811
    return entry_address(reading, "7", days=-1)


@pytest.mark.parametrize("case", [removed, left, expired])
def test_tokens_that_are_not_good_any_more(proved: Reading, case: Callable[[Reading], str]) -> None:
    """One letter at most; the words are posted, or wait."""
    to = case(proved)
    letters = proved.answer("So it is.", to=to, peer=AWAY, In_Reply_To="")
    assert len(letters) <= 1
    assert len(posted(proved, "So it is.")) + len(proved.held()) == 1, (proved.held(), posted(proved, "So it is."))


def test_markers_of_nowhere_of_elsewhere_and_of_a_private_forum_look_alike(reading: Reading) -> None:  # noqa: F811
    markers = ["zzzzzzzz"]
    for name, is_private in (("open", False), ("secret", True)):
        policy = replace(FORUM.policy, read=Who.MEMBERS if is_private else Who.ANYONE)
        forum = Forum(id=uuid7(), name=name, domain="example.org", title=name, policy=policy)
        roster.add_forum(reading.store, forum)
        put(reading.store, incoming(forum, mail_bytes(f"{name}@x", "Hidden words"), received_at=LATER))
        with reading.store.read() as db:
            post = shelf.find_post(db, forum.id, f"{name}@x")
        assert post is not None
        markers.append(post.marker)
    told = []
    for marker in markers:
        [letter] = reading.answer(f"> [#{marker}]\n> Words that nobody wrote here.\n\nSo it is.")
        told.append(re.sub(r"[a-z2-7]{37}", "TOKEN", letter.get_content()))
        assert "Hidden" not in told[-1]
    assert told[0] == told[1] == told[2]


def test_ten_comments_and_one_word(reading: Reading) -> None:  # noqa: F811
    """Nobody can tell which of them it answers: the member is asked, and offered the nearest ones first."""
    quotes = "\n".join(quoted(reading.entry_text(str(number))) for number in range(1, 11))
    [letter] = reading.answer(f"{quotes}\n\nNonsense.")
    assert "\n  1  Anonymous Coward, UK's Surveillance Camera Commissioner\n" in letter.get_content().replace("\r\n", "\n")
    assert reading.held() == ["its author was asked which comment it answers"]
    reading.answer("1", to=str(letter["Reply-To"]), Subject="Re: which", In_Reply_To="")
    assert [number.rpartition(".")[0] for number in posted(reading, "Nonsense.")] == ["10"]


def test_ten_thousand_markers(reading: Reading) -> None:  # noqa: F811
    body = "\n".join(f"> [#{number:08d}] words" for number in range(10_000)) + "\n\nSo it is."
    letters = reading.answer(body)
    assert len(letters) <= 1
    assert len(posted(reading, "So it is.")) + len(reading.held()) == 1
