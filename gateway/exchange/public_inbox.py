"""A public-inbox archive, version 2: git repositories in which each commit holds one mail, in a file called "m".

In: one repository, or a folder of them called 0.git, 1.git and so on. Out: `Piece`s, oldest first; the time of a commit is that
of receipt. What a later commit took back (a file called "d") is left out. Only git's plumbing is called: its
configuration of commands for people, which a stranger's repository may hold, is not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from subprocess import DEVNULL, PIPE, Popen, run
from typing import IO

from gateway.exchange.archives import MAIL_MAX, BadArchive
from gateway.mail.piece import Piece

_CHANGE = re.compile(rb":\d{6} \d{6} [0-9a-f]+ ([0-9a-f]+) [AM]\t([md])\Z")


@dataclass(frozen=True, slots=True)
class Entry:
    """One mail in a repository, not yet read."""

    blob: str
    received_at: datetime


def repositories(path: Path) -> list[Path]:
    """The repositories of the archive at `path`, oldest first. Raises BadArchive."""
    if _is_repository(path):
        return [path]
    folder = path / "git" if (path / "git").is_dir() else path
    found = [each for each in folder.glob("*.git") if each.stem.isdecimal() and _is_repository(each)] if folder.is_dir() else []
    if not found:
        raise BadArchive(f"{path}: no public-inbox archive: neither a git repository nor a folder of 0.git, 1.git, ...")
    return sorted(found, key=lambda each: int(each.stem))


def entries(repository: Path) -> list[Entry]:
    """What a repository holds, oldest first. Raises BadArchive when git cannot read it."""
    commits = _git(repository, "rev-list", "--reverse", "HEAD")
    changes = _git(repository, "diff-tree", "--stdin", "--root", "-r", "--no-renames", "--format=%ct", given=commits)
    added: list[Entry] = []
    removed: set[str] = set()
    at = datetime.fromtimestamp(0, UTC)
    for line in changes.splitlines():
        if line.isdigit():
            at = datetime.fromtimestamp(int(line), UTC)
        elif match := _CHANGE.match(line):
            blob = match[1].decode("ascii")
            if match[2] == b"d":
                removed.add(blob)
            else:
                added.append(Entry(blob, at))
    return [entry for entry in added if entry.blob not in removed]


def read_entries(repository: Path, found: list[Entry]) -> Iterator[Piece]:
    """The mails themselves; the size of each is 1, since git does not tell sizes beforehand."""
    command = _command(repository, "cat-file", "--batch")
    with Popen(command, stdin=PIPE, stdout=PIPE, stderr=DEVNULL) as reader:
        assert reader.stdin is not None
        assert reader.stdout is not None
        try:
            for entry in found:
                reader.stdin.write(entry.blob.encode("ascii") + b"\n")
                reader.stdin.flush()
                head = reader.stdout.readline().split()
                if len(head) != 3 or head[1] != b"blob":
                    raise BadArchive(f"{repository}: git cannot read the blob {entry.blob}")
                size, where = int(head[2]), f"{repository.name} {entry.blob[:12]}"
                raw = _mail(reader.stdout, size)
                reader.stdout.read(1)
                yield Piece(raw, entry.received_at, 1, where)
        finally:
            reader.kill()


def _mail(stream: IO[bytes], size: int) -> bytes | None:
    if size <= MAIL_MAX:
        return stream.read(size)
    while size > 0 and (data := stream.read(min(size, 1 << 20))):
        size -= len(data)
    return None


def _git(repository: Path, *words: str, given: bytes = b"") -> bytes:
    try:
        done = run(_command(repository, *words), input=given, capture_output=True, check=False)
    except FileNotFoundError:
        raise BadArchive("git is not installed: it is what reads a public-inbox archive") from None
    if done.returncode:
        trouble = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise BadArchive(f"{repository}: {trouble[-1] if trouble else 'git failed'}")
    return done.stdout


def _command(repository: Path, *words: str) -> tuple[str, ...]:
    return ("git", "-C", str(repository), "--no-replace-objects", *words)


def _is_repository(path: Path) -> bool:
    return (path / "objects").is_dir() or (path / ".git").is_dir()
