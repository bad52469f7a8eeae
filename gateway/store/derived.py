"""Repairs derived rows: compares what stands in the tables with what should, and writes only the difference."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, delete, insert, select, update

from gateway.store.archive import CLAIM, GHOST, POST
from gateway.store.bulk import slices
from gateway.store.incoming import MARKER
from gateway.store.keep import DECISION, MAIL
from gateway.store.roster import FORMER_PREFIX
from gateway.thread.forest import Claim

# Of a post: its mail, and which piece of it.
Key = tuple[UUID, int]


def repair_verdicts(db: Connection, forum_id: UUID) -> int:
    """Of a mail that was decided about anew the last decision counts."""
    decided = select(DECISION).where(DECISION.c.forum_id == forum_id).order_by(DECISION.c.at, DECISION.c.id)
    last = {row.mail_id: {"verdict": row.verdict, "reason": row.reason} for row in db.execute(decided)}
    changed = 0
    for run in slices(last):
        columns = (MAIL.c.id, MAIL.c.verdict, MAIL.c.reason)
        for mail_id, verdict, reason in db.execute(select(*columns).where(MAIL.c.forum_id == forum_id, MAIL.c.id.in_(run))).all():
            if last[mail_id] != {"verdict": verdict, "reason": reason}:
                db.execute(update(MAIL).where(MAIL.c.forum_id == forum_id, MAIL.c.id == mail_id).values(**last[mail_id]))
                changed += 1
    return changed


def repair_posts(db: Connection, forum_id: UUID, wanted: Mapping[Key, dict[str, Any]], new_id: Callable[[], UUID]) -> int:
    """`wanted`: mail id and piece to the derived columns of the post, the marker in full length. Threads are left to
    `repair_threads`."""
    changed = 0
    stored: dict[Key, Row[Any]] = {}
    for row in db.execute(select(POST).where(POST.c.forum_id == forum_id).order_by(POST.c.id)).all():
        key = (row.mail_id, row.piece)
        if key in wanted and key not in stored:
            stored[key] = row
        else:
            db.execute(delete(POST).where(POST.c.forum_id == forum_id, POST.c.id == row.id))
            changed += 1
    taken = _free_markers(db, forum_id, wanted, stored)
    for key, values in wanted.items():
        have = stored.get(key)
        marker = have.marker if have is not None and _is_marker(have.marker, values["marker"]) else _free(values["marker"], taken)
        taken.add(marker)
        values = {**values, "marker": marker}
        if have is not None and have.author_key.startswith(FORMER_PREFIX) and have.author_key.endswith("@invalid"):
            # Whoever wished to be forgotten stays so, whatever his mails say.
            values |= {"author_key": have.author_key, "author_name": ""}
        if have is None:
            facts = {"forum_id": forum_id, "id": new_id(), "mail_id": key[0], "piece": key[1]}
            unpublished = {"number": None, "publish_at": None, "published_at": None, "hidden_by": None, "tag": b""}
            db.execute(insert(POST).values(**facts, **values, **unpublished, thread_id=new_id()))
            changed += 1
        elif any(getattr(have, name) != value for name, value in values.items()):
            db.execute(update(POST).where(POST.c.forum_id == forum_id, POST.c.id == have.id).values(**values))
            changed += 1
    return changed


def _is_marker(marker: str, digits: str) -> bool:
    return len(marker) >= MARKER and digits.startswith(marker)


def _free_markers(
    db: Connection, forum_id: UUID, wanted: Mapping[Key, dict[str, Any]], stored: Mapping[Key, Row[Any]]
) -> set[str]:
    """The markers that stand where they should; the others are put out of the way, since each may be another post's."""
    right = set()
    for key, row in stored.items():
        if _is_marker(row.marker, wanted[key]["marker"]):
            right.add(row.marker)
        else:
            db.execute(update(POST).where(POST.c.forum_id == forum_id, POST.c.id == row.id).values(marker=row.id.hex))
    return right


def _free(digits: str, taken: Collection[str]) -> str:
    return next(digits[:size] for size in range(MARKER, len(digits) + 1) if digits[:size] not in taken)


def repair_claims(db: Connection, forum_id: UUID, wanted: Collection[Claim]) -> int:
    columns = (CLAIM.c.ghost, CLAIM.c.claimant, CLAIM.c.position, CLAIM.c.next, CLAIM.c.date)
    stored = {Claim(*row) for row in db.execute(select(*columns).where(CLAIM.c.forum_id == forum_id))}
    wrong, missing = stored - set(wanted), set(wanted) - stored
    for claim in wrong:
        db.execute(
            delete(CLAIM).where(CLAIM.c.forum_id == forum_id, CLAIM.c.ghost == claim.ghost, CLAIM.c.claimant == claim.claimant)
        )
    for claim in missing:
        values = {name: getattr(claim, name) for name in Claim.__slots__}
        db.execute(insert(CLAIM).values(forum_id=forum_id, **values))
    return len(wrong) + len(missing)


def repair_ghosts(db: Connection, forum_id: UUID, wanted: Mapping[str, dict[str, Any]], new_id: Callable[[], UUID]) -> int:
    """`wanted`: msgid to parent, date and claimant."""
    changed = 0
    stored = {row.msgid: row for row in db.execute(select(GHOST).where(GHOST.c.forum_id == forum_id))}
    for msgid in stored.keys() - wanted.keys():
        db.execute(delete(GHOST).where(GHOST.c.forum_id == forum_id, GHOST.c.msgid == msgid))
        changed += 1
    for msgid, values in wanted.items():
        have = stored.get(msgid)
        if have is None:
            db.execute(insert(GHOST).values(forum_id=forum_id, msgid=msgid, thread_id=new_id(), **values))
            changed += 1
        elif any(getattr(have, name) != value for name, value in values.items()):
            db.execute(update(GHOST).where(GHOST.c.forum_id == forum_id, GHOST.c.msgid == msgid).values(**values))
            changed += 1
    return changed


def repair_threads(db: Connection, forum_id: UUID, wanted: Iterable[frozenset[str]], new_id: Callable[[], UUID]) -> int:
    """Thread ids are arbitrary: only which rows share one counts. A thread keeps the id that is its alone."""
    stored: dict[str, set[UUID]] = {}
    for table in (POST, GHOST):
        for msgid, thread in db.execute(select(table.c.msgid, table.c.thread_id).where(table.c.forum_id == forum_id)):
            stored.setdefault(msgid, set()).add(thread)
    used: set[UUID] = set()
    changed = 0
    for members in wanted:
        ids = set().union(*(stored[msgid] for msgid in members))
        free = sorted(ids - used)
        thread = free[0] if free else new_id()
        used.add(thread)
        for msgid in members:
            if stored[msgid] != {thread}:
                for table in (POST, GHOST):
                    here = (table.c.forum_id == forum_id) & (table.c.msgid == msgid)
                    db.execute(update(table).where(here).values(thread_id=thread))
                changed += 1
    return changed
