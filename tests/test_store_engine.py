"""Opening the database: migrations, what cannot be used, and what SQLite must promise."""

from __future__ import annotations

from datetime import timedelta, timezone
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import func, select, text
from uuid_utils.compat import uuid7

from gateway.mail.forum import Forum
from gateway.store import roster
from gateway.store.archive import POST
from gateway.store.bulk import Bulk, _text_of
from gateway.store.engine import REVISION, Store, StoreTrouble
from gateway.store.keep import JOURNAL, MAIL, RAW, keep
from gateway.store.migrate import SCRIPTS
from gateway.store.tables import metadata
from tests.test_store import NOON, incoming, mail_bytes, put, quiet_log, rows  # noqa: F401 - a fixture


@pytest.fixture
def forum(store: Store) -> Forum:
    made = Forum(id=uuid7(), name="town", domain="gw.example", title="Town")
    roster.add_forum(store, made)
    return made


def test_a_transaction_that_fails_leaves_nothing(store: Store, forum: Forum) -> None:
    def fail() -> None:
        with store.write() as db:
            keep(db, [incoming(forum, mail_bytes())], uuid7)
            raise OSError("stop")

    with pytest.raises(OSError, match="stop"):
        fail()
    assert rows(store, MAIL) == rows(store, POST) == rows(store, RAW) == []


def test_migrated_tables_are_those_of_the_models(store: Store) -> None:
    with store.write() as db:
        context = MigrationContext.configure(db, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []


def test_migrating_again_changes_nothing(store: Store, forum: Forum) -> None:
    store.migrate()
    assert roster.list_forums(store) == [forum]


def test_a_newer_database_is_refused(store: Store) -> None:
    with store.write() as db:
        db.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(StoreTrouble, match=r"newer version \(revision 9999\).*use that version"):
        store.migrate()


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("rubbish", "not a database URL"),
        ("sqlite://", "needs a file"),
        ("sqlite:///:memory:", "needs a file"),
        ("postgresql://nobody@127.0.0.1:1/none", "cannot be opened"),
        ("mysql://x@y/z", "neither SQLite nor PostgreSQL"),
        ("nosuch://x@y/z", "neither SQLite nor PostgreSQL"),
    ],
)
def test_a_database_that_cannot_be_used(url: str, reason: str) -> None:
    with pytest.raises(StoreTrouble, match=reason):
        Store(url).migrate()


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "g.db").write_bytes(b"not a database, though long enough to be looked at " * 100)
    store = Store(f"sqlite:///{tmp_path / 'g.db'}")
    with pytest.raises(StoreTrouble, match="cannot be opened"):
        store.migrate()
    store.close()


def test_sqlite_is_durable(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path / 'deep' / 'g.db'}")
    store.migrate()
    for engine in (store.write, store.read):
        with engine() as db:
            values = {
                name: db.execute(text(f"PRAGMA {name}")).scalar_one() for name in ("synchronous", "journal_mode", "busy_timeout")
            }
            assert values == {"synchronous": 2, "journal_mode": "wal", "busy_timeout": 10_000}
    with store.write() as db:
        db.execute(text("CREATE TABLE before_commit (x)"))
        # A reader beside the writer sees the state before.
        with store.read() as reader:
            assert reader.execute(text("SELECT count(*) FROM sqlite_master WHERE name = 'before_commit'")).scalar_one() == 0
    store.close()


def test_a_reader_sees_one_state_throughout(store: Store, forum: Forum) -> None:
    put(store, incoming(forum, mail_bytes()))
    with store.read() as db:
        before = db.execute(select(func.count()).select_from(MAIL)).scalar_one()
        put(store, incoming(forum, mail_bytes("2@x")))
        assert db.execute(select(func.count()).select_from(MAIL)).scalar_one() == before == 1


@pytest.mark.parametrize("hours", [0, 2, -9])
def test_instants_in_bulk_are_those_of_sqlalchemy(store: Store, forum: Forum, hours: int) -> None:
    """Rows that are written past SQLAlchemy are found by what it writes."""
    at = NOON.astimezone(timezone(timedelta(hours=hours)))
    row = {"forum_id": forum.id, "id": uuid7(), "at": at, "verb": "placed", "subject_id": None, "detail": ""}
    with store.write() as db:
        Bulk(JOURNAL).insert(db, [row])
        assert db.execute(select(JOURNAL.c.at).where(JOURNAL.c.at == NOON, JOURNAL.c.detail == "")).scalar_one() == NOON


def test_an_instant_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="zone"):
        _text_of(NOON.replace(tzinfo=None))


def test_what_is_deleted_is_not_in_the_files(tmp_path: Path) -> None:
    """Neither in the database nor in its log, also when somebody was reading the first time."""
    made = Store(f"sqlite:///{tmp_path / 'gateway.db'}")
    made.migrate()
    with made.write() as connection:
        assert connection.execute(text("PRAGMA secure_delete")).scalar_one() == 1
        connection.execute(text("INSERT INTO halt VALUES ('x', '2026-01-02', 'kanari-in-a-row')"))
    with made.read() as reading:
        assert reading.execute(text("SELECT count(*) FROM halt")).scalar_one() == 1
        with made.write() as connection:
            connection.execute(text("DELETE FROM halt"))
        made.forget_deleted(has_some=True)
        assert b"kanari-in-a-row" in (tmp_path / "gateway.db-wal").read_bytes()
    made.forget_deleted(has_some=False)
    assert not any(b"kanari-in-a-row" in path.read_bytes() for path in tmp_path.iterdir())
    made.close()


def test_the_newest_revision_is_the_one_that_is_looked_for() -> None:
    assert ScriptDirectory(str(SCRIPTS)).get_current_head() == REVISION
