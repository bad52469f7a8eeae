"""Opens the database: SQLite by default, PostgreSQL by URL (design 11). In: a URL. Out: a `Store` to read and to write through.

SQLite: WAL with synchronous FULL, so that a commit survives a power cut; every writing transaction begins with
BEGIN IMMEDIATE, because one that reads first and writes later fails at once when another was faster, whatever the
timeout; writers queue at a lock of this process and then at one of the machine, since SQLite itself would let them sleep
and look again.
"""

from __future__ import annotations

import fcntl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, inspect, make_url, text
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

# What `Store.read` and `Store.write` give; other rooms hand it on and need not know whose it is.
Transaction = Connection
REVISION = "0002"
"""The newest of `store.migrations`."""
BUSY_MS = 10_000
FORGET_MS = 500


class StoreTrouble(Exception):
    """The database cannot be used as it is; the text says what to do. Permanent until somebody acts."""

    temporary = False


class Store:
    """The open database. `write` and `read` give a connection inside one transaction."""

    def __init__(self, url: str) -> None:
        parsed = read_url(url)
        self.is_sqlite = parsed.drivername == "sqlite"
        self._url = parsed
        self._lock = threading.Lock()
        self._has_remains = False
        if self.is_sqlite:
            if parsed.database in (None, "", ":memory:"):
                raise StoreTrouble("an SQLite database needs a file")
            Path(str(parsed.database)).parent.mkdir(parents=True, exist_ok=True)
            self._queue = Path(f"{parsed.database}-queue").open("w")  # noqa: SIM115 - open as long as the store is
            self._writing = _sqlite_engine(url, "BEGIN IMMEDIATE")
            self._reading = _sqlite_engine(url, "BEGIN")
        elif parsed.drivername != "postgresql+psycopg":
            raise StoreTrouble(f"{parsed.drivername} is neither SQLite nor PostgreSQL")
        elif find_spec("psycopg") is None:
            raise StoreTrouble("for PostgreSQL the driver is missing: pip install 'thread-gateway[postgres]'")
        else:
            self._writing = create_engine(parsed, pool_size=5, pool_timeout=5, pool_pre_ping=True, hide_parameters=True)
            self._reading = self._writing

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A writing transaction: committed at the end, rolled back on any exception."""
        with self._turn() if self.is_sqlite else nullcontext(), self._writing.begin() as connection:
            yield connection

    @contextmanager
    def _turn(self) -> Iterator[None]:
        with self._lock:
            fcntl.flock(self._queue, fcntl.LOCK_EX)
            try:
                yield
            finally:
                fcntl.flock(self._queue, fcntl.LOCK_UN)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A reading transaction: one state of the database throughout."""
        with self._reading.connect() as connection:
            if not self.is_sqlite:
                connection = connection.execution_options(isolation_level="REPEATABLE READ")
            yield connection

    def migrate(self) -> None:
        """Brings the tables to this version; StoreTrouble when they are of a newer one."""
        try:
            if self._revision() != REVISION:
                # Alembic takes as long to load as all that most commands need.
                from gateway.store.migrate import upgrade

                with self.write() as connection:
                    upgrade(connection)
        except SQLAlchemyError as error:
            raise StoreTrouble(f"the database cannot be opened: {type(error).__name__}") from error
        if self.is_sqlite:
            with self._writing.connect() as connection:
                self._check_durable(connection)

    def _revision(self) -> str | None:
        """Of the tables, as Alembic notes it; None for an empty database."""
        with self.read() as connection:
            if not inspect(connection).has_table("alembic_version"):
                return None
            return connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()

    def forget_deleted(self, *, has_some: bool) -> None:
        """After rows went that nobody must find: empties SQLite's log, where they stand until then.

        Who reads meanwhile is waited for a moment only; the next call tries again, also when it has nothing of its own.
        """
        self._has_remains = self.is_sqlite and (self._has_remains or has_some)
        if not self._has_remains:
            return
        with self._turn():
            connection = self._writing.raw_connection()
            try:
                cursor = connection.cursor()
                cursor.execute(f"PRAGMA busy_timeout={FORGET_MS}")
                self._has_remains = bool(cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0])
                cursor.execute(f"PRAGMA busy_timeout={BUSY_MS}")
                cursor.close()
            finally:
                connection.close()

    def close(self) -> None:
        self._writing.dispose()
        self._reading.dispose()
        if self.is_sqlite:
            self._queue.close()

    @staticmethod
    def _check_durable(connection: Connection) -> None:
        synchronous = connection.execute(text("PRAGMA synchronous")).scalar_one()
        journal = connection.execute(text("PRAGMA journal_mode")).scalar_one()
        if (synchronous, journal) != (2, "wal"):
            raise StoreTrouble("SQLite did not take synchronous=FULL and journal_mode=WAL: is the disk a network share?")


def read_url(url: str) -> URL:
    """The parts of a database URL, with our driver for PostgreSQL; StoreTrouble when it is none."""
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise StoreTrouble("not a database URL") from None
    return parsed.set(drivername="postgresql+psycopg") if parsed.drivername == "postgresql" else parsed


def _sqlite_engine(url: str, begin: str) -> Engine:
    engine = create_engine(url, pool_size=5, max_overflow=20, hide_parameters=True)

    @event.listens_for(engine, "connect")
    def _connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout={BUSY_MS}")
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=FULL")
        # What is deleted must not be found in the file: some systems' SQLite is built without it.
        cursor.execute("PRAGMA secure_delete=ON")
        # A checkpoint every 16 MiB of log: with the default of 4 MiB the copying back costs more than the commits.
        cursor.execute("PRAGMA wal_autocheckpoint=4000")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine
