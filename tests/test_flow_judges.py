"""Nobody decides about himself: who gets a case in a moderator's stead, what the audit says, and what stays secret."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import update

from gateway.flow.audit import audit_of
from gateway.mail.address import Address
from gateway.mail.forum import Forum, Member, Role
from gateway.mail.verdict import Reason
from gateway.store.archive import POST
from gateway.store.engine import Store
from gateway.store.roster import add_address
from tests.cases import (
    AUTHOR,
    DAY,
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
    post,
    text_of,
    town_now,
)
from tests.test_flow_reports import complain
from tests.test_store import quiet_log  # noqa: F401 - a fixture

MAX = member("Max", Role.OWNER)
BOSS = Address("boss", "home.example")
OWNED = replace(TOWN, owners=(BOSS,))
HIMSELF = replace(TOWN, owners=(MODERATOR.address,))


def told(store: Store) -> list[tuple[str, str, str]]:
    return [(entry.what, entry.why, entry.by) for entry in audit_of(store, TOWN) if entry.what == "recused"]


def receivers(store: Store) -> list[str]:
    return sorted(str(mail["To"]) for mail in letters(store))


WHO = [
    (TOWN, (MODERATOR, MAX), "dkim", [str(MAX.address)], "to others"),
    (TOWN, (MODERATOR, MAX), "", [str(MAX.address)], "to others"),
    (OWNED, (MODERATOR,), "dkim", [str(BOSS)], "to an owner"),
    (OWNED, (MODERATOR,), "", [str(BOSS)], "to an owner"),
    (TOWN, (MODERATOR,), "dkim", [], "to nobody else"),
    (HIMSELF, (MODERATOR,), "dkim", [], "to nobody else"),
    # What a forger sends in the name of the only one who decides must not wait for ever.
    (TOWN, (MODERATOR,), "", [str(MODERATOR.address)], ""),
]


@pytest.mark.parametrize(("forum", "deciders", "proof", "to", "said"), WHO)
def test_his_own_held_mail_goes_to_others(
    store: Store, forum: Forum, deciders: tuple[Member, ...], proof: str, to: list[str], said: str
) -> None:
    make_town(store, *deciders, AUTHOR, forum=forum)
    hold(store, author=MODERATOR, reason=Reason.MAYBE_AUTOMATIC, proof=proof)
    assert receivers(store) == to
    assert [(what, why.split(" ", 1)[-1], by) for what, why, by in told(store)] == ([("recused", said, "Mo")] if said else [])
    assert receivers(store) == [], "each is told once"


def test_a_report_about_him_goes_to_others_who_decide(store: Store) -> None:
    make_town(store, MODERATOR, MAX, READER)
    marker = post(store, author=MODERATOR)
    complain(store, marker)
    [letter] = letters(store)
    assert str(letter["To"]) == str(MAX.address)
    assert "nothing was decided" in answer(store, letter, "ok")
    assert "the post was removed" in answer(store, letter, "no rude", sender=str(MAX.address))
    assert told(store) == [("recused", f"{marker} to others", "Mo")]


def test_an_owner_decides_where_there_is_one_moderator(store: Store) -> None:
    make_town(store, MODERATOR, AUTHOR, forum=OWNED)
    hold(store, "own@x", author=MODERATOR, reason=Reason.BULK)
    hold(store, "other@x")
    found = {str(mail["To"]): mail for mail in letters(store)}
    assert "Author: Mo" in text_of(found[str(BOSS)])
    assert "Author: Nina" in text_of(found[str(MODERATOR.address)])
    assert "posted" in answer(store, found[str(BOSS)], "ok", sender=str(BOSS))
    assert is_posted(store, "own@x")


def test_no_letter_of_his_decides_about_himself(store: Store) -> None:
    """He had the letter before the author's address was known to be his."""
    make_town(store, MODERATOR, MAX, AUTHOR)
    hold(store)
    hold(store, "2@x", author=READER)
    found = [mail for mail in letters(store) if str(mail["To"]) == str(MODERATOR.address)]
    [his] = [mail for mail in found if "Nina" in text_of(mail)]
    [other] = [mail for mail in found if "Rob" in text_of(mail)]
    with store.write() as db:
        add_address(db, MODERATOR, READER.address, NOON)
    assert "* Case 1: posted" in answer(store, his, "ok")
    said = answer(store, other, "ok")
    assert "* Case 1: nothing was done: it is about yourself, and somebody else decides" in said
    assert fate(store, "2@x")[0] == "hold"


def test_what_is_anonymous_is_nobodys(store: Store) -> None:
    """Else who is passed over would be known by it."""
    make_town(store, MODERATOR, MAX, READER)
    marker = post(store, author=MODERATOR)
    with store.write() as db:
        db.execute(update(POST).where(POST.c.id == find(store, "1@x").id).values(tag=b"tag", author_key="", number=1))
    complain(store, marker)
    hold(store, "2@x", author=MODERATOR, reason=Reason.ANONYMOUS, From="Anonymous Coward:;")
    assert receivers(store) == [str(MAX.address)] * 2 + [str(MODERATOR.address)] * 2
    assert told(store) == []


def test_what_nobody_decides_waits_and_is_said_once(store: Store) -> None:
    make_town(store, MODERATOR, AUTHOR)
    hold(store, author=MODERATOR, reason=Reason.BULK)
    for days in (0, 1, 8, 16):
        assert letters(store, NOON + days * DAY) == []
    assert fate(store, "1@x") == ("hold", Reason.BULK)
    assert len(told(store)) == 1
    assert town_now(store).owners == ()
