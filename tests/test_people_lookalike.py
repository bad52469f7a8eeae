"""Handles: who may be called what. A table of names, and the skeleton that two share which look alike."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.people.lookalike import HANDLE_MAX, Flaw, flaw_of, shown_handle, skeleton

NAMES = [
    ("Ann of York", Flaw.NONE),
    ("李雷", Flaw.NONE),
    ("山田たろう", Flaw.NONE),
    ("Анна 2", Flaw.NONE),
    ("محمد", Flaw.NONE),
    ("Zoë O'Brien-Lee", Flaw.NONE),
    ("", Flaw.EMPTY),
    (" ", Flaw.EMPTY),
    ("--", Flaw.EMPTY),
    ("x" * (HANDLE_MAX + 1), Flaw.TOO_LONG),
    ("ann@example.org", Flaw.SIGNS),
    ("Ann <x>", Flaw.SIGNS),
    ("A\u202enn", Flaw.SIGNS),
    ("A\u200bnn", Flaw.SIGNS),
    ("A\u200dnn", Flaw.SIGNS),
    ("A\ufeffnn", Flaw.SIGNS),
    ("Ann\nBob", Flaw.SIGNS),
    ("A" + "\u0301" * 12, Flaw.SIGNS),
    ("Аnn", Flaw.MIXED),
    ("Wοmbat", Flaw.MIXED),
    ("Ann ٣", Flaw.MIXED),
    ("Owner", Flaw.RESERVED),
    ("0wner", Flaw.RESERVED),
    ("Anonymous  Coward", Flaw.RESERVED),
    ("anonymous-coward", Flaw.RESERVED),
    ("ADMlN", Flaw.RESERVED),
    ("adrnin", Flaw.RESERVED),
    ("Former Member", Flaw.RESERVED),
    ("Town Talk", Flaw.RESERVED),
    ("towntalk", Flaw.RESERVED),
]


@pytest.mark.parametrize(("name", "flaw"), NAMES, ids=[ascii(name) for name, _ in NAMES])
def test_names(name: str, flaw: Flaw) -> None:
    assert flaw_of(name, ["Town Talk", "town"]) is flaw


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Paypal", "раураӏ"),
        ("Ann", "ANN"),
        ("modern", "modem"),
        ("Bob1", "Bobl"),
        ("0scar", "Oscar"),
        ("ﬁsh", "fish"),
        ("Ann", "Ａｎｎ"),
    ],
)
def test_names_that_look_alike_share_a_skeleton(one: str, other: str) -> None:
    assert skeleton(one) == skeleton(other) != ""


@pytest.mark.parametrize(("one", "other"), [("Ann", "Anna"), ("Zoe", "Zoë"), ("李雷", "李力"), ("Bob", "Rob")])
def test_names_that_do_not_look_alike_do_not(one: str, other: str) -> None:
    assert skeleton(one) != skeleton(other)


def test_blank_handles_may_be_as_many_as_there_are() -> None:
    assert skeleton("") == skeleton("  ") == ""


def test_a_name_as_it_is_shown() -> None:
    assert shown_handle("  Ａｎｎ\u00a0 of\tYork ") == "Ann of York"


@given(st.text(max_size=60))
def test_no_text_makes_it_raise(text: str) -> None:
    shown = shown_handle(text)
    flaw_of(shown)
    assert skeleton(skeleton(shown)) == skeleton(shown)
