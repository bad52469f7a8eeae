"""The first mail of a stranger, or one that a member cannot prove: held, one question, posted after a yes, put away after a week.

The rules of `admit` that hold such mail are not what is tested: mails are kept here with the reason that they give.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from uuid_utils.compat import uuid7

from gateway.mail.address import Address
from gateway.mail.verdict import Decision, Reason, Verdict
from gateway.store import roster
from gateway.store.archive import POST
from gateway.store.engine import Store
from gateway.store.keep import MAIL
from gateway.store.pending import PENDING
from tests.test_flow_join import ANN, STRANGER, TOWN, Town
from tests.test_flow_publish import NEXT_NOON
from tests.test_store import incoming, mail_bytes, put, quiet_log, rows  # noqa: F401 - a fixture

STRANGERS, UNPROVED = Decision(Verdict.HOLD, Reason.STRANGER), Decision(Verdict.HOLD, Reason.UNPROVED)
SPAM = "Cheap wombats, buy now"


@pytest.fixture
def town(store: Store) -> Town:
    roster.add_forum(store, TOWN)
    roster.add_members(store, [ANN])
    return Town(store, TOWN)


def hold(town: Town, *msgids: str, decision: Decision = STRANGERS, peer: str = "192.0.2.1", who: str = STRANGER) -> list[str]:
    """Those mails come and are held; the letters that go out."""
    for msgid in msgids:
        data = mail_bytes(msgid, subject=SPAM, body=SPAM, From=who)
        item = incoming(TOWN, data, decision=decision, received_at=town.now, reverse_path="zoe@far.example")
        put(town.store, replace(item, envelope=replace(item.envelope, peer=peer)))
    return town.work()


def posts(town: Town) -> list[str]:
    return sorted(row.msgid for row in rows(town.store, POST))


def test_a_strangers_mails_are_posted_after_one_yes(town: Town) -> None:
    [letter] = hold(town, "1@far", "2@far", peer="192.0.2.1") + hold(town, "3@far", peer="198.51.100.9")
    assert letter.startswith("zoe@far.example: Is the mail to Town Talk yours?")
    assert not any(word in letter for word in (*SPAM.split(), "Zoe", "Newcomer"))
    assert "claim" in letter
    assert posts(town) == []
    assert set(town.fates()) == {("hold", "waits for its author's confirmation")}
    assert town.work() == [], "they are not looked at again"
    town.now += timedelta(days=2)
    [welcome] = town.answer()
    assert "Welcome to Town Talk" in welcome
    assert "has been posted" in welcome
    assert posts(town) == ["1@far", "2@far", "3@far"]
    kept = {row.msgid: row for row in rows(town.store, MAIL)}
    assert {kept[msgid].proof for msgid in posts(town)} == {"confirmed"}
    assert kept["1@far"].received_at == NEXT_NOON
    assert town.member("zoe@far.example") is not None


def test_a_members_yes_is_none_to_what_others_send_in_his_name(town: Town) -> None:
    who = f"Ann <{ANN.address}>"
    [letter] = hold(town, "mine@far", decision=UNPROVED, who=who)
    assert "If you sent it" in letter
    assert "claim" not in letter
    assert hold(town, "forged@far", decision=UNPROVED, who=who, peer="198.51.100.9") == []
    [thanks] = town.answer(From=who)
    assert f"{ANN.address}: Thank you, that was your mail" in thanks
    assert posts(town) == ["mine@far"]


def test_joining_posts_what_waited(town: Town) -> None:
    hold(town, "1@far")
    town.now += timedelta(days=1, minutes=1)
    [letter] = town.mail("town-join")
    assert "Do you want to join" in letter
    [welcome] = town.answer()
    assert "has been posted" in welcome
    assert posts(town) == ["1@far"]


def test_without_an_answer_it_is_put_away(town: Town) -> None:
    hold(town, "1@far", "2@far")
    town.now += timedelta(days=7, minutes=1)
    assert town.work() == []
    assert set(town.fates()) == {("discard", "waited too long")}
    assert rows(town.store, PENDING) == []
    assert town.store.is_sqlite or posts(town) == []


def test_what_must_not_be_answered_goes_to_the_owner(town: Town) -> None:
    assert hold(town, "1@far", who="no-reply@shop.example") == []
    assert hold(town, "2@far", who="town-join@example.org") == []
    assert set(town.fates()) == {("hold", "for the owners")}


def test_a_mail_released_by_hand_meanwhile_is_posted_once(town: Town) -> None:
    from gateway.flow.held import list_held, release

    hold(town, "1@far")
    [held] = list_held(town.store, TOWN)
    release(town.store, TOWN, held, town.now, uuid7)
    [welcome] = town.answer()
    assert "posted" not in welcome.split("To begin")[0]
    assert posts(town) == ["1@far"]


def test_a_second_address_of_the_member_posts_nothing_unasked(town: Town) -> None:
    hold(town, "1@far")
    with town.store.write() as db:
        roster.add_address(db, ANN, Address("zoe", "far.example"), town.now)
    [thanks] = town.answer()
    assert "Thank you" in thanks
    assert posts(town) == ["1@far"]
    member = town.member("zoe@far.example")
    assert member is not None
    assert member.id == ANN.id
