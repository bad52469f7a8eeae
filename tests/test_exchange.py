"""The seed page turned into mails without losing a word."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.policy import SMTP
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from uuid_utils.compat import uuid7

from gateway.exchange.seed import ANONYMOUS, ARTICLE, END, TITLE_MAX, BadSeed, Comment, Seed, read_seed, seed_mails, seed_members
from gateway.mail.forum import Forum
from gateway.mail.message import SpanKind
from gateway.parse.message import parse_message
from tests.conftest import ROOT

PAGE = next((ROOT / "seeds").glob("*.txt")).read_text(encoding="utf-8")
START = datetime(2026, 1, 2, 8, tzinfo=UTC)
FORUM = Forum(id=UUID(int=1), name="town", domain="example.org", title="Town")


@pytest.fixture(scope="module")
def seed() -> Seed:
    return read_seed(PAGE)


def test_every_word_of_the_page_is_somewhere_once_in_order(seed: Seed) -> None:
    words = f"{ARTICLE}{seed.title} {seed.teaser}".split()
    for one in seed.comments:
        words.append(f"{one.number.rpartition('.')[2]}.")
        words += f"{one.author} {one.badge} {one.author if one.author == ANONYMOUS else ''} {one.title} {one.text}".split()
    assert words == PAGE[: PAGE.index(END)].split()


def test_numbers_are_those_of_the_page(seed: Seed) -> None:
    numbers = [one.number for one in seed.comments]
    assert len(numbers) == 41
    assert [number for number in numbers if "." not in number] == [str(n) for n in range(1, 14)]
    assert max(number.count(".") for number in numbers) == 3
    assert [number for number in numbers if number.startswith("3.")] == ["3.1", "3.1.1", "3.1.1.1", "3.1.2", "3.2", "3.2.1"]
    assert [number for number in numbers if number.count(".") == 3] == ["3.1.1.1", "4.1.1.1", "4.1.1.2", "4.1.1.3", "5.1.3.1"]


TITLES_AND_TEXTS = [
    # number, author, badge, title, first and last words of the text
    ("1", "sitta_europea", "Silver badge", "When did you stop beating your wife?", "", ""),
    (
        "2",
        "Pascal Monett",
        "Silver badge",
        '"it is beyond our capability to make a judgement on this matter"',
        "No it is",
        "State ?",
    ),
    ("3", "elsergiovolador", "Silver badge", "", "Our companies", "boot them out."),
    ("3.1.2", "Potemkine!", "Silver badge", "Re: An Easy Equation", "", ""),
    ("3.2", ANONYMOUS, "", "Re: Reciprocity", "Indeed, it's", "again."),
    ("4.1", "I ain't Spartacus", "Gold badge", "Instead of a kangaroo court, why not trial by wombat?", "", ""),
    ("4.1.1.3", "WilliamBurke", "", 'Re: "why not trial by wombat?"', "...but I", "Ogden Nash"),
    ("4.1.2", "Ken Moorhouse", "Silver badge", "RE: why not trial by wombat?", "Trial by", "(thankfully)."),
    ("4.1.3", "eldakka", "", "> Instead of a kangaroo court, why not trial by wombat?", "As long", "wombat)"),
    ("4.1.4", "Scott Wheeler", "", "The Wombat", "The wombat lives", "-- Ogden Nash"),
    ("5.1", "", "Silver badge", "Re: To be fair though...", "You say", "States)."),
    ("5.1.3.1", "", "Silver badge", "Re: To be fair though...", "...About what", "relevant."),
    ("12", "orphic", "", "", "Typically English", "Pegasus."),
]


@pytest.mark.parametrize(("number", "author", "badge", "title", "first", "last"), TITLES_AND_TEXTS)
def test_comment(seed: Seed, number: str, author: str, badge: str, title: str, first: str, last: str) -> None:
    [one] = [comment for comment in seed.comments if comment.number == number]
    assert (one.author, one.badge, one.title) == (author, badge, title)
    assert one.text.startswith(first)
    assert one.text.endswith(last)
    assert bool(one.text) == bool(first)


def test_only_two_have_no_name_and_only_one_is_gold(seed: Seed) -> None:
    assert [one.number for one in seed.comments if not one.author] == ["5.1", "5.1.3.1"]
    assert [one.number for one in seed.comments if one.badge == "Gold badge"] == ["4.1"]
    assert [one.number for one in seed.comments if not one.title] == ["3", "12"]
    assert [one.number for one in seed.comments if not one.text] == ["1", "3.1.2", "4.1"]


def test_mails_say_what_the_page_says(seed: Seed) -> None:
    """Through bytes and the reader of real mail: the texts come back word for word, verse line by line."""
    mails = seed_mails(seed, "town@example.org", START)
    assert len(mails) == 42
    messages = [parse_message(mail.as_bytes(policy=SMTP)) for mail in mails]
    assert (messages[0].subject, messages[0].ancestors) == (seed.title, ())
    msgid_of = {"": messages[0].msgid}
    for one, message in zip(seed.comments, messages[1:], strict=True):
        msgid_of[one.number] = message.msgid
        assert message.ancestors[0] == msgid_of[one.parent]
        assert len(message.ancestors) == one.number.count(".") + 1
        assert message.author_name == one.author
        assert message.subject == (one.title or f"Re: {seed.title}")
        assert "\n".join(span.text for span in message.spans) == one.text
        assert {span.kind for span in message.spans} <= {SpanKind.TEXT}
        assert str(message.author_address) == f"{one.mailbox}@example.org"
    dates = [message.date for message in messages]
    assert dates == sorted(dates, key=str)
    assert dates[0] == START
    assert len(set(dates)) == 42
    assert len(set(msgid_of.values())) == 42


def test_those_with_badges_become_members(seed: Seed) -> None:
    members = seed_members(seed, FORUM, uuid7)
    assert {(one.handle, one.badge) for one in members} == {(one.author, one.badge) for one in seed.comments if one.badge}
    assert not any(one.has_digest for one in members)
    assert len({one.address.key for one in members}) == len(members)


def page(*lines: str) -> str:
    return "\n".join((f"{ARTICLE}A title", "", "Teaser", "", *lines, f"{END} House rules"))


BROKEN = [
    ("", 1, "back to article TITLE"),
    ("Back to article X\n", 1, "back to article TITLE"),
    (f"{ARTICLE}X\n\n  1. Ann\n\n    Hi\n", 6, "without"),
    (f"{ARTICLE}X\n{END}", 2, "no comment"),
    (page("  2. Ann", "", "    Hi"), 5, "number 2 where 1"),
    (page("  1. Ann", "", "    Hi", "", "  3. Bob"), 9, "number 3 where 2"),
    (page("  1. Ann", "", "    Hi", "", "  1. Bob"), 9, "number 1 where 2"),
    (page("  1. Ann", "", "    Hi", "", "      1. Bob"), 9, "deeper"),
    (page("    1. Ann"), 5, "deeper"),
    (page("  1. Ann", "", "    1. Bob", "", "    3. Cy"), 9, "number 3 where 2"),
    (page("  1. Ann", "", "   Hi"), 7, "not indented"),
    (page("  1. Ann", "", "Hi"), 7, "not indented"),
    (page("  1. Ann", "    Hi"), 6, "no empty line"),
    (page("  1. Anonymous Coward", "    Anonymous Coward", "    Hi"), 7, "no empty line"),
]


@pytest.mark.parametrize(("text", "line", "reason"), BROKEN)
def test_a_broken_page_is_refused_with_its_line(text: str, line: int, reason: str) -> None:
    with pytest.raises(BadSeed, match=rf"^line {line}: .*{re.escape(reason)}"):
        read_seed(text)


@given(st.text(alphabet="  \n\n1234.aAnonymous badge-", max_size=200))
def test_any_page_is_read_or_refused(text: str) -> None:
    try:
        found = read_seed(page(text))
    except BadSeed:
        return
    assert len(seed_mails(found, "town@example.org", START)) == len(found.comments) + 1


def test_a_first_line_is_a_title_up_to_120_characters() -> None:
    for size, title, text in ((TITLE_MAX, "x" * TITLE_MAX, ""), (TITLE_MAX + 1, "", "x" * (TITLE_MAX + 1))):
        [one] = read_seed(page("  1. Ann", "", f"    {'x' * size}")).comments
        assert (one.title, one.text) == (title, text)


@pytest.mark.parametrize("author", ['Ann "the" Wombat', "back\\slash", "a" * 100, "李雷", "Ann <ann@x>", "a, b; c", "..."])
def test_any_author_becomes_a_mail_and_a_member(author: str) -> None:
    seed = read_seed(page(f"  1. {author} Gold badge", "", "    Hi"))
    mail = seed_mails(seed, "town@example.org", START)[1]
    message = parse_message(mail.as_bytes(policy=SMTP))
    assert message.author_name == author
    assert len(seed_members(seed, FORUM, uuid7)) == 1


@pytest.mark.parametrize(("one", "other"), [(ANONYMOUS, ANONYMOUS), ("李雷", ""), ("李雷", "韩梅梅"), ("a" * 70, "a" * 71)])
def test_mailboxes_differ(one: str, other: str) -> None:
    found = [Comment(number=n, author=who, badge="", title="", text="").mailbox for n, who in (("1", one), ("2", other))]
    assert found[0] != found[1]
