"""The page of one comment: what it says, and forms to answer it, to vote and to report it.

In: the comment as a `ThreadPart` of one entry, the member who looks at it, and what has just happened. Out: a `Page`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cache

from gateway.digest.issue import ThreadPart
from gateway.mail.forum import Forum, Member
from gateway.render.blocks import Block, clean, one_line
from gateway.render.markup import Typesetter
from gateway.render.pages import Page, make_page, name_of
from gateway.render.rows import list_rows
from gateway.render.styles import Styles
from gateway.render.wording import Wording, wording

# So much of a comment is shown, in characters.
SHOWN_MAX = 6_000


class Outcome(StrEnum):
    """What came of a form."""

    NONE = ""
    POSTED = "posted"
    THERE = "there"
    WAITS = "waits"
    TAKEN_AS_VOTE = "taken as a vote"
    TAKEN_AS_REPORT = "taken as a report"
    EMPTY = "empty"
    UNREADABLE = "unreadable"
    REFUSED = "refused"
    TOO_MANY = "too many"
    TROUBLE = "trouble"
    UP = "up"
    DOWN = "down"
    UNCOUNTED = "uncounted"
    REPORTED = "reported"
    UNREPORTED = "not reported"


# After these the form for an answer has done its work.
_ANSWERED = frozenset({Outcome.POSTED, Outcome.THERE, Outcome.WAITS, Outcome.TAKEN_AS_VOTE, Outcome.TAKEN_AS_REPORT})


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What the page says has happened: `detail` is a sentence on a vote that does not count, or why a report is none, a word of
    `flow.report.Heard`; `text` is an answer that was not taken, `begun` when the page with it was made."""

    outcome: Outcome = Outcome.NONE
    detail: str = ""
    text: str = ""
    begun: datetime | None = None


NOTHING_YET = Said()


def render_entry_page(
    forum: Forum, member: Member, part: ThreadPart, *, now: datetime, may_vote: bool, said: Said = NOTHING_YET
) -> Page:
    """The page, in the member's language; it remembers when it was made."""
    words = wording(member.language)
    [row] = list_rows(part, member.zone, None, words)
    blocks, is_cut = _excerpt(row.blocks)
    heading, detail = _told(said, row.entry.marker, words)
    values = {
        "name": name_of(forum),
        "heading": heading,
        "detail": detail,
        "text": clean(said.text),
        "handle": one_line(member.handle),
        "title": row.title,
        "author": row.author,
        "badge": row.badge,
        "icon": row.icon,
        "date": " · ".join(filter(None, (row.date, row.edited, row.score))),
        "body": _typesetter().body(blocks),
        "is_cut": is_cut,
        "files": row.files,
        "may_answer": said.outcome not in _ANSWERED,
        "may_vote": may_vote,
        "may_report": said.outcome not in (Outcome.REPORTED, Outcome.TAKEN_AS_REPORT),
        "begun": int((said.begun or now).timestamp()),
    }
    return make_page("entry.html.j2", member.language, values)


def render_gone_page(language: str) -> Page:
    """What there is for who has no business here: it tells nothing about any forum, comment or member."""
    return make_page("gone.html.j2", language, {"name": ""})


def _told(said: Said, marker: str, words: Wording) -> tuple[str, str]:
    """Heading and sentence."""
    waits = words.word("A moderator looks at it first.")
    return {
        Outcome.NONE: (words.word("Answer a comment"), ""),
        Outcome.POSTED: (words.word("Your answer is posted"), words.word("The next digest shows it.")),
        Outcome.THERE: (words.word("Your answer has come in before"), words.word("It counts once, however often it is sent.")),
        Outcome.WAITS: (words.word("Your answer waits for a moderator"), waits),
        Outcome.TAKEN_AS_VOTE: (words.word("Your answer is taken as a vote"), words.word("It says nothing else.")),
        Outcome.TAKEN_AS_REPORT: (words.word("Your answer is taken as a report"), words.word("A mail says what came of it.")),
        Outcome.EMPTY: (words.word("Nothing was posted"), words.word("Your answer had no text.")),
        Outcome.UNREADABLE: (words.word("Your answer was not taken"), words.word("It could not be read.")),
        Outcome.REFUSED: (words.word("Your answer was not taken"), words.word("This forum does not take it from you.")),
        Outcome.TOO_MANY: (words.word("Your answer was not taken"), words.word("Too many posts this hour, try again later.")),
        Outcome.TROUBLE: (words.word("Your answer was not taken"), words.word("Trouble on our side, try again later.")),
        Outcome.UP: (words.word("Your vote counts: {vote}").format(vote="+1"), ""),
        Outcome.DOWN: (words.word("Your vote counts: {vote}").format(vote="\u22121"), ""),
        Outcome.UNCOUNTED: (words.word("Your vote does not count"), said.detail),
        Outcome.REPORTED: (words.word("The moderators are told"), words.word("They will look at this comment and decide.")),
        Outcome.UNREPORTED: (words.word("Nothing was reported"), _why_unreported(said.detail, marker, words)),
    }[said.outcome]


def _why_unreported(heard: str, marker: str, words: Wording) -> str:
    return {
        "already": words.word("You have reported [#{marker}] before. Once is enough.").format(marker=marker),
        "too many": words.word("You have reported much today. Please come back tomorrow."),
        "not heard": words.word("The last posts that you reported were in order. For some weeks your reports are not passed on."),
    }.get(heard, "")


@cache
def _typesetter() -> Typesetter:
    """Styles stay in the sheet: the policy of our pages forbids them in elements."""
    return Typesetter(Styles(""))


def _excerpt(blocks: Sequence[Block]) -> tuple[list[Block], bool]:
    """The blocks as far as there is room, and whether something is left out."""
    room = SHOWN_MAX
    kept: list[Block] = []
    for block in blocks:
        lines: list[str] = []
        for line in block.lines:
            if len(line) >= room:
                return [*kept, block._replace(lines=[*lines, f"{line[:room]}…"])], True
            lines.append(line)
            room -= len(line) + 1
        kept.append(block._replace(lines=lines))
    return kept, False
