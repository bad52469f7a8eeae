"""Commands about posts: got with their files, changed by their authors in time, followed, muted, moved; on both engines."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import replace
from datetime import timedelta

import pytest
from uuid_utils.compat import uuid7

from gateway.flow.publish import publish, send_due
from gateway.mail.forum import Role
from gateway.store import roster, shelf
from gateway.store.engine import Store
from gateway.store.ledger import ISSUE, RENDERING
from gateway.store.outbox import LETTER
from tests.test_flow_command import ANN, BOB, HANNA, Town, new_town, one
from tests.test_flow_publish import FORUM, NEXT_NOON
from tests.test_store import quiet_log, rows  # noqa: F401 - a fixture

DAY = timedelta(days=1)
PDF = b"%PDF-1.4 of wombats\n" * 20


@pytest.fixture
def town(store: Store) -> Town:
    return new_town(store)


def shown(mail: object) -> str:
    return str(mail.get_body(("plain",)).get_content())  # type: ignore[attr-defined]


def with_file(quote: str = "") -> dict[str, str]:
    lines = [
        "--b",
        "Content-Type: text/plain",
        "",
        "See the file.",
        *([quote, "> Wombats dig.", "", "They do."] if quote else []),
    ]
    disposition = 'Content-Disposition: attachment; filename="größe.pdf"'
    lines += [
        "--b",
        "Content-Type: application/pdf",
        disposition,
        "Content-Transfer-Encoding: base64",
        "",
        b64encode(PDF).decode(),
    ]
    return {"body": "\r\n".join([*lines, "--b--"]), "Content-Type": "multipart/mixed; boundary=b"}


@pytest.mark.parametrize("quote", ["", "On Mon, 2 Mar 2026, Hanna <hanna@z.example> wrote:"])
def test_a_post_comes_with_its_files_and_without_addresses(town: Town, quote: str) -> None:
    marker = town.post("1@x", "Wombats", **with_file(quote))
    assert town.mail(f"get {marker}") == [("ann@x.example", "")]
    [(to, mail)] = town.carried()
    assert (to, mail["Subject"]) == ("ann@x.example", "Wombats")  # type: ignore[index]
    assert "See the file." in shown(mail)
    [file] = mail.iter_attachments()  # type: ignore[attr-defined]
    assert (file.get_filename(), file.get_content()) == ("größe.pdf", PDF)
    for address in ("hanna@z.example", "bob@y.example"):
        assert address not in str(mail)


def test_who_wants_no_digests_still_gets_what_he_asks_for(town: Town) -> None:
    marker = town.post("1@x", "Wombats")
    town.mail("set digest=off")
    town.mail(f"get {marker}")
    assert [mail["Subject"] for _, mail in town.carried()][1:] == ["Wombats"]  # type: ignore[index]


def test_a_thread_and_what_came_since_a_day(town: Town) -> None:
    marker = town.post("1@x", "Wombats", body="They dig.")
    town.post("2@x", "Re: Wombats", "ann@x.example", "They do.", **{"In-Reply-To": "<1@x>"})
    text = one(town.mail(f"get thread {marker}"))
    assert text.startswith("Wombats\n\n")
    assert "They dig." in text
    assert "From: Ann (silver badge)" in text
    letter = one(town.mail("since 2026-03-02"))
    assert letter.startswith("Town Talk Digest, Issue 1: 2 new\n\n")
    assert "They do." in letter
    [(_, first), (_, second)] = town.carried()
    assert "<leave" not in shown(second) + shown(first)
    assert "\x02" not in shown(second)
    assert "Nothing has been posted since Sun 1 Mar 2037." in one(town.mail("since 2037-03-01"))


def test_numbers_count_in_an_answer_to_the_issue(town: Town) -> None:
    town.post("1@x", "Wombats")
    town.post("2@x", "About holes", **{"In-Reply-To": "<1@x>"})
    assert send_due(town.store, FORUM, NEXT_NOON, uuid7) == 3
    [issue] = [row for row in rows(town.store, ISSUE) if row.member_id == ANN.id]
    assert "a number counts only in an answer to the digest" in one(town.mail("get 1"))
    assert town.mail("get 1", "Re: Digest", **{"In-Reply-To": f"<{issue.msgid}>"}) == [("ann@x.example", "")]
    assert "About holes" in [mail["Subject"] for _, mail in town.carried(NEXT_NOON)]  # type: ignore[index]
    local, _, domain = issue.msgid.partition("@")
    assert town.mail("get 1", "Re: part 2", **{"In-Reply-To": f"<{local}.2@{domain}>"}) == [("ann@x.example", "")]
    town.now += 2 * DAY
    assert "marker is wanted" in one(town.mail("get 7", "Re: Digest", **{"In-Reply-To": f"<{issue.msgid}>"}))
    # Somebody else's issue tells him nothing.
    assert "a number counts only" in one(
        town.mail("get 1", **{"In-Reply-To": f"<{issue.msgid}>"}, sender="bob@y.example"), BOB.address
    )


@pytest.fixture
def marker(town: Town) -> str:
    """A post of Ann's, in a forum where posts may be changed for five minutes."""
    town.policy(edit_minutes=5)
    return town.post("1@x", "Wombats", "ann@x.example", "They fly.")


def condition(town: Town, marker: str) -> str:
    return town.mail(f"thread {marker}", sender="hanna@z.example")[0][1]


def test_an_author_changes_a_post_in_time(town: Town, marker: str) -> None:
    assert "has its new text" in one(town.mail(f"edit {marker}\nThey dig.\n\nDeep holes.\n-- \nAnn"))
    text = condition(town, marker)
    assert "Deep holes." in text
    assert "fly" not in text
    assert "is like that already" in one(town.mail("They dig.\n\nDeep holes.", f"edit #{marker}"))
    assert "no new text" in one(town.mail(f"edit {marker}"))
    town.now += timedelta(minutes=6)
    assert "after 5 minutes a post stays" in one(town.mail(f"edit {marker}\nThey swim."))
    assert "after 5 minutes a post stays" in one(town.mail(f"withdraw {marker}"))


def test_an_author_withdraws_a_post_in_time(town: Town, marker: str) -> None:
    town.post("2@x", "Title of answer", body="No.", **{"In-Reply-To": "<1@x>"})
    assert "is withdrawn" in one(town.mail(f"withdraw {marker}"))
    assert "ein Artikel, den sein Verfasser zurückgezogen hat" in condition(town, marker)
    assert "They fly." not in condition(town, marker)
    assert "is like that already" in one(town.mail(f"withdraw {marker}"))
    assert "There is no post" in one(town.mail(f"get {marker}"))


def test_nobody_else_changes_it(town: Town, marker: str) -> None:
    for order in ("edit", "withdraw"):
        text = one(town.mail(f"{order} {marker}\nMine now.", sender="bob@y.example"), BOB.address)
        assert "not yours" in text
        assert town.mail(f"{order} {marker}\nMine now.", sender="eve@evil.example") == []
        town.mail(f"{order} {marker}\nMine now.", proof="")
    assert "They fly." in condition(town, marker)


def test_posts_that_nobody_may_change_stay(town: Town) -> None:
    marker = town.post("1@x", "Wombats", "ann@x.example")
    assert "Posts here stay as they are." in one(town.mail(f"withdraw {marker}"))


def test_a_digest_waits_until_a_post_may_not_be_changed_any_more(town: Town) -> None:
    town.policy(edit_minutes=5)
    assert town.mail("Hi", "A post", to="town") == []
    assert publish(town.store, town.forum, town.now + timedelta(minutes=4), uuid7) == 0
    with town.store.read() as db:
        [waiting] = shelf.posts_by(db, FORUM.id, ["ann@x.example"], 5)
    assert "There is no post" in one(town.mail(f"thread {waiting.marker}", sender="bob@y.example"), BOB.address)
    assert "is withdrawn" in one(town.mail(f"withdraw {waiting.marker}"))
    assert publish(town.store, town.forum, town.now + timedelta(minutes=5), uuid7) == 1


def test_muted_threads_are_left_out_and_the_others_share_a_rendering(town: Town) -> None:
    first = town.post("1@x", "Wombats")
    town.mail(f"mute {first}")
    town.post("2@x", "About holes", **{"In-Reply-To": "<1@x>"})
    town.post("3@x", "Village fair")
    send_due(town.store, FORUM, NEXT_NOON, uuid7)
    english = [row for row in rows(town.store, RENDERING) if row.zone != HANNA.zone.key]
    mails = {to: mail for to, mail in town.carried(NEXT_NOON) if "Digest" in str(mail["Subject"])}  # type: ignore[index]
    assert "Wombats" not in str(mails["ann@x.example"])
    assert "Village fair" in shown(mails["ann@x.example"])
    assert "Wombats" in shown(mails["bob@y.example"])
    assert len(english) == 2
    town.post("4@x", "More holes", **{"In-Reply-To": "<1@x>"})
    assert send_due(town.store, FORUM, NEXT_NOON + DAY, uuid7) == 2
    with town.store.read() as db:
        assert set(roster.cursors(db, FORUM.id).values()) == {4}
    town.mail(f"unmute {first}")
    town.post("5@x", "Again", **{"In-Reply-To": "<1@x>"})
    assert send_due(town.store, FORUM, NEXT_NOON + 2 * DAY, uuid7) == 3


def test_who_mutes_the_same_shares_a_rendering(town: Town) -> None:
    roster.add_members(town.store, [replace(ANN, id=uuid7(), address=replace(ANN.address, local="twin"), handle="Twin")])
    first = town.post("1@x", "Wombats")
    for sender in ("ann@x.example", "twin@x.example"):
        town.mail(f"mute {first}", sender=sender)
    town.post("2@x", "Village fair")
    assert send_due(town.store, FORUM, NEXT_NOON, uuid7) == 4
    assert len({row.id for row in rows(town.store, RENDERING) if row.zone == ANN.zone.key}) == 1


def test_a_follower_gets_new_posts_of_a_thread_at_once(town: Town) -> None:
    first = town.post("1@x", "Wombats")
    assert "You follow the discussion" in one(town.mail(f"follow {first}"))
    town.post("2@x", "About holes", **{"In-Reply-To": "<1@x>"})
    town.post("3@x", "Mine", "ann@x.example", **{"In-Reply-To": "<2@x>"})
    town.post("4@x", "Village fair")
    copies = [row for row in rows(town.store, LETTER) if row.kind == "copy"]
    assert [(row.recipient, row.member_id) for row in copies] == [("ann@x.example", ANN.id)]
    assert send_due(town.store, FORUM, NEXT_NOON, uuid7) == 3
    town.mail(f"mute {first}")
    town.post("5@x", "Deeper", **{"In-Reply-To": "<2@x>"})
    town.mail(f"unfollow {first}")
    town.post("6@x", "Deepest", **{"In-Reply-To": "<2@x>"})
    assert len([row for row in rows(town.store, LETTER) if row.kind == "copy"]) == 1


def test_an_editor_moves_a_post(town: Town, store: Store) -> None:
    first, second = town.post("1@x", "Wombats"), town.post("2@x", "About holes")
    assert "Only its author" in one(town.mail(f"move {second} {first}"))
    with store.write() as db:
        roster.write_member(db, replace(ANN, role=Role.EDITOR))
    assert "cannot hang there" in one(town.mail(f"move {first} {first}"))
    assert f"#{second} hangs below #{first} now." in one(town.mail(f"move {second} {first}"))
    assert "1 About holes" in condition(town, first)


def test_a_post_is_reported_and_voted_on(town: Town, store: Store) -> None:
    marker = town.post("1@x", "Wombats", sender="zoe@x.example")
    assert "The moderators will look at" in one(town.mail(f"report {marker} it sells things"))
    assert "before. Once is enough" in one(town.mail(f"report {marker} it sells things"))
    assert f"[#{marker}] counts: -1" in one(town.mail(f"vote -1 {marker}"))
