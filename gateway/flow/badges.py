"""Badges made anew from stored facts (design 7), once a day: posts of the last 12 months, and votes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from gateway.mail.forum import Forum
from gateway.people.badges import YEAR, BadgeRule, Record, badge_of
from gateway.store import roster, votes
from gateway.store.engine import Store


def award(store: Store, forum: Forum, rules: Sequence[BadgeRule], now: datetime) -> int:
    """Gives each member of `forum` the badge that the rules say; returns for how many that was news."""
    with store.read() as db:
        activity = votes.activity_of(db, forum.id, now - YEAR)
    earned = {}
    for member in roster.list_members(store, forum.id):
        found = [activity[key] for key in member.keys if key in activity]
        record = Record(
            joined_at=member.joined_at,
            posts=sum(one.posts for one in found),
            up_votes=sum(one.up_votes for one in found),
        )
        badge = badge_of(rules, record, now)
        if badge:
            earned[member.id] = badge
    with store.write() as db:
        return votes.keep_badges(db, forum.id, earned)
