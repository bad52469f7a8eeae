"""Issues found again by what an answer says (design 8.4): a token, a Message-ID, a Subject; and all that they showed."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection, select

from gateway.store.bulk import slices
from gateway.store.ledger import ISSUE, RENDERING
from gateway.store.roster import members_ending

# Of issues with the same Subject so many are looked at, the latest ones.
_SAME_SUBJECT = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What one issue showed: `outline` has the path number and marker of each entry, thread by thread; `new` the markers of those
    shown in full; `texts` and `pages` are those of its parts."""

    subjects: tuple[str, ...]
    outline: tuple[tuple[tuple[str, str], ...], ...]
    new: frozenset[str]
    texts: tuple[str, ...]
    pages: tuple[str, ...]


def rendering_of_token(connection: Connection, forum_id: UUID, member: bytes, issue: bytes) -> UUID | None:
    """The rendering of the issue whose id ends so, for a member whose id ends so."""
    whose = ISSUE.c.member_id.in_(members_ending(connection, forum_id, member))
    rows = connection.execute(select(ISSUE.c.id, ISSUE.c.rendering_id).where(ISSUE.c.forum_id == forum_id, whose))
    found = [row.rendering_id for row in rows if row.id.bytes.endswith(issue)]
    return found[0] if len(found) == 1 else None


def renderings_of_msgids(connection: Connection, forum_id: UUID, msgids: Iterable[str]) -> list[UUID]:
    """The renderings of the issues with these Message-IDs, in their order."""
    wanted = list(dict.fromkeys(msgids))
    found: dict[str, UUID] = {}
    for run in slices(wanted):
        query = select(ISSUE.c.msgid, ISSUE.c.rendering_id).where(ISSUE.c.forum_id == forum_id, ISSUE.c.msgid.in_(run))
        found |= {row.msgid: row.rendering_id for row in connection.execute(query)}
    return list(dict.fromkeys(found[msgid] for msgid in wanted if msgid in found))


def renderings_of_subject(connection: Connection, forum_id: UUID, subject: str) -> list[UUID]:
    """The last renderings with that Subject, the latest first."""
    here = (RENDERING.c.forum_id == forum_id) & (RENDERING.c.subject == subject)
    rows = connection.execute(select(RENDERING.c.id).where(here).order_by(RENDERING.c.to_number.desc()).limit(_SAME_SUBJECT))
    return list(dict.fromkeys(rows.scalars()))


def shown(connection: Connection, forum_id: UUID, rendering_id: UUID) -> Shown:
    """All parts of a rendering."""
    here = (RENDERING.c.forum_id == forum_id) & (RENDERING.c.id == rendering_id)
    parts = connection.execute(select(RENDERING).where(here).order_by(RENDERING.c.part)).all()
    outline = [tuple(thread.items()) for part in parts for thread in json.loads(part.outline)]
    return Shown(
        subjects=tuple(part.subject for part in parts),
        outline=tuple(outline),
        new=frozenset(marker for part in parts for marker in json.loads(part.posts)),
        texts=tuple(part.text for part in parts),
        pages=tuple(part.html for part in parts if part.html),
    )
