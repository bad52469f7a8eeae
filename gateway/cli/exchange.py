"""gateway import: archives and the seed page, by the same door as live mail."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli.common import Context, ForumName, fail, the_forum

if TYPE_CHECKING:
    from gateway.exchange.archives import Piece
    from gateway.house import House
    from gateway.mail.envelope import Raw
    from gateway.mail.forum import Forum
    from gateway.mail.verdict import Decision

NAME = "import"
RUN = 200
app = typer.Typer(help="Bring in an mbox, a Maildir or the seed page.", no_args_is_help=True)


@app.command()
def mbox(
    ctx: typer.Context,
    path: Annotated[Path, typer.Argument(help="An mbox (mboxrd).")],
    forum: ForumName = "",
) -> None:
    """Posts the mails of an mbox, with the times of receipt that it tells.

    Example: gateway import mbox archive.mbox --forum town
    """
    from gateway.exchange.archives import archive_size, read_mbox

    obj: Context = ctx.obj
    with obj.house() as house:
        _take(house, the_forum(house, forum), read_mbox(path), archive_size(path))


@app.command()
def maildir(
    ctx: typer.Context,
    path: Annotated[Path, typer.Argument(help="A Maildir: a folder with cur and new.")],
    forum: ForumName = "",
) -> None:
    """Posts the mails of a Maildir.

    Example: gateway import maildir ~/Maildir --forum town
    """
    from gateway.exchange.archives import archive_size, read_maildir

    obj: Context = ctx.obj
    with obj.house() as house:
        _take(house, the_forum(house, forum), read_maildir(path), archive_size(path))


@app.command()
def seed(
    ctx: typer.Context,
    path: Annotated[
        Path | None, typer.Argument(help="A comment page as text. Default: the one that comes with the program.")
    ] = None,
    forum: ForumName = "",
) -> None:
    """Posts the article and the comments of the seed page, and makes those with badges members.

    Example: gateway import seed --forum town
    """
    from datetime import timedelta

    from gateway.exchange.archives import Piece
    from gateway.exchange.seed import BadSeed, read_seed, seed_mails, seed_members
    from gateway.house import data_folder
    from gateway.store.roster import add_members

    page = path or next(iter(sorted(data_folder("seeds").glob("*.txt"))))
    try:
        seed = read_seed(page.read_text(encoding="utf-8"))
    except UnicodeDecodeError:
        raise fail(f"{page}: is not UTF-8 text") from None
    except BadSeed as error:
        raise fail(f"{page}: {error}") from None
    obj: Context = ctx.obj
    with obj.house() as house:
        town = the_forum(house, forum)
        add_members(house.store, seed_members(seed, town, house.new_id))
        mails = seed_mails(seed, str(town.address), house.now() - timedelta(hours=14))
        pieces = [Piece(raw := mail.as_bytes(), None, len(raw)) for mail in mails]
        _take(house, town, iter(pieces), sum(piece.size for piece in pieces))


def _take(house: House, forum: Forum, pieces: Iterator[Piece], size: int) -> None:
    """All mails through the door in runs that share commits; a bar by bytes on a terminal; a report at the end."""
    from gateway.flow.receive import take_all
    from gateway.mail.envelope import Raw

    counts: Counter[str] = Counter()

    def told(_raw: Raw, decision: Decision | None) -> None:
        counts["not taken, try again" if decision is None else str(decision.reason)] += 1

    with _bar(size) as advance:
        for run in _runs(pieces):
            mails = [(Raw.of(piece.raw), piece.received_at or house.now()) for piece in run]
            take_all(house.receiver, forum, mails, told)
            advance(sum(piece.size for piece in run))
    report = ", ".join(f"{count} {reason}" for reason, count in counts.most_common())
    typer.echo(f"{sum(counts.values())} mails for {forum.address}: {report or 'none'}")
    if counts["not taken, try again"]:
        raise typer.Exit(1)


def _runs(pieces: Iterable[Piece]) -> Iterator[list[Piece]]:
    run: list[Piece] = []
    size = 0
    for piece in pieces:
        run.append(piece)
        size += piece.size
        if len(run) >= RUN or size > 8 << 20:
            yield run
            run, size = [], 0
    if run:
        yield run


@contextmanager
def _bar(size: int) -> Iterator[Callable[[int], None]]:
    """A progress bar by bytes on standard error, only on a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("import", total=size)
        yield lambda done: progress.advance(task, done)
