"""What became of posts after they were posted (design 10): removed, put back, given another text. Facts, append-only.

In: markers. Out: their state now. The mail and its spans stay as they came; who shows a post asks here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

import zstandard
from sqlalchemy import Connection, delete, insert, select, update

from gateway.mail.piece import Alteration, Change
from gateway.store.archive import POST
from gateway.store.bulk import slices, table_of
from gateway.store.tables import ChangeRow, RawRow

CHANGE, RAW = table_of(ChangeRow), table_of(RawRow)


@dataclass(frozen=True, slots=True)
class Condition:
    """Of a post now; `text` is what it says instead, None for what it said from the beginning.

    Of one that `is_removed` only the place is shown; `is_withdrawn` says that its author took it back.
    """

    is_removed: bool = False
    text: str | None = None
    is_withdrawn: bool = False


UNCHANGED = Condition()


def record(connection: Connection, forum_id: UUID, id: UUID, change: Change) -> None:
    """Notes a change."""
    values = {"marker": change.marker, "alteration": change.alteration, "text": change.text, "at": change.at}
    connection.execute(insert(CHANGE).values(forum_id=forum_id, id=id, **values))


def purge(connection: Connection, forum_id: UUID, post_id: UUID, mail_id: UUID, rest: bytes) -> None:
    """Takes a removed post's text from the store, and leaves `rest` of its mail once no other post is made of that."""
    here = (POST.c.forum_id == forum_id) & (POST.c.mail_id == mail_id)
    connection.execute(update(POST).where(here, POST.c.id == post_id).values(spans="[]", attachments="[]", icon=""))
    markers = list(connection.execute(select(POST.c.marker).where(here)).scalars())
    states = conditions(connection, forum_id, markers)
    if all(states.get(marker, UNCHANGED).is_removed for marker in markers):
        shrink(connection, forum_id, mail_id, rest)


def shrink(connection: Connection, forum_id: UUID, mail_id: UUID, rest: bytes) -> None:
    """Leaves `rest` of a mail."""
    connection.execute(delete(RAW).where(RAW.c.forum_id == forum_id, RAW.c.mail_id == mail_id))
    data = zstandard.ZstdCompressor().compress(rest)
    connection.execute(insert(RAW).values(forum_id=forum_id, mail_id=mail_id, seq=0, data=data))


def conditions(connection: Connection, forum_id: UUID, markers: Iterable[str]) -> dict[str, Condition]:
    """The state of those among these posts that were ever changed, by marker."""
    found: dict[str, Condition] = {}
    for run in slices(markers):
        here = (CHANGE.c.forum_id == forum_id) & CHANGE.c.marker.in_(run)
        for row in connection.execute(select(CHANGE).where(here).order_by(CHANGE.c.at, CHANGE.c.id)):
            found[row.marker] = _after(found.get(row.marker, UNCHANGED), Alteration(row.alteration), row.text)
    return found


def _after(condition: Condition, alteration: Alteration, text: str) -> Condition:
    if alteration is Alteration.EDITED:
        return replace(condition, text=text)
    is_withdrawn = alteration is Alteration.WITHDRAWN
    return replace(condition, is_removed=is_withdrawn or alteration is Alteration.REMOVED, is_withdrawn=is_withdrawn)


def changed_between(
    connection: Connection, forum_id: UUID, since: datetime, until: datetime, up_to: int
) -> dict[UUID, set[UUID]]:
    """The posts with a publication number up to `up_to` that were changed after `since` until `until`: thread id -> post ids."""
    changed = select(CHANGE.c.marker).where(CHANGE.c.forum_id == forum_id, CHANGE.c.at > since, CHANGE.c.at <= until)
    query = select(POST.c.thread_id, POST.c.id).where(
        POST.c.forum_id == forum_id, POST.c.marker.in_(changed), POST.c.number <= up_to, POST.c.hidden_by.is_(None)
    )
    found: dict[UUID, set[UUID]] = {}
    for thread_id, post_id in connection.execute(query):
        found.setdefault(thread_id, set()).add(post_id)
    return found


def all_changes(connection: Connection, forum_id: UUID) -> list[Change]:
    """Every change, the oldest first."""
    rows = connection.execute(select(CHANGE).where(CHANGE.c.forum_id == forum_id).order_by(CHANGE.c.at, CHANGE.c.id))
    return [Change(marker=row.marker, alteration=Alteration(row.alteration), text=row.text, at=row.at) for row in rows]


def take_over(connection: Connection, forum_id: UUID, facts: Sequence[Change], new_id: Callable[[], UUID]) -> None:
    """Notes changes that were made elsewhere, unless they are known."""
    known = set(all_changes(connection, forum_id)) if facts else set()
    for fact in facts:
        if fact not in known:
            record(connection, forum_id, new_id(), fact)
