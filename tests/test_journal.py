"""The log of the server: JSON, a line for each event."""

from __future__ import annotations

import json
import socket
import subprocess
import sys


def test_a_line_of_the_log_is_one_write() -> None:
    """Receivers share the log: a line in two pieces would be torn by theirs. Each write to a datagram socket is a datagram."""
    ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    code = (
        "from gateway.cli.common import log_as_json; log_as_json(); from gateway.journal import log; log.info('hello', who='Zoë')"
    )
    with ours, its:
        subprocess.run([sys.executable, "-c", code], stderr=its, check=True)
        ours.setblocking(False)
        line = ours.recv(4096)
        assert json.loads(line)["who"] == "Zoë"
        assert line.endswith(b"}\n")
