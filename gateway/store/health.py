"""How a database is: what `gateway doctor` wants to know of it. Changes nothing in it. In: a URL. Out: `Health`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime

from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, func, select, text
from sqlalchemy.exc import SQLAlchemyError

from gateway.store.engine import Store, StoreTrouble, read_url
from gateway.store.keep import MAIL
from gateway.store.migrate import SCRIPTS
from gateway.store.outbox import LETTER, State, count_waiting, why_halted

CONNECT_SECONDS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """`trouble` is what SQLite finds wrong in the file, `modes` its journal mode and synchronous; `at` is PostgreSQL's clock.

    What follows it is there when the file is sound and of our revision.
    """

    is_sqlite: bool
    version: str
    revision: str | None
    head: str
    trouble: str = ""
    modes: tuple[str, int] | None = None
    encoding: str = ""
    at: datetime | None = None
    newest_received_at: datetime | None = None
    has_letters: bool = False
    waiting: int = 0
    oldest_letter_at: datetime | None = None
    halted: str = ""

    @property
    def is_ours(self) -> bool:
        return self.revision == self.head and not self.trouble


def open_briefly(url: str) -> Store:
    """A store whose database is waited for no longer than a moment. Raises StoreTrouble."""
    parsed = read_url(url)
    if parsed.drivername.startswith("postgresql"):
        parsed = parsed.update_query_dict({"connect_timeout": str(CONNECT_SECONDS)})
    return Store(parsed.render_as_string(hide_password=False))


def examine(store: Store) -> Health:
    """Looks through the whole file where it is SQLite: seconds for a gigabyte. Raises StoreTrouble."""
    try:
        with store.read() as db:
            return _sqlite(db) if store.is_sqlite else _postgres(db)
    except SQLAlchemyError as error:
        cause = str(getattr(error, "orig", None) or type(error).__name__)
        raise StoreTrouble(" ".join(cause.split())[:200]) from error


def _sqlite(db: Connection) -> Health:
    trouble = str(db.execute(text("PRAGMA quick_check(1)")).scalar_one())
    journal = str(db.execute(text("PRAGMA journal_mode")).scalar_one())
    synchronous = int(db.execute(text("PRAGMA synchronous")).scalar_one())
    health = Health(
        is_sqlite=True,
        version=str(db.execute(text("SELECT sqlite_version()")).scalar_one()),
        revision=MigrationContext.configure(db).get_current_revision(),
        head=_head(),
        trouble="" if trouble == "ok" else " ".join(trouble.split()),
        modes=(journal, synchronous),
    )
    return _with_contents(db, health)


def _postgres(db: Connection) -> Health:
    health = Health(
        is_sqlite=False,
        version=str(db.execute(text("SHOW server_version")).scalar_one()),
        revision=MigrationContext.configure(db).get_current_revision(),
        head=_head(),
        encoding=str(db.execute(text("SHOW server_encoding")).scalar_one()),
        at=db.execute(text("SELECT clock_timestamp()")).scalar_one().astimezone(UTC),
    )
    return _with_contents(db, health)


def _head() -> str:
    return ScriptDirectory(str(SCRIPTS)).get_current_head() or ""


def _with_contents(db: Connection, health: Health) -> Health:
    if not health.is_ours:
        return health
    ready = select(func.min(LETTER.c.at)).where(LETTER.c.state == State.READY)
    return replace(
        health,
        newest_received_at=db.execute(select(func.max(MAIL.c.received_at))).scalar_one(),
        has_letters=db.execute(select(LETTER.c.id).limit(1)).first() is not None,
        waiting=count_waiting(db),
        oldest_letter_at=db.execute(ready).scalar_one(),
        halted=why_halted(db),
    )
