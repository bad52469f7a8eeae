"""The command `confirm TOKEN`: as an answer to the letter, when it comes from the address that was asked; on both engines."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from uuid_utils.compat import uuid7

from gateway.flow.compose import confirm_address
from gateway.mail.address import Address
from gateway.store import roster
from gateway.store.engine import Store
from gateway.store.keep import JOURNAL, MAIL
from gateway.store.pending import PENDING
from tests import test_flow_command as commands
from tests import test_flow_join as door
from tests.test_flow_command import BOB, one
from tests.test_flow_join import ANN
from tests.test_flow_publish import KEY
from tests.test_store import quiet_log, rows  # noqa: F401 - a fixture


@pytest.fixture
def town(store: Store) -> door.Town:
    roster.add_forum(store, door.TOWN)
    roster.add_members(store, [ANN])
    return door.Town(store, door.TOWN)


def token(town: door.Town) -> str:
    """The one that the last question names."""
    return town.reply_to().local.partition("+")[2]


def command(town: door.Town, token: str, **fields: str) -> list[str]:
    return town.mail("town-request", subject=f"confirm {token}", body="", **fields)


ASKED = "Re: Do you want to join?"
SPELLINGS = [("confirm {}", ""), ("Re: confirm {}", "yes"), (ASKED, "CONFIRM {}"), (ASKED, "bestätigen {}\n\n> A quote.")]


@pytest.mark.parametrize(("subject", "body"), SPELLINGS)
def test_a_stranger_joins_by_it(town: door.Town, subject: str, body: str) -> None:
    town.mail("town-join")
    good = token(town).upper()
    [welcome] = town.mail("town-request", subject=subject.format(good), body=body.format(good))
    assert welcome.startswith("zoe@far.example: Welcome to Town Talk\n\n")
    assert town.member("zoe@far.example") is not None
    assert [row.detail for row in rows(town.store, JOURNAL) if row.verb == "confirmed"] == ["join"]
    assert town.fates()[-1] == ("discard", "done")


def test_a_mail_that_waited_is_posted_by_it(town: door.Town) -> None:
    town.mail("town", subject="A first mail")
    [welcome] = command(town, token(town))
    assert "Welcome" in welcome
    assert [row.verdict for row in rows(town.store, MAIL) if row.reason == "posted"] == ["accept"]


def test_from_any_other_address_nothing_happens_and_nobody_hears(town: door.Town) -> None:
    town.mail("town-join")
    good = token(town)
    for sender in ("eve@evil.example", str(ANN.address), "zoe@far.example, eve@evil.example"):
        assert command(town, good, From=sender) == []
    assert town.member("zoe@far.example") is None
    assert rows(town.store, PENDING)[0].used_at is None
    assert len(command(town, good)) == 1


def test_it_counts_once_and_for_a_week(town: door.Town) -> None:
    town.mail("town-join")
    good = token(town)
    assert len(command(town, good)) == 1
    assert command(town, good) == []
    assert town.mail(f"town-confirm+{good}") == []
    town.mail("town-join", From="Yan <yan@far.example>")
    late = token(town)
    town.now += timedelta(days=9)
    [letter] = command(town, late, From="Yan <yan@far.example>")
    assert "Your answer came too late" in letter
    assert town.member("yan@far.example") is None


@pytest.mark.parametrize("forged", ["a" * 37, ""])
def test_a_token_of_nobody_does_nothing(town: door.Town, forged: str) -> None:
    assert command(town, forged) == []
    assert command(town, forged, From=f"<{ANN.address}>") == []
    assert rows(town.store, PENDING) == []


def test_a_members_other_address_will_do(town: door.Town) -> None:
    with town.store.write() as db:
        roster.add_address(db, ANN, Address("ann", "work.example"), town.now)
    town.mail("town-leave", From=f"<{ANN.address}>")
    [goodbye] = command(town, token(town), From="<ann@work.example>")
    assert goodbye.startswith(f"{ANN.address}: You have left Town Talk")


def test_an_unproved_member_confirms_what_he_asked_for(store: Store) -> None:
    town = commands.new_town(store)
    town.mail("set digest=weekly", proof="")
    text = one(town.mail(f"confirm {town.token()}", proof=""))
    assert "digest=weekly" in text
    assert town.member().rhythm == "weekly"


def test_a_proved_member_is_told_why_not(store: Store) -> None:
    town = commands.new_town(store)
    town.mail("forget me")
    good = town.token()
    assert "Nothing waits for that" in one(town.mail(f"confirm {good}", sender="bob@y.example"), BOB.address)
    assert "just answer the letter" in one(town.mail("confirm"))
    assert "lost your name" in one(town.mail(f"confirm {good}\nstatus"))
    assert town.member().handle == "former member"
    town.mail("handle Robert", sender="bob@y.example")
    again = town.token()
    assert "your name here is Robert" in one(town.mail(f"confirm {again}", sender="bob@y.example"), BOB.address)
    assert "confirmed before" in one(town.mail(f"confirm {again}", sender="bob@y.example"), BOB.address)


def test_who_had_left_and_joins_by_a_command_is_asked_once(store: Store) -> None:
    town = commands.new_town(store)
    assert town.mail("join", proof="") == [], "who reads the digest gets no letter"
    roster.change_member(store, replace(town.member(), has_digest=False))
    text = one(town.mail("join digest=weekly\nset language=en", proof=""))
    assert text.startswith("Town Talk: was this you?")
    assert town.mail("join", proof="") == []
    assert not town.member().has_digest
    assert "Digests come to you again." in one(town.confirm())
    assert (town.member().has_digest, town.member().rhythm) == (True, "weekly")
    roster.change_member(store, replace(town.member(), has_digest=False))
    assert "Digests come to you again." in one(town.mail("join"))
    assert town.member().has_digest


UNPROVED = ["join", "join digest=weekly", "subscribe", "claim"]


@pytest.mark.parametrize("words", UNPROVED)
def test_nobody_learns_who_is_a_member(town: door.Town, words: str) -> None:
    """Who takes an address that is not his gets no letter, and one reply whosever it is; whose it is, gets one question."""
    left = replace(ANN, id=uuid7(), address=Address("left", "members.example"), handle="Left", has_digest=False)
    roster.add_members(town.store, [left])
    replies = set()
    for address in (str(ANN.address), str(left.address), "nobody@far.example"):
        for local in ("town-join", "town-request", "town-leave"):
            subject = f"{words} {ANN.address}" if words == "claim" else words
            sent = town.mail(local, subject=subject, body="", From=f"<{address}>", path="eve@evil.example")
            replies.add(town.replies)
            assert len(sent) <= 1
            assert all(text.startswith(f"{address}: ") for text in sent)
    assert len(replies) == 1


def test_a_question_with_a_list_wants_its_number(store: Store) -> None:
    town = commands.new_town(store)
    town.mail("set digest=weekly", proof="")
    [row] = rows(store, PENDING)
    with store.write() as db:
        db.execute(PENDING.update().values(kind="which"))
    good = confirm_address(KEY, town.forum, row.id, row.at).local.partition("+")[2]
    assert "needs more than a yes" in one(town.mail(f"confirm {good}"))
    assert [row.used_at for row in rows(store, PENDING)] == [None]
