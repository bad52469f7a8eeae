"""Posts that are removed, put back or edited: what readers see, what the next digest says, what waits, what is kept."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from html import unescape
from zoneinfo import ZoneInfo

import pytest
from uuid_utils.compat import uuid7

from gateway.flow.alter import NotChanged, alter
from gateway.flow.browse import tell_thread
from gateway.flow.publish import send_due
from gateway.flow.reindex import reindex
from gateway.mail.forum import Rhythm
from gateway.mail.piece import Alteration
from gateway.render.digest import render_thread_text
from gateway.store import outbox, shelf
from gateway.store.changes import CHANGE, Condition, all_changes, conditions, take_over
from gateway.store.engine import Store
from gateway.store.outbox import LETTER
from tests.test_flow_forms import NEXT_NOON, post, sent, town
from tests.test_flow_publish import EVENING, FORUM, reader_in
from tests.test_store import quiet_log, rows  # noqa: F401 - a fixture

DAY = timedelta(days=1)


def find(store: Store, msgid: str) -> shelf.Post:
    with store.read() as db:
        found = shelf.find_post(db, FORUM.id, msgid)
    assert found is not None
    return found


def change(store: Store, msgid: str, alteration: Alteration, at: timedelta, text: str = "") -> None:
    alter(store, FORUM, find(store, msgid), alteration, EVENING + at, uuid7, text)


def three_posts(store: Store) -> None:
    post(store, "one@x", "First", body="Words of one.")
    post(store, "two@x", "Second title", body="Words of two.", **{"In-Reply-To": "<one@x>"})
    post(store, "three@x", "Third title", body="Words of three.", **{"In-Reply-To": "<two@x>"})


def tree(store: Store) -> str:
    with store.read() as db:
        return render_thread_text(tell_thread(db, FORUM, {}, find(store, "one@x").thread_id), ZoneInfo("UTC"))


def text_of(mail: object) -> str:
    return str(mail.get_body(("plain",)).get_content())  # type: ignore[attr-defined]


def test_a_removed_post_leaves_its_place_and_its_answers(store: Store) -> None:
    town(store)
    three_posts(store)
    before = tree(store)
    change(store, "two@x", Alteration.REMOVED, DAY)
    assert "1 a comment that was removed" in tree(store)
    assert "Words of two." not in tree(store)
    assert "1.1 Third title" in tree(store)
    with pytest.raises(NotChanged):
        change(store, "two@x", Alteration.REMOVED, DAY)
    assert reindex(store, FORUM, uuid7) == 0
    change(store, "two@x", Alteration.RESTORED, 2 * DAY)
    assert tree(store) == before
    with pytest.raises(NotChanged):
        change(store, "two@x", Alteration.RESTORED, 2 * DAY)
    change(store, "one@x", Alteration.REMOVED, 2 * DAY)
    assert "an article that was removed" in tree(store)
    with store.read() as db:
        assert b"Words of one." in shelf.raw_of(db, FORUM.id, find(store, "one@x").mail_id)


def test_an_edited_post_says_something_else_and_what_was_said_is_kept(store: Store) -> None:
    town(store)
    three_posts(store)
    change(store, "two@x", Alteration.EDITED, DAY, "Better words.")
    change(store, "two@x", Alteration.EDITED, 2 * DAY, "The best <b>words</b>.")
    shown = tree(store)
    assert "The best <b>words</b>." in shown
    assert "(edited)" in shown
    assert "Better words." not in shown
    for text in ("The best <b>words</b>.", " "):
        with pytest.raises(NotChanged):
            change(store, "two@x", Alteration.EDITED, 3 * DAY, text)
    assert [row.text for row in sorted(rows(store, CHANGE), key=lambda row: row.at)] == [
        "Better words.",
        "The best <b>words</b>.",
    ]


def test_the_next_digest_says_what_changed_since(store: Store) -> None:
    town(store, reader_in("Europe/London"))
    three_posts(store)
    assert "Second title" in text_of(sent(store)[0])
    change(store, "two@x", Alteration.EDITED, DAY, "Better words.")
    change(store, "three@x", Alteration.REMOVED, DAY)
    assert sent(store, NEXT_NOON + DAY) == []
    post(store, "four@x", "Fourth", DAY)
    [mail] = sent(store, NEXT_NOON + 2 * DAY)
    text = text_of(mail)
    assert "1 new post in 2 threads, 2 changed since" in text
    assert "Better words." in text
    assert "(edited)" in text
    assert "1.1 a comment that was removed" in text
    assert "Third title" not in str(mail)
    assert "1 new" in mail["Subject"]
    html = unescape(str(mail.get_body(("html",)).get_content()))  # type: ignore[union-attr]
    assert "Better words." in html
    assert "\u00b7 edited" in html
    post(store, "five@x", "Fifth", 2 * DAY)
    [mail] = sent(store, NEXT_NOON + 3 * DAY)
    assert "Better words." not in text_of(mail)
    assert "changed" not in text_of(mail).partition("Contents")[0]


def test_what_was_removed_before_it_was_told_is_not_told(store: Store) -> None:
    town(store, reader_in("Europe/London"), reader_in("Asia/Tokyo", form="mime"))
    three_posts(store)
    change(store, "two@x", Alteration.REMOVED, timedelta(hours=1))
    change(store, "three@x", Alteration.EDITED, timedelta(hours=1), "Better words.")
    mails = sent(store)
    [html] = [mail for mail in mails if mail.get_content_type() == "multipart/alternative"]
    [mime] = [mail for mail in mails if mail.get_content_type() == "multipart/mixed"]
    assert "2 new posts" in text_of(html)
    for mail in (html, mime):
        assert "Words of two." not in str(mail)
        assert "Better words." in str(mail)
        assert "Words of three." not in str(mail)
    _, digest = mime.iter_parts()
    assert len(list(digest.iter_parts())) == 2


def test_copies_of_a_removed_post_that_wait_are_dropped(store: Store) -> None:
    town(store, replace(reader_in("Europe/London"), rhythm=Rhythm.IMMEDIATE))
    three_posts(store)
    assert send_due(store, FORUM, EVENING, uuid7) == 3
    change(store, "two@x", Alteration.REMOVED, timedelta(minutes=1))
    change(store, "three@x", Alteration.EDITED, timedelta(minutes=1), "Better words.")
    mails = sent(store, EVENING + timedelta(minutes=2))
    assert [mail["Subject"] for mail in mails] == ["First", "Third title"]
    assert "Better words." in str(mails[1])
    assert sorted(row.state for row in rows(store, LETTER)) == [outbox.State.DROPPED, outbox.State.SENT, outbox.State.SENT]


def test_changes_are_taken_over_once(store: Store) -> None:
    town(store)
    three_posts(store)
    change(store, "two@x", Alteration.REMOVED, DAY)
    change(store, "three@x", Alteration.EDITED, DAY, "Better words.")
    with store.read() as db:
        facts = all_changes(db, FORUM.id)
    for _ in range(2):
        with store.write() as db:
            take_over(db, FORUM.id, facts, uuid7)
    assert len(rows(store, CHANGE)) == 2
    removed, edited, same = (find(store, msgid).marker for msgid in ("two@x", "three@x", "one@x"))
    with store.read() as db:
        found = conditions(db, FORUM.id, [removed, edited, same])
    assert found == {removed: Condition(is_removed=True), edited: Condition(text="Better words.")}


def test_what_was_removed_before_anybody_saw_it_is_not_told(store: Store) -> None:
    town(store, reader_in("Europe/London"))
    post(store, "one@x", "Never seen", body="Words of one.")
    post(store, "two@x", "A second thread", body="Words of two.")
    change(store, "one@x", Alteration.REMOVED, timedelta(minutes=1))
    [mail] = sent(store)
    text = text_of(mail)
    assert "1 new post in 1 thread" in text
    assert "removed" not in text
    assert "A second thread" in text
