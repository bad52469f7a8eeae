"""gateway icon: what members may set on a post with a first line `Icon: NAME`."""

from __future__ import annotations

from typing import Annotated

import typer

from gateway.cli.common import AsJson, Context, ForumName, fail, show, the_forum

NAME = "icon"
app = typer.Typer(help="Icons that authors may set on a post.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(help="What stands after `Icon:` in the first line of a mail: letters, digits, - and _.")]


@app.command()
def add(
    ctx: typer.Context,
    name: Name,
    text: Annotated[str, typer.Argument(help="What digests show: a sign, or a short word.")],
    forum: ForumName = "",
) -> None:
    """Adds an icon, or gives one another sign; a mail that begins with `Icon: beer` then shows it.

    Example: gateway icon add beer 🍺 --forum town
    """
    from gateway.parse.directives import is_icon
    from gateway.store.votes import Icon, keep_icon

    if not is_icon(name) or not text.strip().isprintable() or not 0 < len(text.strip()) <= 20:
        raise fail("an icon has a name of letters, digits, - and _, and a sign of at most 20 characters", 2)
    obj: Context = ctx.obj
    with obj.house() as house:
        town = the_forum(house, forum)
        with house.store.write() as db:
            keep_icon(db, town.id, Icon(name.lower(), text.strip()))
    typer.echo(f"{town.address}: Icon: {name.lower()} shows {text.strip()}")


@app.command()
def remove(ctx: typer.Context, name: Name, forum: ForumName = "") -> None:
    """Takes an icon away; posts that ask for it show none.

    Example: gateway icon remove beer --forum town
    """
    from gateway.store.votes import remove_icon

    obj: Context = ctx.obj
    with obj.house() as house:
        town = the_forum(house, forum)
        with house.store.write() as db:
            is_gone = remove_icon(db, town.id, name.lower())
    if not is_gone:
        raise fail(f"{town.address} has no icon {name}")
    typer.echo(f"{town.address}: no icon {name.lower()} any more")


@app.command("list")
def list_(ctx: typer.Context, forum: ForumName = "", as_json: AsJson = False) -> None:
    """Lists the icons of a forum.

    Example: gateway icon list --forum town
    """
    from gateway.store.votes import icons_of

    obj: Context = ctx.obj
    with obj.house() as house, house.store.read() as db:
        rows = [{"name": icon.name, "text": icon.text} for icon in icons_of(db, the_forum(house, forum).id).values()]
    show(rows, ("name", "text"), as_json, "no icon yet: gateway icon add NAME SIGN")
