"""Each text once: what is quoted is shown when it is answered and not known; the author's words always."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.digest.quotes import Quotable, shown_spans
from gateway.mail.message import Span, SpanKind
from gateway.parse.spans import split_spans

PARENT = "The first point of the parent is long enough.\nIts second line.\n\nThe other point.\nAnd its end."
GRAND = "What the grandparent said in the first place.\nTwo lines of it.\nAnd a third."


def quotable(text: str, number: str = "1", author: str = "Ann") -> Quotable:
    return Quotable(number, author, split_spans(text))


ABOVE = [quotable(PARENT, "1.1", "Ann"), quotable(GRAND, "1", "Bob")]


def marked(text: str) -> str:
    return "\n".join(f"> {line}".rstrip() for line in text.split("\n"))


def shown(text: str, above: list[Quotable] | None = None) -> str:
    spans = shown_spans(split_spans(text), ABOVE if above is None else above)
    lines: list[str] = []
    for span in spans:
        lines += [f"> {line}" for line in span.text.split("\n") if line] if span.kind is SpanKind.QUOTE else span.text.split("\n")
    return "\n".join(line.rstrip() for line in lines if line.strip())


def test_a_quote_below_the_answer_goes() -> None:
    assert shown(f"Yes.\n\nOn 2 Feb 2026, Ann <ann@example.org> wrote:\n{marked(PARENT)}") == "Yes."


def test_a_list_footer_in_a_quote_is_no_part_of_it() -> None:
    footer = f"{'_' * 47}\nTown mailing list -- town@example.org\nTo unsubscribe send an email to x@y"
    assert shown(f"On 2 Feb 2026, Ann wrote:\n{marked(PARENT)}\n{marked(footer)}\n\nYes.") == "Yes."


def test_a_whole_parent_that_a_program_changed_a_little_is_known() -> None:
    words = " ".join(f"word{number}" for number in range(60))
    changed = words.replace("word30", "word^30")
    assert (
        shown(f"Ann wrote:\n> {changed}\n>\n> {words[::-1]}\n> end\n\nYes.", [quotable(f"{words}\n\n{words[::-1]}\nend")])
        == "Yes."
    )
    assert "word1 " in shown(f"Ann wrote:\n> {words}\n> a\n> b\n\nYes.", [quotable(words[::-1])])


def outlook(quoted: str) -> str:
    return f"Hi Ann,\n\n{'_' * 40}\nFrom: Ann <ann@example.org>\nSent: Monday, 2 February 2026\nTo: Town\nSubject: x\n\n{quoted}"


def test_an_answer_in_an_unmarked_quote_is_found_by_the_parent() -> None:
    first, second = (f"The {word} point of the parent is quite long enough." for word in ("first", "second"))
    above = [quotable(f"{first}\n\n{second}\n\nBye, Ann")]
    inline = outlook(f"{first}\n\nThat I do not believe, for a reason.\n\nCheers,\nZoe\n\n{second}\n\nBye, Ann")
    assert shown(inline, above) == f"Hi Ann,\n> {first}\nThat I do not believe, for a reason.\nCheers,\nZoe"
    # A warning above, a footer below, and an older mail are nobody's answer.
    warning = "CAUTION: this mail comes from outside of our company."
    for quoted in (f"{warning}\n\n{first}\n\n{second}", f"{first}\n\n{second}\n\nSent from my iPhone", second, "Something else."):
        assert shown(outlook(quoted), above) == "Hi Ann,"
    older = f"From: Bob <b@example.org>\nSent: 1 February 2026\nTo: Town\nSubject: x\n\n{'What Bob said. ' * 4}"
    assert shown(outlook(f"{first}\n\n{second}\n\n{older}"), above) == "Hi Ann,"


def test_a_parent_that_has_not_arrived_is_told_by_its_quote() -> None:
    missing = 'The new driver says "no clock".\n\nOn 1 Feb 2026, Ann wrote:\n' + PARENT
    answer = f"Update it.\n\nOn 2 Feb 2026, Zoe <zoe@example.org> wrote:\n{marked(missing)}"
    told = [span.text.strip() for span in shown_spans(split_spans(answer), ABOVE, is_parent_missing=True)]
    assert told == ["Update it.", 'On 2 Feb 2026, Zoe wrote:\n\nThe new driver says "no clock".']
    assert shown(answer) == "Update it."
    known = f"Yes.\n\nOn 2 Feb 2026, Ann <ann@example.org> wrote:\n{marked(PARENT)}"
    assert [span.text.strip() for span in shown_spans(split_spans(known), ABOVE, is_parent_missing=True)] == ["Yes."]


def test_the_first_half_of_a_broken_line_belongs_to_the_quote_that_goes_on() -> None:
    parent = quotable("In general your application needs to call recv() as fast as they are produced.\nAnd so on.\nMore.")
    answer = "Thanks!\n\nIn general your application needs to call\n> recv() as fast as they are produced.\n>\n\nI see."
    assert (
        shown(answer, [parent])
        == "Thanks!\n> In general your application needs to call\n> recv() as fast as they are produced.\nI see."
    )
    assert shown(answer).startswith("Thanks!\nIn general")


def test_quotes_and_dashes_that_a_program_made_finer_are_the_same() -> None:
    parent = quotable('I\'m running "this" - and that.\nAnd more of it,\nto the end.')
    assert shown("Ann wrote:\n> I’m running “this” – and that.\n> And more of it,\n> to the end.\n\nYes.", [parent]) == "Yes."


def test_a_whole_parent_with_what_it_quoted_is_known() -> None:
    words = " ".join(f"word{number}" for number in range(60))
    older = " ".join(f"old{number}" for number in range(90))
    above = [quotable(words, "1.1", "Ann"), quotable(older, "1", "Bob")]
    assert shown(f"Ann wrote:\n> {words}\n>     {older}\n>     leave@example.org\n\nYes.", above) == "Yes."


def test_the_whole_parent_above_the_answer_is_what_stands_above() -> None:
    assert shown(f"On 2 Feb 2026, Ann wrote:\n{marked(PARENT)}\n\nYes.") == "Yes."


def test_a_part_of_the_parent_stays_as_context_without_its_attribution() -> None:
    assert shown("Ann wrote:\n> The other point.\n\nNo.") == "> The other point.\nNo."


def test_a_quote_that_was_wrapped_anew_is_known() -> None:
    assert shown("Ann wrote:\n> The first point of\n> the parent is long enough. Its second\n> line.\n\nNo.").startswith(
        "> The first"
    )
    assert "Ann" not in shown("Ann wrote:\n> The first point of\n> the parent is long enough.\n\nNo.")


def test_a_whole_older_post_becomes_a_pointer() -> None:
    assert shown(f"Bob wrote:\n{marked(GRAND)}\n\nTo this: no.") == "> [1, Bob]\nTo this: no."


def test_a_quote_from_elsewhere_names_its_author_and_no_address() -> None:
    text = "On 2 Feb 2026, Eve <eve@example.org> wrote:\n> elsewhere\n> and more\n\nSo it is."
    assert shown(text) == "> On 2 Feb 2026, Eve wrote:\n> elsewhere\n> and more\nSo it is."


def test_older_levels_of_an_answered_quote_go() -> None:
    text = "Ann wrote:\n> On 1 Feb 2026, Bob wrote:\n>> What the grandparent\n> The other point.\n\nNo."
    assert shown(text) == "> The other point.\nNo."


def test_a_long_quote_is_cut() -> None:
    lines = [f"line {number} of a long text" for number in range(30)]
    text = f"Eve wrote:\n{marked(chr(10).join(lines))}\n\nNo."
    found = shown(text).split("\n")
    assert len(found) == 9
    assert "> [...]" in found
    assert found[-1] == "No."


def test_an_unmarked_end_that_repeats_the_parent_goes() -> None:
    assert shown(f"I agree.\n\n{PARENT}") == "I agree."
    assert shown("I agree.\n\nAnd its end.") == "I agree.\nAnd its end."


def test_a_post_of_nothing_but_a_quote_or_a_repetition_is_shown() -> None:
    assert shown("> The other point.\n> And its end.") == "> The other point.\n> And its end."
    assert shown(PARENT) == "\n".join(line for line in PARENT.split("\n") if line)


def test_signatures_and_footers_are_hidden_and_forwards_are_shown() -> None:
    assert shown("Yes.\n-- \nAnn") == "Yes."
    assert shown("Yes.\n\nSent from my iPhone") == "Yes."
    assert shown("See.\n\n---------- Forwarded message ----------\nFrom: Eve\n\nNews.").endswith("News.")


LINES = [
    "> The other point.",
    ">> deep",
    "mine",
    "",
    "Ann wrote:",
    "-- ",
    "And its end.",
    "On 2 Feb 2026, a <b@c.example> wrote:",
]


@given(st.lists(st.sampled_from(LINES), max_size=20))
def test_own_words_are_always_shown(lines: list[str]) -> None:
    spans = split_spans("\n".join(lines))
    own = sum(line == "mine" for span in spans if span.kind is SpanKind.TEXT for line in span.text.split("\n"))
    found = [line for span in shown_spans(spans, ABOVE) for line in span.text.split("\n") if span.kind is SpanKind.TEXT]
    assert found.count("mine") == own


def test_a_post_without_quotes_stays_as_it_is() -> None:
    spans = (Span(SpanKind.TEXT, "Words."),)
    assert shown_spans(spans, []) == spans
