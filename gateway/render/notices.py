"""Notices: short letters about the mail itself. In: a forum and what happened. Out: the subject, a blank line, the text."""

from __future__ import annotations

from enum import StrEnum

from gateway.mail.forum import Forum
from gateway.render.blocks import one_line
from gateway.render.templates import text_environment
from gateway.render.wording import wording
from gateway.render.wrap import clip

NAME_MAX = 40


class Uncounted(StrEnum):
    """Why a vote does not count."""

    NO_RIGHT = "no right"
    NOT_THERE = "not there"
    OWN = "own"


def probe_notice(forum: Forum, status: str, language: str) -> str:
    """To a member whose mail comes back: does any arrive? `status` is an enhanced status code or ""."""
    words = wording(language)
    template = text_environment().get_template("probe.txt.j2")
    return template.render(_=words.word, name=_name(forum), status=status)


def why_uncounted(why: Uncounted, language: str) -> str:
    """A sentence on why a vote does not count."""
    words = wording(language)
    if why is Uncounted.OWN:
        return words.word("It was for a comment of your own. Votes are for those of others.")
    if why is Uncounted.NOT_THERE:
        return words.word("The comment that it was for is not here; it may have been removed.")
    return words.word("Members do not vote in this discussion.")


def vote_notice(forum: Forum, why: Uncounted, language: str) -> str:
    """To a member whose vote does not count."""
    template = text_environment().get_template("uncounted.txt.j2")
    return template.render(_=wording(language).word, name=_name(forum), why=why_uncounted(why, language))


def pause_notice(forum: Forum, handle: str, status: str) -> str:
    """To an owner: a member gets no more mail. It names no address."""
    template = text_environment().get_template("paused.txt.j2")
    return template.render(name=_name(forum), handle=clip(one_line(handle), NAME_MAX) or "?", status=status)


def _name(forum: Forum) -> str:
    return clip(one_line(forum.title) or forum.name, NAME_MAX)
