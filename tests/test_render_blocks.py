"""How the text of a post is set: paragraphs, lists, verse, code and patches, in lines that fit."""

from __future__ import annotations

import pytest

from gateway.mail.message import Span, SpanKind
from gateway.render.blocks import is_code, split_blocks
from gateway.render.wrap import set_lines

CARRIED = [
    # What is too long by begins the next line when that goes on with the sentence.
    (
        ["a line of words that is a little too long for this margin", "and goes on here"],
        ["a line of words that is a little too long for this", "margin and goes on here"],
    ),
    # Items of a list hang, and keep to themselves.
    (
        ["- an item of words that is a little too long for this", "- another"],
        ["- an item of words that is a little too long for", "  this", "- another"],
    ),
    (
        ["  12) an item of words that is a little too long for it", "and goes on at the margin"],
        ["  12) an item of words that is a little too long", "      for it and goes on at the margin"],
    ),
    # Verse, code and tables keep their lines.
    (["x" * 30 + " " + "y" * 30, "short"], ["x" * 30, "y" * 30 + " short"]),
    (
        ["short", "a line of words that is a little too long for this one"],
        ["short", "a line of words that is a little too long for this", "one"],
    ),
    (
        ["call(with, some, arguments, that, are, many, to, say);", "next();"],
        ["call(with, some, arguments, that, are, many, to,", "say);", "next();"],
    ),
    (
        ["a line of words that is a little too long for this # [1]", "Cc: one"],
        ["a line of words that is a little too long for this", "# [1]", "Cc: one"],
    ),
    # A patch keeps them longer.
    (
        ["+a line of a patch that is a little too long for us all", "+"],
        ["+a line of a patch that is a little too long for us all", "+"],
    ),
    (
        [
            "diff --git a/one/long/file.name b/one/long/file.name",
            "new file mode 100644",
            "index 0000000000000000000..6a1234f54612345678",
        ],
        [
            "diff --git a/one/long/file.name b/one/long/file.name",
            "new file mode 100644",
            "index 0000000000000000000..6a1234f54612345678",
        ],
    ),
    (
        ["a column          another one          and the third of them", "b    c"],
        ["a column          another one          and the", "third of them", "b    c"],
    ),
    (
        ["This sentence is complete, at the end of its own line.", "Another."],
        ["This sentence is complete, at the end of its own", "line.", "Another."],
    ),
]


def test_blank_lines_of_blanks_are_no_paragraph() -> None:
    assert [block.lines for block in split_blocks([Span(SpanKind.TEXT, "Hi\n\n \n\xa0\n\nMike\n\n \n")])] == [["Hi"], ["Mike"]]


@pytest.mark.parametrize(("lines", "shown"), CARRIED)
def test_long_lines_do_not_look_like_a_comb(lines: list[str], shown: list[str]) -> None:
    assert set_lines(lines, 50, may_flow=False) == shown


def test_a_sentence_that_ends_early_ends_a_paragraph() -> None:
    broken = [
        "As I said, this is a version of it that is running on the board",
        "and on my desk.",
        "In the other one, samples go to the hardware, and nowhere else,",
        "as I said.",
    ]
    assert [block.lines for block in split_blocks([Span(SpanKind.TEXT, "\n".join(broken))])] == [broken[:2], broken[2:]]
    verse = ["Roses are red.", "Violets are blue.", "And so on."]
    assert [block.lines for block in split_blocks([Span(SpanKind.TEXT, "\n".join(verse))])] == [verse]


@pytest.mark.parametrize(
    ("lines", "is_it"),
    [
        (["    call(with, arguments);", "    return 0;"], True),
        (["diff --git a/x b/x", "index 12ab..34cd", "--- a/x", "+++ b/x"], True),
        (["+- a line of a patch", "+  and more", "-   of it"], True),
        (["17:01:02 one: started", "17:01:03 one: stopped"], True),
        (["name      size", "one       12"], True),
        (["    self.graph = ${id} =", "uhd.graph(address)"], True),
        (["[1] https://example.org/a::b", "[2] https://example.org/c->d"], False),
        (["Best regards,", "Ann"], False),
        (["1. first", "   - part of it", "   - and another"], False),
        (["Roses are red,", "  violets are blue"], False),
    ],
)
def test_what_is_code(lines: list[str], is_it: bool) -> None:
    assert is_code(lines) is is_it


def test_signs_of_empty_items_are_left_out() -> None:
    text = "List:\n\n   -\n\n   1) One\n   more.\n   -\n\n   -\n\n   2) Two"
    [first, *items] = split_blocks([Span(SpanKind.TEXT, text)])
    assert (first.lines, [block.lines for block in items]) == (["List:"], [["   1) One", "   more."], ["   2) Two"]])
    assert [block.lines for block in split_blocks([Span(SpanKind.TEXT, "*\n\n*")])] == [["*"], ["*"]]


@pytest.mark.parametrize(
    ("paragraph", "are_prose"),
    [
        (f"2. {'word ' * 12}\n{'word ' * 12}\nend", [True]),
        (f"- {'word ' * 12}\n  {'word ' * 12}\n  end", [True]),
        (f"- {'word ' * 12}\n- {'word ' * 12}", [False]),
        (f"[...]\n{'word ' * 12}\nend", [True, True]),
        (f"{'word ' * 12}\nend\n<...>\n{'word ' * 12}\nend", [True, True, True]),
        ("|a|b|\n|c|d|", [False]),
    ],
)
def test_what_is_prose(paragraph: str, are_prose: list[bool]) -> None:
    assert [block.is_prose for block in split_blocks([Span(SpanKind.TEXT, paragraph)])] == are_prose
