"""The rules by which an answer to a digest is cut into pieces; tests/answers/ has the figures."""

from __future__ import annotations

import pytest

from gateway.digest.answers import Asked, Evidence, Piece, split_answer
from gateway.mail.message import Span, SpanKind
from gateway.parse.spans import split_spans

WROTE = "On 21 Nov 2026, at 07:00, Forum <forum@lists.example> wrote:\n"
WOMBAT = "The wombat lives across the seas, among the far Antipodes."
NUTS = "He may exist on nuts and berries, or then again, on missionaries."
MOODS = "His distant habitat precludes conclusive knowledge of his moods."


def asked(number: str, text: str, *, is_shown_in_full: bool = True, title: str = "", thread: int = 0) -> Asked:
    return Asked(
        marker=f"c{number.replace('.', ''):0>7}",
        number=number,
        title=title,
        author=f"Ann {number}",
        spans=split_spans(text),
        thread=thread,
        is_shown_in_full=is_shown_in_full,
    )


ENTRIES = [
    asked("", "A teaser of the article, long enough.", title="Wombats"),
    asked("1", WOMBAT),
    asked("1.1", NUTS),
    asked("2", MOODS),
]
ARTICLE, ONE, NESTED, TWO = (each.marker for each in ENTRIES)


def marked(text: str) -> str:
    return "\n".join(f"> {line}" for line in text.split("\n"))


def pieces(body: str, entries: list[Asked] | None = None) -> tuple[Piece, ...]:
    return split_answer(split_spans(body), ENTRIES if entries is None else entries)


def said(piece: Piece) -> str:
    return "|".join(span.text for span in piece.spans if span.kind is SpanKind.TEXT)


@pytest.mark.parametrize(
    ("quote", "marker", "evidence"),
    [
        (f"Subject: 1 [#{ONE}]\n\n{WOMBAT}", ONE, Evidence.MARKER),
        (f"Subject: 1 [#{ONE.upper()}]", ONE, Evidence.MARKER),
        (WOMBAT, ONE, Evidence.WORDS),
        (f"{WOMBAT[:20]} [...] {WOMBAT[40:]}", ONE, Evidence.WORDS),
        (f"1.1  Ann 1.1\n{NUTS}", NESTED, Evidence.HEADING),
        # The words of another entry, whose heading was cut away, stand nearer than the marker.
        (f"Subject: 1 [#{ONE}]\n\n{MOODS}", TWO, Evidence.WORDS),
        (f"{WOMBAT}\n{NUTS}", NESTED, Evidence.WORDS),
        ("Something that nobody in the issue has written.", None, Evidence.UNKNOWN),
        (f"{WOMBAT}\n{NUTS}\n{MOODS}", None, Evidence.UNKNOWN),
    ],
)
def test_what_stands_above_is_answered(quote: str, marker: str | None, evidence: Evidence) -> None:
    (piece,) = pieces(f"{WROTE}{marked(quote)}\n\nYes, he does.")
    assert (piece.marker, piece.evidence, said(piece).strip()) == (marker, evidence, "Yes, he does.")


def test_several_pieces_and_the_words_above_all() -> None:
    found = pieces(f"Hello.\n\n{WROTE}{marked(WOMBAT)}\n\nFirst.\n\n{marked(NUTS)}\n\nSecond.\n\n{marked(NUTS[20:])}\n\nThird.")
    assert [piece.marker for piece in found] == [ONE, NESTED]
    assert "Hello." in said(found[0])
    assert "First." in said(found[0])
    assert "Second." in said(found[1])
    assert "Third." in said(found[1])


@pytest.mark.parametrize(
    ("body", "entries", "marker", "evidence"),
    [
        (f"Yes.\n\n{WROTE}{marked(WOMBAT)}", ENTRIES, ONE, Evidence.WORDS),
        (f"Yes.\n\n{WROTE}{marked(f'{WOMBAT}{chr(10)}{NUTS}')}", ENTRIES, None, Evidence.UNKNOWN),
        ("Yes.", ENTRIES, ARTICLE, Evidence.THREAD),
        ("Yes.", [*ENTRIES, asked("", "Another article.", thread=1)], None, Evidence.UNKNOWN),
        ("Yes.", [asked("", "", is_shown_in_full=False), asked("1", WOMBAT)], ONE, Evidence.ONLY),
        (f"[#{TWO}] Yes.", ENTRIES, TWO, Evidence.TYPED),
        ("ad 1.1:\nYes.", ENTRIES, NESTED, Evidence.NUMBER),
    ],
)
def test_words_that_stand_alone(body: str, entries: list[Asked], marker: str | None, evidence: Evidence) -> None:
    (piece,) = pieces(body, entries)
    assert (piece.marker, piece.evidence) == (marker, evidence)


def test_words_that_two_entries_have_are_asked_about() -> None:
    (piece,) = pieces(f"{WROTE}{marked(WOMBAT)}\n\nYes.", [*ENTRIES, asked("3", WOMBAT)])
    assert piece.marker is None
    assert set(piece.candidates) == {ONE, "c0000003"}


def test_a_quote_within_an_entry_is_no_evidence_for_whom_it_quotes() -> None:
    answer = asked("2.1", f"On 1 Nov 2026, Ann 2 wrote:\n{marked(MOODS)}\n\nI know some of them.")
    (piece,) = pieces(
        f"{WROTE}{marked(f'Subject: 2.1 [#{answer.marker}]{chr(10)}{chr(10)}> {MOODS}')}\n\nYes.", [*ENTRIES, answer]
    )
    assert piece.marker == answer.marker


def test_unknown_markers_come_back() -> None:
    (piece,) = pieces(f"{WROTE}{marked('Subject: 9 [#zzzzzzzz]')}\n\nYes.")
    assert (piece.marker, piece.unknown_markers) == (None, ("zzzzzzzz",))


def test_only_quotes_are_no_piece() -> None:
    assert pieces(f"{WROTE}{marked(WOMBAT)}\n") == ()


def test_an_unmarked_quote_loses_no_word() -> None:
    head = "Hi\n\n-----Original Message-----\nFrom: Forum\nSent: Saturday, 21 November 2026\nTo: Ann\nSubject: Digest\n\n"
    found = pieces(f"{head}{WOMBAT}\n\nMine.\n\n{NUTS}\n\nMine too.\n")
    assert [piece.marker for piece in found] == [ONE, NESTED]
    assert "Mine." in said(found[0])
    assert "Mine too." in said(found[1])


def test_ten_thousand_markers_are_one_question() -> None:
    typed = "\n".join(f"[#c{number:07}] word" for number in range(10_000))
    many = [Asked(marker=f"c{number:07}", number=str(number)) for number in range(10_000)]
    (piece,) = split_answer((Span(SpanKind.TEXT, typed),), many)
    assert (piece.marker, piece.evidence) == (None, Evidence.UNKNOWN)
    assert said(piece).count("word") == 10_000


FRAME = f"""Forum Digest, Issue 7
Fri 20 Nov 2026, 07:00 GMT to Sat 21 Nov 2026, 07:00 GMT
To start a discussion, write to forum@lists.example

Subject: 1 [#{ONE}]

{WOMBAT}

Earlier: 1.1  Nuts and berries, Ann 1.1 [#{NESTED}]

Me too.

Subject: 2  The Wombat [#{TWO}]

{MOODS}

End of Forum Digest, Issue 7
"""


def test_who_wrote_the_digest_when_is_not_what_it_says() -> None:
    """Yahoo puts no marks before a quote, and the line above it has the forum's address, as the masthead has."""
    poem = "\n".join([WOMBAT, NUTS, MOODS, "But I would not engage the wombat in any form of mortal combat, if I were you."])
    entry = asked("3", poem)
    quote = f"Subject: 3 [#{entry.marker}]\n\n{poem}"
    body = f"Yes.\n\nOn Sat, 21 Nov 2026 at 07:00, Forum <forum@lists.example> wrote:\n\n{quote}"
    (piece,) = split_answer((Span(SpanKind.TEXT, body),), [ENTRIES[0], entry], [f"{FRAME[: FRAME.index('Subject')]}{quote}"])
    assert (piece.marker, said(piece).strip()) == (entry.marker, "Yes.")


def test_a_quote_that_says_little_goes_on_only_right_there() -> None:
    far = f"{WROTE}{marked(WOMBAT[:30])}\n\nWhere?\n\n{marked('Antipodes.')}\n\nAh, there."
    many = [*ENTRIES, asked("3", "Antipodes.")]
    assert [piece.marker for piece in pieces(far, many)] == [ONE, None]


def test_dots_show_that_a_quote_was_shortened() -> None:
    assert pieces(f"{WROTE}{marked(WOMBAT)}\n\n...\n") == ()


HEADER = "-----Original Message-----\nFrom: Forum\nSent: Saturday, 21 November 2026\nTo: Ann\nSubject: Digest\n\n"


@pytest.mark.parametrize("answer", ["", "Yes."])
def test_short_words_right_behind_a_quote_without_marks_are_quoted(answer: str) -> None:
    """What stands below a line of context is another entry's, and nobody can tell whose."""
    found = split_answer(
        split_spans(f"{answer}\n\n{HEADER}Earlier: 1.1  Nuts and berries, Ann 1.1\n\nMe too.\n"), ENTRIES, [FRAME]
    )
    assert [(piece.marker, said(piece).strip()) for piece in found] == [(None, answer)] * bool(answer)


def test_a_last_word_below_a_digest_without_marks_is_asked_about() -> None:
    """A title that may be the author's own words is nothing to hang a last word on."""
    frame = FRAME.replace(WOMBAT, f"{WOMBAT}\n\nWombats\n\n{NUTS}")
    found = split_answer(split_spans(f"{HEADER}{frame.replace('Wombats', 'The Wombat')}\nBye."), ENTRIES, [frame])
    assert [piece.marker for piece in found if "Bye." in str(piece.spans)] == [None]
