"""Forums, members and the addresses of a forum."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from uuid import UUID
from zoneinfo import ZoneInfo

from gateway.mail.address import Address
from gateway.mail.bounce import NO_BOUNCES, Bounces

NAME_MAX = 18
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?\Z")
_RESERVED = frozenset({"postmaster", "abuse", "mailer-daemon"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Forum:
    """A discussion and its address. `mirrors` are the List-Ids of lists whose mail is posted here as if sent to us.

    `follows_subjects`: a reply that names no mail hangs under the article of its subject. `owners` get what somebody has to
    know who runs the forum.
    """

    id: UUID
    name: str
    domain: str
    title: str
    mirrors: tuple[str, ...] = ()
    follows_subjects: bool = True
    owners: tuple[Address, ...] = ()

    @property
    def address(self) -> Address:
        return Address(self.name, self.domain)

    @property
    def list_id(self) -> str:
        """RFC 2919, without angle brackets."""
        return f"{self.name}.{self.domain}"

    @property
    def tags(self) -> tuple[str, ...]:
        """What may stand in brackets in a Subject: our own name, and the names of the lists that are mirrored."""
        return (self.name, *(mirror.partition(".")[0] for mirror in self.mirrors))


class Rhythm(StrEnum):
    """How often mail comes: each post at once, or a digest; weekly on a day of the member's choice, monthly on the first."""

    IMMEDIATE = "immediate"
    HOURLY = "hourly"
    DAILY = "daily"
    WEEKDAYS = "weekdays"
    WEEKLY = "weekly"
    MONTHLY = "monthly"


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A reader and author. `badge` is data of the member for now.

    Digests come by `rhythm`, at `hour` and `minute` local time; `weekday` (0 is Monday) counts for weekly ones, and none comes
    before that time on the day `paused_until`, nor while `bounces` have paused him.
    """

    id: UUID
    forum_id: UUID
    address: Address
    handle: str
    badge: str
    zone: ZoneInfo
    hour: int
    form: str
    has_digest: bool
    rhythm: Rhythm = Rhythm.DAILY
    minute: int = 0
    weekday: int = 0
    paused_until: date | None = None
    language: str = "en"
    bounces: Bounces = NO_BOUNCES


class Purpose(StrEnum):
    """What an address of a forum is for (design 3)."""

    POST = "post"
    DIGEST = "digest"
    BOUNCES = "bounces"
    OWNER = "owner"


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """What a forward-path of ours stands for."""

    address: Address
    forum: Forum
    purpose: Purpose
    token: str = ""


def bad_name(name: str) -> str:
    """What is wrong with a forum's name, "" when nothing is: every address of the forum must keep to 64 octets."""
    if len(name) > NAME_MAX:
        return f"has more than {NAME_MAX} characters"
    if not _NAME.match(name):
        return "may hold a-z, 0-9, '-' and '.', and begins and ends with a letter or digit"
    return "is reserved" if name in _RESERVED else ""
