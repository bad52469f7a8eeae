"""Marionette, the door that Mozilla's programs have for tests: scripts run inside the program, over TCP.

In: the profile of a program that was started with --marionette. Out: what the scripts return. A message is its length, ":" and
JSON: [0, id, command, parameters] out, [1, id, error, result] in.
"""

from __future__ import annotations

import json
import socket
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.interop.screen import wait_until

PATIENCE = 60


class Marionette:
    """A connection to one program; its scripts may see all windows."""

    def __init__(self, profile: Path) -> None:
        told = profile / "MarionetteActivePort"
        wait_until(lambda: told.exists() and told.read_text().isdecimal(), "no port of Marionette", PATIENCE)
        self._socket = socket.create_connection(("127.0.0.1", int(told.read_text())), timeout=PATIENCE)
        self._lines = self._socket.makefile("rb")
        self._serial = 0
        self._read()
        self._command("WebDriver:NewSession", {})
        self._command("Marionette:SetContext", {"value": "chrome"})

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._lines.close()
        self._socket.close()

    def run(self, script: str, *arguments: str) -> Any:
        """What the script returns; an error in it is an AssertionError."""
        found = self._command("WebDriver:ExecuteScript", {"script": script, "args": arguments, "sandbox": "system"})
        return found["value"]

    def wait(self, condition: str, *arguments: str) -> None:
        """Waits until that expression is true."""
        wait_until(lambda: bool(self.run(f"return {condition}", *arguments)), condition, PATIENCE)

    def _command(self, name: str, parameters: dict[str, object]) -> Any:
        self._serial += 1
        data = json.dumps([0, self._serial, name, parameters]).encode()
        self._socket.sendall(b"%d:%b" % (len(data), data))
        _, _, error, result = self._read()
        assert not error, error
        return result

    def _read(self) -> Any:
        size = b""
        while not size.endswith(b":"):
            more = self._lines.read(1)
            assert more, "Marionette has gone"
            size += more
        return json.loads(self._lines.read(int(size[:-1])))
