"""Letters of the door: the question whether somebody wants what was asked for in his name, the welcome, and what else follows.

In: a forum and what happened, in words of ours. Out: the subject, a blank line, the text, of 72 columns. Nothing of a mail that
proves nothing is ever in a question: it would be somebody else's letter under our name.
"""

from __future__ import annotations

from datetime import date
from textwrap import fill

from gateway.mail.address import Address
from gateway.mail.forum import Forum, Member, Standing
from gateway.render.blocks import one_line
from gateway.render.templates import text_environment
from gateway.render.wording import wording
from gateway.render.wrap import clip

NAME_MAX = 40
COLUMNS = 72


def render_question(
    forum: Forum, asked: str, language: str, *, until: date, answer: str, is_member: bool, shown: str = ""
) -> str:
    """`asked` is join, leave, post, claim or address; `answer` is where to write, until the end of that day."""
    words = wording(language)
    return _render(
        "question.txt.j2",
        forum,
        language,
        asked=asked,
        until=words.day(until),
        answer=answer,
        is_member=is_member,
        shown=shown,
    )


def render_welcome(forum: Forum, member: Member, settings: str, posted: int, held: int) -> str:
    """To a new member, or one who is back; so many mails of his that waited were posted, or are held for a moderator."""
    first = forum.policy.newcomer_posts if member.standing is Standing.NEW else 0
    rules = [fill(one_line(line), COLUMNS) for line in forum.policy.house_rules.splitlines()]
    return _render(
        "welcome.txt.j2",
        forum,
        member.language,
        handle=clip(one_line(member.handle), NAME_MAX),
        settings=settings,
        posted=posted,
        held=held,
        first=first,
        rules="\n".join(rules).strip(),
    )


def render_posted(forum: Forum, language: str, posted: int, held: int) -> str:
    """To a member whose mail waited for his yes."""
    return _render("posted.txt.j2", forum, language, posted=posted, held=held)


def render_address_added(forum: Forum, language: str, address: str) -> str:
    """To a member who has one more address."""
    return _render("address.txt.j2", forum, language, address=address)


def render_late(forum: Forum, language: str, days: int) -> str:
    """To who answered a question after it had ended."""
    return _render("late.txt.j2", forum, language, days=days)


def _render(template: str, forum: Forum, language: str, **values: object) -> str:
    words = wording(language)

    def at(word: str) -> str:
        return str(Address(f"{forum.name}-{word}", forum.domain))

    return (
        text_environment()
        .get_template(template)
        .render(
            _=words.word,
            name=clip(one_line(forum.title) or forum.name, NAME_MAX),
            forum=str(forum.address),
            at=at,
            **values,
        )
    )
