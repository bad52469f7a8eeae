"""Sending processes under fire: two that share an outbox, killed again and again, and a sink that knows what it took."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import NamedTuple
from zoneinfo import ZoneInfo

from uuid_utils.compat import uuid7

from gateway.flow.publish import publish, send_due
from gateway.mail.address import Address
from gateway.mail.forum import Forum, Member
from gateway.store import outbox, roster
from gateway.store.engine import Store
from tests.bench.servers import environment
from tests.test_store import incoming, mail_bytes, put

LEASE = 4.0
LOOKS = 20_000


class Taken(NamedTuple):
    """One letter that the sink acknowledged."""

    worker: str
    connection: str
    msgid: str
    recipient: str


class Result(NamedTuple):
    """What came of a run."""

    taken: list[Taken]
    killed: set[str]
    readers: int

    @property
    def copies(self) -> dict[str, list[Taken]]:
        found = defaultdict(list)
        for one in self.taken:
            found[one.recipient].append(one)
        return found

    @property
    def missing(self) -> int:
        return self.readers - len(self.copies)

    @property
    def doubled(self) -> list[list[Taken]]:
        return [copies for copies in self.copies.values() if len(copies) > 1]

    @property
    def outside(self) -> list[list[Taken]]:
        """Doubled otherwise than by a kill: each copy but the last must be the end of a connection of a killed worker."""
        last = {one.connection: one for one in self.taken}
        return [
            copies
            for copies in self.doubled
            if len({one.msgid for one in copies}) > 1
            or any(last[one.connection] != one or one.worker not in self.killed for one in copies[:-1])
        ]

    @property
    def worst(self) -> int:
        """The most letters that one kill doubled."""
        return max(Counter(one.worker for copies in self.doubled for one in copies[:-1]).values(), default=0)


def fill(url: str, readers: int) -> None:
    """A digest for so many readers in the outbox."""
    store = Store(url)
    store.migrate()
    forum = Forum(id=uuid7(), name="town", domain="example.org", title="Town Talk")
    roster.add_forum(store, forum)
    zone = ZoneInfo("UTC")
    roster.add_members(store, [_member(forum, f"reader{number}", zone) for number in range(readers)])
    now = datetime.now(UTC)
    put(store, incoming(forum, mail_bytes(), received_at=now))
    publish(store, forum, now, uuid7)
    assert send_due(store, forum, now, uuid7, at_once=True) == readers
    store.close()


def _member(forum: Forum, name: str, zone: ZoneInfo) -> Member:
    address = Address(name, "example.net")
    return Member(
        id=uuid7(), forum_id=forum.id, address=address, handle=name, badge="", zone=zone, hour=7, form="plain", has_digest=True
    )


@contextmanager
def sink(book: Path, delay: float) -> Iterator[int]:
    """The port of a sink that writes into `book` what it takes."""
    command = [sys.executable, "-m", "tests.interop.witness_sink", str(book), str(delay)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield int(process.stdout.readline())
        process.terminate()


class Carriers:
    """Two workers, each started again when it is killed, under a new name."""

    def __init__(self, url: str, folder: Path, port: int, connections: int, *words: str) -> None:
        self._settings = {
            "GATEWAY_STORE__URL": url,
            "GATEWAY_SEND__COURIER": "relay",
            "GATEWAY_SEND__RELAY_PORT": str(port),
            "GATEWAY_SEND__CONNECTIONS": str(connections),
        }
        self._folder = folder
        self._words = words
        self._count = 0
        self._log = (folder / "log").open("ab")
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self.killed: set[str] = set()

    def start(self) -> None:
        name = f"worker{self._count}.example"
        self._count += 1
        command = [sys.executable, "-m", "tests.interop.worker", str(LEASE), *self._words]
        env = environment(self._folder, GATEWAY_SMTP__HOSTNAME=name, **self._settings)
        self.running[name] = subprocess.Popen(command, env=env, stdout=self._log, stderr=self._log)

    def kill(self, name: str) -> None:
        process = self.running.pop(name)
        process.kill()
        process.wait()
        self.killed.add(name)

    def close(self) -> None:
        for process in self.running.values():
            process.kill()
            process.wait()
        self._log.close()


def read(book: Path) -> list[Taken]:
    lines = book.read_text().splitlines() if book.exists() else []
    return [Taken(*line.split(" ")) for line in lines]


def run(url: str, folder: Path, *words: str, readers: int, kills: int, delay: float, connections: int) -> Result:
    """Sends a digest to all readers while workers are killed, each after it has sent a few letters."""
    fill(url, readers)
    book, chance = folder / "book", Random(7)
    store = Store(url)
    with sink(book, delay) as port:
        carriers = Carriers(url, folder, port, connections, *words)
        for _ in range(2):
            carriers.start()
        goals: dict[str, int] = {}
        try:
            for _ in range(LOOKS):
                sent = Counter(one.worker for one in read(book))
                for name, process in list(carriers.running.items()):
                    goals.setdefault(name, chance.randrange(1, max(2, readers // (kills + 1))))
                    if len(carriers.killed) < kills and sent[name] >= goals[name]:
                        # At any moment of a letter.
                        with suppress(subprocess.TimeoutExpired):
                            process.wait(chance.random() * 0.03)
                        carriers.kill(name)
                        carriers.start()
                with store.read() as db:
                    if not outbox.count_waiting(db) or sent.total() > 3 * readers:
                        break
                with suppress(subprocess.TimeoutExpired):
                    process.wait(0.01)
        finally:
            carriers.close()
            store.close()
    return Result(read(book), carriers.killed, readers)
