"""Reading an odd mail where it can do no harm: in one worker process with limits on time and memory.

In: a `Raw` that `parse.is_ordinary` would not have read at once. Out: its `Message`, always. A mail that takes more than 2 s
of CPU or 512 MiB, or that brings the worker down, is answered as unreadable: kept, held, never tried again by itself. The
worker is spawned at first need and lives until the next such mail; it gets the name of the spool file, not its bytes.
"""

from __future__ import annotations

import contextlib
import importlib
import multiprocessing
import multiprocessing.connection
import resource
import signal
import threading
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from gateway.mail.envelope import Raw
from gateway.mail.message import Message
from gateway.parse.message import parse_message, unread_message
from gateway.parse.pictures import redraw

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from multiprocessing.context import SpawnProcess

CPU_SECONDS: Final = 2.0
WALL_SECONDS: Final = 20.0
MEMORY: Final = 512 * 1024 * 1024
START_SECONDS: Final = 30.0

READER_STOPPED: Final = "reading was stopped"

_READY = "ready"
# What `parse` imports when first needed; done before the first mail, so that no mail pays for it.
_WARM: Final = ("mailparser", "nh3", "inscriptis", "cchardet")


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture that the worker is to draw anew."""

    data: bytes


class Reader:
    """The one worker and its line. Callers may be several threads: they take turns.

    `close()` ends the worker; a later `read` would start another. OSError comes out of `read` only when no worker can be
    started or the spool file is gone: our own trouble, not the mail's.
    """

    def __init__(self, *, cpu_seconds: float = CPU_SECONDS, wall_seconds: float = WALL_SECONDS, memory: int = MEMORY) -> None:
        self._limits = (cpu_seconds, memory)
        self._wall_seconds = wall_seconds
        self._lock = threading.Lock()
        self._process: SpawnProcess | None = None
        self._line: Connection | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def read(self, raw: Raw) -> Message:
        """The Message of `raw`; an unreadable one when the worker did not get through it in its limits."""
        with self._lock:
            message = self._ask(raw)
        return message if message is not None else unread_message(raw, READER_STOPPED)

    def redraw(self, picture: bytes) -> tuple[str, bytes] | None:
        """Type and bytes of a picture without what it tells of who made it; None for what is none, or takes too long."""
        with self._lock:
            answer = self._ask_for(Picture(picture))
        return answer if isinstance(answer, tuple) else None

    def close(self) -> None:
        """End the worker, if there is one."""
        with self._lock:
            self._stop()

    def _ask(self, raw: Raw) -> Message | None:
        answer = self._ask_for(raw.path if raw.path is not None else raw.data)
        return answer if isinstance(answer, Message) else None

    def _ask_for(self, what: Path | bytes | Picture | None) -> object:
        """The worker's answer; None when there was none, and then no worker is there any more."""
        line = self._running()
        try:
            line.send(what)
            if line.poll(self._wall_seconds):
                return line.recv()
        except (EOFError, OSError):
            pass
        self._stop()
        return None

    def _running(self) -> Connection:
        if self._line is not None and self._process is not None and self._process.is_alive():
            return self._line
        self._stop()
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=serve, args=(theirs, *self._limits), name="gateway-reader", daemon=True)
        process.start()
        theirs.close()
        self._process, self._line = process, ours
        if not ours.poll(START_SECONDS) or not _is_ready(ours):
            self._stop()
            raise OSError("the reading process did not start")
        return ours

    def _stop(self) -> None:
        if self._line is not None:
            self._line.close()
            self._line = None
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self._process.close()
            self._process = None


def serve(line: Connection, cpu_seconds: float, memory: int) -> None:
    """The worker: paths or bytes in, Messages out, until the line is closed.

    Past `cpu_seconds` for one mail the kernel ends the process: SIGPROF is left at its default, for a handler in Python
    would wait for C code to return.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    for name in _WARM:
        importlib.import_module(name)
    _limit_memory(memory)
    with contextlib.suppress(EOFError, OSError):
        line.send(_READY)
        while True:
            what = line.recv()
            signal.setitimer(signal.ITIMER_PROF, cpu_seconds)
            answer = _answer(what)
            signal.setitimer(signal.ITIMER_PROF, 0)
            line.send(answer)


def _answer(what: Path | bytes | Picture) -> Message | tuple[str, bytes] | None:
    if isinstance(what, Picture):
        return redraw(what.data)
    return parse_message(what.read_bytes() if isinstance(what, Path) else what)


def _is_ready(line: Connection) -> bool:
    try:
        return bool(line.recv() == _READY)
    except (EOFError, OSError):
        return False


def _limit_memory(memory: int) -> None:
    # Without /proc the size that we have now is unknown, and a limit below it would be the end of us.
    with contextlib.suppress(OSError, ValueError):
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[0])
        limit = pages * resource.getpagesize() + memory
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
