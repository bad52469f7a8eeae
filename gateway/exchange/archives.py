"""Mail archives as streams: mbox (mboxrd, RFC 4155) and Maildir. One mail in memory at a time, progress by bytes.

In: a path. Out: `Piece`s: the mail's bytes, when it was received (None: unknown), and how many bytes of the archive it took.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

# "From sender Thu Jan  1 00:00:00 1970", the only thing that tells one mail of an mbox from the next.
# Seconds may be missing, and a zone may stand before the year (System V) or, as an offset, after it.
_FROM = re.compile(
    rb"From \S.* (?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) ([A-Z][a-z]{2}) +(\d{1,2}) "
    rb"(\d\d):(\d\d)(?::(\d\d))?(?: [A-Z]{3,5})? (\d{4})(?: ([+-])(\d\d)(\d\d)\b)?"
)
_MONTHS = {name: number for number, name in enumerate(b"Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(), 1)}


@dataclass(frozen=True, slots=True)
class Piece:
    """One mail of an archive."""

    raw: bytes
    received_at: datetime | None
    size: int


class BadArchive(Exception):
    """Not an archive of that kind; the text says why."""

    temporary = False


def read_mbox(path: Path) -> Iterator[Piece]:
    """The mails of an mboxrd file; one ">" is taken off lines that mboxrd quoted. Raises BadArchive, OSError."""
    with path.open("rb") as file:
        separator = file.readline()
        if not separator:
            return
        if not separator.startswith(b"From "):
            raise BadArchive(f"{path}: line 1: an mbox begins with a line 'From SENDER DATE'")
        lines: list[bytes] = []
        size = len(separator)
        is_after_blank = False
        for line in file:
            if is_after_blank and line.startswith(b"From ") and _FROM.match(line):
                yield _piece(separator, lines, size)
                separator, lines, size = line, [], len(line)
                is_after_blank = False
                continue
            size += len(line)
            if line.startswith(b">") and line.lstrip(b">").startswith(b"From "):
                line = line[1:]
            lines.append(line)
            is_after_blank = line in (b"\n", b"\r\n")
        yield _piece(separator, lines, size)


def _piece(separator: bytes, lines: list[bytes], size: int) -> Piece:
    if lines and lines[-1] in (b"\n", b"\r\n"):
        lines.pop()  # the blank line before the next "From " belongs to the mbox
    return Piece(b"".join(lines), _separator_date(separator), size)


def _separator_date(line: bytes) -> datetime | None:
    match = _FROM.match(line)
    if not match:
        return None
    day, hour, minute, second, year = (int(match[group] or 0) for group in range(2, 7))
    east = timedelta(hours=int(match[8] or 0), minutes=int(match[9] or 0)) * (-1 if match[7] == b"-" else 1)
    try:
        return datetime(year, _MONTHS[match[1]], day, hour, minute, second, tzinfo=UTC) - east
    except (KeyError, ValueError, OverflowError):
        return None


def read_maildir(path: Path) -> Iterator[Piece]:
    """The mails of a Maildir, by file name; received when the file was written. Raises BadArchive."""
    if not (path / "cur").is_dir() and not (path / "new").is_dir():
        raise BadArchive(f"{path}: no Maildir: it has neither cur nor new")
    files = [file for folder in ("cur", "new") if (path / folder).is_dir() for file in (path / folder).iterdir()]
    for file in sorted(files, key=lambda file: file.name):
        if file.is_file() and not file.name.startswith("."):
            raw = file.read_bytes()
            yield Piece(raw, datetime.fromtimestamp(file.stat().st_mtime, UTC), len(raw))


def archive_size(path: Path) -> int:
    """Bytes to go through, for the progress bar."""
    if path.is_file():
        return path.stat().st_size
    return sum(file.stat().st_size for folder in ("cur", "new") for file in (path / folder).glob("*") if file.is_file())
