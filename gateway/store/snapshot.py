"""One state of the whole database in one file, and back (design 11). In: the URL of a database. Out: a file.

SQLite by its online backup: a read transaction is begun first, so that the copy has one state throughout and does not begin
anew with each commit of others; in WAL mode no writer waits for a reader. PostgreSQL by its own pg_dump and pg_restore.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal
from urllib.parse import quote

from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import URL, MetaData, inspect, text
from sqlalchemy.exc import SQLAlchemyError

from gateway.store.engine import BUSY_MS, Store, StoreTrouble, read_url
from gateway.store.migrate import SCRIPTS
from gateway.store.outbox import forget_leases, halt

Kind = Literal["sqlite", "postgresql"]
# 4 MiB a step: often enough for a progress bar, and for Ctrl-C.
PAGES = 1024
_VERSIONS = "alembic_version"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What is in such a file: the engine that wrote it, and the revision of its tables."""

    engine: Kind
    revision: str


def engine_of(url: str) -> Kind:
    """Which engine a URL names."""
    return "sqlite" if read_url(url).drivername == "sqlite" else "postgresql"


def take(url: str, target: Path, told: Callable[[int, int], object]) -> Snapshot:
    """Copies the database into the new file `target`; `told` hears how much is done, of how much. Raises StoreTrouble."""
    target.touch(mode=0o600, exist_ok=False)
    if engine_of(url) == "sqlite":
        return Snapshot("sqlite", _copy_sqlite(sqlite_file(url), target, told))
    return Snapshot("postgresql", _dump_postgres(url, target))


def what_is_there(url: str) -> str:
    """What stands in the way of a restore; "" when the place is empty. Raises StoreTrouble."""
    if engine_of(url) == "sqlite":
        path = sqlite_file(url)
        # A log without its database would be played into the restored one.
        names = (path, *(path.with_name(path.name + end) for end in ("-wal", "-journal")))
        return next((str(name) for name in names if name.exists()), "")
    store = Store(url)
    try:
        with store.read() as db:
            return f"the table {found[0]}" if (found := sorted(inspect(db).get_table_names())) else ""
    except SQLAlchemyError as error:
        raise _unreachable(error) from error
    finally:
        store.close()


def is_known(revision: str) -> bool:
    """Whether this version can read tables of that revision."""
    return revision in {one.revision for one in ScriptDirectory(str(SCRIPTS)).walk_revisions()}


def put_back(url: str, source: Path, snapshot: Snapshot, now: datetime, why: str) -> None:
    """Makes the database anew from `source`, with the outbox halted for the reason `why`; all or nothing. Raises StoreTrouble.

    There is no moment at which a server that somebody starts could find the letters and not the halt.
    """
    if snapshot.engine == "sqlite":
        _put_back_sqlite(url, source, now, why)
    else:
        _put_back_postgres(url, source, snapshot.revision, now, why)


def sqlite_file(url: str) -> Path:
    """The file of an SQLite database; StoreTrouble when it has none."""
    database = read_url(url).database
    if database in (None, "", ":memory:"):
        raise StoreTrouble("an SQLite database needs a file")
    return Path(str(database))


def _copy_sqlite(path: Path, target: Path, told: Callable[[int, int], object]) -> str:
    if not path.is_file():
        raise StoreTrouble(f"{path}: there is no database")
    try:
        with (
            closing(sqlite3.connect(f"file:{quote(str(path))}?mode=rw", uri=True, timeout=BUSY_MS / 1000)) as here,
            closing(sqlite3.connect(target)) as there,
        ):
            here.isolation_level = None
            here.execute("BEGIN")
            [(revision,)] = here.execute(f"SELECT version_num FROM {_VERSIONS}").fetchall()  # noqa: S608 - a constant
            here.backup(there, pages=PAGES, progress=lambda _status, left, total: told(total - left, total))
            found = [row[0] for row in there.execute("PRAGMA quick_check(1)")]
    except (sqlite3.Error, ValueError) as error:
        raise StoreTrouble(f"{path}: cannot be copied: {error}") from error
    if found != ["ok"]:
        raise StoreTrouble(f"{path}: is damaged: {found[0]}")
    return str(revision)


def _put_back_sqlite(url: str, source: Path, now: datetime, why: str) -> None:
    path = sqlite_file(url)
    partial = path.with_name(f"{path.name}.restoring")
    leftovers = [partial.with_name(partial.name + end) for end in ("", "-wal", "-shm", "-queue")]
    for one in leftovers:
        one.unlink(missing_ok=True)
    try:
        partial.touch(mode=0o600)
        shutil.copyfile(source, partial)
        with _opened(read_url(url).set(database=str(partial))) as store:
            store.migrate()
            with store.write() as db:
                halt(db, now, why)
                forget_leases(db, now)
        with closing(sqlite3.connect(partial)) as db:
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        sync(partial)
        # Not a rename: that would put it in the place of what somebody made meanwhile.
        os.link(partial, path)
        sync(path.parent)
    except sqlite3.Error as error:
        raise StoreTrouble(f"{partial}: {error}") from error
    finally:
        for one in leftovers:
            one.unlink(missing_ok=True)


def _dump_postgres(url: str, target: Path) -> str:
    with _opened(read_url(url)) as store, store.read() as db:
        revision = MigrationContext.configure(db).get_current_revision()
        if revision is None:
            raise StoreTrouble("the database is not that of a gateway: it has no tables of ours")
        snapshot = db.execute(text("SELECT pg_export_snapshot()")).scalar_one()
        # Without the table of the revision: whoever finds a database without it cannot begin to serve.
        what = ("--format=custom", f"--exclude-table={_VERSIONS}", f"--snapshot={snapshot}", f"--file={target}")
        _run("pg_dump", read_url(url), *what)
    return revision


def _put_back_postgres(url: str, source: Path, revision: str, now: datetime, why: str) -> None:
    _run("pg_restore", read_url(url), "--single-transaction", "--exit-on-error", str(source))
    with _opened(read_url(url)) as store:
        try:
            with store.write() as db:
                halt(db, now, why)
                MigrationContext.configure(db).stamp(ScriptDirectory(str(SCRIPTS)), revision)
            store.migrate()
            with store.write() as db:
                forget_leases(db, now)
        except BaseException:
            # It was empty before.
            with store.write() as db:
                found = MetaData()
                found.reflect(db)
                found.drop_all(db)
            raise


def _run(program: str, url: URL, *words: str) -> None:
    """One of PostgreSQL's programs; a password goes by the environment, since every user of the machine sees arguments."""
    path = shutil.which(program)
    if path is None:
        raise StoreTrouble(f"{program} is missing: it comes with PostgreSQL's client programs (Debian: postgresql-client)")
    secret = url.password or url.query.get("password")
    query = url.difference_update_query(["password"]).query
    plain = URL.create("postgresql", url.username, host=url.host, port=url.port, database=url.database, query=query)
    database = f"--dbname={plain.render_as_string()}"
    environment = {**os.environ, "LC_ALL": "C"} | ({"PGPASSWORD": str(secret)} if secret else {})
    command = [path, "--no-owner", "--no-privileges", "--no-password", database, *words]
    done = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    if done.returncode:
        said = [line for line in done.stderr.decode(errors="replace").splitlines() if "error:" in line or "detail:" in line]
        raise StoreTrouble("; ".join(said[:2]) or f"{program}: exit code {done.returncode}")


@contextmanager
def _opened(url: URL) -> Iterator[Store]:
    store = Store(url.render_as_string(hide_password=False))
    try:
        yield store
    except SQLAlchemyError as error:
        raise _unreachable(error) from error
    finally:
        store.close()


def _unreachable(error: SQLAlchemyError) -> StoreTrouble:
    return StoreTrouble(f"the database cannot be opened: {type(error).__name__}")


def sync(path: Path) -> None:
    """Waits until a file or the names in a folder are on disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
