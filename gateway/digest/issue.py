"""An issue: what one digest tells, before anybody decides how it looks. `render` turns it into text and HTML."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from gateway.mail.address import Address
from gateway.mail.forum import Forum
from gateway.mail.message import Attachment, Span


class Entry(NamedTuple):
    """One post of an outline, in drawing order.

    `number` is the path number ("3.1.2"; "" for the head of the thread), `depth` 0 for the head, 1 for a top-level
    comment. `title` is as displayed and may be empty, so may `author` and the text. `at` is UTC. An entry that is not
    `is_new` was in an earlier issue and is one line of context; `is_ghost` is a comment that has not arrived: it has
    a number and children and nothing else. `has_siblings`: the thread branches here. `parent_author` is what "re NAME" says.
    Of a post that `is_removed` (`is_withdrawn`: by its author) only its place is left; one that `is_edited` has another text than
    it was posted with; either `has_changed` when that happened since an earlier issue told of it. `icon` is the text form of an
    icon; `up` and `down` count votes.
    """

    number: str
    depth: int
    marker: str = ""
    msgid: str = ""
    title: str = ""
    author: str = ""
    badge: str = ""
    at: datetime | None = None
    spans: tuple[Span, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    is_new: bool = True
    is_ghost: bool = False
    is_imposter: bool = False
    is_removed: bool = False
    is_withdrawn: bool = False
    is_edited: bool = False
    has_changed: bool = False
    has_siblings: bool = True
    parent_author: str = ""
    parent_number: str = ""
    icon: str = ""
    up: int = 0
    down: int = 0

    @property
    def is_stub(self) -> bool:
        """Whether there is only its place: it has not arrived, or was removed."""
        return self.is_ghost or self.is_removed

    @property
    def is_told(self) -> bool:
        """Whether its text is shown: it is new, or has another text since an earlier issue."""
        return (self.is_new or (self.has_changed and self.is_edited)) and not (self.is_ghost or self.is_removed)


@dataclass(frozen=True, slots=True, kw_only=True)
class ThreadPart:
    """One thread of an issue: entries depth first, the head first; `new` and `total` count comments and article alike."""

    title: str
    entries: tuple[Entry, ...]
    new: int
    total: int
    changed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Issue:
    """One digest for one range of posts of a forum; `since` and `until` are UTC instants of the period it covers.

    What is too much for one mail comes as `parts` mails, of which this is number `part`.
    """

    forum: Forum
    number: int
    since: datetime
    until: datetime
    threads: tuple[ThreadPart, ...]
    part: int = 1
    parts: int = 1

    @property
    def new(self) -> int:
        return sum(thread.new for thread in self.threads)

    @property
    def changed(self) -> int:
        return sum(thread.changed for thread in self.threads)

    @property
    def address(self) -> Address:
        return self.forum.address
