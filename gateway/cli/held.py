"""gateway held: mails that wait for a person."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli.common import AsJson, Context, ForumName, fail, show, the_forum

if TYPE_CHECKING:
    from gateway.flow.held import Held
    from gateway.house import House
    from gateway.mail.forum import Forum

NAME = "held"
app = typer.Typer(help="Mails that wait for a person: list, show, release, discard.", no_args_is_help=True)
Marker = Annotated[str, typer.Argument(help="Marker or msgid of a held mail, from `gateway held list`.")]


@app.command("list")
def list_(ctx: typer.Context, forum: ForumName = "", as_json: AsJson = False) -> None:
    """Lists the held mails of a forum, oldest first.

    Example: gateway held list
    """
    from gateway.flow.held import list_held

    obj: Context = ctx.obj
    with obj.house() as house:
        town = the_forum(house, forum)
        rows = [
            {
                "marker": one.marker,
                "received": one.mail.received_at,
                "reason": one.mail.reason,
                "from": one.mail.reverse_path or "<>",
                "to": one.mail.forward_path,
                "size": one.mail.size,
                "msgid": one.mail.msgid,
            }
            for one in list_held(house.store, town)
        ]
    show(rows, ("marker", "received", "reason", "from", "to", "size"), as_json, f"no mail for {town.address} is held")


@app.command("show")
def show_(ctx: typer.Context, marker: Marker, forum: ForumName = "") -> None:
    """Shows a held mail: why it is held, and what it says.

    Example: gateway held show k3f9x2ma
    """
    from gateway.flow.held import read_mail

    obj: Context = ctx.obj
    with obj.house() as house:
        held = _find(house, the_forum(house, forum), marker)
        _, message = read_mail(house.store, held.mail)
    author = f"{message.author_name} <{message.author_address or ''}>".strip()
    lines = [
        f"Held: {held.mail.reason}, {held.mail.received_at:%Y-%m-%d %H:%M} UTC",
        f"To: {held.mail.forward_path}",
        f"From: {author}",
        f"Subject: {message.subject}",
        "",
        *(span.text for span in message.spans),
        *(f"Attachment: {one.name}, {one.type}, {one.size} bytes" for one in message.attachments),
    ]
    typer.echo("\n".join(lines))


@app.command("release")
def release_(ctx: typer.Context, marker: Marker, forum: ForumName = "") -> None:
    """Posts a held mail.

    Example: gateway held release k3f9x2ma
    """
    from gateway.flow.held import release

    obj: Context = ctx.obj
    with obj.house() as house:
        town = the_forum(house, forum)
        held = _find(house, town, marker)
        release(house.store, town, held, house.now(), house.new_id)
    typer.echo(f"{held.marker} posted to {town.address}")


@app.command("discard")
def discard_(ctx: typer.Context, marker: Marker, forum: ForumName = "") -> None:
    """Takes a mail off the list; it stays in the store.

    Example: gateway held discard k3f9x2ma
    """
    from gateway.flow.held import discard

    obj: Context = ctx.obj
    with obj.house() as house:
        town = the_forum(house, forum)
        held = _find(house, town, marker)
        discard(house.store, town, held, house.now(), house.new_id)
    typer.echo(f"{held.marker} discarded")


def _find(house: House, forum: Forum, marker: str) -> Held:
    from gateway.flow.held import find_held

    held = find_held(house.store, forum, marker)
    if held is None:
        raise fail(f"no held mail {marker!r} in {forum.address}: gateway held list")
    return held
