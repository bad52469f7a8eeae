"""A whole digest is quoted: what stands between the author's words is not looked at, and nothing comes out otherwise."""

from __future__ import annotations

import random
import textwrap

import pytest

from gateway.digest import lines
from gateway.digest.answers import Asked, Piece, split_answer
from gateway.digest.evidence import Known, know
from gateway.digest.lines import KEPT, lay_out
from gateway.mail.message import SpanKind
from gateway.parse.spans import split_spans
from tests.answers.make import WORDS

WROTE = "On 21 Nov 2026, at 07:00, Forum <forum@lists.example> wrote:\n"
BLOCK = "-----Original Message-----\nFrom: Forum\nSent: Saturday, 21 November 2026\nTo: Ann\nSubject: Digest\n\n"
COUNT = 6 * KEPT


def asked(number: int) -> Asked:
    rng = random.Random(number)
    text = "\n".join(" ".join(rng.choices(WORDS, k=12)) for _ in range(3))
    return Asked(
        marker=f"c{number:07}", number=str(number), title=f"About {number}", author=f"Ann {number}", spans=split_spans(text)
    )


ENTRIES = [asked(number) for number in range(1, COUNT + 1)]
SHOWN = [
    f"From: {one.author}\nSubject: {one.number} {one.title} [#{one.marker}]\n\n{one.spans[0].text}\n\n{'-' * 30}\n"
    for one in ENTRIES
]


@pytest.fixture(scope="module")
def known() -> Known:
    return know(ENTRIES, ["Forum Digest, Issue 1\n\n" + "\n".join(SHOWN)])


def marked(text: str) -> str:
    return "\n".join(f"> {line}".rstrip() for line in text.split("\n"))


def quote(first: int, last: int, *, how: str = "") -> str:
    """The entries from one number to another, as a mail program quotes them."""
    text = "\n".join(SHOWN[first - 1 : last])
    if how == "wrapped":
        text = "\n".join(textwrap.fill(line, 40) for line in text.split("\n"))
    if how == "without markers":
        text = "\n".join(line.partition(" [#")[0] for line in text.split("\n"))
    return text if how == "bare" else marked(text)


def looked_at(mail: str, known: Known) -> int:
    return len(lay_out(split_spans(mail), known.texts)[0])


def outcome(pieces: tuple[Piece, ...]) -> list[tuple[str | None, str]]:
    return [(piece.marker, "|".join(span.text for span in piece.spans if span.kind is SpanKind.TEXT)) for piece in pieces]


HALF = COUNT // 2


@pytest.mark.parametrize("how", ["", "wrapped", "without markers", "bare"])
@pytest.mark.parametrize(
    ("above", "between", "below"),
    [
        ("Yes.", "", ""),
        ("", "Not so at all.", ""),
        ("", "", "So it goes."),
        ("Hello.", "Not so at all.", "Bye."),
    ],
)
def test_gaps_change_nothing(
    known: Known, monkeypatch: pytest.MonkeyPatch, how: str, above: str, between: str, below: str
) -> None:
    said = f"\n\n{between}\n\n" if between else "\n"
    quoted = f"{quote(1, HALF, how=how)}{said}{quote(HALF + 1, COUNT, how=how)}"
    mail = f"{above}\n\n{BLOCK if how == 'bare' else WROTE}{quoted}\n\n{below}\n"
    spans = split_spans(mail)
    found = split_answer(spans, known)
    few = looked_at(mail, known)
    monkeypatch.setattr(lines, "KEPT", COUNT)
    assert outcome(found) == outcome(split_answer(spans, known))
    assert few < looked_at(mail, known)
    assert all(word in str(found) for word in (above, between, below))


@pytest.mark.parametrize("said", ["Not so at all.", ":-)", "?"])
def test_what_answers_the_middle(known: Known, said: str) -> None:
    """Signs without a letter are an answer, too."""
    mail = f"{WROTE}{quote(1, HALF)}\n\n{said}\n\n{quote(HALF + 1, COUNT)}"
    assert looked_at(mail, known) < len(mail.split("\n"))
    assert outcome(split_answer(split_spans(mail), known)) == [(ENTRIES[HALF - 1].marker, said)]


def test_below_words_of_nobody_s_the_last_entry_is_asked_about(known: Known) -> None:
    (piece,) = split_answer(split_spans(f"{WROTE}{quote(1, COUNT)}\n> Nobody in the issue has said this.\n\nWho said so?"), known)
    assert (piece.marker or piece.candidates[0]) == ENTRIES[-1].marker


def test_the_context_of_a_last_word_is_not_the_whole_digest(known: Known) -> None:
    found = split_answer(split_spans(f"{WROTE}{quote(1, 1)}\n\nNot so at all.\n\n{quote(2, COUNT)}\n> {'*' * 20}\n\nBye."), known)
    assert max(len(span.text) for piece in found for span in piece.spans) < 2_000
