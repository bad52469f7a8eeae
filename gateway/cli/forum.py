"""gateway forum: make, change and list forums."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli.common import AsJson, Context, ForumName, fail, show, the_forum

if TYPE_CHECKING:
    from gateway.mail.address import Address

NAME = "forum"
app = typer.Typer(help="Make, change and list forums.", no_args_is_help=True)


@app.command()
def add(
    ctx: typer.Context,
    address: Annotated[str, typer.Argument(help="NAME@DOMAIN; the name has at most 18 characters.")],
    title: Annotated[str, typer.Option(help="What digests call it. Default: the name.")] = "",
    mirror: Annotated[list[str] | None, typer.Option(help="List-Id of a list whose mail is posted here; repeatable.")] = None,
    subjects: Annotated[
        bool, typer.Option("--subjects/--no-subjects", help="A reply that names no mail hangs under the article of its subject.")
    ] = True,
    owner: Annotated[list[str] | None, typer.Option(help="Who is told what an owner has to know; repeatable.")] = None,
) -> None:
    """Makes a forum.

    Example: gateway forum add town@example.org --title "Town talk"
    """
    from uuid_utils.compat import uuid7

    from gateway.mail.address import parse_address
    from gateway.mail.forum import Forum, bad_name
    from gateway.store.roster import add_forum

    parsed = parse_address(address.lower())
    if parsed is None:
        raise fail(f"{address!r} is not an address: NAME@DOMAIN", 2)
    wrong = bad_name(parsed.local)
    if wrong:
        raise fail(f"the name {parsed.local!r} {wrong}", 2)
    obj: Context = ctx.obj
    with obj.house() as house:
        mirrors = tuple(one.strip().strip("<>").lower() for one in mirror or ())
        forum = Forum(
            id=uuid7(),
            name=parsed.local,
            domain=parsed.domain,
            title=title or parsed.local,
            mirrors=mirrors,
            follows_subjects=subjects,
            owners=_addresses(owner or ()),
        )
        add_forum(house.store, forum)
    typer.echo(f"forum {parsed} made: mail to it is posted")


@app.command("set")
def set_(
    ctx: typer.Context,
    owner: Annotated[list[str] | None, typer.Option(help="The owners from now on; repeatable. none: nobody.")] = None,
    flood: Annotated[str, typer.Option(help="off: posts that were held by a flood of them go through again.")] = "",
    forum: ForumName = "",
) -> None:
    """Changes who owns a forum, or ends a flood.

    Example: gateway forum set --forum town --owner ann@example.org
    """
    from dataclasses import replace

    from gateway.flow.flood import end_flood
    from gateway.store.roster import change_forum

    if flood not in ("", "off") or not (flood or owner):
        raise fail("--owner ADDRESS, or --flood off", 2)
    obj: Context = ctx.obj
    with obj.house() as house:
        changed = the_forum(house, forum)
        if flood:
            end_flood(house.store, changed, house.now(), house.new_id, "the operator")
            typer.echo(f"{changed.address}: posts go through")
        if owner:
            changed = replace(changed, owners=_addresses([] if owner == ["none"] else owner))
            change_forum(house.store, changed)
            typer.echo(f"{changed.address}: owners {', '.join(map(str, changed.owners)) or 'none'}")


def _addresses(texts: Iterable[str]) -> tuple[Address, ...]:
    from gateway.mail.address import parse_address

    found = []
    for text in texts:
        address = parse_address(text)
        if address is None:
            raise fail(f"{text!r} is not an address", 2)
        found.append(address)
    return tuple(found)


@app.command("list")
def list_(ctx: typer.Context, as_json: AsJson = False) -> None:
    """Lists the forums.

    Example: gateway forum list --json
    """
    from gateway.store.roster import list_forums

    obj: Context = ctx.obj
    with obj.house() as house:
        rows = [
            {
                "address": str(forum.address),
                "title": forum.title,
                "mirrors": list(forum.mirrors),
                "owners": list(map(str, forum.owners)),
            }
            for forum in list_forums(house.store)
        ]
    show(rows, ("address", "title"), as_json, "no forum yet: gateway forum add NAME@DOMAIN --title TITLE")
