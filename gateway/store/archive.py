"""`thread.place.Archive` over the tables of one forum, for one transaction.

What is asked for is fetched once and kept; what changes is kept back and written in bulk by `flush`, so that a batch of
mails costs a handful of statements however many mails it has.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Table, bindparam, delete, func, insert, select, update
from sqlmodel import SQLModel

from gateway.store.tables import ClaimRow, GhostRow, PostRow
from gateway.thread.forest import Claim
from gateway.thread.place import Container

IN_MAX = 500


def table_of(model: type[SQLModel]) -> Table:
    """The table under a model, for bulk statements."""
    table: Table = model.__table__  # type: ignore[attr-defined]
    return table


POST, GHOST, CLAIM = table_of(PostRow), table_of(GhostRow), table_of(ClaimRow)


def slices(values: Iterable[Any], size: int = IN_MAX) -> Iterator[Sequence[Any]]:
    """`values` in runs short enough for one IN."""
    run = list(values)
    for start in range(0, len(run), size):
        yield run[start : start + size]


class TableArchive:
    """The forest of one forum within one transaction. `flush` must be called before the transaction ends."""

    def __init__(self, connection: Connection, forum_id: UUID) -> None:
        self._db = connection
        self._forum = forum_id
        self._known: dict[str, Container | None] = {}
        self._stored: dict[str, str] = {}  # msgid -> "post" or "ghost", as the tables have it
        self._touched: dict[str, None] = {}  # in order, so that two runs write alike
        self._rows: dict[str, dict[str, Any]] = {}
        self._claims: list[Claim] = []
        self.merged = 0

    def fetch(self, msgids: Iterable[str]) -> None:
        """Makes what the tables hold of `msgids` known, in one statement for posts and one for ghosts."""
        for run in slices({msgid for msgid in msgids if msgid not in self._known}):
            for msgid in run:
                self._known[msgid] = None
            columns = (POST.c.msgid, POST.c.parent, POST.c.thread_id, POST.c.date)
            found = self._db.execute(
                select(*columns).where(POST.c.forum_id == self._forum, POST.c.msgid.in_(run), POST.c.is_imposter.is_(False))
            )
            for msgid, parent, thread, date in found:
                self._remember(Container(msgid, False, parent, thread, date))
            ghosts = self._db.execute(
                select(GHOST.c.msgid, GHOST.c.parent, GHOST.c.thread_id, GHOST.c.date, GHOST.c.claimant).where(
                    GHOST.c.forum_id == self._forum, GHOST.c.msgid.in_(run)
                )
            )
            for msgid, parent, thread, date, claimant in ghosts:
                self._remember(Container(msgid, True, parent, thread, date, claimant))

    def _remember(self, container: Container) -> None:
        self._known[container.msgid] = container
        self._stored[container.msgid] = "ghost" if container.is_ghost else "post"

    def stage(self, msgid: str, row: dict[str, Any]) -> None:
        """The row of a post that is about to be placed; parent, thread and date are filled in when it is written."""
        self._rows[msgid] = row

    def find(self, msgid: str) -> Container | None:
        if msgid not in self._known:
            self.fetch([msgid])
        return self._known[msgid]

    def add(self, container: Container) -> None:
        self._known[container.msgid] = container
        self._touched[container.msgid] = None

    def change(self, container: Container) -> None:
        self._touched[container.msgid] = None

    def remove(self, ghost: Container) -> None:
        self._known[ghost.msgid] = None
        self._touched[ghost.msgid] = None

    def add_claim(self, claim: Claim) -> None:
        self._claims.append(claim)

    def remove_claim(self, claim: Claim) -> None:
        self._flush_claims()
        self._db.execute(delete(CLAIM).where(self._claim_on(claim.ghost), CLAIM.c.claimant == claim.claimant))

    def claims_on(self, ghost: str) -> list[Claim]:
        return self._find_claims(self._claim_on(ghost))

    def claims_by(self, claimant: str) -> list[Claim]:
        return self._find_claims((CLAIM.c.forum_id == self._forum) & (CLAIM.c.claimant == claimant))

    def best_claim(self, ghost: str) -> Claim | None:
        earliest = select(func.min(CLAIM.c.date)).where(self._claim_on(ghost)).scalar_subquery()
        found = self._find_claims(self._claim_on(ghost) & (CLAIM.c.date == earliest))
        return found[0] if found else None

    def _claim_on(self, ghost: str) -> Any:
        return (CLAIM.c.forum_id == self._forum) & (CLAIM.c.ghost == ghost)

    def _find_claims(self, condition: Any) -> list[Claim]:
        self._flush_claims()
        columns = (CLAIM.c.ghost, CLAIM.c.claimant, CLAIM.c.position, CLAIM.c.next, CLAIM.c.date)
        found = [Claim(*row) for row in self._db.execute(select(*columns).where(condition))]
        # Sorted here: engines need not order text alike, and Python's order is the one that `thread` uses.
        found.sort(key=lambda claim: claim.key)
        return found

    def smaller(self, one: UUID, other: UUID) -> tuple[UUID, UUID]:
        self.flush()
        limit = 32
        while True:
            counts = {thread: self._count(thread, limit) for thread in (one, other)}
            if min(counts.values()) < limit:
                return (one, other) if counts[one] < counts[other] else (other, one)
            limit *= 8

    def _count(self, thread: UUID, limit: int) -> int:
        """The size of a thread, counted no further than `limit`."""
        posts = select(POST.c.id).where(POST.c.forum_id == self._forum, POST.c.thread_id == thread).limit(limit)
        ghosts = select(GHOST.c.msgid).where(GHOST.c.forum_id == self._forum, GHOST.c.thread_id == thread).limit(limit)
        total = 0
        for query in (posts, ghosts):
            total += self._db.execute(select(func.count()).select_from(query.subquery())).scalar_one()
        return total

    def merge(self, small: UUID, large: UUID) -> None:
        self.merged += 1
        for container in self._known.values():
            if container is not None and container.thread == small:
                container.thread = large
        for table in (POST, GHOST):
            self._db.execute(
                update(table).where(table.c.forum_id == self._forum, table.c.thread_id == small).values(thread_id=large)
            )

    def members(self, thread: UUID) -> list[Container]:
        self.flush()
        for table in (POST, GHOST):
            rows = self._db.execute(select(table.c.msgid).where(table.c.forum_id == self._forum, table.c.thread_id == thread))
            self.fetch(row.msgid for row in rows)
        return [container for container in self._known.values() if container is not None and container.thread == thread]

    def flush(self) -> None:
        """Writes what is pending."""
        posts: list[dict[str, Any]] = []
        new_ghosts: list[dict[str, Any]] = []
        gone: list[str] = []
        for msgid in self._touched:
            container, stored = self._known[msgid], self._stored.get(msgid)
            if stored == "ghost" and (container is None or not container.is_ghost):
                gone.append(msgid)
            if container is None:
                self._stored.pop(msgid, None)
            elif container.is_ghost:
                self._flush_ghost(container, stored, new_ghosts)
            elif stored == "post":
                self._update_post(container)
            else:
                posts.append(self._row(container))
        self._touched.clear()
        if gone:
            self._db.execute(delete(GHOST).where(GHOST.c.forum_id == self._forum, GHOST.c.msgid == bindparam("gone")), [
                {"gone": msgid} for msgid in gone
            ])  # fmt: skip
        if posts:
            self._db.execute(insert(POST), posts)
        if new_ghosts:
            self._db.execute(insert(GHOST), new_ghosts)
        self._flush_claims()

    def _row(self, container: Container) -> dict[str, Any]:
        self._stored[container.msgid] = "post"
        row = self._rows.pop(container.msgid)
        row.update(parent=container.parent, thread_id=container.thread, date=container.date)
        return row

    def _flush_ghost(self, ghost: Container, stored: str | None, new: list[dict[str, Any]]) -> None:
        values = {"parent": ghost.parent, "thread_id": ghost.thread, "date": ghost.date, "claimant": ghost.claimant}
        if stored is None:
            self._stored[ghost.msgid] = "ghost"
            new.append({"forum_id": self._forum, "msgid": ghost.msgid, **values})
        else:
            self._db.execute(update(GHOST).where(GHOST.c.forum_id == self._forum, GHOST.c.msgid == ghost.msgid).values(**values))

    def _update_post(self, post: Container) -> None:
        here = (POST.c.forum_id == self._forum) & (POST.c.msgid == post.msgid)
        # Imposters are leaves of their first and go where it goes.
        self._db.execute(update(POST).where(here).values(thread_id=post.thread))
        self._db.execute(update(POST).where(here, POST.c.is_imposter.is_(False)).values(parent=post.parent, date=post.date))

    def _flush_claims(self) -> None:
        if self._claims:
            names = ("ghost", "claimant", "position", "next", "date")
            self._db.execute(
                insert(CLAIM),
                [{"forum_id": self._forum} | {name: getattr(claim, name) for name in names} for claim in self._claims],
            )
            self._claims.clear()
