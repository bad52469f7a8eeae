"""Who has which badge (design 7): a table of rules over what a member posted and how others voted. Pure.

In: the rules in the order of the configuration, the better the later, and a member's record. Out: the name of the best badge
whose rule is met, or "". What owners gave is not asked here: it wins over what was earned.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

YEAR = timedelta(days=365)


@dataclass(frozen=True, slots=True, kw_only=True)
class BadgeRule:
    """Met by a member of `member_days` days with more than `posts` posts in the last 12 months, and `up_votes` in all."""

    name: str
    member_days: int = 0
    posts: int = -1
    up_votes: int = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What counts of a member; `joined_at` None: from the beginning."""

    joined_at: datetime | None
    posts: int
    up_votes: int


# Of the model page: a year and over 100 posts in it; and over 2,000 votes besides. Gold is given by the owners.
DEFAULT_RULES = (
    BadgeRule(name="Bronze badge", member_days=365, posts=100),
    BadgeRule(name="Silver badge", member_days=365, posts=100, up_votes=2000),
)


def badge_of(rules: Sequence[BadgeRule], record: Record, now: datetime) -> str:
    """The badge that `record` earns."""
    return next((rule.name for rule in reversed(rules) if _is_met(rule, record, now)), "")


def _is_met(rule: BadgeRule, record: Record, now: datetime) -> bool:
    is_member_long_enough = record.joined_at is None or now - record.joined_at >= timedelta(days=rule.member_days)
    return is_member_long_enough and record.posts > rule.posts and record.up_votes > rule.up_votes
