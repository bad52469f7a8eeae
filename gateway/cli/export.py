"""gateway export: everything that was mailed to a forum, as it came, with the decisions about it beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.common import Context, ForumName, the_forum

NAME = "export"
app = typer.Typer(
    help="Write all mail of a forum to an mbox or a Maildir, held mail too, and PATH.jsonl beside it with envelopes, decisions"
    " and repairs. gateway import reads both. Not for publication: it holds addresses and held mail.",
    no_args_is_help=True,
)


@app.command()
def mbox(
    ctx: typer.Context, path: Annotated[Path, typer.Argument(help="A file that is not there yet.")], forum: ForumName = ""
) -> None:
    """Writes an mboxrd.

    Example: gateway export mbox town.mbox --forum town
    """
    from gateway.exchange.outlets import mbox_outlet

    _write(ctx, path, forum, mbox_outlet(path))


@app.command()
def maildir(
    ctx: typer.Context,
    path: Annotated[Path, typer.Argument(help="A folder that is not there yet, or empty.")],
    forum: ForumName = "",
) -> None:
    """Writes a Maildir.

    Example: gateway export maildir town-mails --forum town
    """
    from gateway.exchange.outlets import maildir_outlet

    _write(ctx, path, forum, maildir_outlet(path))


def _write(
    ctx: typer.Context, path: Path, name: str, outlet: AbstractContextManager[Callable[[bytes, datetime], object]]
) -> None:
    from gateway.exchange.outlets import whole_file
    from gateway.exchange.records import beside, change_line, header_line, mail_line, move_line
    from gateway.flow import exporting

    obj: Context = ctx.obj
    written = 0
    with obj.house() as house:
        forum = the_forum(house, name)
        total = exporting.count(house.store, forum)
        with whole_file(beside(path)) as note, outlet as put, _bar(total) as advance:
            note(header_line())
            for raw, record in exporting.mails(house.store, forum):
                put(raw, record.received_at)
                note(mail_line(record))
                written += 1
                advance()
            for move in exporting.moves(house.store, forum):
                note(move_line(move))
            for change in exporting.changes(house.store, forum):
                note(change_line(change))
    typer.echo(f"{written} mails of {forum.address} in {path}, what was decided about them in {beside(path)}")


@contextmanager
def _bar(total: int) -> Iterator[Callable[[], None]]:
    """A progress bar by mails on standard error, only on a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    console = Console(stderr=True)
    with Progress(
        BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), console=console, disable=not console.is_terminal
    ) as bar:
        task = bar.add_task("export", total=total)
        yield lambda: bar.advance(task)
