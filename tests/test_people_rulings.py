"""What a moderator's answer means: a table of texts and the rulings that they are."""

from __future__ import annotations

import pytest

from gateway.people.rulings import Answer, Ruling, Verb, read_rulings

OK, NO, EDIT, BAN, LOCK, UNLOCK = Verb.OK, Verb.NO, Verb.EDIT, Verb.BAN, Verb.LOCK, Verb.UNLOCK

TABLE: list[tuple[str, int, list[Ruling]]] = [
    ("ok", 1, [Ruling(OK, 1)]),
    ("OK.", 1, [Ruling(OK, 1)]),
    ("Ok, thanks!", 1, [Ruling(OK, 1)]),
    ("ok thanks!", 1, [Ruling(OK, 1)]),
    ("yes", 1, [Ruling(OK, 1)]),
    ("accept", 1, [Ruling(OK, 1)]),
    ("ja", 1, [Ruling(OK, 1)]),
    ("freigeben bitte", 1, [Ruling(OK, 1)]),
    ("no", 1, [Ruling(NO, 1)]),
    ("no off topic", 1, [Ruling(NO, 1, "off topic")]),
    ("No: off topic, and rude", 1, [Ruling(NO, 1, "off topic, and rude")]),
    ("ablehnen gehört nicht hierher", 1, [Ruling(NO, 1, "gehört nicht hierher")]),
    ("Löschen", 1, [Ruling(NO, 1)]),
    ("1 ok", 1, [Ruling(OK, 1)]),
    ("1 ok, 2 no off topic, 3 edit", 3, [Ruling(OK, 1), Ruling(NO, 2, "off topic"), Ruling(EDIT, 3)]),
    ("1 ok\n2 no off topic\n3 edit", 3, [Ruling(OK, 1), Ruling(NO, 2, "off topic"), Ruling(EDIT, 3)]),
    ("1. ok; #2) no rude, and long; 3: ja", 3, [Ruling(OK, 1), Ruling(NO, 2, "rude, and long"), Ruling(OK, 3)]),
    ("1, 2 and 3 ok", 3, [Ruling(OK, 1), Ruling(OK, 2), Ruling(OK, 3)]),
    ("1 und 3 nein Werbung", 3, [Ruling(NO, 1, "Werbung"), Ruling(NO, 3, "Werbung")]),
    ("1-3 ok", 3, [Ruling(OK, 1), Ruling(OK, 2), Ruling(OK, 3)]),
    ("1-999 ok", 2, [Ruling(OK, 1), Ruling(OK, 2)]),
    ("7 ok", 2, [Ruling(OK, 7)]),
    ("all ok", 2, [Ruling(OK, 1), Ruling(OK, 2)]),
    ("alle nein Spam", 2, [Ruling(NO, 1, "Spam"), Ruling(NO, 2, "Spam")]),
    ("ban", 1, [Ruling(BAN, 1)]),
    ("2 ban advertises", 2, [Ruling(BAN, 2, "advertises")]),
    ("1 lock", 1, [Ruling(LOCK, 1)]),
    ("sperren", 1, [Ruling(LOCK, 1)]),
    ("lock k3f9x2ma", 2, [Ruling(LOCK, marker="k3f9x2ma")]),
    ("1 ok\nunlock [#K3F9X2MA]", 2, [Ruling(OK, 1), Ruling(UNLOCK, marker="k3f9x2ma")]),
    ("edit", 1, [Ruling(EDIT, 1)]),
    (
        "edit\nNew, with a comma.\n\nTwo.",
        1,
        [Ruling(EDIT, 1, "New, with a comma.\n\nTwo.")],
    ),
    ("1 edit: Short, sweet\n2 ok", 2, [Ruling(EDIT, 1, "Short, sweet"), Ruling(OK, 2)]),
    (
        "1 edit\nno is a word\n17 ok is none\n2 no",
        2,
        [Ruling(EDIT, 1, "no is a word\n17 ok is none"), Ruling(NO, 2)],
    ),
    ("ändern\nNeu.", 1, [Ruling(EDIT, 1, "Neu.")]),
    ("Hello gateway,\n\n1 ok\n\nAnn\n2 no", 2, [Ruling(OK, 1)]),
    ("1 ok\n1 ok", 1, [Ruling(OK, 1)]),
    # Not clear which case, or no ruling at all: nothing is done.
    ("ok", 2, []),
    ("no spam", 2, []),
    ("edit\nWords", 2, []),
    ("Ok, I think we should wait for 2", 2, []),
    ("ok but only this once", 1, []),
    ("1 ok then we should ban him", 1, []),
    ("1", 1, []),
    ("1, 2", 2, []),
    ("lock the door", 1, []),
    ("unlock", 1, []),
    ("1 perhaps", 1, []),
    ("3 people said ok", 3, []),
    ("1. by a newcomer", 3, []),
    ("okay-dokay", 1, []),
    ("", 1, []),
    ("\n \n", 1, []),
    ("a\nb\nc\nd\n1 ok", 1, []),
    ("1ok", 1, []),
    ("²ok", 1, []),
    ("１ ok", 1, [Ruling(OK, 1)]),
]


@pytest.mark.parametrize(("text", "count", "rulings"), TABLE, ids=[text[:30].replace("\n", "|") for text, _, _ in TABLE])
def test_rulings(text: str, count: int, rulings: list[Ruling]) -> None:
    answer = read_rulings(text.split("\n"), count)
    assert list(answer.rulings) == rulings
    assert bool(answer.unknown) == (not rulings and bool(text.strip()))


def test_a_reason_is_not_endless() -> None:
    [ruling] = read_rulings([f"no {'x' * 1500}"], 1).rulings
    assert len(ruling.text) == 500
    assert read_rulings(["word " * 5000], 1) == Answer((), ("word " * 100).strip("\n")[:500])


def test_who_contradicts_himself_has_decided_nothing() -> None:
    assert read_rulings(["1 ok, 2 ok", "1 no"], 2) == Answer((Ruling(OK, 2),), "", (1,))


def test_endless_lines_are_no_rulings() -> None:
    assert read_rulings(["1 " * 20_000 + "ok"] * 50, 3).rulings == ()
    assert read_rulings(["," * 2000] * 50, 3).rulings == ()
