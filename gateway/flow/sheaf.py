"""What several letters need from the store, read at once: their forums, their issues, and whether they are still wanted."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from uuid import UUID

from gateway.mail.forum import Forum
from gateway.store import ledger, roster
from gateway.store.engine import Store
from gateway.store.outbox import Kind, Letter

# Who leaves while letters wait gets nothing that is begun so many seconds later.
FRESH_SECONDS = 1.0


class Sheaf:
    """Letters that were claimed together. `clock` is in seconds."""

    def __init__(self, store: Store, letters: Iterable[Letter], clock: Callable[[], float]) -> None:
        self._store = store
        self._clock = clock
        self._members: dict[UUID, set[UUID]] = defaultdict(set)
        subjects: dict[UUID, set[UUID]] = defaultdict(set)
        for letter in letters:
            if letter.member_id is not None:
                self._members[letter.forum_id].add(letter.member_id)
            if letter.kind is Kind.DIGEST and letter.subject_id is not None:
                subjects[letter.forum_id].add(letter.subject_id)
        self._forums: dict[UUID, Forum] = {}
        self._issues: dict[UUID, ledger.Ledger] = {}
        with store.read() as db:
            for forum_id in {letter.forum_id for letter in letters}:
                self._forums[forum_id] = roster.forum_of(db, forum_id)
                self._issues |= ledger.find_issues(db, forum_id, subjects[forum_id])
        self._look()

    def forum_of(self, letter: Letter) -> Forum:
        return self._forums[letter.forum_id]

    def issue_of(self, letter: Letter) -> ledger.Ledger | None:
        """The issue that the letter brings."""
        return self._issues.get(letter.subject_id) if letter.subject_id is not None else None

    def wants_digest(self, letter: Letter) -> bool | None:
        """Whether the letter's member wants digests, as of the last second; None when there is no such member."""
        if self._clock() - self._looked > FRESH_SECONDS:
            self._look()
        return self._wants.get((letter.forum_id, letter.member_id))

    def _look(self) -> None:
        self._looked = self._clock()
        self._wants: dict[tuple[UUID, UUID | None], bool] = {}
        with self._store.read() as db:
            for forum_id, ids in self._members.items():
                self._wants |= {(forum_id, id): wants for id, wants in roster.readers(db, forum_id, ids).items()}
