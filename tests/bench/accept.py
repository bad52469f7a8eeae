"""Durable accept and threading over SMTP, against a stock aiosmtpd that only answers 250 (50 connections).

`proved`: with all rules of posting, where the authors are members and loopback is proof; and what a DKIM signature costs.
"""

from __future__ import annotations

import base64
import csv
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

import psutil

from gateway.parse.message import parse_message
from gateway.send.signing import dns_record
from gateway.verify.signatures import good_signers
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
def _ours(folder: Path, mails: int, *words: str, members: Path | None = None, **more: str) -> Iterator[int]:
    with serving(folder, *words, members=members, **more) as server:
        yield server.port
    threads = json.loads(gateway(folder, "thread", "list", "--limit", "100000", "--json", **more))
    kept = sum(thread["posts"] for thread in threads)
    # What got its 250 is there and threaded; the corpus holds repeats.
    if not mails * 0.95 < kept <= mails:
        raise RuntimeError(f"{kept} posts of {mails} mails")


def measure_proved(corpus: Path, scratch: Path) -> None:
    """Prints what the rules of posting cost: an open forum and one that wants proof, in turn."""
    folder = corpus / "eml"
    files = sorted(folder.rglob("*.eml"))
    members = scratch / "members.csv"
    _write_members(files, members)
    rates: dict[str, list[float]] = {"open": [], "proved": []}
    for run in range(RUNS):
        for name, who in (("open", None), ("proved", members)):
            with _ours(scratch / f"{name}{run}", len(files), members=who) as port:
                rates[name].append(client(port, folder)["rate"])
    middle = {name: median(found) for name, found in rates.items()}
    for name, found in rates.items():
        share = middle[name] / middle["open"]
        sys.stdout.write(f"accept  {name:8} {middle[name]:6.0f}/s ({min(found):.0f}-{max(found):.0f})  {share:4.2f} x open\n")
    measure_signatures()


def _write_members(files: list[Path], members: Path) -> None:
    """The authors of the mails, as `gateway member import` takes them."""
    authors = {author.key: author for file in files if (author := parse_message(file.read_bytes()).author_address)}
    with members.open("w", encoding="utf-8", newline="") as lines:
        writer = csv.writer(lines)
        writer.writerow(("address", "handle", "digest"))
        writer.writerows((author, author.local, "no") for author in authors.values())
    sys.stdout.write(f"accept  {len(authors)} members\n")


def measure_signatures(mails: int = 300) -> None:
    """Prints the time to check one signature of a mail of 4 kB, without the DNS."""
    import dkim
    from cryptography.hazmat.primitives import serialization as form
    from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

    raw = b"From: a@x.example\r\nSubject: s\r\nMessage-ID: <1@x.example>\r\n\r\n" + b"Some words of a comment.\r\n" * 160
    key = rsa.generate_private_key(65537, 2048)
    edwards = ed25519.Ed25519PrivateKey.generate()
    pem = key.private_bytes(form.Encoding.PEM, form.PrivateFormat.TraditionalOpenSSL, form.NoEncryption())
    seed = base64.b64encode(edwards.private_bytes_raw())
    for name, material, public in (("rsa-sha256", pem, key.public_key()), ("ed25519-sha256", seed, edwards.public_key())):
        words: dict[str, Any] = {"include_headers": [b"from", b"subject", b"message-id"], "signature_algorithm": name.encode()}
        signed = dkim.sign(raw, b"s", b"x.example", material, canonicalize=(b"relaxed", b"relaxed"), **words) + raw
        record = dns_record(public).encode()
        begun = time.process_time()
        for _ in range(mails):
            found = good_signers(signed, lambda _: True, lambda *_: record, time.monotonic, datetime.now(UTC))  # noqa: B023
            if not found:
                raise RuntimeError("a good signature was not found good")
        took = 1000 * (time.process_time() - begun) / mails
        sys.stdout.write(f"accept  {name:15} {took:.2f} ms of CPU to check a signature\n")


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
