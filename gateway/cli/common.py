"""What the commands share: the opened house, forums by name, tables and JSON."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from gateway.house import House
    from gateway.house.working import WorkingHouse
    from gateway.mail.forum import Forum

DEFAULT_CONFIG = Path("config/gateway.toml")
AsJson = Annotated[bool, typer.Option("--json", help="Machine-readable: one JSON array.")]
ForumName = Annotated[str, typer.Option("--forum", "-f", help="NAME or NAME@DOMAIN; may be left out when there is one forum.")]


@dataclass(frozen=True, slots=True)
class Context:
    """Of one run of the program."""

    config: Path | None

    @contextmanager
    def house(self) -> Iterator[House]:
        """The house that the configuration describes, closed at the end."""
        from gateway.house import House
        from gateway.settings import load_settings

        quiet()
        with closing(House(load_settings(self.config))) as house:
            yield house

    @contextmanager
    def working_house(self) -> Iterator[WorkingHouse]:
        """The same with all that works in it, which takes twice as long to load."""
        from gateway.house.working import WorkingHouse
        from gateway.settings import load_settings

        quiet()
        with closing(WorkingHouse(load_settings(self.config))) as house:
            yield house


def fail(text: str, code: int = 1) -> typer.Exit:
    """One clear line on standard error; to be raised."""
    typer.echo(f"gateway: {text}", err=True)
    return typer.Exit(code)


def the_forum(house: House, name: str) -> Forum:
    """The forum called `name`, or the only one."""
    from gateway.store.roster import find_forum, list_forums

    forums = list_forums(house.store)
    if not name and len(forums) == 1:
        return forums[0]
    if not forums:
        raise fail("there is no forum yet: gateway forum add NAME@DOMAIN --title TITLE")
    forum = find_forum(house.store, name) if name else None
    if forum is None:
        names = ", ".join(str(forum.address) for forum in forums)
        raise fail(f"which forum? There are: {names}" if not name else f"no forum {name!r}. There are: {names}", 2)
    return forum


def show(rows: Sequence[dict[str, Any]], columns: Sequence[str], as_json: bool, empty: str) -> None:
    """A list: JSON for programs, a plain table for people, one line where there is nothing."""
    if as_json:
        typer.echo(json.dumps(rows, ensure_ascii=False, indent=2, default=_plain))
        return
    if not rows:
        typer.echo(empty)
        return
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD if sys.stdout.isatty() else None, pad_edge=False)
    for column in columns:
        table.add_column(column.replace("_", " "), overflow="fold")
    for row in rows:
        table.add_row(*(_cell(row[column]) for column in columns))
    # A pipe gets whole lines: 80 columns are for people.
    Console(width=None if sys.stdout.isatty() else 200, highlight=False, markup=False).print(table)


def _plain(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _cell(value: Any) -> str:
    if isinstance(value, datetime):
        return f"{value.astimezone():%Y-%m-%d %H:%M}"
    return "yes" if value is True else "no" if value is False else str(value)


def quiet() -> None:
    """A command talks to a person: of the log only what went wrong is shown."""
    import structlog

    # Not structlog's own tracebacks: they show what variables hold, which is other people's mail.
    plain = structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(
        processors=[structlog.processors.add_log_level, plain],
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        logger_factory=_stderr,
    )


def log_as_json() -> None:
    """The server's log: one JSON object a line on standard error."""
    import structlog

    structlog.configure(
        processors=[
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.add_log_level,
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=_stderr,
        cache_logger_on_first_use=True,
    )


def _stderr(*_args: object) -> Any:
    import structlog

    # One write a line: several processes share the log, and a line in two pieces is torn by the others'.
    return structlog.WriteLogger(sys.stderr)
