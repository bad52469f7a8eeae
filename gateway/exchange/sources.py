"""What can be imported, each under one name: its pieces, how large it is, and the records beside an export of ours."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from gateway.exchange.archives import Kind, read_mbox
from gateway.exchange.folders import eml_files, maildir_files, read_files, total_size
from gateway.exchange.public_inbox import entries, read_entries, repositories
from gateway.exchange.records import Records, beside
from gateway.mail.piece import Change, Move, Piece, Record


@dataclass(frozen=True, slots=True)
class Source:
    """An archive to import; `source` knows it again after it was broken off. Implements `flow.importing.Archive`."""

    source: str
    size: int
    read: Callable[[], Iterator[Piece]]
    records: Records | None = None

    @property
    def moves(self) -> Sequence[Move]:
        return self.records.moves if self.records is not None else ()

    @property
    def changes(self) -> Sequence[Change]:
        return self.records.changes if self.records is not None else ()

    @property
    def highest(self) -> int:
        """The highest publication number on record, 0 when there is none."""
        return self.records.highest if self.records is not None else 0

    def pieces(self) -> Iterator[Piece]:
        return self.read()

    def find(self, raw: bytes) -> tuple[bytes, Record | None]:
        return self.records.find(raw) if self.records is not None else (raw, None)


def mbox(path: Path, kind: Kind) -> Source:
    return Source(_name("mbox", path), path.stat().st_size, lambda: read_mbox(path, kind), _records(path))


def maildir(path: Path) -> Source:
    files = maildir_files(path)
    return Source(_name("maildir", path), total_size(files), lambda: read_files(files, path, is_delivered=True), _records(path))


def eml(path: Path) -> Source:
    files = eml_files(path)
    return Source(_name("eml", path), total_size(files), lambda: read_files(files, path, is_delivered=False))


def public_inbox(path: Path) -> Source:
    found = [(repository, entries(repository)) for repository in repositories(path)]

    def read() -> Iterator[Piece]:
        for repository, mails in found:
            yield from read_entries(repository, mails)

    return Source(_name("public-inbox", path), sum(len(mails) for _, mails in found), read)


def _name(kind: str, path: Path) -> str:
    return f"{kind} {path.resolve()}"


def _records(path: Path) -> Records | None:
    file = beside(path.resolve())
    return Records(file) if file.is_file() else None
