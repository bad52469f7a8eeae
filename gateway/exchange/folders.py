"""Mail archives that are a folder: a Maildir, or files that hold one mail each. In: a path. Out: `Piece`s by file name."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from gateway.exchange.archives import MAIL_MAX, BadArchive
from gateway.exchange.received import received_at
from gateway.mail.piece import Piece


def maildir_files(path: Path) -> list[Path]:
    """The mails of a Maildir by name, which begins with the time of delivery. Raises BadArchive."""
    folders = [path / name for name in ("cur", "new") if (path / name).is_dir()]
    if not folders:
        raise BadArchive(f"{path}: no Maildir: it has neither cur nor new")
    files = [Path(entry.path) for folder in folders for entry in os.scandir(folder) if _is_mail(entry)]
    return sorted(files, key=lambda file: file.name)


def eml_files(path: Path) -> list[Path]:
    """The files below a folder whose names end in .eml, by path. Raises BadArchive."""
    files = sorted(file for file in path.rglob("*.eml") if file.is_file())
    if not files:
        raise BadArchive(f"{path}: no files whose names end in .eml")
    return files


def read_files(files: Sequence[Path], root: Path, *, is_delivered: bool) -> Iterator[Piece]:
    """One mail from each file. `is_delivered`: the file's time is that of its delivery, else the mail itself is asked first."""
    for file in files:
        status = file.stat()
        where = str(file.relative_to(root))
        if status.st_size > MAIL_MAX:
            yield Piece(None, None, status.st_size, where)
            continue
        raw = file.read_bytes()
        written = datetime.fromtimestamp(status.st_mtime, UTC)
        yield Piece(raw, written if is_delivered else received_at(raw) or written, status.st_size, where)


def total_size(files: Sequence[Path]) -> int:
    """Bytes to go through, for the progress bar."""
    return sum(file.stat().st_size for file in files)


def _is_mail(entry: os.DirEntry[str]) -> bool:
    return entry.is_file() and not entry.name.startswith(".")
