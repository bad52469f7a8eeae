"""The letter to who wrote anonymously: what will be shown, what was left out, how to take it back.

In: a forum and the post as it is kept. Out: the text of a receipt (`store.outbox.Kind.RECEIPT`): its Subject, the address that
answers go to, the text, a line each before the last.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from gateway.mail.address import Address
from gateway.mail.forum import Forum
from gateway.render.blocks import one_line
from gateway.render.dates import reading_date
from gateway.render.templates import text_environment
from gateway.render.wording import wording
from gateway.render.wrap import clip

NAME_MAX = 40
TEXT_MAX = 4000


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """An anonymous post as its author is to see it; `files` is how many of his were left out."""

    subject: str
    text: str
    at: datetime
    files: int = 0
    has_icon: bool = False
    is_held: bool = False


def render_receipt(forum: Forum, shown: Shown, undo: Address, language: str, zone: ZoneInfo) -> str:
    """The letter in the author's language, with times by his clock."""
    words = wording(language)
    text = shown.text if len(shown.text) <= TEXT_MAX else f"{shown.text[:TEXT_MAX].rstrip()}\n[...]"
    letter = (
        text_environment()
        .get_template("anonymous.txt.j2")
        .render(
            _=words.word,
            name=clip(one_line(forum.title) or forum.name, NAME_MAX),
            time=reading_date(shown.at, zone, words),
            subject=one_line(shown.subject),
            text=text,
            files=shown.files,
            has_icon=shown.has_icon,
            is_held=shown.is_held,
            undo=str(undo),
        )
    )
    subject, _, rest = letter.partition("\n")
    return f"{subject}\n{undo}\n{rest}"
