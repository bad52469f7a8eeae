"""Backup and restore: one state of everything, whole or not at all, for its owner alone; letters frozen; bad backups refused."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select
from uuid_utils.compat import uuid7

from gateway.flow import backup
from gateway.flow.backup import BadBackup, Manifest, Sealed, back_up, check_backup, parse_manifest, render_manifest, restore
from gateway.flow.deliver import deliver
from gateway.flow.reindex import reindex
from gateway.store import outbox, snapshot
from gateway.store.engine import Store, StoreTrouble
from gateway.store.outbox import HALT, LETTER
from gateway.store.roster import add_forum, list_forums
from gateway.store.tables import metadata
from tests.conftest import empty_database
from tests.test_cli import Run, run  # noqa: F401 - a fixture
from tests.test_flow_deliver import queued_for_three  # noqa: F401 - a fixture
from tests.test_flow_publish import FORUM, NEXT_NOON, FakeCourier, office
from tests.test_store import incoming, mail_bytes, put, quiet_log, rows  # noqa: F401 - a fixture

AT = datetime(2026, 3, 4, 5, 6, tzinfo=UTC)
KEY = "0123456789abcdef" * 4 + "\n"
pytestmark = pytest.mark.usefixtures("postgres_programs")


def silent(_done: int, _total: int) -> None:
    """Nobody watches."""


def take(folder: Path, url: str, files: dict[str, Path] | None = None, told: Callable[[int, int], object] = silent) -> Manifest:
    return back_up(folder, url, files or {}, version="1.2.3", now=AT, told=told)


@pytest.fixture
def second_url(request: pytest.FixtureRequest, database_url: str, tmp_path: Path) -> str:
    """Another empty database on the same engine."""
    if database_url.startswith("sqlite"):
        return f"sqlite:///{tmp_path / 'second' / 'gateway.db'}"
    return empty_database(request.getfixturevalue("postgres_server"))


def contents(store: Store) -> dict[str, list[str]]:
    with store.read() as db:
        tables = [table for table in metadata.sorted_tables if table.name != HALT.name]
        return {table.name: sorted(map(repr, db.execute(select(table)))) for table in tables}


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Store]:
    """SQLite with one mail, in a data folder of its own."""
    store = Store(f"sqlite:///{tmp_path / 'data' / 'gateway.db'}")
    store.migrate()
    add_forum(store, FORUM)
    put(store, incoming(FORUM, mail_bytes()))
    yield store
    store.close()


@pytest.fixture
def made(small: Store, tmp_path: Path) -> Path:
    """A backup of it, with secrets."""
    (tmp_path / "data" / "secrets").write_text(KEY)
    take(tmp_path / "made", url_of(tmp_path / "data"), {"secrets": tmp_path / "data" / "secrets"})
    return tmp_path / "made"


def url_of(data: Path) -> str:
    return f"sqlite:///{data / 'gateway.db'}"


def test_all_rows_come_back_and_each_letter_goes_out_once(
    store: Store,
    queued_for_three: None,  # noqa: F811
    database_url: str,
    second_url: str,
    tmp_path: Path,
) -> None:
    secrets = tmp_path / "secrets"
    secrets.write_text(KEY)
    before = contents(store)
    take(tmp_path / "made", database_url, {"secrets": secrets, "gateway.toml": tmp_path / "none"})
    put(store, incoming(FORUM, mail_bytes("later@x")))
    restore(tmp_path / "made", second_url, tmp_path / "second" / "secrets", AT)
    assert (tmp_path / "second" / "secrets").read_text() == KEY
    second = Store(second_url)
    try:
        assert contents(second) == before
        second.migrate()
        [forum] = list_forums(second)
        assert reindex(second, forum, uuid7) == 0
        courier = FakeCourier()
        assert deliver(second, office(courier), NEXT_NOON) == 0
        with second.write() as db:
            assert outbox.why_halted(db) == "restored from the backup of 2026-03-04 05:06 UTC"
            assert outbox.release(db)
        assert deliver(second, office(courier), NEXT_NOON) == 3
        assert deliver(second, office(courier), NEXT_NOON) == 0
        assert {row.state for row in rows(second, LETTER)} == {"sent"}
        assert len({recipient for _, recipient, _ in courier.carried}) == len(courier.carried) == 3
    finally:
        second.close()


def test_the_copy_has_one_state_while_others_write(small: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshot, "PAGES", 4)
    before = contents(small)
    steps: list[tuple[int, int]] = []

    def told(done: int, total: int) -> None:
        steps.append((done, total))
        put(small, incoming(FORUM, mail_bytes(f"{len(steps)}@while")))

    take(tmp_path / "made", url_of(tmp_path / "data"), told=told)
    assert len(steps) > 5
    assert steps == sorted(steps)
    assert steps[-1][0] == steps[-1][1]
    restore(tmp_path / "made", url_of(tmp_path / "second"), tmp_path / "second" / "secrets", AT)
    second = Store(url_of(tmp_path / "second"))
    assert contents(second) == before
    second.close()
    assert len(contents(small)["mail"]) == 1 + len(steps)


def test_files_are_for_their_owner_alone(made: Path, tmp_path: Path) -> None:
    assert made.stat().st_mode & 0o777 == 0o700
    names = {path.name: path.stat().st_mode & 0o777 for path in made.iterdir()}
    assert names == dict.fromkeys(("database.sqlite", "manifest.json", "secrets"), 0o600)
    restore(made, url_of(tmp_path / "second"), tmp_path / "second" / "secrets", AT)
    modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "second").iterdir()}
    assert modes == {"gateway.db": 0o600, "secrets": 0o600}


def test_the_manifest_tells_what_is_there(made: Path) -> None:
    manifest = check_backup(made)
    assert (manifest.version, manifest.engine, manifest.created_at) == ("1.2.3", "sqlite", AT)
    assert manifest.files["secrets"].size == len(KEY)
    assert manifest.files.keys() == {"database.sqlite", "secrets"}
    assert parse_manifest(render_manifest(manifest)) == manifest


def test_a_backup_is_never_written_over(made: Path, tmp_path: Path) -> None:
    before = (made / "manifest.json").read_bytes()
    with pytest.raises(BadBackup, match="is there already: a backup needs a new folder"):
        take(made, url_of(tmp_path / "data"))
    assert (made / "manifest.json").read_bytes() == before


def test_a_backup_that_fails_leaves_nothing(small: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path) -> Sealed:
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(backup, "_seal", full)
    with pytest.raises(OSError, match="No space"):
        take(tmp_path / "made", url_of(tmp_path / "data"))
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "there is no database"),
        (b"not a database" * 1000, "cannot be copied: file is not a database"),
        (b"", "cannot be copied: no such table: alembic_version"),
    ],
)
def test_what_is_no_gateway_is_not_backed_up(tmp_path: Path, content: bytes | None, reason: str) -> None:
    (tmp_path / "data").mkdir()
    if content is not None:
        (tmp_path / "data" / "gateway.db").write_bytes(content)
    with pytest.raises(StoreTrouble, match=reason):
        take(tmp_path / "made", url_of(tmp_path / "data"))
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_a_damaged_database_does_not_become_a_backup(small: Store, tmp_path: Path) -> None:
    small.close()
    path = tmp_path / "data" / "gateway.db"
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()
    data = bytearray(path.read_bytes())
    data[4096 * 2 : 4096 * 12] = b"\xee" * (4096 * 10)
    path.write_bytes(data)
    with pytest.raises(StoreTrouble, match=r"is damaged|cannot be copied"):
        take(tmp_path / "made", url_of(tmp_path / "data"))
    assert not (tmp_path / "made").exists()


def _manifest(**changes: Any) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        path = folder / "manifest.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | changes))

    return change


def _flip(folder: Path) -> None:
    data = bytearray((folder / "database.sqlite").read_bytes())
    data[len(data) // 2] ^= 1
    (folder / "database.sqlite").write_bytes(data)


SEALED = {"size": 1, "sha256": "00"}
BAD: dict[str, tuple[Callable[[Path], object], str]] = {
    "one bit": (_flip, "database.sqlite is damaged"),
    "cut short": (lambda folder: os.truncate(folder / "database.sqlite", 4096), "database.sqlite is damaged"),
    "other secrets": (lambda folder: (folder / "secrets").write_text("f" * 65), "secrets is damaged"),
    "no database": (lambda folder: (folder / "database.sqlite").unlink(), "no whole backup: database.sqlite is missing"),
    "no manifest": (lambda folder: (folder / "manifest.json").unlink(), "no whole backup: manifest.json is missing"),
    "not JSON": (lambda folder: (folder / "manifest.json").write_text("{"), "the manifest cannot be read"),
    "not text": (lambda folder: (folder / "manifest.json").write_bytes(b"\xff"), "the manifest cannot be read"),
    "a list": (lambda folder: (folder / "manifest.json").write_text("[]"), "the manifest cannot be read"),
    "no date": (_manifest(created_at="yesterday"), "the manifest cannot be read"),
    "another engine": (_manifest(engine="mysql"), "the manifest cannot be read"),
    "other format": (_manifest(format=2), "format 2: a newer version"),
    "a way out": (_manifest(files={"database.sqlite": SEALED, "../secrets": SEALED}), "other files than a backup has"),
    "nothing in it": (_manifest(files={}), "other files than a backup has"),
    "newer tables": (_manifest(revision="9999"), r"made by a newer version of the gateway \(1.2.3\)"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_backup_changes_nothing(made: Path, tmp_path: Path, name: str) -> None:
    damage, reason = BAD[name]
    damage(made)
    with pytest.raises(BadBackup, match=reason):
        restore(made, url_of(tmp_path / "second"), tmp_path / "second" / "secrets", AT)
    assert not (tmp_path / "second").exists()


def test_a_backup_of_the_other_engine(made: Path, tmp_path: Path, postgres_server: str) -> None:
    with pytest.raises(BadBackup, match="holds sqlite, and the settings name postgresql"):
        restore(made, empty_database(postgres_server), tmp_path / "second" / "secrets", AT)


def test_what_cannot_be_put_back_leaves_nothing(made: Path, second_url: str, tmp_path: Path) -> None:
    """Its sums are right, and yet it is no database: nobody made this by accident."""
    engine = snapshot.engine_of(second_url)
    (made / "database.sqlite").rename(made / backup.DATABASE[engine])
    (made / backup.DATABASE[engine]).write_bytes(b"rubbish " * 1000)
    manifest = parse_manifest((made / "manifest.json").read_text())
    files = {name: backup._seal(made / name) for name in (backup.DATABASE[engine], "secrets")}
    wrong = Manifest(version="1", engine=engine, revision=manifest.revision, created_at=AT, files=files)
    (made / "manifest.json").write_text(render_manifest(wrong))
    with pytest.raises(StoreTrouble):
        restore(made, second_url, tmp_path / "second" / "secrets", AT)
    assert not (tmp_path / "second").exists()
    assert snapshot.what_is_there(second_url) == ""


@pytest.fixture
def dumped(postgres_server: str, tmp_path: Path) -> Path:
    """A backup of an empty gateway on PostgreSQL."""
    url = empty_database(postgres_server)
    store = Store(url)
    store.migrate()
    store.close()
    take(tmp_path / "dumped", url)
    return tmp_path / "dumped"


def test_a_restore_that_fails_late_leaves_nothing(
    dumped: Path, postgres_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = empty_database(postgres_server)

    def broken(*_: object) -> None:
        assert snapshot.what_is_there(url)
        raise StoreTrouble("broken")

    monkeypatch.setattr(snapshot, "halt", broken)
    with pytest.raises(StoreTrouble, match="broken"):
        restore(dumped, url, tmp_path / "second" / "secrets", AT)
    assert snapshot.what_is_there(url) == ""


def test_no_server_begins_on_a_restore_that_was_killed(dumped: Path, postgres_server: str) -> None:
    """Between the rows and the halt a database has no revision: nobody can mistake it for a whole one."""
    url = empty_database(postgres_server)
    snapshot._run("pg_restore", snapshot.read_url(url), str(dumped / "database.dump"))
    store = Store(url)
    with pytest.raises(StoreTrouble):
        store.migrate()
    store.close()


@pytest.mark.parametrize("name", ["gateway.db", "gateway.db-wal", "secrets"])
def test_what_is_there_stays(made: Path, tmp_path: Path, name: str) -> None:
    second = tmp_path / "second"
    second.mkdir()
    (second / name).write_text("mine")
    with pytest.raises(BadBackup, match=f"{name}: is there already"):
        restore(made, url_of(second), second / "secrets", AT)
    assert {path.name: path.read_text() for path in second.iterdir()} == {name: "mine"}


def test_a_database_in_use_stays(store: Store, queued_for_three: None, database_url: str, tmp_path: Path) -> None:  # noqa: F811
    take(tmp_path / "made", database_url)
    before = contents(store)
    with pytest.raises(BadBackup, match="is there already"):
        restore(tmp_path / "made", database_url, tmp_path / "second" / "secrets", AT)
    assert contents(store) == before
    with store.read() as db:
        assert not outbox.why_halted(db)


def test_a_restore_that_was_broken_off_can_be_done_again(made: Path, tmp_path: Path) -> None:
    second = tmp_path / "second"
    second.mkdir()
    (second / "secrets").write_text(KEY)
    (second / "gateway.db.restoring").write_bytes(b"half")
    restore(made, url_of(second), second / "secrets", AT)
    assert {path.name for path in second.iterdir()} == {"secrets", "gateway.db"}


def test_missing_programs_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(StoreTrouble, match="pg_restore is missing"):
        snapshot.put_back("postgresql://h/d", tmp_path / "dump", snapshot.Snapshot("postgresql", "0001"), AT, "")


@pytest.mark.parametrize("url", ["postgresql://ann:hush@h/d", "postgresql+psycopg://ann@h/d?password=hush"])
def test_no_password_stands_among_the_arguments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    fake = tmp_path / "pg_restore"
    fake.write_text('#!/bin/sh\necho "pg_restore: error: $* and $PGPASSWORD" >&2\nexit 1\n')
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(StoreTrouble) as caught:
        snapshot.put_back(url, tmp_path / "dump", snapshot.Snapshot("postgresql", "0001"), AT, "")
    arguments, _, secret = str(caught.value).partition(" and ")
    assert "--dbname=postgresql://ann@h/d" in arguments
    assert "hush" not in arguments
    assert secret == "hush"


def test_by_the_command_line(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    assert run("backup", "none").err == "gateway: var/gateway.db: there is no database\n"
    run("forum", "add", "town@example.org")
    (tmp_path / "a.mbox").write_bytes(b"From a Thu Jan  1 12:30:00 2026\n" + mail_bytes())
    run("import", "mbox", "a.mbox")
    said = run("backup", "early")
    assert said.code == 0
    assert "there are no secrets yet" in said.out
    run("member", "add", "ann@example.org")
    run("digest", "send")
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "gateway.toml").write_text("[smtp]\nport = 1025\n")
    (tmp_path / "var" / "dkim").mkdir()
    (tmp_path / "var" / "dkim" / "gate2026.pem").write_text("a key")
    (tmp_path / "var" / "dkim" / "no selector.pem").write_text("nothing")
    said = run("backup", "kept/one")
    assert said.code == 0
    assert "in 4 files: database.sqlite, dkim-gate2026.pem, gateway.toml, secrets" in said.out
    said = run("backup", "kept/one")
    assert (said.code, said.err) == (1, "gateway: kept/one: is there already: a backup needs a new folder\n")
    monkeypatch.setenv("GATEWAY_DATA", "second")
    said = run("restore", "kept/one")
    assert said.code == 0
    assert "dkim-gate2026.pem there: copy each to second/dkim" in said.out
    assert "the outbox is frozen" in said.out
    assert "gateway outbox release" in said.out
    assert run("reindex").out == "nothing to change\n"
    assert len(run("thread", "list", "--json").json()) == 1
    said = run("restore", "kept/one")
    assert (said.code, said.err.count("\n")) == (1, 1)
    assert "second/secrets" not in said.err
    assert run("restore", "nowhere").err == "gateway: nowhere: is no whole backup: manifest.json is missing\n"


def test_ids_are_kept(made: Path) -> None:
    """The copy is the same file format that the program opens."""
    with sqlite3.connect(f"file:{made / 'database.sqlite'}?immutable=1", uri=True) as db:
        [(id,)] = db.execute("SELECT id FROM forum").fetchall()
    db.close()
    assert UUID(bytes=id) == FORUM.id
