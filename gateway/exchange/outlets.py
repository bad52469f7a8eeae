"""Where an export goes: an mboxrd or a Maildir. Both give the bytes of each mail back as they came."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from gateway.exchange.archives import BadArchive

Put = Callable[[bytes, datetime], object]
_TO_QUOTE = re.compile(rb"(?m)^(>*From )")
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@contextmanager
def mbox_outlet(path: Path) -> Iterator[Put]:
    """A new mboxrd at `path`, readable by its owner alone; there under its name once it is whole. Raises BadArchive, OSError."""
    with whole_file(path) as put:
        yield lambda raw, received_at: put(mbox_piece(raw, received_at))


@contextmanager
def whole_file(path: Path) -> Iterator[Callable[[bytes], object]]:
    """A new file that gets its name when everything was written."""
    if path.exists():
        raise BadArchive(f"{path}: is there already")
    partial = path.with_name(f"{path.name}.partial")
    with open(partial, "wb", opener=_private) as file:
        yield file.write
        file.flush()
        os.fsync(file.fileno())
    partial.rename(path)


def mbox_piece(raw: bytes, received_at: datetime) -> bytes:
    """One mail of an mboxrd (RFC 4155 appendix A; ">" before each line that begins with `>*From `)."""
    # Not strftime: its names follow the locale.
    day = f"{_DAYS[received_at.weekday()]} {_MONTHS[received_at.month - 1]} {received_at.day:2}"
    separator = f"From MAILER-DAEMON {day} {received_at:%H:%M:%S} {received_at.year:04}\n".encode("ascii")
    quoted = _TO_QUOTE.sub(rb">\1", raw)
    return separator + quoted + (b"\n" if quoted.endswith(b"\n") or not quoted else b"\n\n")


@contextmanager
def maildir_outlet(path: Path) -> Iterator[Put]:
    """A new Maildir at `path`. Names count up, so that its order is that of the export. Raises BadArchive, OSError."""
    if path.exists() and any(path.iterdir()):
        raise BadArchive(f"{path}: is there already, and not empty")
    for folder in ("tmp", "new", "cur"):
        (path / folder).mkdir(mode=0o700, parents=True, exist_ok=True)
    path.chmod(0o700)
    number = 0

    def put(raw: bytes, received_at: datetime) -> None:
        nonlocal number
        number += 1
        name = f"{number:010}.export.gateway"
        with open(path / "tmp" / name, "wb", opener=_private) as file:
            file.write(raw)
        os.utime(path / "tmp" / name, (received_at.timestamp(), received_at.timestamp()))
        # Read mail: an archive is no news in a mail program.
        (path / "tmp" / name).rename(path / "cur" / f"{name}:2,S")

    yield put


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
