"""What stands after a command: markers, dates, settings, checked one by one. Pure.

In: a line whose command is known. Out: a `Command`, or where it went wrong, a `Misread`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from gateway.people.preferences import READERS
from gateway.people.request import Command, Found, Misread, Trouble, is_number
from gateway.people.vocabulary import DOWN, KEYS, UNITS, UNTIL, UP, Order

REASON_MAX: Final = 500
DAYS_MAX: Final = 730
_MARKER = re.compile(r"\[?#?([0-9a-z]{8,20})\]?\Z", re.ASCII)
_TOKEN = re.compile(r"[a-z2-7]{37}\Z", re.ASCII)
_COUNT = re.compile(r"(\d{1,3})\s*(\w+)\Z")
_EQUALS = re.compile(r" ?= ?|: ")
_SIGN = re.compile(r"[=:]")
# Crockford's base32 has no letters that look like digits (as people may type them).
_TYPED = str.maketrans("oil", "011")


@dataclass(frozen=True, slots=True)
class Line:
    """A line whose command is known, and the words after it."""

    order: Order
    place: int
    rest: list[str]
    in_issue: bool

    def done(self, target: str = "", words: Sequence[str] = (), text: str = "") -> Command:
        return Command(order=self.order, place=self.place, target=target, words=tuple(words), text=text)

    def wrong(self, trouble: Trouble, key: str = "") -> Misread:
        return Misread(self.place, trouble, self.order, key)

    def target(self, word: str) -> str | Misread:
        """The marker or number that a word is."""
        word = word.strip(".,;:()<>\"'").lower()
        if is_number(word):
            return word.strip("#.") if self.in_issue else self.wrong(Trouble.NUMBER)
        match = _MARKER.match(word)
        return match[1].translate(_TYPED) if match else self.wrong(Trouble.NO_MARKER)


def _alone(line: Line) -> Found:
    """Nothing but the command."""
    if [word for word in line.rest if word.casefold() not in ("please", "bitte", "svp", "me", "-", "--")]:
        return line.wrong(Trouble.EXTRA)
    return line.done()


def _anything(line: Line) -> Found:
    return line.done()


def _on_target(line: Line) -> Found:
    if not line.rest:
        return line.wrong(Trouble.MISSING)
    target = line.target(line.rest[0])
    if isinstance(target, Misread):
        return target
    return line.done(target) if len(line.rest) == 1 else line.wrong(Trouble.EXTRA)


def _move(line: Line) -> Found:
    if len(line.rest) < 2:
        return line.wrong(Trouble.MISSING)
    targets = [line.target(word) for word in (line.rest[0], line.rest[-1])]
    for one in targets:
        if isinstance(one, Misread):
            return one
    return line.done(str(targets[0]), [str(targets[1])])


def _report(line: Line) -> Found:
    if len(line.rest) < 2:
        return line.wrong(Trouble.MISSING)
    target = line.target(line.rest[0])
    return target if isinstance(target, Misread) else line.done(target, text=" ".join(line.rest[1:])[:REASON_MAX])


def _vote(line: Line) -> Found:
    if len(line.rest) != 2:
        return line.wrong(Trouble.MISSING if len(line.rest) < 2 else Trouble.EXTRA)
    for value, other in (line.rest, line.rest[::-1]):
        if value.casefold() in UP | DOWN:
            target = line.target(other)
            return target if isinstance(target, Misread) else line.done(target, ["+1" if value.casefold() in UP else "-1"])
    return line.wrong(Trouble.MISSING)


def _handle(line: Line) -> Found:
    return line.done(text=" ".join(line.rest).strip("\"'«»„“”")) if line.rest else line.wrong(Trouble.MISSING)


def _confirm(line: Line) -> Found:
    if not line.rest:
        return line.done()
    token = line.rest[0].casefold()
    return line.done(words=[token]) if _TOKEN.match(token) and len(line.rest) == 1 else line.wrong(Trouble.EXTRA)


def _pause(line: Line) -> Found:
    rest = [word for word in line.rest if word.casefold() not in UNTIL]
    when = read_until(" ".join(rest))
    if not rest:
        return line.wrong(Trouble.MISSING)
    return line.done(words=[when]) if when else line.wrong(Trouble.NO_DATE)


def read_until(text: str) -> str:
    """A date as YYYY-MM-DD, or a number of days as "+14"; "" for anything else."""
    text = text.strip(" .").casefold()
    match = _COUNT.match(text)
    days = int(match[1]) * UNITS.get(match[2], 0) if match else 0
    if 0 < days <= DAYS_MAX:
        return f"+{days}"
    return _date(text)


def _date(text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat() if len(text) == 10 else ""
    except ValueError:
        return ""


def _since(line: Line) -> Found:
    if not line.rest:
        return line.wrong(Trouble.MISSING)
    when = _date(" ".join(line.rest).strip(" ."))
    return line.done(words=[when]) if when else line.wrong(Trouble.NO_DATE)


def _join(line: Line) -> Found:
    if not line.rest:
        return line.done()
    # As other list managers have it: a word for how, an address or a name after it. Who joins is who wrote.
    words = [word if "=" in word else f"digest={word}" for word in line.rest]
    return _settings(line, words)


def _set(line: Line) -> Found:
    rest = line.rest
    if not rest:
        return line.done()
    # "set digest daily", "set digest: daily" and "set digest = daily" are as good.
    words = _EQUALS.sub("=", " ".join(rest)).split()
    if len(words) == 2 and not any(_SIGN.search(word) for word in words):
        words = ["=".join(words)]
    return _settings(line, words)


def _settings(line: Line, words: Sequence[str]) -> Found:
    """Words KEY=VALUE, checked; one key has one value."""
    found: dict[str, str] = {}
    for word in words:
        name, equals, value = word.partition("=") if "=" in word else word.partition(":")
        key = KEYS.get(name.casefold(), "")
        value = value.strip(".,;\"'")
        if not equals or not key:
            return line.wrong(Trouble.NO_KEY)
        try:
            READERS[key](value)
        except ValueError:
            return line.wrong(Trouble.NO_VALUE, key)
        if found.setdefault(key, value).casefold() != value.casefold():
            return line.wrong(Trouble.TWICE, key)
    return line.done(words=[f"{key}={value}" for key, value in found.items()])


ARGUMENTS: Final[dict[Order, Callable[[Line], Found]]] = {
    **dict.fromkeys(Order, _alone),
    Order.HELP: _anything,
    Order.RULES: _anything,
    Order.JOIN: _join,
    Order.CONFIRM: _confirm,
    Order.SET: _set,
    Order.PAUSE: _pause,
    Order.VOTE: _vote,
    Order.REPORT: _report,
    Order.HANDLE: _handle,
    Order.MOVE: _move,
    Order.SINCE: _since,
    **dict.fromkeys((Order.GET, Order.THREAD, Order.FOLLOW, Order.MUTE, Order.UNFOLLOW, Order.EDIT, Order.WITHDRAW), _on_target),
}
