"""The figure of anonymity: 60 canaries and more in mails of six programs, and none is found wherever the gateway writes.

The same run with nothing made from scratch must find every one of them, or the search would be blind.
"""

from __future__ import annotations

import asyncio
import base64
import email
import logging
import re
import shutil
import smtplib
import sqlite3
import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.policy import default
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import structlog
import zstandard
from sqlalchemy import delete, text
from uuid_utils.compat import uuid7

import gateway.admit.chain as chain
from gateway.exchange.records import mail_line
from gateway.flow import exporting
from gateway.flow.backup import back_up
from gateway.flow.deliver import deliver
from gateway.flow.desk import Desk, attend
from gateway.flow.handlers import HANDLERS
from gateway.flow.publish import publish, send_due
from gateway.flow.reading import Reader
from gateway.flow.senders import Senders
from gateway.house.working import WorkingHouse
from gateway.mail.address import Address, parse_address
from gateway.mail.envelope import Via
from gateway.mail.forum import Forum, Member, Posting, Rhythm
from gateway.people.sender import Proof, Sender
from gateway.settings import Settings
from gateway.smtp.front import FrontDoor
from gateway.store import roster
from gateway.store.roster import MEMBER
from tests import canaries
from tests.conftest import need_module
from tests.test_flow_publish import KEY, FakeCourier, office

NOON = datetime(2026, 1, 2, 12, 3, 21, tzinfo=UTC)
LATER = NOON + timedelta(minutes=30)
FORUM = Forum(id=uuid7(), name="town", domain="example.org", title="Town Talk")
PATIENCE = 30


def member(address: str, handle: str, **more: object) -> Member:
    found = parse_address(address)
    assert found is not None
    values = {"badge": "", "zone": ZoneInfo("UTC"), "hour": 7, "form": "html", "has_digest": True} | more
    return Member(id=uuid7(), forum_id=FORUM.id, address=found, handle=handle, **values)  # type: ignore[arg-type]


AUTHOR = member(canaries.ADDRESS, canaries.HANDLE, has_digest=False)
READERS = [
    member("html@reader.example", "Html"),
    member("mime@reader.example", "Mime", form="mime"),
    member("index@reader.example", "Index", form="index"),
    member("each@reader.example", "Each", rhythm=Rhythm.IMMEDIATE),
]


@contextmanager
def listening(front: FrontDoor) -> Iterator[int]:
    """Its SMTP port, while it listens in a thread."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        asyncio.run_coroutine_threadsafe(front.start(), loop).result(PATIENCE)
        yield front.ports[Via.SMTP]
        asyncio.run_coroutine_threadsafe(front.drain(PATIENCE), loop).result(PATIENCE)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


class Run:
    """A house that took the six mails, published them and told its readers; and all that it wrote meanwhile."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, url: str = "") -> None:
        self.cage = canaries.Cage()
        self.folder = folder
        self.courier = FakeCourier()
        self._log = folder / "log"
        monkeypatch.setattr(Senders, "_sender_of", lambda *_: Sender(AUTHOR, Proof.AUTH))
        monkeypatch.setattr("gateway.flow.anonymous.POSTS_AN_HOUR", 10)
        limits = {"new_per_network_and_minute": 0, "connections_per_network": 0, "free_space": 0}
        smtp = {"host": "127.0.0.1", "port": 0, "limits": limits}
        settings = Settings(data=folder / "data", smtp=smtp, store={"url": url or None})  # type: ignore[arg-type]
        self.url = settings.database_url
        # Made before anything is logged: Pillow tells what it writes.
        mails = canaries.mails(self.cage)
        with self._logging():
            self.house = WorkingHouse(settings, now=lambda: NOON)
            store = self.house.store
            roster.add_forum(store, FORUM)
            roster.add_members(store, [AUTHOR, *READERS])
            with listening(self.house.front_door()) as port, smtplib.SMTP("127.0.0.1", port, "me.example") as client:
                self.replies = [client.sendmail(canaries.ADDRESS, [f"{local}@example.org"], mail) for local, mail in mails]
            with Reader() as reader:
                attend(Desk(store, KEY, LATER, uuid7, reader), FORUM, HANDLERS)
            self.published = publish(store, FORUM, LATER, uuid7)
            send_due(store, FORUM, LATER, uuid7, at_once=True)
            send_due(store, FORUM, LATER, uuid7)
            deliver(store, office(self.courier), LATER)
        self._forget_roster()

    @contextmanager
    def _logging(self) -> Iterator[None]:
        root, handler = logging.getLogger(), logging.FileHandler(self._log)
        level = root.level
        root.addHandler(handler)
        root.setLevel(logging.DEBUG)
        with self._log.open("a") as file:
            structlog.configure(
                processors=[structlog.processors.format_exc_info, structlog.processors.JSONRenderer()],
                wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG),
                logger_factory=structlog.WriteLoggerFactory(file),
            )
            try:
                yield
            finally:
                structlog.reset_defaults()
                root.removeHandler(handler)
                root.setLevel(level)
                handler.close()

    def _forget_roster(self) -> None:
        """The member's own record is his."""
        with self.house.store.write() as db:
            db.execute(delete(MEMBER).where(MEMBER.c.id == AUTHOR.id))
        self.house.store.forget_deleted(has_some=True)

    def letters(self, *, receipts: bool) -> list[bytes]:
        return [raw for _, to, raw in self.courier.carried if (str(to) == canaries.ADDRESS) == receipts]

    def written(self) -> bytes:
        """Every byte, in small letters; mails also with their parts decoded."""
        files = [path.read_bytes() for path in sorted(self.folder.rglob("*")) if path.is_file()]
        exported = list(exporting.mails(self.house.store, FORUM))
        records = [mail_line(record) for _, record in exported]
        raws = [raw for raw, _ in exported] + self.letters(receipts=False)
        return b"\n".join([*files, *records, *raws, *map(decoded, raws)]).lower()

    def backed_up(self) -> bytes:
        """Every byte of a backup, in small letters, and the mails as they came that its tables hold, with their parts decoded."""
        folder = self.folder / "backup"
        back_up(folder, self.url, {}, version="1", now=LATER, told=lambda _done, _total: None)
        files = sorted(folder.iterdir())
        raws = [raw for path in files for blob in _blobs(path) for raw in _opened(blob)]
        written = b"\n".join(
            [*(path.read_bytes() for path in files), *map(_as_sql, files), *raws, *map(decoded, raws), *map(_from_base64, raws)]
        )
        shutil.rmtree(folder)
        return written.lower()

    def found(self, written: bytes | None = None) -> set[str]:
        """The places of the canaries that were found there, or anywhere."""
        written = self.written() if written is None else written
        planted = self.cage.places | {one: one for one in canaries.ROSTER}
        return {place for canary, place in planted.items() if canary.encode() in written}

    @property
    def planted(self) -> set[str]:
        return {*self.cage.places.values(), *canaries.ROSTER}


def _as_sql(path: Path) -> bytes:
    """A dump of PostgreSQL, which is compressed, as the SQL that it becomes; b"" for other files."""
    command = ["pg_restore", "--file=-", path]
    return subprocess.run(command, check=True, capture_output=True).stdout if path.suffix == ".dump" else b""


def _blobs(path: Path) -> list[bytes]:
    """The columns of bytes in a database that was backed up."""
    if path.suffix == ".dump":
        return [bytes.fromhex(found.decode()) for found in re.findall(rb"\\\\x((?:[0-9a-f]{2})+)", _as_sql(path))]
    if not path.read_bytes().startswith(b"SQLite format 3"):
        return []
    with closing(sqlite3.connect(path)) as db:
        tables = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        rows = [row for table in tables for row in db.execute(f'SELECT * FROM "{table}"')]
    return [value for row in rows for value in row if isinstance(value, bytes)]


def _opened(blob: bytes) -> list[bytes]:
    """What was compressed."""
    return [zstandard.ZstdDecompressor().decompress(blob)] if blob.startswith(b"\x28\xb5\x2f\xfd") else []


def _from_base64(raw: bytes) -> bytes:
    """Its lines of base64: a large mail is kept in pieces, of which none is a mail."""
    return b"".join(base64.b64decode(line) for line in re.findall(rb"^(?:[A-Za-z0-9+/]{4}){10,19}\r?$", raw, re.MULTILINE))


def decoded(raw: bytes) -> bytes:
    """The parts of a mail, and the names of its files."""
    parts = [part for part in email.message_from_bytes(raw, policy=default).walk() if not part.is_multipart()]
    return b"\n".join(
        piece for part in parts for piece in (part.get_payload(decode=True) or b"", str(part.get_filename()).encode())
    )


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, database_url: str, postgres_programs: None) -> Iterator[Run]:
    need_module("PIL")
    made = Run(tmp_path, monkeypatch, database_url)
    yield made
    made.house.close()


def test_nothing_tells_who_wrote_it(run: Run) -> None:
    assert len(run.planted) >= 60
    assert (run.replies, run.published) == ([{}] * 6, 6)
    assert run.found() == set()
    assert run.found(run.backed_up()) == set()
    shown = b"\n".join(run.letters(receipts=False))
    assert b"Anonymous Coward" in shown
    assert b"Plain words." in shown
    assert b"Look at this." in shown
    assert list((run.folder / "data" / "spool").iterdir()) == []
    assert b"placed" not in (run.folder / "log").read_bytes()


def test_each_author_gets_one_letter_that_nobody_keeps(run: Run) -> None:
    assert len(run.letters(receipts=True)) == 6
    with run.house.store.read() as db:
        assert db.execute(text("SELECT count(*) FROM letter WHERE kind = 'receipt'")).scalar_one() == 0
        [times] = db.execute(text("SELECT count(DISTINCT received_at) FROM mail")).all()
    assert times == (1,)


@pytest.mark.usefixtures("postgres_programs")
def test_control_with_nothing_made_from_scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, database_url: str) -> None:
    need_module("PIL")
    monkeypatch.setattr(chain.Case, "is_blind", property(lambda _self: False))
    run = Run(tmp_path, monkeypatch, database_url)
    assert run.published == 6
    assert run.planted - run.found() == set()
    assert run.planted - run.found(run.backed_up()) == set()
    run.house.close()


def test_times_and_ids_tell_no_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Forty posts of one batch: the order in which they are shown has nothing to do with that of their coming."""
    need_module("PIL")
    run = Run(tmp_path, monkeypatch)
    store = run.house.store
    for minute in range(4):
        monkeypatch.setattr(Senders, "_sender_of", lambda *_: Sender(replace(AUTHOR, id=uuid7()), Proof.AUTH))
        now = NOON + timedelta(minutes=60 + minute)
        for number in range(10):
            raw = f"From: A <a@x.example>\r\nMessage-ID: <{minute}.{number}@x>\r\nSubject: nr{minute * 10 + number}\r\n\r\nhi\r\n"
            _send(run.house, raw.encode(), now)
    publish(store, FORUM, NOON + timedelta(hours=2), uuid7)
    columns = "subject, number, hex(id), hex(mail_id), hex(thread_id)"
    with store.read() as db:
        rows = db.execute(text(f"SELECT {columns} FROM post WHERE subject LIKE 'nr%'")).all()
        times = db.execute(text("SELECT DISTINCT received_at FROM mail WHERE received_at > '2026-01-02 13:00'")).all()
    assert len(times) == 1
    came = {row[0]: int(row[0][2:]) for row in rows}
    assert len(came) == 40
    shown = [came[row[0]] for row in sorted(rows, key=lambda row: row[1])]
    # Of Spearman's rho for 40 posts in random order, one in a million is beyond this.
    rho = 1 - 6 * sum((place - number) ** 2 for place, number in enumerate(shown)) / (40 * (40**2 - 1))
    assert abs(rho) < 0.75
    # The version of an id: 4 is random, 7 begins with the time.
    assert {one[12] for row in rows for one in row[2:]} == {"4"}
    run.house.close()


def _send(house: WorkingHouse, raw: bytes, now: datetime) -> None:
    from gateway.mail.envelope import Envelope, Raw

    to = house.receiver.route(Address("town+anon", "example.org"))
    assert to is not None
    envelope = Envelope(reverse_path=Address("a", "x.example"), forward_paths=(to.address,), received_at=now, via=Via.SMTP)
    [decision] = house.receiver.submit(envelope, Raw.of(raw), (to,)).result(PATIENCE)
    assert decision.verdict == "accept", decision


def test_the_forum_of_this_figure_is_open() -> None:
    assert FORUM.policy.posting is Posting.OPEN
