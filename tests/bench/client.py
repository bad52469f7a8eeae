"""An SMTP client for measuring: many connections in lockstep, one process of its own. Prints one JSON object.

python -m tests.bench.client PORT CONNECTIONS RECIPIENT DIRECTORY_OF_EML [--bystander]
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
from pathlib import Path

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


async def _expect(reader: asyncio.StreamReader, code: bytes) -> None:
    while True:
        line = await reader.readline()
        if line[:3] != code:
            raise RuntimeError(f"expected {code.decode()}, got {line.decode(errors='replace').strip()!r}")
        if line[3:4] != b"-":
            return


async def _session(port: int, recipient: bytes, mails: list[bytes], waits: list[float]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    await _expect(reader, b"220")
    writer.write(b"EHLO bench.example.org\r\n")
    await _expect(reader, b"250")
    while mails:
        data = mails.pop()
        for command in (b"MAIL FROM:<bench@example.net>\r\n", b"RCPT TO:<" + recipient + b">\r\n"):
            writer.write(command)
            await _expect(reader, b"250")
        writer.write(b"DATA\r\n")
        await _expect(reader, b"354")
        writer.write(data)
        begun = time.perf_counter()
        await _expect(reader, b"250")
        waits.append(time.perf_counter() - begun)
    writer.write(b"QUIT\r\n")
    await _expect(reader, b"221")
    writer.close()


async def run(port: int, connections: int, recipient: str, mails: list[bytes]) -> dict[str, float]:
    """Sends all mails; rate, and percentiles of the wait for the reply to the final dot, in seconds."""
    count = len(mails)
    mails = mails[::-1]
    waits: list[float] = []
    begun = time.perf_counter()
    await asyncio.gather(*(_session(port, recipient.encode(), mails, waits) for _ in range(connections)))
    took = time.perf_counter() - begun
    waits.sort()
    return {"mails": count, "seconds": took, "rate": count / took, "p50": waits[count // 2], "p99": waits[count * 99 // 100]}


def main() -> None:
    port, connections, recipient, folder = sys.argv[1:5]
    files = sorted(Path(folder).rglob("*.eml"))
    mails = [wire_form(file.read_bytes()) for file in files]
    result = uvloop.run(run(int(port), int(connections), recipient, mails))
    sys.stdout.write(json.dumps(result) + "\n")


if __name__ == "__main__":
    main()
