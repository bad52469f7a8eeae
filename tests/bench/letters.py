"""Fan-out: one digest of 100 comments, text and HTML, to 10,000 readers over a relay (smtp-sink on loopback).

The rate, composing and queueing included, as a share of smtp-source's with letters of the same size to the same sink (bound:
0.25 with two sending processes); memory of the senders; renderings made; and what claiming costs with a million letters.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from statistics import median
from textwrap import fill
from zoneinfo import ZoneInfo

import psutil
from sqlalchemy import func, select
from uuid_utils.compat import uuid7

from gateway.exchange.folders import read_files
from gateway.exchange.sources import Source
from gateway.flow.compose import Composer
from gateway.flow.importing import bring_in, open_import
from gateway.flow.publish import publish, send_due
from gateway.mail.address import Address
from gateway.mail.forum import Forum, Member
from gateway.store import outbox
from gateway.store.engine import Store
from gateway.store.ledger import RENDERING
from gateway.store.outbox import LETTER, Kind
from gateway.store.roster import add_forum, add_members
from tests.bench.servers import environment, postgres_url

POSTS = 100
READERS = 10_000
ROWS = 1_000_000
CLAIMS = 20


def measure(scratch: Path) -> None:
    scratch.mkdir(parents=True)
    for senders in (1, 2):
        _measure_fan_out(scratch / f"fan-out{senders}", senders)
    measure_claims(f"sqlite:///{scratch / 'claims.db'}", "SQLite")
    with postgres_url(scratch / "postgres") as url:
        measure_claims(url, "PostgreSQL")


def _measure_fan_out(folder: Path, senders: int) -> None:
    folder.mkdir()
    store = Store(f"sqlite:///{folder / 'gateway.db'}")
    store.migrate()
    forum = _forum(store, folder)
    with _sink() as port:
        begun = time.perf_counter()
        now = datetime.now(UTC)
        queued = send_due(store, forum, now, uuid7, at_once=True)
        queueing = time.perf_counter() - begun
        peaks = _send(store, folder, port, senders)
        seconds = time.perf_counter() - begun
        raw = _one_letter(store, forum, folder)
        yardstick = _smtp_source(raw, folder, port, queued)
    with store.read() as db:
        states = {row[0]: row[1] for row in db.execute(select(LETTER.c.state, func.count()).group_by(LETTER.c.state))}
        renderings = db.execute(select(func.count()).select_from(RENDERING)).scalar_one()
    store.close()
    if states != {"sent": READERS} or queued != READERS:
        raise RuntimeError(f"letters: {states}")
    rate, theirs = queued / seconds, queued / yardstick
    sys.stdout.write(
        f"letters {queued:,} of {len(raw) >> 10} KiB by {senders} senders: {rate:.0f}/s, queueing "
        f"{queueing:.1f} s of {seconds:.1f} s; smtp-source {theirs:.0f}/s; ratio {rate / theirs:.2f}; "
        f"{renderings} rows of renderings; "
        f"memory {', '.join(f'{early >> 20} -> {late >> 20}' for early, late in peaks)} MiB\n"
    )


def _forum(store: Store, folder: Path) -> Forum:
    forum = Forum(id=uuid7(), name="bench", domain="example.org", title="Bench")
    add_forum(store, forum)
    now = datetime.now(UTC)
    zone = ZoneInfo("Europe/Paris")
    members = [
        Member(
            id=uuid7(),
            forum_id=forum.id,
            address=Address(f"reader{number}", "example.net"),
            handle=f"reader{number}",
            badge="",
            zone=zone,
            hour=7,
            form="html",
            has_digest=True,
        )
        for number in range(READERS)
    ]
    add_members(store, members)
    source = Source("eml", 0, lambda: read_files(_comments(folder), folder, is_delivered=True))
    run = open_import(store, forum, source, 0, now, uuid7)
    bring_in(store, forum, source, run, is_news=True, now=now, new_id=uuid7, told=lambda _outcome: None)
    publish(store, forum, now, uuid7)
    return forum


def _comments(folder: Path) -> list[Path]:
    """Short ones, as on a comment page: what does not fit one mail would come in parts, each a letter."""
    chance, files = Random(1), []
    for number in range(POSTS):
        words = " ".join("".join(chance.choices("etaoinshrdlu", k=chance.randrange(2, 9))) for _ in range(60))
        answers = f"In-Reply-To: <{chance.randrange(number)}@load.example>\n" if number else ""
        header = (
            f"From: Writer {number % 20} <w{number % 20}@load.example>\nSubject: Fan-out\nMessage-ID: <{number}@load.example>\n"
        )
        date = f"Date: Mon, 2 Mar 2026 10:{number // 60:02}:{number % 60:02} +0000\n"
        files.append(folder / f"{number}.eml")
        files[-1].write_text(f"{header}{date}{answers}\n{fill(words)}\n")
    return files


@contextmanager
def _sink() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = int(free.getsockname()[1])
    with subprocess.Popen([_program("smtp-sink"), "-u", "nobody", f"127.0.0.1:{port}", "1000"]) as process:
        try:
            while True:
                with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                    break
                time.sleep(0.05)
            yield port
        finally:
            process.terminate()


def _program(name: str) -> str:
    path = shutil.which(name) or shutil.which(name, path="/usr/sbin")
    if path is None:
        sys.exit(f"{name} of Postfix is missing")
    return path


def _send(store: Store, folder: Path, port: int, senders: int) -> list[tuple[int, int]]:
    """Starts `gateway send` so often, until nothing waits; memory of each after a fifth and at the end."""
    settings = {
        "GATEWAY_SEND__COURIER": "relay",
        "GATEWAY_SEND__RELAY_PORT": str(port),
        "GATEWAY_DIGEST__TICK": "0.2",
    }
    command = [sys.executable, "-m", "gateway", "send"]
    with (folder / "log").open("wb") as log:
        running = [subprocess.Popen(command, env=environment(folder, **settings), stderr=log, cwd=folder) for _ in range(senders)]
        early: list[int] = []
        while True:
            with store.read() as db:
                waiting = outbox.count_waiting(db)
            if not early and waiting < READERS * 4 // 5:
                early = [psutil.Process(one.pid).memory_info().rss for one in running]
            if not waiting:
                break
            time.sleep(0.1)
        late = [psutil.Process(one.pid).memory_info().rss for one in running]
        for one in running:
            one.terminate()
            one.wait()
    return list(zip(early, late, strict=True))


def _one_letter(store: Store, forum: Forum, folder: Path) -> bytes:
    """The bytes of one of the letters that went out."""
    with store.read() as db:
        row = db.execute(select(LETTER).limit(1)).one()
    same = {name: getattr(row, name) for name in ("id", "forum_id", "subject_id", "part", "text", "member_id", "recipient", "at")}
    letter = outbox.Letter(**same, kind=Kind(row.kind))
    key = bytes.fromhex((folder / "secrets").read_text().strip())
    return Composer(store, key).compose(forum, letter, Address("reader0", "example.net")).raw


def _smtp_source(raw: bytes, folder: Path, port: int, count: int) -> float:
    """Seconds that smtp-source needs for as many letters of those bytes, over two connections that it keeps."""
    body = folder / "body"
    body.write_bytes(raw.replace(b"\r\n", b"\n"))
    words = ["-d", "-s", "2", "-m", str(count), "-F", str(body), "-f", "a@example.org", "-t", "b@example.net"]
    begun = time.perf_counter()
    subprocess.run([_program("smtp-source"), *words, f"127.0.0.1:{port}"], check=True)
    return time.perf_counter() - begun


def measure_claims(url: str, name: str) -> None:
    """Claiming a batch of 50 out of a million letters that are due (bound: 10 ms), each settled before the next."""
    store = Store(url)
    store.migrate()
    now = datetime.now(UTC)
    _fill(store, now)
    found = []
    for step in range(CLAIMS):
        at = now + timedelta(seconds=step)
        begun = time.perf_counter()
        with store.write() as db:
            letters = outbox.claim(db, at, 50)
        found.append((time.perf_counter() - begun) * 1000)
        if len(letters) != 50:
            raise RuntimeError(f"{len(letters)} claimed")
        for letter in letters:
            with store.write() as db:
                outbox.settle(db, letter, state=outbox.State.SENT, reply="250", due_at=at)
    store.close()
    sys.stdout.write(
        f"claims  50 of {ROWS:,} letters, {name}: {median(found):.1f} ms ({min(found):.1f}-{max(found):.1f}; bound 10 ms)\n"
    )


def _fill(store: Store, now: datetime) -> None:
    forum = Forum(id=uuid7(), name="many", domain="example.org", title="Many")
    add_forum(store, forum)
    size = 10_000
    for start in range(0, ROWS, size):
        at = now - timedelta(days=1) + timedelta(milliseconds=start)
        letters = [
            outbox.Letter(
                id=uuid7(),
                forum_id=forum.id,
                kind=Kind.DIGEST,
                subject_id=uuid7(),
                member_id=uuid7(),
                recipient=f"reader{start + one}@example.net",
                at=at,
            )
            for one in range(size)
        ]
        with store.write() as db:
            outbox.put(db, letters)
