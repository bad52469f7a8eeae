"""Votes, and the badges that come of them (design 7). One vote a member and post; the last one counts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Connection, case, delete, func, insert, select, update

from gateway.store.archive import POST
from gateway.store.bulk import slices, table_of
from gateway.store.keep import MAIL
from gateway.store.people_tables import BadgeRow, IconRow, VoteRow

VOTE, BADGE, ICON = table_of(VoteRow), table_of(BadgeRow), table_of(IconRow)


class Score(NamedTuple):
    """Votes on one post."""

    up: int = 0
    down: int = 0


NO_VOTES = Score()


def cast_vote(connection: Connection, forum_id: UUID, marker: str, member_id: UUID, value: int, at: datetime) -> bool:
    """Notes the vote of a member, +1 or -1; False when that was the vote already."""
    here = (VOTE.c.forum_id == forum_id) & (VOTE.c.marker == marker) & (VOTE.c.member_id == member_id)
    known = connection.execute(select(VOTE.c.value).where(here)).scalar()
    if known is None:
        values = {"forum_id": forum_id, "marker": marker, "member_id": member_id, "value": value, "at": at}
        connection.execute(insert(VOTE).values(**values))
    elif known != value:
        connection.execute(update(VOTE).where(here).values(value=value, at=at))
    return known != value


def scores(connection: Connection, forum_id: UUID, markers: Iterable[str]) -> dict[str, Score]:
    """The votes on those of these posts that have any, by marker."""
    found: dict[str, Score] = {}
    up = func.sum(case((VOTE.c.value > 0, 1), else_=0))
    for run in slices(markers):
        query = select(VOTE.c.marker, up, func.count()).where(VOTE.c.forum_id == forum_id, VOTE.c.marker.in_(run))
        found |= {
            marker: Score(int(ups), int(all_ - ups)) for marker, ups, all_ in connection.execute(query.group_by(VOTE.c.marker))
        }
    return found


class Activity(NamedTuple):
    """What the rules of badges ask about: posts since some day, and votes for all posts."""

    posts: int = 0
    up_votes: int = 0


def activity_of(connection: Connection, forum_id: UUID, since: datetime) -> dict[str, Activity]:
    """By author key what was posted (received since `since`) and voted up; nothing of anonymous posts, which have no author."""
    here = (POST.c.forum_id == forum_id) & (POST.c.author_key != "") & POST.c.is_imposter.is_(False) & POST.c.hidden_by.is_(None)
    mails = (MAIL.c.forum_id == POST.c.forum_id) & (MAIL.c.id == POST.c.mail_id)
    posts = select(POST.c.author_key, func.count()).join(MAIL, mails).where(here, MAIL.c.received_at >= since)
    found = {key: Activity(count) for key, count in connection.execute(posts.group_by(POST.c.author_key))}
    votes = (VOTE.c.forum_id == POST.c.forum_id) & (VOTE.c.marker == POST.c.marker) & (VOTE.c.value > 0)
    ups = select(POST.c.author_key, func.count()).join(VOTE, votes).where(here).group_by(POST.c.author_key)
    for key, count in connection.execute(ups):
        found[key] = found.get(key, Activity())._replace(up_votes=count)
    return found


def earned_badges(connection: Connection, forum_id: UUID) -> dict[UUID, str]:
    """The badges that members of a forum earned, by member."""
    rows = connection.execute(select(BADGE.c.member_id, BADGE.c.name).where(BADGE.c.forum_id == forum_id))
    return {row.member_id: row.name for row in rows}


def keep_badges(connection: Connection, forum_id: UUID, wanted: Mapping[UUID, str]) -> int:
    """Makes these the earned badges of a forum; returns how many changed."""
    known = earned_badges(connection, forum_id)
    changed = {id for id in known.keys() | wanted.keys() if known.get(id) != wanted.get(id)}
    for ids in slices(changed):
        connection.execute(delete(BADGE).where(BADGE.c.forum_id == forum_id, BADGE.c.member_id.in_(ids)))
    rows = [{"forum_id": forum_id, "member_id": id, "name": wanted[id]} for id in changed if id in wanted]
    if rows:
        connection.execute(insert(BADGE), rows)
    return len(changed)


class Icon(NamedTuple):
    """An icon of a forum: its name, what stands for it in text, and its picture (PNG), which may be empty."""

    name: str
    text: str
    png: bytes = b""


def icons_of(connection: Connection, forum_id: UUID) -> dict[str, Icon]:
    """The icons of a forum by name."""
    rows = connection.execute(select(ICON).where(ICON.c.forum_id == forum_id).order_by(ICON.c.name))
    return {row.name: Icon(row.name, row.text, row.png) for row in rows}


def keep_icon(connection: Connection, forum_id: UUID, icon: Icon) -> None:
    """Adds an icon, in the place of one that has its name."""
    remove_icon(connection, forum_id, icon.name)
    connection.execute(insert(ICON).values(forum_id=forum_id, **icon._asdict()))


def remove_icon(connection: Connection, forum_id: UUID, name: str) -> bool:
    """Takes an icon away; False when there is none of that name."""
    return connection.execute(delete(ICON).where(ICON.c.forum_id == forum_id, ICON.c.name == name)).rowcount == 1
