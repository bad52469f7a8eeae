"""Pages of ours for a browser: whole, loading nothing, each with the hash of its style sheet.

In: a template, a language tag and values. Out: a `Page`; its hash is for the Content-Security-Policy (CSP 3 section 2.3.1).
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from pathlib import Path

from gateway.mail.forum import Forum
from gateway.render.blocks import one_line
from gateway.render.markup import style_sheet
from gateway.render.templates import page_environment
from gateway.render.wording import wording

CSS = "page.css"


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """`language` is the one that it is in; `style_hash` is a source of the directive style-src."""

    html: str
    language: str
    style_hash: str


def make_page(template: str, language: str, values: dict[str, object], override: Path | None = None) -> Page:
    """A page with `values`; `override` is an operator's folder of templates."""
    words = wording(language)
    environment = page_environment(override)
    style = environment.get_template(CSS).render()
    html = environment.get_template(template).render(_=words.word, language=words.language, style=style_sheet(style), **values)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return Page(html=html, language=words.language, style_hash=f"'sha256-{digest}'")


def name_of(forum: Forum) -> str:
    """What readers call the forum."""
    return one_line(forum.title) or forum.name
