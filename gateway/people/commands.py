"""Commands in the Subject or the body of a mail (design 3). Pure.

In: the Subject without reply prefixes and the forum's tag, and the spans of the body. Out: a `Request`: what is asked for, and
where something was not understood, never what stood there. Commands are the first lines of the author's own words: a line
that is none ends them, and what is quoted, forwarded or below a signature does nothing. Nothing raises, and time is in
proportion to the text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from difflib import get_close_matches
from typing import Final
from unicodedata import normalize

from gateway.mail.message import Span, SpanKind
from gateway.people.arguments import ARGUMENTS, Line
from gateway.people.request import Command, Found, Misread, Request, Trouble
from gateway.people.vocabulary import WORDS, Order

COMMANDS_MAX: Final = 20
LINE_MAX: Final = 1_000
TEXT_MAX: Final = 100_000
_ENDS: Final = frozenset({"end", "ende", "fin", "quit"})
_ENGLISH: Final = [str(order) for order in Order]
_NEAR: Final = 0.75
_WORD_MAX: Final = 24


def read_request(subject: str, spans: Sequence[Span], *, is_reply: bool, in_issue: bool = False) -> Request:
    """The commands of a mail. `is_reply`: its Subject had a prefix, and need not be meant as a command.

    `in_issue`: it answers an issue, so that a number may stand for a comment.
    """
    commands: list[Command] = []
    misread: list[Misread] = []
    lines, more = _own_lines(spans)
    first = _read_line(subject, 0, in_issue=in_issue)
    if isinstance(first, Command):
        commands.append(_with_text(first, lines, more) if first.order is Order.EDIT else first)
    if not commands or commands[0].order is not Order.EDIT:
        _read_body(lines, more, commands, misread, in_issue=in_issue)
    if isinstance(first, Misread) and subject.strip() and not is_reply and _counts(first, commands, misread):
        misread = [first, *(one for one in misread if one.trouble is not Trouble.UNKNOWN)]
    return Request(*_without_contradictions(commands, misread))


def _without_contradictions(
    commands: Sequence[Command], misread: Sequence[Misread]
) -> tuple[tuple[Command, ...], tuple[Misread, ...]]:
    """Of two commands that cannot both be meant neither is done."""
    seen: dict[tuple[object, ...], tuple[Command, str]] = {}
    bad: dict[Command, Misread] = {}
    for command in commands:
        for subject, value in _claims(command):
            other, said = seen.setdefault(subject, (command, value))
            if said != value:
                for one in (other, command):
                    bad.setdefault(one, Misread(one.place, Trouble.TWICE, one.order, str(subject[1])))
    kept = _once([command for command in commands if command not in bad])
    return kept, tuple(sorted((*misread, *bad.values()), key=lambda one: one.place))


def _once(commands: Sequence[Command]) -> tuple[Command, ...]:
    """What is said twice, as in the Subject and the text, is meant once; of two ways to join, the one with settings."""
    kept: dict[Command, Command] = {}
    for command in commands:
        kept.setdefault(replace(command, place=0), command)
    joins = [command for command in kept.values() if command.order is Order.JOIN]
    spare = [command for command in joins if not command.words] if any(command.words for command in joins) else []
    return tuple(command for command in kept.values() if command not in spare)


def _claims(command: Command) -> list[tuple[tuple[object, ...], str]]:
    """What a command settles, and how."""
    match command.order:
        case Order.SET | Order.JOIN:
            pairs = [word.partition("=") for word in command.words]
            claims: list[tuple[tuple[object, ...], str]] = [(("setting", key), value.casefold()) for key, _, value in pairs]
            return [*claims, (("member", ""), "join")] if command.order is Order.JOIN else claims
        case Order.PAUSE | Order.RESUME:
            return [(("setting", "pause"), command.words[0] if command.words else "off")]
        case Order.LEAVE | Order.FORGET:
            return [(("member", ""), "leave")]
        case Order.FOLLOW | Order.MUTE | Order.UNFOLLOW:
            return [(("interest", "", command.target), command.order)]
        case Order.VOTE:
            return [(("vote", "", command.target), command.words[0])]
        case Order.EDIT | Order.WITHDRAW:
            return [(("post", "", command.target), command.order)]
        case _:
            return []


def _counts(first: Misread, commands: Sequence[Command], misread: Sequence[Misread]) -> bool:
    """Whether a Subject that is no command was meant as one: nothing else was, or it began like one."""
    return first.trouble not in (Trouble.UNKNOWN, Trouble.NEAR) or not (commands or _is_meant(misread))


def _is_meant(misread: Sequence[Misread]) -> bool:
    return any(one.trouble is not Trouble.UNKNOWN for one in misread)


def _own_lines(spans: Sequence[Span]) -> tuple[list[str], list[str]]:
    """The author's words before anything else begins, a quote above them skipped; and what of his stands further below."""
    own = next((at for at, span in enumerate(spans) if span.kind is SpanKind.TEXT and span.text.strip()), None)
    if own is None or any(span.kind not in (SpanKind.ATTRIBUTION, SpanKind.QUOTE, SpanKind.TEXT) for span in spans[:own]):
        return [], []
    more = [span.text for span in spans[own + 1 :] if span.kind is SpanKind.TEXT]
    return spans[own].text[:TEXT_MAX].split("\n"), more


def _read_body(
    lines: Sequence[str], more: Sequence[str], commands: list[Command], misread: list[Misread], *, in_issue: bool
) -> None:
    """Reads lines until one is no command."""
    for place, line in enumerate(lines, 1):
        if not line.strip():
            continue
        if line.strip().casefold() in _ENDS:
            return
        if len(commands) + len(misread) >= COMMANDS_MAX:
            misread.append(Misread(place, Trouble.TOO_MANY))
            return
        found = _read_line(line, place, in_issue=in_issue)
        if isinstance(found, Command):
            if found.order is Order.EDIT:
                commands.append(_with_text(found, lines[place:], more))
                return
            commands.append(found)
            continue
        is_prose = found.trouble is Trouble.UNKNOWN or (found.trouble is Trouble.NEAR and len(line.split()) > 3)
        if not is_prose or not (commands or misread):
            misread.append(found)
        if is_prose:
            return


def _with_text(command: Command, lines: Sequence[str], more: Sequence[str]) -> Command:
    """A command whose text is the rest of the author's own words."""
    text = "\n\n".join(["\n".join(lines), *more])
    return replace(command, text=text.strip("\n")[:TEXT_MAX])


def _read_line(line: str, place: int, *, in_issue: bool) -> Found:
    words = normalize("NFKC", line[:LINE_MAX]).split()
    if not words:
        return Misread(place, Trouble.UNKNOWN)
    if words[0] in ("+1", "-1"):
        words = ["vote", *words]
    order, used = _order_of(words)
    if order is None:
        return _guess(words, place)
    rest = words[used:]
    if order is Order.GET and rest and rest[0].casefold() in WORDS:
        inner = WORDS[rest[0].casefold()]
        if inner in (Order.THREAD, Order.SINCE):
            order, rest = inner, rest[1:]
    return ARGUMENTS[order](Line(order, place, rest, in_issue))


def _order_of(words: Sequence[str]) -> tuple[Order | None, int]:
    """The command that a line begins with, and of how many words it is."""
    for count in (2, 1):
        text = " ".join(words[:count]).casefold().rstrip(".!,;:")
        if text in WORDS and len(words) >= count:
            return WORDS[text], count
    return (Order.HELP, 1) if words[0].startswith("?") else (None, 0)


def _guess(words: Sequence[str], place: int) -> Misread:
    for count in (2, 1):
        text = " ".join(words[:count]).casefold().rstrip(".!,;:")[:_WORD_MAX]
        for known in (_ENGLISH, WORDS) if len(text) > 2 else ():
            if near := get_close_matches(text, known, n=1, cutoff=_NEAR):
                return Misread(place, Trouble.NEAR, WORDS[near[0]])
    return Misread(place, Trouble.UNKNOWN)
