"""What a moderator's answer decides (design 10): "1 ok, 2 no off topic, 3 edit", a line each or all in one. Pure.

In: the lines of his own words, and how many cases the letter had. Out: the rulings, and the first line that is none. Reading
ends at the first line that is no ruling, once there was one: what follows is for people. So a greeting may come first, and a
signature last. A sentence that only begins with such a word is no ruling: nothing is done that was not clearly asked for.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final


class Verb(StrEnum):
    """What is done with a case."""

    OK = "ok"
    NO = "no"
    EDIT = "edit"
    BAN = "ban"
    LOCK = "lock"
    UNLOCK = "unlock"


@dataclass(frozen=True, slots=True)
class Ruling:
    """One decision. `number` is that of the case; 0 for a thread that `marker` names. `text` is the reason, or the new text."""

    verb: Verb
    number: int = 0
    text: str = ""
    marker: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """`unknown` is the first line that was not understood, "" when there were rulings. `twice` are numbers with more than one
    ruling, which contradict each other: none of them counts.
    """

    rulings: tuple[Ruling, ...] = ()
    unknown: str = ""
    twice: tuple[int, ...] = ()


# So many lines before the first ruling may be a greeting.
GREETING: Final = 3
LINES_MAX: Final = 500
LINE_MAX: Final = 2000
REASON_MAX: Final = 500
_WORDS: Final = {
    Verb.OK: "ok okay yes y accept accepted approve approved release ja gut annehmen angenommen freigeben zulassen",
    Verb.NO: "no n nope reject rejected refuse discard remove delete nein ablehnen abgelehnt verwerfen entfernen löschen",
    Verb.EDIT: "edit change ändern aendern bearbeiten",
    Verb.BAN: "ban ausschließen ausschliessen verbannen",
    Verb.LOCK: "lock close sperren schließen schliessen abschließen abschliessen",
    Verb.UNLOCK: "unlock reopen entsperren öffnen oeffnen",
}
_VERBS: Final = {word: verb for verb, words in _WORDS.items() for word in words.split()}
_ALL: Final = frozenset({"all", "alle", "alles", "everything"})
# What may follow "ok" without making a sentence of it.
_POLITE: Final = frozenset({"", "please", "bitte", "thanks", "danke"})
_NUMBER = re.compile(r"\s*(?:(?:and|und|&|\+)\s+)?#?(\d{1,3})(?:\s*[-–]\s*#?(\d{1,3}))?(?![\w])[.):]?", re.IGNORECASE)
_WORD = re.compile(r"\s*([^\W\d_]+)\s*[.:!]?(?:\s+|\Z)")
_MARKER = re.compile(r"\[?#?([0-9a-hjkmnp-tv-z]{8,20})\]?\Z", re.IGNORECASE)
_HAS_REASON: Final = frozenset({Verb.NO, Verb.BAN})


@dataclass(slots=True)
class _Draft:
    """A ruling while its line is read; `numbers` empty: none was named."""

    verb: Verb
    numbers: list[int]
    text: str = ""
    marker: str = ""
    lines: list[str] = field(default_factory=list)


def read_rulings(lines: Sequence[str], count: int) -> Answer:
    """The rulings on `count` cases; a number that no case has is left to the caller, who says so."""
    drafts: list[_Draft] = []
    unknown = ""
    greeting = 0
    for line in lines[:LINES_MAX]:
        found = _read_line(line, count) if len(line) <= LINE_MAX else []
        editing = drafts[-1] if drafts and drafts[-1].verb is Verb.EDIT else None
        if editing is not None and not (found and _names_a_case(found, count)):
            editing.lines.append(line)
        elif found:
            drafts += found
        elif line.strip():
            unknown = unknown or line.strip()
            greeting += 1
            if drafts or greeting > GREETING:
                break
    if not drafts:
        return Answer((), unknown[:REASON_MAX])
    rulings = list(dict.fromkeys(_rulings(drafts)))
    often = Counter(ruling.number for ruling in rulings if ruling.number)
    twice = tuple(number for number, times in often.items() if times > 1)
    return Answer(tuple(ruling for ruling in rulings if ruling.number not in twice), "", twice)


def _names_a_case(found: Sequence[_Draft], count: int) -> bool:
    """Whether a line below "edit" is the next ruling, and not a line of the new text."""
    return bool(found[0].numbers) and all(0 < number <= count for number in found[0].numbers)


def _rulings(drafts: Sequence[_Draft]) -> Iterator[Ruling]:
    for draft in drafts:
        text = "\n".join([draft.text, *draft.lines]).strip("\n ") if draft.verb is Verb.EDIT else draft.text[:REASON_MAX]
        if draft.marker:
            yield Ruling(draft.verb, 0, text, draft.marker)
        for number in dict.fromkeys(draft.numbers):
            yield Ruling(draft.verb, number, text)


def _read_line(line: str, count: int) -> list[_Draft]:
    """The rulings of one line; none when any part of it is something else."""
    drafts: list[_Draft] = []
    waiting: list[int] = []
    rest = line
    while rest.strip():
        part, comma, after = _split(rest)
        numbers, words = _numbers(part, count)
        verb, said = _verb(words)
        if numbers and not words.strip():
            waiting += numbers
        elif verb is Verb.EDIT and (waiting or numbers or _is_alone(count, drafts)):
            # A new text has commas of its own.
            text = (said + comma + after).strip()
            return [*drafts, _Draft(verb, waiting + numbers or [1], text)]
        elif verb is not None and (draft := _draft(verb, waiting + numbers, said, count)) is not None:
            drafts.append(draft)
            waiting = []
        elif drafts and not numbers and not waiting and drafts[-1].verb in _HAS_REASON:
            drafts[-1].text = f"{drafts[-1].text}, {part.strip()}".strip(", ")
        elif drafts and not waiting and _is_polite(part):
            pass
        else:
            return []
        rest = after
    return [] if waiting else drafts


def _split(text: str) -> tuple[str, str, str]:
    """The text up to the next comma or semicolon, that sign, and what comes after it."""
    place = min((at for at in (text.find(","), text.find(";")) if at >= 0), default=len(text))
    return text[:place], text[place : place + 1], text[place + 1 :]


def _numbers(text: str, count: int) -> tuple[list[int], str]:
    """The numbers at the front of `text`, "all" among them, and the rest."""
    numbers: list[int] = []
    first = _WORD.match(text)
    if first is not None and first[1].lower() in _ALL:
        return list(range(1, count + 1)), text[first.end() :]
    at = 0
    while (match := _NUMBER.match(text, at)) is not None:
        start, end = int(match[1]), int(match[2] or match[1])
        # A range that runs past the last case is cut there; a single number that no case has is told to whoever wrote it.
        numbers += range(start, min(end, max(count, start)) + 1)
        at = match.end()
    return numbers, text[at:]


def _verb(words: str) -> tuple[Verb | None, str]:
    match = _WORD.match(words)
    if match is None:
        return None, ""
    return _VERBS.get(match[1].lower()), words[match.end() :].strip()


def _draft(verb: Verb, numbers: list[int], said: str, count: int) -> _Draft | None:
    """None when it is a sentence, or does not say which case is meant."""
    marker = _MARKER.match(said)
    if verb in (Verb.LOCK, Verb.UNLOCK) and not numbers and marker is not None:
        return _Draft(verb, [], marker=marker[1].lower())
    if verb is Verb.UNLOCK or (verb not in _HAS_REASON and not _is_polite(said)):
        return None
    if not numbers and count != 1:
        return None
    return _Draft(verb, numbers or [1], said if verb in _HAS_REASON else "")


def _is_polite(text: str) -> bool:
    return text.strip().lower().rstrip("!.") in _POLITE


def _is_alone(count: int, drafts: Sequence[_Draft]) -> bool:
    return count == 1 and not drafts
