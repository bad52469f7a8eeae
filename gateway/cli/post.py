"""gateway post: remove a post, put it back, give it another text; ban who wrote an anonymous one."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli.common import Context, ForumName, fail, the_forum

if TYPE_CHECKING:
    from gateway.mail.piece import Alteration

NAME = "post"
app = typer.Typer(help="Remove a post, put it back, give it another text; ban who wrote an anonymous one.", no_args_is_help=True)
Marker = Annotated[str, typer.Argument(help="Marker or msgid of a post.")]


@app.command()
def remove(ctx: typer.Context, marker: Marker, forum: ForumName = "") -> None:
    """Takes a post out of threads and digests: its place and its answers stay. The mail stays in the store.

    Example: gateway post remove k3f9x2ma
    """
    from gateway.mail.piece import Alteration

    _alter(ctx, forum, marker, Alteration.REMOVED)


@app.command()
def restore(ctx: typer.Context, marker: Marker, forum: ForumName = "") -> None:
    """Puts a removed post back.

    Example: gateway post restore k3f9x2ma
    """
    from gateway.mail.piece import Alteration

    _alter(ctx, forum, marker, Alteration.RESTORED)


@app.command()
def edit(
    ctx: typer.Context,
    marker: Marker,
    file: Annotated[Path, typer.Argument(help="The new text, UTF-8; - for standard input.", metavar="FILE|-")],
    forum: ForumName = "",
) -> None:
    """Gives a post another text; the next digest shows it again, marked as edited. The mail stays as it came.

    Example: gateway post edit k3f9x2ma text.txt
    """
    from gateway.mail.piece import Alteration

    try:
        text = sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise fail(f"{file}: is not UTF-8") from None
    _alter(ctx, forum, marker, Alteration.EDITED, text)


@app.command()
def ban(ctx: typer.Context, marker: Marker, forum: ForumName = "") -> None:
    """Takes no more anonymous posts of who wrote this one, until the month ends. Nobody learns who it is.

    Example: gateway post ban k3f9x2ma
    """
    from gateway.people.anonymity import end_of_month
    from gateway.store.anonymous import ban as ban_tag
    from gateway.store.shelf import find_post

    obj: Context = ctx.obj
    with obj.house() as house:
        town = the_forum(house, forum)
        now = house.now()
        with house.store.write() as db:
            post = find_post(db, town.id, marker)
            if post is None or not post.tag:
                raise fail(f"no anonymous post {marker!r} in {town.address}")
            ban_tag(db, town.id, post.tag, now, end_of_month(now))
    typer.echo(f"[#{post.marker}] banned until {end_of_month(now):%Y-%m-%d}")


def _alter(ctx: typer.Context, name: str, marker: str, alteration: Alteration, text: str = "") -> None:
    from gateway.flow.alter import NotChanged, alter
    from gateway.store.shelf import find_post

    obj: Context = ctx.obj
    with obj.house() as house:
        town = the_forum(house, name)
        with house.store.read() as db:
            post = find_post(db, town.id, marker)
        if post is None:
            raise fail(f"no post {marker!r} in {town.address}")
        try:
            alter(house.store, town, post, alteration, house.now(), house.new_id, text)
        except NotChanged as error:
            raise fail(str(error)) from None
    typer.echo(f"[#{post.marker}] {alteration}")
