"""What a mail with commands is answered: what was done, what was not understood, and what would be right.

In: what happened, as values. Out: sentences, and the letter that they stand in: its Subject, an empty line, the text. Nothing
that the mail said is told again: it may not be by the one who reads the answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gateway.mail.address import Address
from gateway.mail.forum import Forum
from gateway.people.commands import COMMANDS_MAX
from gateway.people.lookalike import Flaw
from gateway.people.preferences import CASES, DAYS, FORMS, RECEIPTS
from gateway.people.request import Misread, Trouble
from gateway.people.vocabulary import USAGE, Order
from gateway.render.blocks import one_line
from gateway.render.templates import text_environment
from gateway.render.wording import wording
from gateway.render.wrap import wrap

WIDTH = 72
_KEYS = "digest, hour, day, zone, form, language, pause, receipts, cases"
_VALUES: Mapping[str, str] = {
    "digest": "off, immediate, hourly, daily, weekdays, weekly, monthly",
    "hour": "7:30",
    "day": ", ".join(DAYS),
    "zone": "Europe/Paris, America/New_York, ...",
    "form": ", ".join(FORMS),
    "language": "en, de, ...",
    "pause": "2026-12-24, off",
    "receipts": ", ".join(RECEIPTS),
    "cases": ", ".join(CASES),
}


def answer_letter(forum: Forum, handle: str, parts: Sequence[str], language: str, *, is_trouble: bool) -> str:
    """The letter with these parts; `is_trouble`: it ends by saying where help is."""
    words = wording(language)
    return (
        text_environment()
        .get_template("answer.txt.j2")
        .render(
            _=words.word,
            name=_name(forum),
            handle=one_line(handle),
            parts=[_set(part) for part in parts],
            is_trouble=is_trouble,
            request=_request(forum),
        )
    )


def help_letter(forum: Forum, handle: str, language: str, *, is_member: bool) -> str:
    """All commands, for a member; for others how to join and where to ask."""
    words = wording(language)
    template = text_environment().get_template("help.txt.j2")
    return template.render(
        _=words.word,
        name=_name(forum),
        handle=one_line(handle),
        is_member=is_member,
        address=str(forum.address),
        request=_request(forum),
        join=str(Address(f"{forum.name}-join", forum.domain)),
        owner=str(Address(f"{forum.name}-owner", forum.domain)),
    )


def confirm_letter(forum: Forum, handle: str, asked: Sequence[Order], language: str, *, warning: str = "") -> str:
    """Asks a member to confirm commands, named by what they do, by answering; `warning` is what they bring with them."""
    words = wording(language)
    template = text_environment().get_template("command_confirm.txt.j2")
    return template.render(
        _=words.word,
        name=_name(forum),
        handle=one_line(handle),
        asked=[_wish(order, language) for order in dict.fromkeys(asked)],
        warning=_set(warning),
        owner=str(Address(f"{forum.name}-owner", forum.domain)),
    )


def _wish(order: Order, language: str) -> str:
    """What a command asks for, as a member would say it."""
    words = wording(language)
    wishes = {
        Order.SET: words.word("other settings"),
        Order.PAUSE: words.word("no digests for a while"),
        Order.RESUME: words.word("digests again"),
        Order.JOIN: words.word("to come back to the list"),
        Order.LEAVE: words.word("to leave the list"),
        Order.VOTE: words.word("a vote"),
        Order.REPORT: words.word("a report to the moderators"),
        Order.FOLLOW: words.word("to follow a discussion"),
        Order.MUTE: words.word("to leave out a discussion"),
        Order.UNFOLLOW: words.word("to treat a discussion like any other"),
        Order.EDIT: words.word("a new text for a post"),
        Order.WITHDRAW: words.word("to take a post back"),
        Order.HANDLE: words.word("a new name"),
        Order.FORGET: words.word("to be forgotten, for good"),
        Order.EXPORT: words.word("all that we have from you"),
        Order.MOVE: words.word("another place for a post"),
        Order.STATUS: words.word("what is set for you"),
        Order.GET: words.word("the text of a post"),
        Order.THREAD: words.word("a whole discussion"),
        Order.SINCE: words.word("what was posted since a day"),
        Order.POSTS: words.word("a list of your posts"),
    }
    return wishes.get(order, order.value)


def misread_line(misread: Misread, language: str) -> str:
    """What was wrong in one place, and what would be right."""
    words = wording(language)
    where = words.word("Line {place}").format(place=misread.place) if misread.place else words.word("Subject")
    text = {
        Trouble.UNKNOWN: words.word("this is no command that we know."),
        Trouble.NEAR: words.word("this is no command that we know. Did you mean: {usage}"),
        Trouble.MISSING: words.word("something is missing. It is written like this: {usage}"),
        Trouble.EXTRA: words.word("this is more than we understand. It is written like this: {usage}"),
        Trouble.NO_MARKER: words.word("a marker is wanted: the sign beside each post, such as [#k3f9x2ma]."),
        Trouble.NUMBER: words.word("a number counts only in an answer to the digest that has it; the marker always does."),
        Trouble.NO_DATE: words.word("this is no date that we understand. It is written like this: {usage}"),
        Trouble.NO_KEY: words.word("there is no such setting. There are: {keys}"),
        Trouble.NO_VALUE: words.word("{key} cannot be that. It can be: {values}"),
        Trouble.TWICE: words.word("this contradicts another line, so neither was done."),
        Trouble.TOO_MANY: words.word("from here on nothing was read: {count} commands fit in one mail."),
    }[misread.trouble]
    usage = USAGE[misread.order] if misread.order is not None else ""
    values = _VALUES.get(misread.key, "")
    return f"{where}: " + text.format(usage=usage, keys=_KEYS, key=misread.key, values=values, count=COMMANDS_MAX)


def flaw_line(flaw: Flaw, language: str) -> str:
    """Why a name cannot be had."""
    words = wording(language)
    return {
        Flaw.EMPTY: words.word("A name needs a letter or a digit. Yours is what it was."),
        Flaw.TOO_LONG: words.word("That name is too long: 40 characters are enough. Yours is what it was."),
        Flaw.SIGNS: words.word("That name has signs that cannot be shown safely. Yours is what it was."),
        Flaw.MIXED: words.word("That name mixes letters of several scripts. Yours is what it was."),
        Flaw.RESERVED: words.word("That name is kept for the site itself. Yours is what it was."),
        Flaw.TAKEN: words.word("Somebody has that name, or one that looks like it. Yours is what it was."),
    }[flaw]


def _set(part: str) -> str:
    """Lines that were broken already, or that are set up, stay; the rest is broken at 72 columns."""
    return "\n".join("\n".join(wrap(line, WIDTH)) if line.strip() else "" for line in part.split("\n"))


def _name(forum: Forum) -> str:
    return one_line(forum.title) or forum.name


def _request(forum: Forum) -> str:
    return str(Address(f"{forum.name}-request", forum.domain))
