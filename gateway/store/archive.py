"""`thread.place.Archive` over the tables of one forum, for one transaction.

What is asked for is fetched once and kept; what changes is kept back and written in bulk by `flush`, so that a batch of
mails costs a handful of statements however many mails it has.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BindParameter, Connection, bindparam, delete, func, select, update

from gateway.store.bulk import Bulk, Lookup, slices, table_of
from gateway.store.tables import ClaimRow, GhostRow, MoveRow, PostRow
from gateway.thread.forest import Claim
from gateway.thread.place import Container

POST, GHOST, CLAIM, MOVE = table_of(PostRow), table_of(GhostRow), table_of(ClaimRow), table_of(MoveRow)
_INSERT_POST, _INSERT_GHOST, _INSERT_CLAIM = Bulk(POST), Bulk(GHOST), Bulk(CLAIM)

# Made once: building a statement costs more than running it.
_FORUM: BindParameter[UUID] = bindparam("forum")
_OF_POST = (POST.c.msgid, POST.c.parent, POST.c.thread_id, POST.c.date, POST.c.base, POST.c.is_reply, POST.c.rule)
_POSTS = Lookup(_OF_POST, POST.c.msgid, " AND NOT is_imposter")
_MOVES = Lookup((MOVE.c.id, MOVE.c.msgid, MOVE.c.parent, MOVE.c.is_undone), MOVE.c.msgid)
_BY_SUBJECT = Lookup(
    _OF_POST,
    POST.c.base,
    " AND base <> '' AND date >= %s AND date <= %s AND NOT is_imposter",
    (POST.c.date, POST.c.date),
)
_GHOSTS = Lookup((GHOST.c.msgid, GHOST.c.parent, GHOST.c.thread_id, GHOST.c.date, GHOST.c.claimant), GHOST.c.msgid)
_OF_CLAIM = (CLAIM.c.ghost, CLAIM.c.claimant, CLAIM.c.position, CLAIM.c.next, CLAIM.c.date)
_CLAIMS_ON, _CLAIMS_BY = Lookup(_OF_CLAIM, CLAIM.c.ghost), Lookup(_OF_CLAIM, CLAIM.c.claimant)
_BEST_CLAIM = select(*_OF_CLAIM).where(
    CLAIM.c.forum_id == _FORUM,
    CLAIM.c.ghost == bindparam("ghost_id"),
    CLAIM.c.date
    == select(func.min(CLAIM.c.date)).where(CLAIM.c.forum_id == _FORUM, CLAIM.c.ghost == bindparam("ghost_id")).scalar_subquery(),
)
_REMOVE_CLAIM = delete(CLAIM).where(
    CLAIM.c.forum_id == _FORUM, CLAIM.c.ghost == bindparam("ghost_id"), CLAIM.c.claimant == bindparam("claimant_id")
)
_REMOVE_GHOSTS = delete(GHOST).where(GHOST.c.forum_id == _FORUM, GHOST.c.msgid.in_(bindparam("msgids", expanding=True)))


def moves_of(connection: Connection, forum_id: UUID) -> dict[str, str | None]:
    """All moves by hand that count: msgid to parent."""
    found: dict[str, str | None] = {}
    query = select(MOVE.c.msgid, MOVE.c.parent, MOVE.c.is_undone).where(MOVE.c.forum_id == forum_id).order_by(MOVE.c.id)
    for msgid, parent, is_undone in connection.execute(query):
        if is_undone:
            found.pop(msgid, None)
        else:
            found[msgid] = parent
    return found


def _post(msgid: str, parent: str | None, thread: UUID, date: datetime, base: str, is_reply: bool, rule: str) -> Container:
    return Container(msgid, False, parent, thread, date, base=base, is_reply=is_reply, rule=rule)


def place_of(post: Container) -> dict[str, Any]:
    """The columns of a post that threading decides, but for its thread."""
    return {"parent": post.parent, "date": post.date, "rule": str(post.rule), "base": post.base, "is_reply": post.is_reply}


def _in_order(rows: Iterable[Sequence[Any]]) -> list[Claim]:
    # Sorted here: engines need not order text alike, and Python's order is the one that `thread` uses.
    return sorted((Claim(*row) for row in rows), key=lambda claim: claim.key)


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
        self._moves: dict[str, tuple[str | None] | None] = {}
        self._subjects: dict[str, tuple[datetime, datetime]] = {}  # base -> range of dates that is known
        self._bases: dict[str, dict[str, None]] = {}  # base -> msgids that have or had it
        self.merged = 0

    def fetch(self, msgids: Iterable[str]) -> None:
        """Makes what the tables hold of `msgids` known, in one statement for posts and one for ghosts."""
        unknown = [msgid for msgid in dict.fromkeys(msgids) if msgid not in self._known]
        self._known.update(dict.fromkeys(unknown))
        for row in _POSTS.find(self._db, self._forum, unknown):
            self._remember(_post(*row))
        for msgid, parent, thread, date, claimant in _GHOSTS.find(self._db, self._forum, unknown):
            self._remember(Container(msgid, True, parent, thread, date, claimant))

    def _remember(self, container: Container) -> None:
        self._known[container.msgid] = container
        self._index(container)
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
        self._index(container)

    def _index(self, container: Container) -> None:
        if container.base:
            self._bases.setdefault(container.base, {})[container.msgid] = None

    def remove(self, ghost: Container) -> None:
        self._known[ghost.msgid] = None
        self._touched[ghost.msgid] = None

    def fetch_moves(self, msgids: Iterable[str]) -> None:
        """Makes known what was moved by hand."""
        unknown = [msgid for msgid in dict.fromkeys(msgids) if msgid not in self._moves]
        self._moves.update(dict.fromkeys(unknown))
        for _, msgid, parent, is_undone in sorted(_MOVES.find(self._db, self._forum, unknown)):
            self._moves[msgid] = None if is_undone else (parent,)

    def forget_move(self, msgid: str) -> None:
        """What was moved is asked for anew."""
        self._moves.pop(msgid, None)

    def moved(self, msgid: str) -> tuple[str | None] | None:
        if msgid not in self._moves:
            self.fetch_moves([msgid])
        return self._moves[msgid]

    def fetch_subjects(self, bases: Iterable[str], since: datetime, until: datetime) -> None:
        """Makes the posts with those base subjects and a date in that range known."""
        wanted = sorted(set(bases))
        for row in _BY_SUBJECT.find(self._db, self._forum, wanted, since, until):
            if row[0] not in self._known:
                self._remember(_post(*row))
        self._subjects.update(dict.fromkeys(wanted, (since, until)))

    def by_subject(self, base: str, since: datetime, until: datetime) -> list[Container]:
        known = self._subjects.get(base)
        if known is None or since < known[0] or until > known[1]:
            self.fetch_subjects([base], min(since, known[0]) if known else since, max(until, known[1]) if known else until)
        found = [self._known[msgid] for msgid in self._bases.get(base, ())]
        return [one for one in found if one is not None and one.base == base and since <= one.date <= until]

    def add_claim(self, claim: Claim) -> None:
        self._claims.append(claim)

    def remove_claim(self, claim: Claim) -> None:
        self._flush_claims()
        ids = {"forum": self._forum, "ghost_id": claim.ghost, "claimant_id": claim.claimant}
        self._db.execute(_REMOVE_CLAIM, ids)

    def claims_on(self, ghost: str) -> list[Claim]:
        self._flush_claims()
        return _in_order(_CLAIMS_ON.find(self._db, self._forum, [ghost]))

    def claims_by(self, claimant: str) -> list[Claim]:
        self._flush_claims()
        return _in_order(_CLAIMS_BY.find(self._db, self._forum, [claimant]))

    def best_claim(self, ghost: str) -> Claim | None:
        self._flush_claims()
        found = _in_order(self._db.execute(_BEST_CLAIM, {"forum": self._forum, "ghost_id": ghost}))
        return found[0] if found else None

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
        for run in slices(gone):
            self._db.execute(_REMOVE_GHOSTS, {"forum": self._forum, "msgids": run})
        _INSERT_POST.insert(self._db, posts)
        _INSERT_GHOST.insert(self._db, new_ghosts)
        self._flush_claims()

    def _row(self, container: Container) -> dict[str, Any]:
        self._stored[container.msgid] = "post"
        row = self._rows.pop(container.msgid)
        row.update(place_of(container), thread_id=container.thread)
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
        self._db.execute(update(POST).where(here, POST.c.is_imposter.is_(False)).values(**place_of(post)))

    def _flush_claims(self) -> None:
        if not self._claims:
            return
        names = ("ghost", "claimant", "position", "next", "date")
        rows = [{"forum_id": self._forum} | {name: getattr(claim, name) for name in names} for claim in self._claims]
        _INSERT_CLAIM.insert(self._db, rows)
        self._claims.clear()
