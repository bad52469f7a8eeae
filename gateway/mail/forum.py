"""Forums, members and the addresses of a forum."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID
from zoneinfo import ZoneInfo

from gateway.mail.address import Address
from gateway.mail.bounce import NO_BOUNCES, Bounces

NAME_MAX = 18
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?\Z")
_RESERVED = frozenset({"postmaster", "abuse", "mailer-daemon"})


class Posting(StrEnum):
    """Whose mail is posted: anybody's; that of members; that of members who proved that it is theirs."""

    OPEN = "open"
    MEMBERS = "members"
    PROVED = "proved"


class Who(StrEnum):
    """Who has a right in a forum; each includes those after it."""

    ANYONE = "anyone"
    MEMBERS = "members"
    EDITORS = "editors"
    OWNERS = "owners"


# What a forum begins with where members have to prove who they are.
NEWCOMER_POSTS = 5
EDIT_MINUTES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The rules of one forum; these are those of a forum that is open to everybody.

    Members are held until `newcomer_posts` posts of theirs were accepted (0: nobody is). A post may be edited or withdrawn,
    and no digest tells of it, for `edit_minutes`. No comment is taken in a thread without one for `lock_days` (0: always). When
    more than `flood_factor` times the usual number of posts an hour come, all are held (0: never).
    """

    posting: Posting = Posting.OPEN
    start: Who = Who.ANYONE
    comment: Who = Who.ANYONE
    vote: Who = Who.MEMBERS
    read: Who = Who.ANYONE
    newcomer_posts: int = 0
    edit_minutes: int = 0
    lock_days: int = 0
    flood_factor: int = 0
    keeps_removed: bool = True
    house_rules: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Forum:
    """A discussion and its address. `mirrors` are the List-Ids of lists whose mail is posted here as if sent to us.

    `follows_subjects`: a reply that names no mail hangs under the article of its subject. `owners` get what somebody has to
    know who runs the forum. Since `flooded_at` all posts are held for a moderator.
    """

    id: UUID
    name: str
    domain: str
    title: str
    mirrors: tuple[str, ...] = ()
    follows_subjects: bool = True
    owners: tuple[Address, ...] = ()
    policy: Policy = Policy()
    flooded_at: datetime | None = None

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


class Role(StrEnum):
    """What a member is in a forum; moderators decide on what is held and reported, and so do owners."""

    MEMBER = "member"
    EDITOR = "editor"
    MODERATOR = "moderator"
    OWNER = "owner"


class Standing(StrEnum):
    """How far a member is trusted: posts of the first and third kind are held, those of the last are not taken."""

    NEW = "new"
    TRUSTED = "trusted"
    PROBATION = "probation"
    BANNED = "banned"


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A reader and author. `badge` is what the owners gave, which is shown before what was `earned` by the rules of badges.

    `others` are further verified addresses. `receipts` is "on", "off" or "split": after each post, never, or after a mail that
    became several. `cases` is how a moderator gets cases: "each" at once, or "daily" in one letter.

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
    role: Role = Role.MEMBER
    standing: Standing = Standing.TRUSTED
    joined_at: datetime | None = None
    receipts: str = "split"
    cases: str = "each"
    others: tuple[Address, ...] = ()
    earned: str = ""

    @property
    def keys(self) -> frozenset[str]:
        """The keys of all addresses of this member."""
        return frozenset((self.address.key, *(other.key for other in self.others)))


class Purpose(StrEnum):
    """What an address of a forum is for (design 3)."""

    POST = "post"
    ANONYMOUS = "anonymous"
    ENTRY = "entry"
    DIGEST = "digest"
    UP = "up"
    DOWN = "down"
    REPORT = "report"
    REQUEST = "request"
    JOIN = "join"
    LEAVE = "leave"
    CONFIRM = "confirm"
    WITHDRAW = "withdraw"
    CASE = "case"
    BOUNCES = "bounces"
    OWNER = "owner"


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """What a forward-path of ours stands for; `token` is not checked yet, and may be empty where none is needed."""

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
