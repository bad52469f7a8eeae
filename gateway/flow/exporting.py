"""Gives back what was kept: the bytes of each mail, and beside them the facts that they do not tell (design 11)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gateway.mail.forum import Forum
from gateway.mail.piece import Change, Move, Record
from gateway.store import imports, shelf
from gateway.store.changes import all_changes
from gateway.store.engine import Store
from gateway.store.records import read_back
from gateway.store.shelf import Mail

PAGE = 200
PAGE_BYTES = 8 << 20


def mails(store: Store, forum: Forum) -> Iterator[tuple[bytes, Record]]:
    """Every mail of a forum in the order in which it was kept, one at a time; of an import that has not ended, too."""
    with store.read() as db:
        found = list(shelf.iterate_mails(db, forum.id))
    for page in _pages(found):
        with store.read() as db:
            read = read_back(db, page)
        yield from read


def _pages(mails: Sequence[Mail]) -> Iterator[list[Mail]]:
    page: list[Mail] = []
    for mail in mails:
        page.append(mail)
        if len(page) >= PAGE or sum(one.size for one in page) > PAGE_BYTES:
            yield page
            page = []
    if page:
        yield page


def moves(store: Store, forum: Forum) -> list[Move]:
    """Every repair by hand, the oldest first."""
    with store.read() as db:
        return imports.all_moves(db, forum.id)


def changes(store: Store, forum: Forum) -> list[Change]:
    """Every removal and edit, the oldest first."""
    with store.read() as db:
        return all_changes(db, forum.id)


def count(store: Store, forum: Forum) -> int:
    """How many mails there are to export."""
    with store.read() as db:
        return shelf.count_mails(db, forum.id)
