"""Mail archives that are one file, as streams: the four kinds of mbox, plain or compressed, Pipermail's text among them.

In: a path. Out: `Piece`s, one mail in memory at a time, each with how far it went in the file. The kinds differ in what
stands for a line of the text that begins with "From ": mboxrd adds a ">" to each `>*From `, mboxo to `From ` alone;
mboxcl does as mboxo and says with Content-Length where a mail ends, mboxcl2 says so and changes nothing.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any, BinaryIO

from gateway.exchange.received import received_at
from gateway.mail.piece import Piece

# A mail above this is reported and left out: no mail program writes one, and it has to fit into memory.
MAIL_MAX = 64 << 20
HEADER_MAX = 256 << 10
_BLOCK = 1 << 20
# "From sender Thu Jan  1 00:00:00 1970", the only thing that tells one mail of an mbox from the next.
# Seconds may be missing, and a zone may stand before the year (System V) or, as an offset, after it.
_FROM = re.compile(
    rb"From \S.* (?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) ([A-Z][a-z]{2}) +(\d{1,2}) "
    rb"(\d\d):(\d\d)(?::(\d\d))?(?: [A-Z]{3,5})? (\d{4})(?: ([+-])(\d\d)(\d\d)\b)?"
)
_MONTHS = {name: number for number, name in enumerate(b"Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(), 1)}
_BREAK = re.compile(rb"\n\r?\n(?=From )")
_LAST_BLANK = re.compile(rb"\n\r?\n\Z")
_HEADER_END = re.compile(rb"\n\r?\n")
_LENGTH = re.compile(rb"(?im)^content-length:[ \t]*(\d{1,10})[ \t]*\r?$")
# After a mail of known length: a blank line or none, then the next mail or the end of the file.
_AFTER = re.compile(rb"(?:\r?\n)?(?=From |\Z)")
_PACKED: tuple[tuple[bytes, Any], ...] = ((b"\x1f\x8b", gzip.open), (b"\xfd7zXZ\0", lzma.open), (b"BZh", bz2.open))
_BROKEN = (EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile)


class BadArchive(Exception):
    """Not an archive of that kind; the text says why."""

    temporary = False


class Kind(StrEnum):
    """Of an mbox."""

    MBOXRD = "mboxrd"
    MBOXO = "mboxo"
    MBOXCL = "mboxcl"
    MBOXCL2 = "mboxcl2"


# What an mbox of each kind put a ">" before.
_QUOTED: dict[Kind, re.Pattern[bytes] | None] = {
    Kind.MBOXRD: re.compile(rb"(?m)^>(>*From )"),
    Kind.MBOXO: re.compile(rb"(?m)^>(From )"),
    Kind.MBOXCL: re.compile(rb"(?m)^>(From )"),
    Kind.MBOXCL2: None,
}


def read_mbox(path: Path, kind: Kind = Kind.MBOXRD) -> Iterator[Piece]:
    """The mails of an mbox, which may be compressed by gzip, xz or bzip2. Raises BadArchive, OSError."""
    with path.open("rb") as file, _unpacked(path, file) as lines:
        try:
            yield from _Splitter(path, lines, file, kind).pieces()
        except _BROKEN as error:
            raise BadArchive(f"{path}: is damaged: {error}") from None


@contextmanager
def _unpacked(path: Path, file: BinaryIO) -> Iterator[BinaryIO]:
    head = file.read(6)
    file.seek(0)
    opener = next((opener for magic, opener in _PACKED if head.startswith(magic)), None)
    if opener is None:
        yield file
        return
    with opener(file, "rb") as unpacked:
        yield unpacked


class _Splitter:
    """Where one mail of an mbox ends and the next begins. The buffer always begins with the separator of the next mail."""

    def __init__(self, path: Path, stream: BinaryIO, file: BinaryIO, kind: Kind) -> None:
        self._path = path
        self._stream = stream
        self._file = file
        self._quoted = _QUOTED[kind]
        self._has_lengths = kind in (Kind.MBOXCL, Kind.MBOXCL2)
        self._buffer = bytearray()
        self._has_ended = False
        self._dropped = False
        self._told = 0
        self._line = 1

    def pieces(self) -> Iterator[Piece]:
        self._fill(len(b"From "))
        if self._buffer and not self._buffer.startswith(b"From "):
            raise BadArchive(f"{self._path}: line 1: an mbox begins with a line 'From SENDER DATE'")
        while self._buffer:
            yield self._next()

    def _fill(self, size: int) -> bool:
        """Reads on until there are so many bytes; False when the file ends before."""
        while len(self._buffer) < size and not self._has_ended:
            block = self._stream.read(_BLOCK)
            self._buffer += block
            self._has_ended = not block
        return len(self._buffer) >= size

    def _more(self) -> bool:
        return self._fill(len(self._buffer) + 1)

    def _next(self) -> Piece:
        while (end := self._buffer.find(b"\n", 0, HEADER_MAX)) < 0 and len(self._buffer) < HEADER_MAX and self._more():
            pass
        start = end + 1 if end >= 0 else len(self._buffer)
        separator = bytes(self._buffer[:start])
        self._dropped = False
        end, following = (self._measured(start) if self._has_lengths else None) or self._found(start)
        raw = bytes(self._buffer[start:end])
        where = f"line {self._line}"
        self._line += self._buffer.count(b"\n", 0, following)
        del self._buffer[:following]
        before, self._told = self._told, self._file.tell()
        if self._dropped or len(raw) > MAIL_MAX:
            return Piece(None, None, self._told - before, where)
        if self._quoted is not None and b">From " in raw:
            raw = self._quoted.sub(rb"\1", raw)
        return Piece(raw, _separator_date(separator) or received_at(raw), self._told - before, where)

    def _found(self, start: int) -> tuple[int, int]:
        """Where the mail that begins at `start` ends, and where the next separator stands: after a blank line, with a date."""
        at = start - 1
        while True:
            match = _BREAK.search(self._buffer, at)
            if match is not None and (self._buffer.find(b"\n", match.end()) >= 0 or not self._more()):
                if _FROM.match(self._buffer, match.end()):
                    return match.start() + 1, match.end()
                at = match.end()
            elif match is not None:
                at = match.start()
            elif not self._has_ended:
                at = self._shortened(start, max(start - 1, len(self._buffer) - len(b"\n\r\nFrom ")))
                self._more()
            else:
                blank = _LAST_BLANK.search(self._buffer, max(start - 1, len(self._buffer) - len(b"\n\r\n")))
                return (blank.start() + 1 if blank else len(self._buffer)), len(self._buffer)

    def _shortened(self, start: int, at: int) -> int:
        """Lets go of what is too large to be taken anyway, up to `at`; where that is now."""
        if at - start <= MAIL_MAX:
            return at
        self._dropped = True
        self._line += self._buffer.count(b"\n", start, at)
        del self._buffer[start:at]
        return start

    def _measured(self, start: int) -> tuple[int, int] | None:
        """The same by Content-Length, if a mail can end there: a wrong length must not swallow the next mail."""
        while (header := _HEADER_END.search(self._buffer, start - 1)) is None:
            if len(self._buffer) - start > HEADER_MAX or not self._more():
                return None
        length = _LENGTH.search(self._buffer, start, header.end())
        if length is None or int(length[1]) > MAIL_MAX:
            return None
        end = header.end() + int(length[1])
        self._fill(end + len(b"\r\nFrom "))
        after = _AFTER.match(self._buffer, end) if end <= len(self._buffer) else None
        return (end, after.end()) if after is not None else None


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
