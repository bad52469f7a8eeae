"""An SMTP client for measuring: many connections, one process of its own. Prints one JSON object.

python -m tests.bench.client PORT CONNECTIONS RECIPIENT DIRECTORY_OF_EML [pipelining]

Each command waits for its reply. With the last word it does what Postfix, Exim and Sendmail do where PIPELINING is announced:
MAIL, RCPT and DATA go in one piece (RFC 2920); where it is not announced, nothing changes.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import uvloop

_LINE_END = re.compile(rb"\r?\n")


def wire_form(raw: bytes) -> bytes:
    """CRLF ends, dots stuffed, the final dot."""
    data = _LINE_END.sub(b"\r\n", raw)
    if not data.endswith(b"\r\n"):
        data += b"\r\n"
    if data.startswith(b"."):
        data = b"." + data
    return data.replace(b"\r\n.", b"\r\n..") + b".\r\n"


class _Session(asyncio.Protocol):
    """One connection: EHLO, then mail after mail."""

    def __init__(
        self, recipient: bytes, mails: list[bytes], waits: list[float], done: asyncio.Future[None], *, may_pipeline: bool
    ) -> None:
        self._mails = mails
        self._waits = waits
        self._done = done
        self._buffer = b""
        self._may_pipeline = may_pipeline
        self._is_announced = False
        self._commands = (b"MAIL FROM:<bench@example.net>\r\n", b"RCPT TO:<" + recipient + b">\r\n", b"DATA\r\n")
        self._steps = self._converse()
        self._expected: tuple[bytes, ...] = (b"220",)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport
        next(self._steps)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if not self._buffer.endswith(b"\n"):
            return
        replies = [line for line in self._buffer.splitlines() if line[3:4] != b"-"]
        if len(replies) < len(self._expected):
            return
        if tuple(reply[:3] for reply in replies) != self._expected:
            self._done.set_exception(RuntimeError(f"expected {self._expected!r}, got {replies!r}"))
            self._transport.abort()
            return
        self._is_announced = self._is_announced or b"PIPELINING" in self._buffer
        self._buffer = b""
        next(self._steps, None)

    def connection_lost(self, _error: Exception | None) -> None:
        if not self._done.done():
            self._done.set_exception(RuntimeError("connection lost"))

    def _converse(self) -> Iterator[None]:
        yield
        yield self._say(b"EHLO bench.example.org\r\n", b"250")
        while self._mails:
            data = self._mails.pop()
            if self._may_pipeline and self._is_announced:
                yield self._say(b"".join(self._commands), b"250", b"250", b"354")
            else:
                yield self._say(self._commands[0], b"250")
                yield self._say(self._commands[1], b"250")
                yield self._say(self._commands[2], b"354")
            begun = time.perf_counter()
            yield self._say(data, b"250")
            self._waits.append(time.perf_counter() - begun)
        yield self._say(b"QUIT\r\n", b"221")
        self._done.set_result(None)
        self._transport.close()

    def _say(self, data: bytes, *expected: bytes) -> None:
        self._expected = expected
        self._transport.write(data)


async def run(port: int, connections: int, recipient: str, mails: list[bytes], *, may_pipeline: bool) -> dict[str, float]:
    """Sends all mails; rate, and percentiles of the wait for the reply to the final dot, in seconds."""
    count = len(mails)
    mails = mails[::-1]
    waits: list[float] = []
    loop = asyncio.get_running_loop()
    ends = [loop.create_future() for _ in range(connections)]
    begun, cpu = time.perf_counter(), time.process_time()
    for end in ends:
        session = partial(_Session, recipient.encode(), mails, waits, end, may_pipeline=may_pipeline)
        await loop.create_connection(session, "127.0.0.1", port)
    await asyncio.gather(*ends)
    took, cpu = time.perf_counter() - begun, time.process_time() - cpu
    waits.sort()
    percentile = {"p50": waits[count // 2], "p99": waits[count * 99 // 100]}
    return {"mails": count, "seconds": took, "rate": count / took, "client_cpu": cpu, **percentile}


def main() -> None:
    port, connections, recipient, folder, *more = sys.argv[1:]
    files = sorted(Path(folder).rglob("*.eml"))
    mails = [wire_form(file.read_bytes()) for file in files]
    result = uvloop.run(run(int(port), int(connections), recipient, mails, may_pipeline=more == ["pipelining"]))
    sys.stdout.write(json.dumps(result) + "\n")


if __name__ == "__main__":
    main()
