"""Spool files: mail too large for memory, on its way from the socket to the store.

A name says which process made the file, so that what a crash left behind can be told from what is in use.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

_SUFFIX = ".spool"


class SpoolFile:
    """One file, readable by us alone. OSError when the disk will not have it."""

    __slots__ = ("_descriptor", "path")

    def __init__(self, directory: Path) -> None:
        self.path = directory / f"{os.getpid()}-{uuid4().hex}{_SUFFIX}"
        self._descriptor: int | None = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)

    def write(self, data: bytes | memoryview) -> None:
        assert self._descriptor is not None
        view = memoryview(data)
        while view:
            view = view[os.write(self._descriptor, view) :]

    def close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def remove(self) -> None:
        self.close()
        self.path.unlink(missing_ok=True)


def remove_leftovers(directory: Path) -> None:
    """Removes the files of processes that are gone. Only for the start of a process: it takes its own name for theirs."""
    for path in _spool_files(directory):
        maker = path.name.partition("-")[0]
        if maker.isdigit() and (int(maker) == os.getpid() or not _is_running(int(maker))):
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)


def _spool_files(directory: Path) -> Iterator[Path]:
    return (path for path in directory.iterdir() if path.suffix == _SUFFIX)


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
