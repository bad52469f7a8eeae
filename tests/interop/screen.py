"""A program on a terminal (tmux): type keys, wait for words on the screen."""

from __future__ import annotations

import shlex
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.conftest import need_program

PATIENCE = 15


def wait_until(found: Callable[[], bool], what: str, patience: float = PATIENCE) -> None:
    """Looks ten times a second; AssertionError with `what` when it does not come."""
    end = time.monotonic() + patience
    while not found():
        assert time.monotonic() < end, what
        time.sleep(0.1)


class Screen:
    """A terminal of 100 columns and 50 lines with one program in it."""

    def __init__(self, folder: Path, command: Sequence[str], **environment: str) -> None:
        # A socket of its own: the server of the screen before may still be on its way out when this one starts.
        self._socket = tempfile.TemporaryDirectory(prefix="tmux-")
        self._tmux = [need_program("tmux"), "-S", str(Path(self._socket.name) / "socket"), "-f", "/dev/null"]
        settings = [f"{name}={value}" for name, value in {"LC_ALL": "C.UTF-8", "HOME": str(folder), **environment}.items()]
        line = shlex.join(["env", *settings, *command])
        self._run("new-session", "-d", "-x", "100", "-y", "50", f"{line}; echo ended with $?; cat")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._run("kill-server")
        self._socket.cleanup()

    def type(self, *keys: str) -> None:
        self._run("send-keys", *keys)

    @property
    def text(self) -> str:
        """What is on the screen."""
        return self._run("capture-pane", "-p")

    def wait_for(self, words: str) -> str:
        """Waits until `words` are on the screen; the screen."""
        try:
            wait_until(lambda: words in self.text, words)
        except AssertionError:
            # The screen as it is at the end.
            raise AssertionError(f"{words!r} does not come:\n{self.text}") from None
        return self.text

    def _run(self, *words: str) -> str:
        return subprocess.run([*self._tmux, *words], check=True, capture_output=True, text=True).stdout
