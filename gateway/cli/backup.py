"""gateway backup, restore: everything into a folder, and back into an empty place."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli.common import Context, fail

if TYPE_CHECKING:
    from gateway.settings import Settings

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="The folder of the backup.")]


def add_to(app: typer.Typer) -> None:
    """Hangs these commands into the program."""
    app.command()(backup)
    app.command()(restore)


def backup(ctx: typer.Context, folder: Folder) -> None:
    """Copies the database, the secrets and the configuration into a new folder, also while the gateway runs.

    Example: gateway backup /srv/backup/2026-11-23
    """
    from gateway.flow.backup import CONFIGURATION, DKIM, SECRETS, BadBackup, back_up
    from gateway.house import real_now

    obj: Context = ctx.obj
    settings = _settings(obj)
    files = {SECRETS: settings.data / "secrets"} | ({} if obj.config is None else {CONFIGURATION: obj.config})
    keys = {f"dkim-{path.name}": path for path in settings.dkim.glob("*.pem")}
    files |= {name: path for name, path in keys.items() if DKIM.fullmatch(name)}
    try:
        with _bar() as told:
            made = back_up(folder, settings.database_url, files, version=_version(), now=real_now(), told=told)
    except BadBackup as error:
        raise fail(str(error)) from None
    typer.echo(f"{folder}: {made.size / 1e6:,.1f} MB in {len(made.files)} files: {', '.join(made.files)}")
    if SECRETS not in made.files:
        typer.echo("there are no secrets yet: the first digest makes them; make another backup after it")


def restore(ctx: typer.Context, folder: Folder) -> None:
    """Puts a backup back into an empty data folder or database. No letter goes out until you say so.

    Example: GATEWAY_DATA=var gateway restore /srv/backup/2026-11-23
    """
    from gateway.flow.backup import CONFIGURATION, DKIM, BadBackup
    from gateway.flow.backup import restore as flow_restore
    from gateway.house import real_now

    settings = _settings(ctx.obj)
    try:
        found = flow_restore(folder, settings.database_url, settings.data / "secrets", real_now())
    except BadBackup as error:
        raise fail(str(error)) from None
    typer.echo(f"{folder}: restored as of {found.created_at:%Y-%m-%d %H:%M:%S} UTC")
    if CONFIGURATION in found.files:
        typer.echo(f"the configuration of that time is {folder / CONFIGURATION}; it was not put anywhere")
    if keys := [name for name in found.files if DKIM.fullmatch(name)]:
        typer.echo(f"the keys of DKIM are {', '.join(keys)} there: copy each to {settings.dkim}, without dkim- in its name")
    typer.echo(
        "the outbox is frozen, since letters may have gone out after the backup: look at them with gateway outbox list, "
        "drop what went out, then: gateway outbox release"
    )


def _settings(obj: Context) -> Settings:
    from gateway.cli.common import quiet
    from gateway.settings import load_settings

    quiet()
    return load_settings(obj.config)


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("thread-gateway")
    except PackageNotFoundError:
        return "of a checkout"


@contextmanager
def _bar() -> Iterator[Callable[[int, int], None]]:
    """A progress bar on standard error, only on a terminal; one that only moves where nobody knows how much there is."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("backup", total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)
