"""What was decided in a forum, and by whom (design 10): cases that were closed, and lines of the journal. No addresses.

In: a forum, perhaps since when. Out: `Entry`s, oldest first.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from gateway.journal import Verb
from gateway.mail.forum import Forum
from gateway.mail.verdict import Reason
from gateway.store import audit, cases, shelf
from gateway.store.engine import Store, Transaction

# Verbs of the journal that somebody decided; what a case has decided is told by the case.
_DECIDED: Final = (
    Verb.REMOVED,
    Verb.RESTORED,
    Verb.EDITED,
    Verb.WITHDRAWN,
    Verb.LOCKED,
    Verb.UNLOCKED,
    Verb.MOVED,
    Verb.MOVED_BACK,
    Verb.CHANGED,
    Verb.RECUSED,
)
_BY_HAND: Final = (Verb.PLACED, Verb.DISCARDED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """`by` is a handle, "" where the journal does not say who; `marker` names the post, `what` is a word, `why` a few."""

    at: datetime
    what: str
    marker: str
    by: str
    why: str


def audit_of(store: Store, forum: Forum, since: datetime | None = None) -> list[Entry]:
    """All decisions, oldest first."""
    with store.read() as db:
        closed = cases.closed_cases_of(db, forum.id, since)
        found = [_of_case(case) for case in closed]
        of_cases = {case.mail_id for case in closed}
        for line in audit.lines_of(db, forum.id, _DECIDED, since):
            found.append(_entry(db, forum, line))
        for line in audit.lines_of(db, forum.id, _BY_HAND, since):
            if line.detail == Reason.BY_HAND and line.subject_id not in of_cases:
                found.append(_entry(db, forum, line))
    return sorted(found, key=lambda entry: entry.at)


def _of_case(case: cases.Case) -> Entry:
    what = f"{case.kind}: {case.outcome}"
    return Entry(at=case.closed_at or case.opened_at, what=what, marker=case.marker, by=case.decided_by, why=case.reason)


def _entry(db: Transaction, forum: Forum, line: audit.Line) -> Entry:
    """Msgids, which may look like addresses, are told as markers."""
    words, _, by = line.detail.partition(" by ")
    first = words.split(" ")[0] if words else ""
    post = shelf.find_post(db, forum.id, first) if first else None
    if post is None and line.subject_id is not None:
        post = shelf.post_of_mail(db, forum.id, line.subject_id)
    why = words if "@" not in words and (post is None or words != post.marker) else ""
    return Entry(at=line.at, what=line.verb, marker=post.marker if post else "", by=by, why=why)
