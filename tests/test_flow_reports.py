"""Posts that are reported, removed, purged or locked; who reports in vain; the flood brake; the audit of it all."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from uuid_utils.compat import uuid7

from gateway.flow.audit import audit_of
from gateway.flow.browse import tell_thread
from gateway.flow.desk import Desk
from gateway.flow.flood import brake, end_flood, is_flood
from gateway.flow.publish import publish
from gateway.flow.reading import Reader
from gateway.flow.reindex import reindex
from gateway.flow.report import Heard, report
from gateway.flow.standing import trust_newcomers
from gateway.mail.forum import Forum, Standing
from gateway.mail.token import make_token, marker_bytes
from gateway.store import locks, roster, shelf
from gateway.store.cases import CASE, REPORT, Kind
from gateway.store.engine import Store, Transaction
from gateway.store.keep import JOURNAL
from gateway.store.roster import MEMBER
from tests.cases import (
    AUTHOR,
    DAY,
    KEY,
    MINUTE,
    MODERATOR,
    NOON,
    READER,
    TOWN,
    answer,
    find,
    hold,
    is_posted,
    letters,
    make_town,
    member,
    post,
    text_of,
    town_now,
)
from tests.test_store import quiet_log, rows  # noqa: F401 - a fixture

HOUR = timedelta(hours=1)
PURGING = replace(TOWN, policy=replace(TOWN.policy, keeps_removed=False))


def complain(store: Store, marker: str, reason: str = "rude", *, who: object = READER, at: object = NOON) -> Heard:
    reader = Reader()
    with store.write() as db:
        return report(Desk(store, KEY, at, uuid7, reader), db, TOWN, who, marker, reason)  # type: ignore[arg-type]


def standing_of(store: Store) -> str:
    return next(row.standing for row in rows(store, MEMBER) if row.handle == AUTHOR.handle)


def test_a_reported_post_is_one_case_and_no_removes_it(store: Store) -> None:
    make_town(store, MODERATOR, replace(AUTHOR, standing=Standing.TRUSTED), READER, max_ := member("Max"))
    marker = post(store)
    post(store, "2@x", author=READER, **{"In-Reply-To": "<1@x>"})
    assert complain(store, f"[#{marker}]") is Heard.TAKEN
    assert complain(store, marker) is Heard.ALREADY
    assert complain(store, marker, "very rude", who=max_) is Heard.TAKEN
    assert complain(store, "zzzzzzzz") is Heard.NO_POST
    [letter] = letters(store)
    text = text_of(letter)
    assert letter["Subject"] == "Town Talk: reported: A post"
    assert "Reported by Rob: rude\nReported by Max: very rude" in text
    assert "| Bad words." in text
    said = answer(store, letter, "no house rules")
    assert "* Case 1: the post was removed" in said
    assert f"{AUTHOR.address}: Town Talk: your post was removed" in said
    assert standing_of(store) == Standing.PROBATION
    assert {row.outcome for row in rows(store, REPORT)} == {"upheld"}
    with store.read() as db:
        thread = tell_thread(db, TOWN, {}, find(store, "1@x").thread_id)
        raw = shelf.raw_of(db, TOWN.id, find(store, "1@x").mail_id)
    assert [entry.is_stub for entry in thread.entries] == [True, False]
    assert b"Bad words." in raw
    assert complain(store, marker, who=member("New")) is Heard.NO_POST


def test_what_is_removed_is_purged_where_that_is_the_policy(store: Store) -> None:
    make_town(store, forum=PURGING)
    marker = post(store, Icon="beer", **{"In-Reply-To": "<0@x>", "X-Trace": "secret"})
    post(store, "2@x", author=READER, **{"In-Reply-To": "<1@x>"})
    complain(store, marker)
    [letter] = letters(store)
    answer(store, letter, "no")
    with store.read() as db:
        gone = find(store, "1@x")
        raw = shelf.raw_of(db, TOWN.id, gone.mail_id)
    assert (gone.spans, gone.attachments, gone.marker) == ((), (), marker)
    assert b"Bad words" not in raw
    assert b"secret" not in raw
    assert reindex(store, PURGING, uuid7) == 0
    assert find(store, "1@x") == gone


def test_who_reports_in_vain_is_not_heard_for_a_month(store: Store) -> None:
    make_town(store)
    for number in range(4):
        marker = post(store, f"{number}@x", at=NOON + number * MINUTE)
        heard = complain(store, marker, at=NOON + number * HOUR)
        assert heard is (Heard.TAKEN if number < 3 else Heard.NOT_HEARD)
        if number < 3:
            [letter] = letters(store, NOON + number * HOUR)
            assert "the post stays" in answer(store, letter, "ok", at=NOON + number * HOUR + MINUTE)
    assert standing_of(store) == Standing.NEW
    assert complain(store, find(store, "3@x").marker, at=NOON + 31 * DAY) is Heard.TAKEN


def test_nobody_reports_everything(store: Store) -> None:
    make_town(store)
    markers = [post(store, f"{number}@x") for number in range(11)]
    assert [complain(store, marker) for marker in markers] == [Heard.TAKEN] * 10 + [Heard.TOO_MANY]


def test_a_report_by_the_link_of_a_digest(store: Store) -> None:
    make_town(store)
    marker = post(store)
    known = marker_bytes(marker)
    assert known is not None

    def address(purpose: str = "entry", member: bytes = READER.id.bytes[-4:]) -> str:
        token = make_token(KEY, purpose, TOWN.list_id, marker=known, member=member, expires=(NOON + DAY).date())
        return f"town+report-{token}@example.org"

    letter = {"Subject": "report"}
    for to, sender in ((address("case"), READER), (address(), AUTHOR), (address(member=bytes(4)), READER)):
        assert answer(store, letter, "rude", sender=str(sender.address), to=to) == ""  # type: ignore[arg-type]
    assert answer(store, letter, "rude", sender=str(READER.address), to=address(), at=NOON + 3 * DAY) == ""  # type: ignore[arg-type]
    said = answer(store, letter, "Rude!\r\n> quoted", sender=str(READER.address), to=address())  # type: ignore[arg-type]
    assert said.startswith(f"{READER.address}: Town Talk: your report\n\nThank you.")
    assert [row.reason for row in rows(store, REPORT)] == ["Rude!"]


def locked(db: Transaction, msgids: list[str]) -> set[str]:
    """Which of these posts stand in a thread that is locked."""
    closed = locks.threads_of(db, TOWN.id, locks.locked_heads(db, TOWN.id))
    return {msgid for msgid in msgids if locks.threads_of(db, TOWN.id, [msgid]) & closed}


def test_edit_lock_and_ban_of_a_reported_post(store: Store) -> None:
    make_town(store, MODERATOR, replace(AUTHOR, standing=Standing.TRUSTED), READER)
    for number in range(3):
        complain(store, post(store, f"{number}@x"))
    one, two, three = letters(store)
    assert "has your text now" in answer(store, one, "edit\r\n\r\nBetter words, I hope.")
    assert "takes no more comments" in answer(store, two, "lock")
    assert "nothing more by this author" in answer(store, three, "ban")
    assert standing_of(store) == Standing.BANNED
    with store.read() as db:
        assert locked(db, ["0@x", "1@x", "2@x", "unknown@x"]) == {"1@x"}


def test_a_thread_is_locked_by_marker_and_by_its_head(store: Store) -> None:
    make_town(store)
    marker = post(store)
    post(store, "2@x", **{"In-Reply-To": "<1@x>"})
    hold(store, "3@x")
    [letter] = letters(store)
    comment = find(store, "2@x").marker
    assert f"[#{comment}]: the discussion takes no more comments" in answer(store, letter, f"lock {comment}")
    with store.read() as db:
        assert locked(db, ["1@x", "2@x"]) == {"1@x", "2@x"}
    assert "takes comments again" in answer(store, letter, f"unlock #{marker}")
    with store.read() as db:
        assert locked(db, ["1@x"]) == set()
    assert "no discussion was found" in answer(store, letter, "lock zzzzzzzz")


@pytest.mark.parametrize(
    ("in_hour", "before", "factor", "is_one"),
    [(60, 0, 10, False), (61, 0, 10, True), (61, 10 * 672, 10, False), (101, 10 * 672, 10, True), (1000, 0, 0, False)],
)
def test_what_is_a_flood(in_hour: int, before: int, factor: int, is_one: bool) -> None:
    assert is_flood(in_hour, before, factor) is is_one


def flooded(store: Store) -> Forum:
    forum = replace(TOWN, policy=replace(TOWN.policy, flood_factor=2))
    make_town(store, forum=forum)
    for number in range(13):
        post(store, f"{number}@x", at=NOON - number * MINUTE)
    brake(store, town_now(store), NOON, uuid7)
    return town_now(store)


def test_a_flood_holds_posts_until_a_moderator_says_ok(store: Store) -> None:
    assert flooded(store).flooded_at == NOON
    brake(store, town_now(store), NOON + MINUTE, uuid7)
    [letter] = letters(store)
    assert letter["Subject"] == "Town Talk: many posts at once, all are held"
    assert answer(store, letter, "late", to="town@example.org", sender=str(AUTHOR.address)) == ""
    assert [row.detail for row in rows(store, JOURNAL) if row.verb == "held"] == ["too much at once in the forum"]
    [held] = letters(store, NOON + 2 * MINUTE)
    assert "posts go through again" in answer(store, letter, "ok", at=NOON + 3 * MINUTE)
    assert town_now(store).flooded_at is None
    brake(store, town_now(store), NOON + 4 * MINUTE, uuid7)
    assert town_now(store).flooded_at is None
    assert "posted" in answer(store, held, "ok", at=NOON + 5 * MINUTE)


def test_a_flood_ends_by_itself_or_by_hand(store: Store) -> None:
    forum = flooded(store)
    brake(store, forum, NOON + 23 * HOUR, uuid7)
    assert town_now(store).flooded_at is not None
    brake(store, forum, NOON + 24 * HOUR, uuid7)
    assert town_now(store).flooded_at is None
    end_flood(store, forum, NOON + 25 * HOUR, uuid7, "the operator")
    assert [(row.kind, row.outcome, row.decided_by) for row in rows(store, CASE)] == [(Kind.FLOOD, "opened", "time")]


def test_probation_ends_by_posts_after_the_removal(store: Store) -> None:
    make_town(store, MODERATOR, replace(AUTHOR, standing=Standing.TRUSTED), READER)
    complain(store, post(store))
    [letter] = letters(store)
    answer(store, letter, "no")
    assert standing_of(store) == Standing.PROBATION
    for number in (2, 3):
        assert standing_of(store) == Standing.PROBATION
        post(store, f"{number}@x", at=NOON + number * HOUR)
        trust_newcomers(store, TOWN, publish(store, TOWN, NOON + number * HOUR, uuid7), NOON + number * HOUR, uuid7)
    assert standing_of(store) == Standing.TRUSTED


def test_the_audit_says_who_decided_what_and_shows_no_address(store: Store) -> None:
    make_town(store)
    hold(store)
    complain(store, post(store, "2@x"))
    first, second = letters(store)
    answer(store, first, "no off topic")
    answer(store, second, "no rude\r\nlock " + find(store, "2@x").marker)
    found = audit_of(store, TOWN)
    told = {(entry.what, entry.by) for entry in found}
    assert {("held: declined-told", "Mo"), ("reported: removed", "Mo"), ("locked", "Mo")} <= told
    assert any(entry.why.endswith(": off topic") for entry in found)
    assert not any("@" in f"{entry.by}{entry.why}{entry.marker}" for entry in found)
    assert [entry.at for entry in found] == sorted(entry.at for entry in found)
    assert audit_of(store, TOWN, NOON + DAY) == []
    roster.change_forum(store, replace(TOWN, title="Other"))
    assert not is_posted(store, "1@x")
