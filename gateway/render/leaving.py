"""Pages and letter for who leaves (RFC 8058): the page that asks, the page that says it is done, the letter that says so.

In: the forum, or none when there is no such forum, and a language tag. Out: a page, or the text of a notice
(`store.outbox.Kind.NOTICE`).
A page is the same whatever token the reader came with: it must not tell who is a member.
"""

from __future__ import annotations

from pathlib import Path

from gateway.mail.address import Address
from gateway.mail.forum import Forum
from gateway.render.links import mailto
from gateway.render.pages import Page, make_page, name_of
from gateway.render.templates import text_environment
from gateway.render.wording import wording


def render_leave_page(forum: Forum | None, language: str, *, is_done: bool, override: Path | None = None) -> Page:
    """The page with the button, or after it. `override` is an operator's folder of templates."""
    owner = _address(forum, "owner") if forum is not None else None
    join = _address(forum, "join") if forum is not None else None
    values = {
        "is_done": is_done,
        "name": name_of(forum) if forum is not None else "",
        "owner": str(owner or ""),
        "owner_link": mailto(owner) if owner is not None else "",
        "join": str(join or ""),
        "join_link": mailto(join) if join is not None else "",
    }
    return make_page("leave.html.j2", language, values, override)


def render_goodbye(forum: Forum, language: str, *, override: Path | None = None) -> str:
    """The letter to who has left by mail: its Subject, an empty line, the text."""
    template = text_environment(override).get_template("goodbye.txt.j2")
    return template.render(
        _=wording(language).word, name=name_of(forum), owner=str(_address(forum, "owner")), join=str(_address(forum, "join"))
    )


def _address(forum: Forum, role: str) -> Address:
    return Address(f"{forum.name}-{role}", forum.domain)
