"""Letters about answers to digests: what went where, what nobody could tell, that nothing was said.

In: a forum, a language and what happened. Out: the subject, a blank line, the text, of 72 columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

from gateway.mail.forum import Forum
from gateway.render.blocks import one_line
from gateway.render.templates import text_environment
from gateway.render.wording import wording
from gateway.render.wrap import clip

NAME_MAX = 40
LINE_MAX = 72


class Place(NamedTuple):
    """A comment as a letter names it."""

    marker: str
    author: str
    title: str
    excerpt: str


class Filed(NamedTuple):
    """A post, and under what it went; None: it began a thread."""

    marker: str
    under: Place | None


class Question(NamedTuple):
    """What nobody could tell the place of, and where it may belong, the likely places first."""

    excerpt: str
    places: tuple[Place, ...]


def render_filed(forum: Forum, language: str, filed: Sequence[Filed]) -> str:
    """The receipt: what became of a mail of several answers, and how to take it back."""
    rows = [
        (one.marker, [clip(line, LINE_MAX - 20) for line in _lines(one.under)] if one.under is not None else []) for one in filed
    ]
    return _render("filed.txt.j2", forum, language, filed=rows)


def render_which(forum: Forum, language: str, questions: Sequence[Question], *, until: date, answer: str) -> str:
    """The numbered list; numbers go on from one question to the next."""
    number = 0
    asked = []
    for question in questions:
        places = []
        for place in question.places:
            number += 1
            head, *rest = _lines(place)
            places.append([f"{number:>3}  {clip(head, LINE_MAX - 5)}", *(f"     {clip(line, LINE_MAX - 5)}" for line in rest)])
        asked.append((clip(one_line(question.excerpt[:400]), LINE_MAX - 4), places))
    until_day = wording(language).day(until)
    return _render("which.txt.j2", forum, language, questions=asked, until=until_day, answer=answer, last=number)


def render_nothing_new(forum: Forum, language: str) -> str:
    """To who sent back a digest and wrote nothing."""
    return _render("nothing_new.txt.j2", forum, language)


def _lines(place: Place) -> list[str]:
    head = ", ".join(filter(None, (one_line(place.author), one_line(place.title)))) or f"[#{place.marker}]"
    excerpt = one_line(place.excerpt[:400])
    return [head, *([excerpt] if excerpt else [])]


def _render(template: str, forum: Forum, language: str, **values: object) -> str:
    words = wording(language)
    name = clip(one_line(forum.title) or forum.name, NAME_MAX)
    return (
        text_environment()
        .get_template(template)
        .render(_=words.word, name=name, request=f"{forum.name}-request@{forum.domain}", address=str(forum.address), **values)
    )
