"""Letters about cases (design 10): to moderators what is to be decided, then what was done; to an author that it was not posted.

In: exhibits, results, a language. Out: a subject, a blank line, the text. What strangers wrote stands behind a bar, so that no
line of it, quoted in an answer by a program that marks no quotes, can be taken for a ruling.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gateway.mail.address import Address
from gateway.mail.forum import Forum
from gateway.mail.message import Span
from gateway.render.blocks import one_line, split_blocks
from gateway.render.links import mailto
from gateway.render.templates import text_environment
from gateway.render.wording import wording
from gateway.render.wrap import clip, set_lines

WIDTH = 70
LINES_MAX = 20
TITLE_MAX = 60
NAME_MAX = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Exhibit:
    """One case of a letter. `kind` is held, reported or flood; `why` a reason of `mail.verdict`; `author` never an address.

    `closed_by` says who has decided meanwhile, "" while it is open; `reports` are who reported it, and why.
    """

    number: int
    kind: str
    marker: str
    why: str = ""
    author: str = ""
    title: str = ""
    spans: tuple[Span, ...] = ()
    files: int = 0
    is_attached: bool = False
    closed_by: str = ""
    reports: tuple[tuple[str, str], ...] = ()

    @property
    def lines(self) -> list[str]:
        """The beginning of the text, each line behind a bar."""
        lines: list[str] = []
        for block in split_blocks(self.spans):
            mark = "> " * block.depth
            lines += ["", *(mark + line for line in set_lines(block.lines, WIDTH - len(mark), may_flow=block.is_prose))]
            if len(lines) > LINES_MAX:
                return [*_barred(lines[1:LINES_MAX]), "| [...]"]
        return _barred(lines[1:])


def _barred(lines: Iterable[str]) -> list[str]:
    return [f"| {line}".rstrip() for line in lines]


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What became of one ruling: `code` is a word of `templates/ruled.txt.j2`; `number` 0 where `marker` names a thread.

    `title` and `author`, never an address, say what the case was about.
    """

    code: str
    number: int = 0
    marker: str = ""
    by: str = ""
    title: str = ""
    author: str = ""

    @property
    def short_title(self) -> str:
        """As much of the title as a letter shows."""
        return clip(one_line(self.title), TITLE_MAX)


def render_docket(forum: Forum, exhibits: Sequence[Exhibit], answer_to: Address, language: str) -> str:
    """The letter with cases. A single one has links that answer it."""
    words = wording(language)
    count = len(exhibits)
    template = text_environment().get_template("docket.txt.j2")
    subject = f"Re: {_name(forum)}"
    links = {word: mailto(answer_to, subject=subject, body=f"1 {word}\n") for word in ("ok", "no")} if count == 1 else {}
    return template.render(
        _=words.word,
        name=_name(forum),
        count=count,
        exhibits=exhibits,
        title=clip(one_line(exhibits[0].title), TITLE_MAX) if exhibits else "",
        links=links,
        days=7,
    )


def render_ruled(forum: Forum, results: Sequence[Result], language: str, *, problem: str = "", twice: Sequence[int] = ()) -> str:
    """The answer to a moderator's answer. `problem`: why nothing was done ("not understood", "too old", "other address")."""
    template = text_environment().get_template("ruled.txt.j2")
    return template.render(_=wording(language).word, name=_name(forum), results=results, problem=problem, twice=twice)


def render_declined(forum: Forum, title: str, reason: str, language: str, *, is_removed: bool = False) -> str:
    """To an author whose mail was not posted, or whose post was removed. `reason` is what the moderator wrote, perhaps ""."""
    template = text_environment().get_template("declined.txt.j2")
    return template.render(
        _=wording(language).word,
        name=_name(forum),
        title=clip(one_line(title), TITLE_MAX),
        reason=one_line(reason),
        is_removed=is_removed,
        house_rules=forum.policy.house_rules.strip(),
        owner=str(Address(f"{forum.name}-owner", forum.domain)),
    )


def render_reported(forum: Forum, heard: str, marker: str, language: str) -> str:
    """To who reported a post; `heard` is a word of `flow.report.Heard`."""
    template = text_environment().get_template("reported.txt.j2")
    return template.render(_=wording(language).word, name=_name(forum), heard=heard, marker=marker)


def render_house_rules(forum: Forum, language: str) -> str:
    """The house rules, as a letter."""
    template = text_environment().get_template("rules.txt.j2")
    return template.render(_=wording(language).word, name=_name(forum), house_rules=forum.policy.house_rules.strip())


def _name(forum: Forum) -> str:
    return clip(one_line(forum.title) or forum.name, NAME_MAX)
