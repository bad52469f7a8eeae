"""Durable accept and threading over SMTP, against a stock aiosmtpd that only answers 250 (50 connections)."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

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
    """Prints rates in turn, medians and ratios."""
    folder = corpus / "eml"
    mails = sum(1 for _ in folder.rglob("*.eml"))
    rates: dict[str, list[float]] = {"stock": [], "gateway": [], "gateway, 2 receivers": [], "gateway, PostgreSQL": []}
    waits: dict[str, list[float]] = {name: [] for name in rates}
    for run in range(RUNS):
        with stock() as port:
            _note("stock", client(port, folder), rates, waits)
        with _ours(scratch / f"sqlite{run}", mails) as port:
            _note("gateway", client(port, folder), rates, waits)
        with _ours(scratch / f"shared{run}", mails, "--receivers", "2") as port:
            _note("gateway, 2 receivers", client(port, folder), rates, waits)
        with postgres_url(scratch / f"pg{run}") as url, _ours(scratch / f"pgdata{run}", mails, GATEWAY_STORE__URL=url) as port:
            _note("gateway, PostgreSQL", client(port, folder), rates, waits)
    yardstick = median(rates["stock"])
    for name, found in rates.items():
        spread = f"{min(found):.0f}-{max(found):.0f}"
        middle = median(found)
        p99 = 1000 * median(waits[name])
        sys.stdout.write(f"accept  {name:22} {middle:6.0f}/s ({spread})  {middle / yardstick:4.2f} x stock  p99 {p99:.0f} ms\n")


def _note(name: str, result: dict[str, float], rates: dict[str, list[float]], waits: dict[str, list[float]]) -> None:
    rates[name].append(result["rate"])
    waits[name].append(result["p99"])
