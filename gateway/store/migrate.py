"""Brings a database to the tables of this version, by Alembic, in the caller's transaction."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from gateway.store.engine import StoreTrouble

SCRIPTS = Path(__file__).parent / "migrations"


def configuration(connection: Connection) -> Config:
    """What Alembic needs to know; also for `alembic revision` by hand."""
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))
    config.attributes["connection"] = connection
    return config


def upgrade(connection: Connection) -> None:
    """To the newest revision; StoreTrouble when the database has one that this version does not know."""
    script = ScriptDirectory(str(SCRIPTS))
    current = MigrationContext.configure(connection).get_current_revision()
    if current == script.get_current_head():
        return
    if current is not None and current not in {revision.revision for revision in script.walk_revisions()}:
        raise StoreTrouble(f"the database is of a newer version (revision {current}): use that version, or restore a backup")
    command.upgrade(configuration(connection), "head")
