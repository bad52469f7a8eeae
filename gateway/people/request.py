"""What a mail asks for: the nouns of `people.commands`. Frozen values."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from gateway.people.vocabulary import Order

_NUMBER: Final = re.compile(r"#?(\d{1,4}(?:\.\d{1,4}){0,40})\.?\Z", re.ASCII)
# So many digits are a marker that has no letters.
_MARKER_MIN: Final = 8


def is_number(word: str) -> bool:
    """Whether `word` is a path number such as 3.1.2."""
    return _NUMBER.match(word) is not None and not (len(word) >= _MARKER_MIN and word.isdigit())


class Trouble(StrEnum):
    """Why a line was not understood, or not done."""

    UNKNOWN = "unknown"
    NEAR = "near"
    MISSING = "missing"
    EXTRA = "extra"
    NO_MARKER = "no marker"
    NUMBER = "number"
    NO_DATE = "no date"
    NO_KEY = "no key"
    NO_VALUE = "no value"
    TWICE = "twice"
    TOO_MANY = "too many"


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One command. `place` is 0 for the Subject, else the line of the text, from 1.

    `target` is a marker, or a number such as 3.1.2 (digits and dots, in an answer to an issue). `words` are arguments that were
    checked: KEY=VALUE, a date, a token, "+1". `text` is what goes on: a reason, a name, a new text.
    """

    order: Order
    place: int = 0
    target: str = ""
    words: tuple[str, ...] = ()
    text: str = ""

    @property
    def has_number(self) -> bool:
        """Whether the target is a number, which only an issue can resolve."""
        return is_number(self.target)


@dataclass(frozen=True, slots=True)
class Misread:
    """A place where something was not understood; `order` is what was perhaps meant, `key` the setting that was wrong."""

    place: int
    trouble: Trouble
    order: Order | None = None
    key: str = ""


@dataclass(frozen=True, slots=True)
class Request:
    """All that a mail asks for."""

    commands: tuple[Command, ...] = ()
    misread: tuple[Misread, ...] = ()

    @property
    def is_empty(self) -> bool:
        return not self.commands and not self.misread


Found = Command | Misread
