"""Large mails at once (reliability S8): memory of the main process, and what a bystander with a small mail feels.

python -m tests.bench.memory; with PORT KIND COUNT it is the sender, a process of its own.
"""

from __future__ import annotations

import base64
import random
import smtplib
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from tests.bench.servers import FORUM, Serving, serving

SIZE = 25_000_000
PACE = 0.1


class Figures(NamedTuple):
    """Of one kind of mail: replies to the final dot, seconds, peak of the main process in MiB, the bystander's seconds."""

    kind: str
    replies: dict[str, int]
    seconds: float
    peak: float
    bystander: list[float]

    def __str__(self) -> str:
        median, worst = statistics.median(self.bystander), max(self.bystander)
        waits = f"{len(self.bystander)} dialogues, median {median:.3f} s, worst {worst:.3f} s"
        replies = ", ".join(f"{count} x {reply}" for reply, count in self.replies.items())
        return f"{self.kind:10}  {self.seconds:5.1f} s  peak {self.peak:4.0f} MiB  bystander {waits}  ({replies})"


def body(kind: str, number: int) -> Iterator[bytes]:
    """A mail of that kind in pieces, with its final dot."""
    header = f"From: <ann@example.net>\r\nSubject: {kind}\r\nMessage-ID: <{kind}-{number}@example.net>\r\nMIME-Version: 1.0\r\n"
    if kind == "base64":
        yield f'{header}Content-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\n\r\nHello\r\n'.encode()
        yield b"--b\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        piece = base64.encodebytes(random.Random(number).randbytes(57 * 1000)).replace(b"\n", b"\r\n")
        yield from [piece] * (SIZE // len(piece))
        yield b"--b--\r\n"
    elif kind == "empty":
        yield header.encode()
        yield from [b"\r\n" * 32768] * (31 * 16)
    elif kind == "lines":
        yield header.encode() + b"\r\n"
        yield from [b"x" * 65534 + b"\r\n"] * (SIZE // 65536)
    elif kind == "bomb":
        yield f'{header}Content-Type: multipart/mixed; boundary="b"\r\n\r\n'.encode()
        yield from [b"--b\r\n\r\n" * 8192] * (SIZE // 57344)
    yield b".\r\n"


KINDS = ("base64", "empty", "lines", "bomb")


def send(port: int, kind: str, number: int) -> str:
    """One mail; the reply to it."""
    with socket.create_connection(("127.0.0.1", port)) as connection, connection.makefile("rb") as lines:
        for command in ("", "HELO bench.example.org", "MAIL FROM:<ann@example.net>", f"RCPT TO:<{FORUM}>", "DATA"):
            connection.sendall(f"{command}\r\n".encode() if command else b"")
            lines.readline()
        try:
            for piece in body(kind, number):
                connection.sendall(piece)
            return lines.readline().decode().strip() or "closed"
        except ConnectionError:
            # The server hangs up far past the limit, and a reset may overtake its reply.
            return "cut off"


def flood(port: int, kind: str, count: int) -> None:
    """The sender: all mails at once."""
    with ThreadPoolExecutor(count) as pool:
        for reply in pool.map(lambda number: send(port, kind, number), range(count)):
            sys.stdout.write(f"{reply}\n")


def measure(server: Serving, kind: str, count: int) -> Figures:
    """`count` mails of a kind at once, and a bystander every 100 ms until all have their reply."""
    command = [sys.executable, "-m", "tests.bench.memory", str(server.port), kind, str(count)]
    begun = time.perf_counter()
    waits = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as sender:
        while sender.poll() is None:
            start = time.perf_counter()
            bystand(server.port)
            waits.append(time.perf_counter() - start)
            time.sleep(max(0.0, PACE - waits[-1]))
        assert sender.stdout is not None
        replies = Counter(sender.stdout.read().splitlines())
    took = time.perf_counter() - begun
    return Figures(kind, dict(replies), took, server.peak_memory() / (1 << 20), waits)


def bystand(port: int) -> None:
    """A whole dialogue with a small mail."""
    with smtplib.SMTP("127.0.0.1", port, "bystander.example.org", timeout=60) as smtp:
        smtp.sendmail(
            "bob@example.net", [FORUM], f"Subject: small\r\nMessage-ID: <{time.time_ns()}@example.net>\r\n\r\nSmall.\r\n"
        )


def memory(count: int = 20, kinds: tuple[str, ...] = KINDS) -> list[Figures]:
    """All kinds, each against a server of its own, whose peak is thereby the kind's."""
    found = []
    for kind in kinds:
        with tempfile.TemporaryDirectory(prefix="gateway-memory-") as folder, serving(Path(folder)) as server:
            found.append(measure(server, kind, count))
    return found


def main() -> None:
    if len(sys.argv) == 4 and sys.argv[1].isdigit():
        flood(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
        return
    for figures in memory():
        sys.stdout.write(f"{figures}\n")


if __name__ == "__main__":
    main()
