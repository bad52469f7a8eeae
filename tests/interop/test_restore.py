"""The restore drill: a gateway under load is backed up in the middle and restored elsewhere, on both engines (design 13)."""

from __future__ import annotations

import re
import socket
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from sqlalchemy import select

from gateway.store import outbox, waybills
from gateway.store.archive import GHOST, POST
from gateway.store.engine import Store
from gateway.store.outbox import LETTER
from gateway.store.roster import list_forums
from gateway.store.shelf import iterate_mails, raw_of
from tests.bench.servers import Serving, gateway
from tests.conftest import empty_database
from tests.interop.conftest import TOWN
from tests.interop.ledger import Ledger, load

pytestmark = [pytest.mark.interop, pytest.mark.usefixtures("postgres_programs")]

CLIENTS = 3
READERS = ("ann@example.net", "bob@example.net", "cleo@example.net")
# In one piece, so that few letters tell of much.
DIGEST = {"GATEWAY_DIGEST__MAX_POSTS": "100000", "GATEWAY_DIGEST__MAX_SIZE": "100000000"}


class Place(NamedTuple):
    """Where a gateway lives."""

    folder: Path
    url: str

    @property
    def settings(self) -> dict[str, str]:
        return {"GATEWAY_STORE__URL": self.url, **DIGEST}


@pytest.fixture(params=["sqlite", "postgres"])
def places(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Place, Place]:
    """One to be backed up, and an empty one to restore into."""
    folders = (tmp_path / "first", tmp_path / "second")
    for folder in folders:
        folder.mkdir()
    if request.param == "sqlite":
        return Place(folders[0], f"sqlite:///{folders[0] / 'gateway.db'}"), Place(
            folders[1], f"sqlite:///{folders[1] / 'gateway.db'}"
        )
    server = request.getfixturevalue("postgres_server")
    return Place(folders[0], empty_database(server)), Place(folders[1], empty_database(server))


@pytest.fixture
def nobody() -> Iterator[dict[str, str]]:
    """Settings with a relay that does not answer, so that letters wait: its port is bound and nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield {"GATEWAY_SEND__COURIER": "relay", "GATEWAY_SEND__RELAY_PORT": str(taken.getsockname()[1])}


def mails(store: Store) -> dict[str, bytes]:
    [town] = list_forums(store)
    with store.read() as db:
        found = [(mail.msgid, raw_of(db, town.id, mail.id)) for mail in list(iterate_mails(db, town.id))]
    assert [msgid for msgid, count in Counter(msgid for msgid, _ in found).items() if count > 1] == []
    return dict(found)


def trees(store: Store) -> dict[str, tuple[object, ...]]:
    """Of each post: marker, parent, thread and why; and the ghosts."""
    with store.read() as db:
        posts = db.execute(select(POST.c.msgid, POST.c.marker, POST.c.parent, POST.c.thread_id, POST.c.rule))
        ghosts = db.execute(select(GHOST.c.msgid, GHOST.c.parent, GHOST.c.thread_id))
        return {row[0]: tuple(row[1:]) for row in (*posts, *ghosts)}


def pending(store: Store) -> set[str]:
    with store.read() as db:
        return {id.hex for (id,) in db.execute(select(LETTER.c.id).where(LETTER.c.state == outbox.State.READY))}


def carried(folder: Path) -> list[str]:
    """The recipient and Message-ID of each letter in the Maildir."""
    box = folder / "Maildir" / "new"
    texts = [path.read_bytes() for path in box.iterdir()] if box.is_dir() else []
    return sorted(b" ".join(re.findall(rb"(?m)^(?:To|Message-ID): .*$", text)).decode() for text in texts)


def release_and_retry(store: Store) -> None:
    """What the operator does, when none of the letters went out: lets them go, and makes each due at once."""
    [town] = list_forums(store)
    with store.write() as db:
        assert outbox.why_halted(db).startswith("restored from the backup of ")
        assert outbox.release(db)
        for letter in waybills.list_letters(db, town.id, outbox.State.READY, 100_000):
            assert waybills.retry(db, letter, letter.queued_at)


# A dozen starts of the program, which take seconds each on a machine that is busy.
@pytest.mark.timeout(400)
def test_drill(places: tuple[Place, Place], nobody: dict[str, str], tmp_path: Path) -> None:
    first, second = places
    gateway(first.folder, "forum", "add", TOWN, "--posting", "open", **first.settings)
    (first.folder / "members.csv").write_text("address\n" + "\n".join(READERS) + "\n")
    gateway(first.folder, "member", "import", "members.csv", **first.settings)
    server, ledger = Serving(first.folder, **first.settings, **nobody), Ledger()
    wait = load(server.port, ledger, "drill", CLIENTS)
    try:
        ledger.wait_for(100)
        said = gateway(first.folder, "digest", "send", **first.settings, **nobody)
        assert "0 sent" in said
        before = dict(ledger.acknowledged)
        gateway(first.folder, "backup", str(tmp_path / "made"), **first.settings)
        # The load went on: nobody waited for the backup to end.
        ledger.wait_for(len(ledger.acknowledged) + 50)
    finally:
        server.kill()
        wait()
    said = gateway(second.folder, "restore", str(tmp_path / "made"), **second.settings)
    assert "gateway outbox release" in said
    assert gateway(second.folder, "reindex", **second.settings).strip() == "nothing to change"
    old, new = Store(first.url), Store(second.url)
    try:
        found = mails(new)
        assert {msgid for msgid, raw in before.items() if found.get(msgid) != raw} == set()
        sent = ledger.acknowledged | ledger.unknown
        assert {msgid for msgid, raw in found.items() if sent.get(msgid) != raw} == set()
        assert len(found) < len(mails(old))
        there = trees(old)
        assert {name: there.get(name) for name in trees(new)} == trees(new)
        waiting = pending(new)
        assert waiting == pending(old)
        assert len(waiting) >= len(READERS)
        gateway(second.folder, "digest", "send", **second.settings)
        assert carried(second.folder) == []
        release_and_retry(new)
        waiting = pending(new)
    finally:
        old.close()
        new.close()
    gateway(second.folder, "digest", "send", **second.settings)
    letters = carried(second.folder)
    assert len(set(letters)) == len(letters) == len(waiting)
    # Whoever starts it now: the secrets are those of old, and nothing goes out twice.
    server = Serving(second.folder, **second.settings)
    assert server.stop() == 0
    assert carried(second.folder) == letters
    assert (second.folder / "secrets").read_bytes() == (first.folder / "secrets").read_bytes()
