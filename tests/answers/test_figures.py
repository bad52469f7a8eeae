"""Of many thousand answers, each piece is filed under the entry that its author meant, or asked about; no word is lost.

1,000 answers in every run; GATEWAY_ANSWERS=20000 for all of them. The table of outcomes is in what the failing test says, and
goes to the file that GATEWAY_ANSWERS_TABLE names.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from gateway.digest.answers import Piece, split_answer
from gateway.mail.message import SpanKind
from gateway.parse.message import parse_message
from tests.answers.issues import issues
from tests.answers.make import LONG, Answer, Wish, answer

COUNT = int(os.environ.get("GATEWAY_ANSWERS", "1000"))
pytestmark = pytest.mark.timeout(3_600)
SEED = int(os.environ.get("GATEWAY_ANSWERS_SEED", "8"))


@dataclass
class Figures:
    """Outcomes by class of what was quoted; `examples` and `wrong` have the serial numbers of what went wrong."""

    outcomes: dict[str, Counter[str]] = field(default_factory=dict)
    examples: list[str] = field(default_factory=list)
    wrong: set[int] = field(default_factory=set)

    def count(self, kind: str, outcome: str) -> None:
        self.outcomes.setdefault(kind, Counter())[outcome] += 1

    def total(self, outcome: str) -> int:
        return sum(counts[outcome] for counts in self.outcomes.values())

    def share(self, kind: str) -> float:
        counts = self.outcomes.get(kind, Counter())
        return counts["right"] / max(counts.total(), 1)

    @property
    def table(self) -> str:
        names = ("right", "asked", "wrong", "lost")
        rows = [f"{'':28}" + "".join(f"{name:>8}" for name in names)]
        rows += [f"{kind:28}" + "".join(f"{counts[name]:8}" for name in names) for kind, counts in sorted(self.outcomes.items())]
        rows.append(f"{len(self.wrong)} answers have a piece that is filed wrongly")
        return "\n".join([*rows, *self.examples[:60]])


def outcome_of(wish: Wish, pieces: tuple[Piece, ...]) -> str:
    """What became of some words of an author."""
    said = [
        (piece, " ".join(span.text for span in piece.spans if span.kind in (SpanKind.TEXT, SpanKind.FORWARD))) for piece in pieces
    ]
    homes = []
    for token in wish.tokens:
        having = [piece for piece, text in said if token in text]
        if len(having) != 1:
            return "lost"
        homes += having
    markers = {piece.marker for piece in homes}
    if not wish.marker or markers == {wish.marker}:
        return "right"
    return "asked" if markers <= {None, wish.marker} else "wrong"


def class_of(wish: Wish) -> str:
    if not wish.marker or not wish.can_be_told:
        return "nobody could tell"
    if wish.has_marker:
        return "a marker"
    if wish.quoted >= LONG:
        return "words that are repeated" if wish.is_repeated else "40 characters"
    return "less than 40 characters"


def made(serial: int) -> Answer:
    return answer(issues(), random.Random(SEED * 1_000_003 + serial), serial)


def split(one: Answer) -> tuple[Piece, ...]:
    return split_answer(parse_message(one.raw).spans, one.shown.entries, one.shown.frame)


@pytest.fixture(scope="module")
def figures() -> Figures:
    found = Figures()
    for serial in range(COUNT):
        one = made(serial)
        pieces = split(one)
        if not one.wishes:
            outcome = "right" if not pieces else "asked" if all(piece.marker is None for piece in pieces) else "wrong"
            found.count("nothing new", outcome)
            found.examples += [f"{serial}: {outcome}, a piece of nothing, {one.client}, {one.damage}"] if pieces else []
            found.wrong |= {serial} if outcome == "wrong" else set()
        for wish in one.wishes:
            outcome, kind = outcome_of(wish, pieces), class_of(wish)
            found.count(kind, outcome)
            found.wrong |= {serial} if outcome == "wrong" else set()
            if outcome in ("lost", "wrong") or (outcome == "asked" and kind in ("a marker", "40 characters")):
                found.examples.append(f"{serial}: {outcome}, {kind}; {one.kind}, {one.client}, {one.damage}, {one.shown.name}")
    if (path := os.environ.get("GATEWAY_ANSWERS_TABLE")) is not None:
        Path(path).write_text(f"{COUNT} answers, seed {SEED}\n{found.table}\n", encoding="utf-8")
    return found


def test_no_word_is_lost(figures: Figures) -> None:
    assert figures.total("lost") == 0, figures.table


def test_a_marker_says_it(figures: Figures) -> None:
    assert figures.share("a marker") == 1, figures.table


def test_words_say_it(figures: Figures) -> None:
    assert figures.share("40 characters") >= 0.98, figures.table


def test_hardly_anything_is_filed_wrongly(figures: Figures) -> None:
    assert len(figures.wrong) <= 0.001 * COUNT, figures.table


def test_where_nothing_new_was_said_there_is_no_piece(figures: Figures) -> None:
    assert figures.share("nothing new") >= 0.95, figures.table
    # What was filed all the same counts among the wrong ones too.
    counts = figures.outcomes["nothing new"]
    assert counts["wrong"] <= 0.005 * counts.total(), figures.table


def test_a_comment_of_two_words_that_was_passed_on_is_no_answer() -> None:
    """The whole mail is an entry without marks that says "Me too.": nobody said it again."""
    serial = 18_760
    assert split(answer(issues(), random.Random(8 * 1_000_003 + serial), serial)) == ()
