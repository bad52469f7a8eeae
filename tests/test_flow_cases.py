"""Moderation by mail alone: what becomes a case, who is told when, what an answer does, and what does nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from gateway.mail.address import Address
from gateway.mail.forum import Policy, Role, Standing
from gateway.mail.token import make_token
from gateway.mail.verdict import Reason
from gateway.render.cases import render_house_rules
from gateway.store import roster
from gateway.store.cases import CASE, DOCKET
from gateway.store.changes import conditions
from gateway.store.engine import Store
from gateway.store.keep import JOURNAL, MAIL
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
    fate,
    find,
    hold,
    is_posted,
    letters,
    make_town,
    member,
    text_of,
)
from tests.test_store import quiet_log, rows  # noqa: F401 - a fixture

OWNER = Address("boss", "home.example")


def standing_of(store: Store, who: str = AUTHOR.handle) -> str:
    return next(row.standing for row in rows(store, MEMBER) if row.handle == who)


def test_a_newcomers_post_is_a_letter_and_ok_posts_it(store: Store) -> None:
    make_town(store)
    hold(store)
    [letter] = letters(store)
    assert (letter["To"], letter["Subject"]) == (str(MODERATOR.address), "Town Talk: to be posted? Hello town")
    assert letter["Auto-Submitted"] == "auto-generated"
    text = text_of(letter)
    assert "Case 1: a mail that is held. Its author is new here." in text
    assert "Author: Nina" in text
    assert "| My first words." in text
    [attached] = [part for part in letter.iter_attachments() if part.get_content_type() == "message/rfc822"]
    inner = attached.get_content()
    assert (inner["From"], inner["Message-ID"]) == ("Nina via Town Talk <town@example.org>", "<1@x>")
    assert str(AUTHOR.address) not in letter.as_string()
    assert letters(store) == []
    said = answer(store, letter, "1 ok\r\n\r\nMo")
    assert said == f"{MODERATOR.address}: Town Talk: what you decided\n\n* Case 1: posted\n  Hello town, by Nina\n"
    assert is_posted(store, "1@x")
    assert fate(store, "1@x") == ("accept", "decided by hand")
    [case] = rows(store, CASE)
    assert (case.outcome, case.decided_by, case.kind) == ("posted", "Mo", "held")
    [line] = [row.detail for row in rows(store, JOURNAL) if row.verb == "ruled"]
    assert line == f"posted: {case.marker} by Mo"
    assert letters(store, NOON + 8 * DAY) == []


def test_house_rules_are_a_letter() -> None:
    assert render_house_rules(TOWN, "en") == "Town Talk: house rules\n\nBe kind.\n"
    assert "keine geschriebene Hausordnung" in render_house_rules(replace(TOWN, policy=Policy()), "de")


def test_several_cases_are_decided_in_one_answer(store: Store) -> None:
    make_town(store)
    for number in range(1, 7):
        hold(store, f"{number}@x", subject=f"Title {number}")
    [letter] = letters(store)
    assert letter["Subject"] == "Town Talk: 6 cases for you to decide"
    assert len(list(letter.iter_attachments())) == 6
    said = answer(store, letter, "1 ok, 2 no off topic, 3 edit: Kinder words.\r\n4 ban\r\n5 perhaps")
    assert "* Case 1: posted" in said
    assert "* Case 2: not posted; the author was told" in said
    assert "* Case 3: posted with your text" in said
    assert fate(store, "2@x") == ("discard", "decided by hand")
    with store.read() as db:
        marker = find(store, "3@x").marker
        assert conditions(db, TOWN.id, [marker])[marker].text == "Kinder words."
    assert f"{AUTHOR.address}: Town Talk: your mail was not posted" in said
    assert "The moderator wrote: off topic" in said
    assert "Be kind." in said
    assert fate(store, "4@x")[0] == "discard"
    assert standing_of(store) == "banned"
    assert fate(store, "5@x")[0] == "hold"


def test_a_case_is_decided_once_by_whoever_is_first(store: Store) -> None:
    other = member("Max", Role.OWNER)
    make_town(store, MODERATOR, AUTHOR, other)
    hold(store)
    mine, his = sorted(letters(store), key=lambda mail: str(mail["To"]), reverse=True)
    assert "posted" in answer(store, mine, "ok")
    said = answer(store, his, "no", sender=str(other.address))
    assert "* Case 1: already decided by Mo" in said
    assert is_posted(store, "1@x")
    assert "already decided by Mo" in answer(store, mine, "1 no")
    assert "already" in answer(store, mine, "all ban")
    assert standing_of(store) == "new"


@pytest.mark.parametrize(
    "body",
    [
        "> 1 ok",
        "On Monday Town Talk wrote:\r\n> To decide, answer\r\n> 1 ok\r\n> ok",
        "I will look at it tomorrow.\r\n\r\nOn Monday Town Talk wrote:\r\n> 1 ok",
        "-----Original Message-----\r\nFrom: Town Talk\r\nSubject: x\r\n\r\n1 ok",
        "Thanks!\r\n-- \r\n1 ok",
        "",
        "Ok, I am not sure about this one",
        "2 3 5",
    ],
)
def test_a_quoted_or_unclear_answer_does_nothing(store: Store, body: str) -> None:
    make_town(store)
    hold(store)
    [letter] = letters(store)
    assert "Your answer was not understood, and nothing was done." in answer(store, letter, body)
    assert fate(store, "1@x")[0] == "hold"
    assert rows(store, CASE)[0].outcome == ""


def test_our_own_letter_sent_back_without_marks_decides_nothing(store: Store) -> None:
    make_town(store)
    hold(store, body="1 ok\r\nok\r\nall ok\r\n1 ban")
    [letter] = letters(store)
    assert "not understood" in answer(store, letter, text_of(letter).replace("\n", "\r\n"))
    assert fate(store, "1@x")[0] == "hold"


def test_a_token_that_is_not_good_does_nothing_and_says_nothing(store: Store) -> None:
    make_town(store)
    hold(store)
    [letter] = letters(store)
    [docket] = rows(store, DOCKET)
    real = {"marker": docket.id.bytes[-6:], "expires": (NOON + DAY).date()}
    mine, his = MODERATOR.id.bytes[-4:], READER.id.bytes[-4:]
    tokens = [
        make_token(bytes(32), "case", TOWN.list_id, member=mine, **real),
        make_token(KEY, "leave", TOWN.list_id, member=mine, **real),
        make_token(KEY, "entry", TOWN.list_id, member=mine, **real),
        make_token(KEY, "case", "other.example.org", member=mine, **real),
        make_token(KEY, "case", TOWN.list_id, member=his, **real),
        make_token(KEY, "case", TOWN.list_id, member=mine, **real | {"marker": bytes(6)}),
        "a" * 37,
    ]
    for token in tokens:
        assert answer(store, letter, "1 ok", to=f"town+case-{token}@example.org") == ""
    assert fate(store, "1@x")[0] == "hold"
    assert {row.reason for row in rows(store, MAIL) if row.msgid != "1@x"} == {"not understood"}


def test_another_sender_a_program_and_an_old_letter_do_nothing(store: Store) -> None:
    make_town(store)
    hold(store)
    [letter] = letters(store)
    said = answer(store, letter, "1 ok", sender=str(READER.address))
    assert said.startswith(f"{MODERATOR.address}: Town Talk: nothing was decided")
    assert "from another address" in said
    assert answer(store, letter, "1 ok", Auto_Submitted="auto-replied") == ""
    assert answer(store, letter, "1 ok", Precedence="bulk") == ""
    assert "is too old" in answer(store, letter, "1 ok", at=NOON + 8 * DAY)
    assert fate(store, "1@x")[0] == "hold"


def test_whoever_decides_no_more_is_not_heard(store: Store) -> None:
    make_town(store)
    hold(store)
    [letter] = letters(store)
    roster.change_member(store, replace(MODERATOR, role=Role.MEMBER))
    assert answer(store, letter, "1 ok") == ""
    assert fate(store, "1@x")[0] == "hold"


def test_an_undecided_case_is_told_again_after_a_week_and_not_for_ever(store: Store) -> None:
    make_town(store)
    hold(store)
    assert len(letters(store)) == 1
    assert letters(store, NOON + 6 * DAY) == []
    [again] = letters(store, NOON + 7 * DAY + MINUTE)
    assert "posted" in answer(store, again, "ok", at=NOON + 8 * DAY)
    hold(store, "2@x", at=NOON + 8 * DAY)
    times = [len(letters(store, NOON + n * DAY + MINUTE)) for n in range(8, 80)]
    assert sum(times) == 4


def test_what_waits_for_its_sender_or_is_no_post_is_no_case(store: Store) -> None:
    make_town(store)
    for number, reason in enumerate((Reason.STRANGER, Reason.UNPROVED, Reason.FOR_OWNER, Reason.COMMAND)):
        hold(store, f"{number}@x", reason=reason)
    assert letters(store) == []
    hold(store, "6@x", reason=Reason.MAYBE_AUTOMATIC)
    with store.write() as db:
        db.execute(MAIL.update().where(MAIL.c.msgid == "6@x").values(forward_path="town-request@example.org"))
    assert letters(store) == []


def test_a_batch_comes_once_a_day_at_the_moderators_hour(store: Store) -> None:
    tokyo = member("Ton", Role.MODERATOR, cases="daily", zone=ZoneInfo("Asia/Tokyo"), hour=7, minute=30)
    make_town(store, tokyo, AUTHOR)
    hold(store)
    # 07:30 in Tokyo is 22:30 UTC.
    hour = datetime(2026, 3, 2, 22, 30, tzinfo=NOON.tzinfo)
    assert letters(store) == []
    hold(store, "2@x", at=NOON + MINUTE)
    assert letters(store, hour - MINUTE) == []
    [letter] = letters(store, hour + MINUTE)
    assert letter["Subject"] == "Town Talk: 2 cases for you to decide"
    hold(store, "3@x", at=hour + 2 * MINUTE)
    assert [len(letters(store, hour + timedelta(hours=n) + 3 * MINUTE)) for n in (0, 12, 23)] == [0, 0, 0]
    assert len(letters(store, hour + DAY + MINUTE)) == 1


def test_a_stream_of_cases_is_no_stream_of_letters(store: Store) -> None:
    make_town(store)
    sent = 0
    for number in range(60):
        hold(store, f"{number}@x", at=NOON + number * MINUTE / 2)
        sent += len(letters(store, NOON + number * MINUTE / 2))
    assert sent == 20
    [rest] = letters(store, NOON + timedelta(hours=2))
    assert rest["Subject"] == "Town Talk: 40 cases for you to decide"


def test_a_forum_without_moderators_asks_its_owners(store: Store) -> None:
    make_town(store, AUTHOR, forum=replace(TOWN, owners=(OWNER,)))
    hold(store)
    [letter] = letters(store)
    assert letter["To"] == str(OWNER)
    assert "posted" in answer(store, letter, "ok", sender=str(OWNER))
    assert rows(store, CASE)[0].decided_by == "a moderator"


def test_letters_are_in_the_moderators_language(store: Store) -> None:
    make_town(store, replace(MODERATOR, language="de"), replace(AUTHOR, language="de"))
    hold(store)
    [letter] = letters(store)
    assert "Fall 1: eine angehaltene Mail. Wer sie schrieb, ist neu hier." in text_of(letter)
    said = answer(store, letter, "1 nein Werbung")
    assert "Ihre Mail wurde nicht veröffentlicht" in said
    assert "Dazu schrieb die Moderation: Werbung" in said


def test_an_author_who_is_not_proved_is_told_nothing_and_not_banned(store: Store) -> None:
    make_town(store)
    hold(store, "1@x", proof="")
    hold(store, "2@x", proof="")
    one, two = letters(store)
    assert str(AUTHOR.address) not in answer(store, one, "no")
    assert "no member is known to have written it" in answer(store, two, "ban")
    assert (standing_of(store), fate(store, "2@x")[0]) == ("new", "hold")


def test_a_case_that_was_settled_by_hand_is_closed(store: Store) -> None:
    from gateway.flow.held import list_held, release

    make_town(store)
    hold(store)
    [letter] = letters(store)
    release(store, TOWN, list_held(store, TOWN)[0], NOON, lambda: MODERATOR.id)
    assert "settled already" in answer(store, letter, "1 no")
    assert letters(store, NOON + 8 * DAY) == []
    assert rows(store, CASE)[0].outcome == "settled"


def test_accepted_posts_make_a_member_trusted(store: Store) -> None:
    make_town(store)
    hold(store, "1@x")
    hold(store, "2@x")
    one, two = letters(store)
    answer(store, one, "ok")
    assert standing_of(store) == Standing.NEW
    answer(store, two, "ok")
    assert standing_of(store) == Standing.TRUSTED


def test_who_is_anonymous_stays_so_in_the_letter(store: Store) -> None:
    make_town(store)
    hold(store, reason=Reason.ANONYMOUS)
    hold(store, "2@x", body="Anonymous: yes\r\n\r\nWords.")
    for letter in letters(store):
        assert "Author: Anonymous Coward" in text_of(letter)
        assert "Nina" not in letter.as_string()
        assert "nina" not in letter.as_string()
        assert str(AUTHOR.address) not in answer(store, letter, "no")


def test_what_cannot_be_passed_on_is_named_and_large_mail_is_left_out(store: Store) -> None:
    make_town(store)
    hold(store, body="x" * 6_000_000)
    hold(store, "2@x", body="A bare\rcarriage return.")
    one, two = letters(store)
    assert "It is not attached" in text_of(one)
    assert list(one.iter_attachments()) == []
    assert len(list(two.iter_attachments())) == 1


def test_nothing_is_told_about_who_is_anonymous(store: Store) -> None:
    make_town(store)
    hold(store, body="Anonymous: yes\r\n\r\nMy first words.")
    [letter] = letters(store)
    assert "Case 1: a mail that is held. It is anonymous." in text_of(letter)
    assert "new here" not in text_of(letter)
    assert "Hello town, by Anonymous Coward" in answer(store, letter, "1 no")
