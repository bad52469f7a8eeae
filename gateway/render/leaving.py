"""Pages and letter for who leaves (RFC 8058): the page that asks, the page that says it is done, the letter that says so.

In: the forum, or none when there is no such forum, and a language tag. Out: a whole page that loads nothing, with the hash of
its style sheet for the Content-Security-Policy (CSP 3 section 2.3.1); or the text of a notice (`store.outbox.Kind.NOTICE`).
A page is the same whatever token the reader came with: it must not tell who is a member.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from pathlib import Path

from gateway.mail.address import Address
from gateway.mail.forum import Forum
from gateway.render.blocks import one_line
from gateway.render.links import mailto
from gateway.render.markup import style_sheet
from gateway.render.templates import page_environment, text_environment
from gateway.render.wording import wording

CSS = "leave.css"


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """`language` is the one that it is in; `style_hash` is a source of the directive style-src."""

    html: str
    language: str
    style_hash: str


def render_leave_page(forum: Forum | None, language: str, *, is_done: bool, override: Path | None = None) -> Page:
    """The page with the button, or after it. `override` is an operator's folder of templates."""
    words = wording(language)
    environment = page_environment(override)
    style = environment.get_template(CSS).render()
    owner = _owner(forum) if forum is not None else None
    html = environment.get_template("leave.html.j2").render(
        _=words.word,
        language=words.language,
        style=style_sheet(style),
        is_done=is_done,
        name=_name(forum) if forum is not None else "",
        owner=str(owner or ""),
        owner_link=mailto(owner) if owner is not None else "",
    )
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return Page(html=html, language=words.language, style_hash=f"'sha256-{digest}'")


def render_goodbye(forum: Forum, language: str, *, override: Path | None = None) -> str:
    """The letter to who has left by mail: its Subject, an empty line, the text."""
    template = text_environment(override).get_template("goodbye.txt.j2")
    return template.render(_=wording(language).word, name=_name(forum), owner=str(_owner(forum)))


def _name(forum: Forum) -> str:
    return one_line(forum.title) or forum.name


def _owner(forum: Forum) -> Address:
    return Address(f"{forum.name}-owner", forum.domain)
