"""Durable accept and threading over SMTP, against a stock aiosmtpd that only answers 250 (50 connections)."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import psutil

from tests.bench.servers import FORUM, gateway, postgres_url, serving, stock

CONNECTIONS = 50
RUNS = 3
SECONDS_MAX = 300


def client(port: int, folder: Path, *words: str) -> dict[str, float]:
    """One run of the client, in a process of its own."""
    command = [sys.executable, "-m", "tests.bench.client", str(port), str(CONNECTIONS), FORUM, str(folder), *words]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=SECONDS_MAX)
    result: dict[str, float] = json.loads(done.stdout)
    return result


@contextmanager
def _ours(folder: Path, mails: int, *words: str, **more: str) -> Iterator[int]:
    with serving(folder, *words, **more) as server:
        yield server.port
    threads = json.loads(gateway(folder, "thread", "list", "--limit", "100000", "--json", **more))
    kept = sum(thread["posts"] for thread in threads)
    # What got its 250 is there and threaded; the corpus holds repeats.
    if not mails * 0.95 < kept <= mails:
        raise RuntimeError(f"{kept} posts of {mails} mails")


def measure(corpus: Path, scratch: Path) -> None:
    """Prints rates in turn, medians and ratios; CPU is that of our processes, without the client and PostgreSQL."""
    folder = corpus / "eml"
    mails = sum(1 for _ in folder.rglob("*.eml"))
    found: dict[str, list[dict[str, float]]] = {}

    def note(name: str, port: int, *words: str) -> None:
        before = _cpu()
        result = client(port, folder, *words)
        found.setdefault(name, []).append(result | {"cpu": (_cpu() - before) / mails})

    for run in range(RUNS):
        with stock() as port:
            note("stock", port)
        with _ours(scratch / f"sqlite{run}", mails) as port:
            note("gateway", port)
        with _ours(scratch / f"shared{run}", mails, "--receivers", "2") as port:
            note("gateway, 2 receivers", port)
        with _ours(scratch / f"pipelining{run}", mails, "--receivers", "2") as port:
            note("the same, pipelining", port, "pipelining")
        with postgres_url(scratch / f"pg{run}") as url, _ours(scratch / f"pgdata{run}", mails, GATEWAY_STORE__URL=url) as port:
            note("gateway, PostgreSQL", port)
    yardstick = median(one["rate"] for one in found["stock"])
    for name, results in found.items():
        rates = [one["rate"] for one in results]
        middle, p99, cpu = (median(one[key] for one in results) for key in ("rate", "p99", "cpu"))
        sys.stdout.write(
            f"accept  {name:22} {middle:6.0f}/s ({min(rates):.0f}-{max(rates):.0f})  {middle / yardstick:4.2f} x stock"
            f"  p99 {1000 * p99:.0f} ms  CPU {1e6 * cpu:.0f} us a mail\n"
        )


def _cpu() -> float:
    """CPU seconds so far of the servers that run."""
    total = 0.0
    for process in psutil.Process().children(recursive=True):
        times = process.cpu_times()
        total += times.user + times.system
    return total
