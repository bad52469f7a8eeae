"""Titles as displayed: the design's paragraph as a table, and the titles of the seed page."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.exchange.seed import read_seed
from gateway.thread.titles import base_subject, display_title, split_prefixes, subject_key, title_of, without_tag
from tests.conftest import ROOT

ARTICLE = "Trial by wombat"

TITLES = [
    # subject, parent's subject, is it top level, shown
    ("Re: Trial by wombat", ARTICLE, True, ""),
    ("RE: [2] trial  BY Wombat", ARTICLE, True, "RE: [2] trial  BY Wombat"),
    ("Re[2]: Trial  BY wombat", ARTICLE, True, ""),
    ("Trial by wombat", ARTICLE, True, ""),
    ("Hop off", ARTICLE, True, "Hop off"),
    ("Re: Hop off", ARTICLE, True, "Re: Hop off"),
    ("Re: Hop off", "Hop off", False, "Re: Hop off"),
    ("RE: Hop off", "Hop off", False, "Re: Hop off"),
    ("Aw: Re: AW: hop OFF", "Re: Hop off", False, "Re: hop OFF"),
    ("回复：Hop off", "Hop off", False, "Re: Hop off"),
    ("RE: why not trial by wombat?", "Hop off", False, "RE: why not trial by wombat?"),
    ("RE: Re: AW: why not?", "Hop off", False, "RE: why not?"),
    ("Re: Trial by wombat", "Hop off", False, "Re: Trial by wombat"),
    ("Re: Trial by wombat", ARTICLE, False, "Re: Trial by wombat"),
    ("Hop off", "Hop off", False, "Hop off"),
    ("> first sign", "Hop off", False, "> first sign"),
    ("", "Hop off", False, ""),
    ("", ARTICLE, True, ""),
    ("Re:", "Hop off", False, "Re:"),
    ("Re: ", "", False, ""),
    ("Reminder: tea", ARTICLE, True, "Reminder: tea"),
    ("Re: a ghost's child", None, False, "Re: a ghost's child"),
    # A list puts its tag before the prefix.
    ("[list] Re: Trial by wombat", f"[list] {ARTICLE}", False, "Re: [list] Trial by wombat"),
    ("[list] Re: Hop off", "[list] Re: Hop off", False, "Re: [list] Hop off"),
    ("[list] AW: Hop off", "Trial", False, "AW: [list] Hop off"),
    ("[list] Hop off", "Trial", False, "[list] Hop off"),
]


@pytest.mark.parametrize(("subject", "parent", "is_top_level", "shown"), TITLES)
def test_title(subject: str, parent: str | None, is_top_level: bool, shown: str) -> None:
    assert display_title(subject, parent=parent, article=ARTICLE, is_top_level=is_top_level) == shown


def test_an_article_keeps_its_subject() -> None:
    assert display_title("Re: RE: as written", parent=None, article=None, is_top_level=True) == "Re: RE: as written"


@pytest.mark.parametrize(
    ("subject", "bare"),
    [
        ("[Town] Hello", "Hello"),
        ("[TOWN]Hello", "Hello"),
        ("Re: [town] Hello", "Re: Hello"),
        ("[town] Re: Hello", "Re: Hello"),
        ("Re: [town] Re: [town] Hello", "Re: Re: Hello"),
        ("[other] Hello", "[other] Hello"),
        ("Hello [town]", "Hello [town]"),
        ("[town]", ""),
        ("[towns] Hello", "[towns] Hello"),
    ],
)
def test_the_tag_of_the_forum_goes(subject: str, bare: str) -> None:
    assert without_tag(subject, "town") == bare
    assert without_tag(subject.replace("[town]", "[list]"), "town", "list") == bare.replace("[town]", "[list]")


@pytest.mark.parametrize(
    ("subject", "prefixes", "rest"),
    [
        ("Re: x", "Re:", "x"),
        ("RE : x", "RE :", "x"),
        ("Re[12]: x", "Re[12]:", "x"),
        ("Re(3): x", "Re(3):", "x"),
        ("Sv: VS: Antw: x", "Sv: VS: Antw:", "x"),
        ("答复: x", "答复:", "x"),
        ("Ref: x", "Ref:", "x"),
        ("Regarding: x", "", "Regarding: x"),
        ("Re x", "", "Re x"),
        ("Fwd: x", "", "Fwd: x"),
        ("  Re:x", "Re:", "x"),
        ("Re:", "Re:", ""),
    ],
)
def test_prefixes(subject: str, prefixes: str, rest: str) -> None:
    assert split_prefixes(subject) == (prefixes, rest)


@given(st.text(max_size=60))
def test_a_prefix_more_changes_no_base(subject: str) -> None:
    assert base_subject(f"Re: {subject}") == base_subject(subject)


def test_ten_thousand_prefixes_end() -> None:
    assert len(split_prefixes("Re: " * 10_000)[0]) < 300


def test_titles_of_the_seed_page() -> None:
    """Each comment was mailed with its title, or as an answer to the article; shown again is what the page shows."""
    seed = read_seed(next((ROOT / "seeds").glob("*.txt")).read_text(encoding="utf-8"))
    subjects = {comment.number: comment.title or f"Re: {seed.title}" for comment in seed.comments}
    subjects[""] = seed.title
    for comment in seed.comments:
        shown = display_title(
            subjects[comment.number],
            parent=subjects[comment.parent],
            article=seed.title,
            is_top_level=not comment.parent,
        )
        assert shown == comment.title, comment.number


@pytest.mark.parametrize(
    ("subject", "key"),
    [
        ("Soup", ("soup", False)),
        ("Re: Soup", ("soup", True)),
        ("[town] Re: AW:  the   Soup", ("the soup", True)),
        ("Re: [town] Soup", ("soup", True)),
        ("[PATCH 1/2] soup", ("soup", False)),
        ("[town]", ("[town]", False)),
        ("Re:", ("", True)),
        ("", ("", False)),
        ("Odp: Zupa", ("zupa", True)),
        ("回复：汤", ("汤", True)),
        ("Ynt: Çorba", ("çorba", True)),
        ("Regarding: soup", ("regarding: soup", False)),
    ],
)
def test_the_subject_by_which_a_reply_without_ids_finds_its_article(subject: str, key: tuple[str, bool]) -> None:
    assert subject_key(subject) == key


ISSUE = "Wombats & Friends Digest, Issue 12: 7 new"


@pytest.mark.parametrize(
    ("subject", "title"),
    [
        (ISSUE, ""),
        (f"Re: {ISSUE}", ""),
        (f"AW: Re: {ISSUE}", ""),
        (f"[wombats] Re: {ISSUE}", ""),
        (f"Fwd: {ISSUE}", ""),
        (f"WG: AW: {ISSUE}", ""),
        (f"回复：{ISSUE}", ""),
        ("Re: Wombats & Friends  Digest,\u00a0Issue 12: 7 new", ""),
        ("Re: Wombats & Friends Digest, Issue 12...", ""),
        ("", ""),
        ("Re:", ""),
        ("Hop off", "Hop off"),
        ("Re: Hop off", "Re: Hop off"),
        (f"Hop off (was: Re: {ISSUE})", "Hop off"),
        (f"Hop off [was: {ISSUE}]", "Hop off"),
        ("Hop off (was: Something else)", "Hop off (was: Something else)"),
        ("Re: Wombats", "Re: Wombats"),
    ],
)
def test_the_title_of_an_answer_to_a_digest(subject: str, title: str) -> None:
    assert title_of(subject, [ISSUE]) == title
