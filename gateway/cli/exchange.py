"""gateway import: archives and the seed page, by the same rooms as live mail."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from gateway.cli.common import Context, ForumName, fail, the_forum
from gateway.exchange.archives import Kind

if TYPE_CHECKING:
    from gateway.exchange.sources import Source
    from gateway.flow.importing import Outcome
    from gateway.house import House
    from gateway.mail.forum import Forum

NAME = "import"
# So many lines about single mails are printed; --report has them all.
LINES = 20
app = typer.Typer(
    help="Bring in an archive. Hidden until the import ends; when it is broken off, the same command goes on.",
    no_args_is_help=True,
)
News = Annotated[bool, typer.Option("--news", help="Tell them in the next digest; else they are old mail.")]
Report = Annotated[Path | None, typer.Option(help="Write what became of each mail to this file, as JSON lines.")]


@app.command()
def mbox(
    ctx: typer.Context,
    path: Annotated[Path, typer.Argument(help="An mbox, also compressed (gzip, xz, bzip2), or Pipermail's text archive.")],
    forum: ForumName = "",
    kind: Annotated[
        Kind, typer.Option(help="How it quotes lines that begin with From, and whether it tells lengths.")
    ] = Kind.MBOXRD,
    news: News = False,
    report: Report = None,
) -> None:
    """Posts the mails of an mbox, with the times of receipt that it tells, and the records of an export beside it.

    Example: gateway import mbox 2010-January.txt.gz --forum town
    """
    from gateway.exchange import sources

    _take(ctx, forum, sources.mbox(path, kind), report, is_news=news)


@app.command()
def maildir(
    ctx: typer.Context,
    path: Annotated[Path, typer.Argument(help="A Maildir: a folder with cur and new.")],
    forum: ForumName = "",
    news: News = False,
    report: Report = None,
) -> None:
    """Posts the mails of a Maildir, as delivered when their files were written.

    Example: gateway import maildir ~/Maildir --forum town
    """
    from gateway.exchange import sources

    _take(ctx, forum, sources.maildir(path), report, is_news=news)


@app.command()
def eml(
    ctx: typer.Context,
    path: Annotated[Path, typer.Argument(help="A folder; its .eml files, also in folders below, are taken.")],
    forum: ForumName = "",
    news: News = False,
    report: Report = None,
) -> None:
    """Posts the mails of a folder of .eml files.

    Example: gateway import eml saved/ --forum town
    """
    from gateway.exchange import sources

    _take(ctx, forum, sources.eml(path), report, is_news=news)


@app.command("public-inbox")
def public_inbox(
    ctx: typer.Context,
    path: Annotated[
        Path, typer.Argument(help="A clone of one of its git repositories, or the folder that holds 0.git, 1.git ...")
    ],
    forum: ForumName = "",
    news: News = False,
    report: Report = None,
) -> None:
    """Posts the mails of a public-inbox archive (version 2). Needs git.

    Example: gateway import public-inbox town/git/0.git --forum town
    """
    from gateway.exchange import sources

    _take(ctx, forum, sources.public_inbox(path), report, is_news=news)


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

    from gateway.exchange.seed import BadSeed, read_seed, seed_mails, seed_members
    from gateway.exchange.sources import Source
    from gateway.house import data_folder
    from gateway.mail.piece import Piece
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
        pieces = [Piece(raw := mail.as_bytes(), house.now(), len(raw)) for mail in mails]
        source = Source(f"seed {page.resolve()}", sum(piece.size for piece in pieces), lambda: iter(pieces))
        _bring_in(house, town, source, None, is_news=True)


def _take(ctx: typer.Context, forum: str, source: Source, report: Path | None, *, is_news: bool) -> None:
    obj: Context = ctx.obj
    with obj.house() as house:
        town = the_forum(house, forum)
        if report is None:
            _bring_in(house, town, source, None, is_news=is_news)
            return
        with report.open("x", encoding="utf-8") as file:
            _bring_in(house, town, source, file, is_news=is_news)


def _bring_in(house: House, forum: Forum, source: Source, report: TextIO | None, *, is_news: bool) -> None:
    """The import, with a bar on a terminal, lines about mails that were not plain sailing, and a sum at the end."""
    from concurrent.futures import BrokenExecutor

    from gateway.flow.importing import bring_in, open_import

    counts: Counter[str] = Counter()
    lines: list[str] = []
    run = open_import(house.store, forum, source, source.highest, house.now(), house.new_id)
    if run.taken:
        typer.echo(f"going on after {run.taken} mails", err=True)
    with _bar(source.size) as advance:

        def told(outcome: Outcome) -> None:
            counts[outcome.result] += 1
            if report is not None:
                report.write(_report_line(outcome))
            if outcome.is_odd:
                lines.append(f"{outcome.piece.where}: {'; '.join((outcome.result, *outcome.notes))}")
            advance(outcome.piece.size)

        try:
            is_whole = bring_in(house.store, forum, source, run, is_news=is_news, now=house.now(), new_id=house.new_id, told=told)
        except KeyboardInterrupt:
            raise fail("broken off; what came in is hidden until the same command has gone on to the end", 130) from None
        except BrokenExecutor:
            raise fail("a process that reads mail was ended from outside; the same command goes on from there") from None
    for line in lines[:LINES]:
        typer.echo(line, err=True)
    if len(lines) > LINES:
        typer.echo(f"and {len(lines) - LINES} more; --report FILE has them all", err=True)
    summed = ", ".join(f"{count} {result}" for result, count in counts.most_common())
    typer.echo(f"{sum(counts.values())} mails for {forum.address}: {summed or 'none'}")
    if not is_whole:
        raise fail("some were not kept; what came in is hidden until the same command has gone on to the end")


def _report_line(outcome: Outcome) -> str:
    piece = outcome.piece
    fields = {"where": piece.where, "msgid": outcome.msgid, "result": outcome.result, "notes": outcome.notes}
    return json.dumps(fields, ensure_ascii=False) + "\n"


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
