"""The seed page: the comment page of one article, as text, turned into mails (design 5, titles).

In: the text of the page. Out: `Seed`, the article and its numbered comments, and one mail for each. A page that cannot be
read is refused with the line at fault.

The page: "back to article TITLE", a teaser, then comments "  1. AUTHOR", each level two columns deeper. Under an author
stands an empty line and the title, which is empty where the page left it out; then the text. A first paragraph of more
than 120 characters is text. Anonymous Cowards have their name on a second line too, as a badge.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.headerregistry import Address as Mailbox
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from gateway.mail.address import LOCAL_MAX, Address
from gateway.mail.forum import Forum, Member

TITLE_MAX = 120
ARTICLE = "back to article "
END = "POST COMMENT"
ANONYMOUS = "Anonymous Coward"
DOMAIN = "example.org"
EDITOR = "editor"
_HEAD = re.compile(r"( *)(\d{1,4})\. (.*)\Z")
_BADGE = re.compile(r"(?:(.*) )?((?:Bronze|Silver|Gold) badge)\Z")


class BadSeed(Exception):
    """The page is not of the form that we know; the text names the line."""

    temporary = False

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(f"line {line}: {reason}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Comment:
    """One comment of the page; `number` is its path ("3.1.2"), `title` and `text` may be empty."""

    number: str
    author: str
    badge: str
    title: str
    text: str

    @property
    def parent(self) -> str:
        """The path of the comment above, "" for the article."""
        return self.number.rpartition(".")[0]

    @property
    def mailbox(self) -> str:
        """An address of its own for each name; Anonymous Cowards share none."""
        if self.author == ANONYMOUS:
            return f"coward.{self.number}"
        plain = re.sub(r"[^a-z0-9]+", ".", self.author.lower()).strip(".")
        if plain and len(plain) <= LOCAL_MAX:
            return plain
        return f"author.{hashlib.sha256(self.author.encode()).hexdigest()[:12]}" if self.author else "nameless"


@dataclass(frozen=True, slots=True, kw_only=True)
class Seed:
    """The page."""

    title: str
    teaser: str
    comments: tuple[Comment, ...]


def read_seed(page: str) -> Seed:
    """Reads the page. Raises BadSeed."""
    lines = page.split("\n")
    if not lines[0].startswith(ARTICLE):
        raise BadSeed(1, f'expected "{ARTICLE}TITLE"')
    end = next((i for i, line in enumerate(lines) if line.startswith(END)), None)
    if end is None:
        raise BadSeed(len(lines), f'the page ends without "{END}"')
    heads = _heads(lines, end)
    if not heads:
        raise BadSeed(end + 1, "no comment before the end of the page")
    starts = [index for index, _, _ in heads]
    comments = [
        _comment(lines, index, stop, number, author)
        for (index, number, author), stop in zip(heads, [*starts[1:], end], strict=True)
    ]
    teaser = _text(lines[1 : starts[0]])
    return Seed(title=lines[0].removeprefix(ARTICLE).strip(), teaser=teaser, comments=tuple(comments))


def _heads(lines: list[str], end: int) -> list[tuple[int, str, str]]:
    """Where each comment begins: index of the line, path number, author as written."""
    found: list[tuple[int, str, str]] = []
    path: list[int] = []
    for index in range(1, end):
        match = _HEAD.match(lines[index])
        if not match or len(match[1]) % 2 or len(match[1]) < 2:
            continue
        level = len(match[1]) // 2 - 1
        if level > len(path):
            raise BadSeed(index + 1, "a comment that is deeper than an answer to the one above")
        path = path[: level + 1]
        expected = path[level] + 1 if level < len(path) else 1
        if int(match[2]) != expected:
            raise BadSeed(index + 1, f"comment number {match[2]} where {expected} should be")
        path = [*path[:level], expected]
        found.append((index, ".".join(map(str, path)), match[3].strip()))
    return found


def _comment(lines: list[str], index: int, stop: int, number: str, head: str) -> Comment:
    margin = " " * (4 + 2 * number.count("."))
    badge = _BADGE.match(head)
    author = (badge[1] or "") if badge else head
    body = index + 1
    if author == ANONYMOUS and body < stop and lines[body].strip() == ANONYMOUS:
        body += 1
    for at in range(body, stop):
        if lines[at].strip() and not lines[at].startswith(margin):
            raise BadSeed(at + 1, f"text of comment {number} that is not indented like it")
    if body < stop and lines[body].strip():
        raise BadSeed(body + 1, f"no empty line under the author of comment {number}")
    rest = [line.removeprefix(margin).rstrip() for line in lines[body + 1 : stop]]
    title, text = _title(rest)
    return Comment(number=number, author=author, badge=badge[2] if badge else "", title=title, text=text)


def _title(rest: list[str]) -> tuple[str, str]:
    if not rest or not rest[0] or len(rest[0]) > TITLE_MAX:
        return "", _text(rest)
    return rest[0], _text(rest[1:])


def _text(lines: list[str]) -> str:
    return "\n".join(lines).strip("\n")


def seed_mails(seed: Seed, forum: str, start: datetime) -> list[EmailMessage]:
    """The article and its comments as mails to `forum`, in the order of the page; the article is written at `start`."""
    mails = [_mail(forum, "editor", EDITOR, seed.title, seed.teaser, start, _msgid(""), ())]
    chains: dict[str, tuple[str, ...]] = {"": (_msgid(""),)}
    at = start
    for position, comment in enumerate(seed.comments):
        # Some minutes apart, not evenly: in the order of the page, which is that of siblings.
        at += timedelta(minutes=5 + position * 7 % 19)
        above = chains[comment.parent]
        own = _msgid(comment.number)
        chains[comment.number] = (*above, own)
        subject = comment.title or f"Re: {seed.title}"
        mails.append(_mail(forum, comment.author, comment.mailbox, subject, comment.text, at, own, above))
    return mails


def _msgid(number: str) -> str:
    return f"<{number or 'article'}.seed@{DOMAIN}>"


def _mail(
    forum: str, name: str, mailbox: str, subject: str, text: str, at: datetime, msgid: str, above: tuple[str, ...]
) -> EmailMessage:
    mail = EmailMessage(SMTP)
    mail["From"] = Mailbox(name, mailbox, DOMAIN)
    mail["To"] = forum
    mail["Subject"] = subject
    mail["Date"] = format_datetime(at)
    mail["Message-ID"] = msgid
    if above:
        mail["In-Reply-To"] = above[-1]
        mail["References"] = " ".join(above)
    mail.set_content(f"{text}\n" if text else "", cte="quoted-printable")
    return mail


def seed_members(seed: Seed, forum: Forum, new_id: Callable[[], UUID]) -> list[Member]:
    """Those of the page who have a badge, as members without a digest: their badge is data of the member."""
    badges = {comment.mailbox: comment for comment in seed.comments if comment.badge}
    return [
        Member(
            id=new_id(),
            forum_id=forum.id,
            address=Address(mailbox, DOMAIN),
            handle=comment.author,
            badge=comment.badge,
            zone=ZoneInfo("UTC"),
            hour=7,
            form="html",
            has_digest=False,
        )
        for mailbox, comment in badges.items()
    ]
