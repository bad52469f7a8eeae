"""gateway digest: see what would be sent, send it now."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.common import Context, ForumName, fail, the_forum

NAME = "digest"
app = typer.Typer(help="See what would be sent, or send it now.", no_args_is_help=True)


@app.command()
def preview(
    ctx: typer.Context,
    member: Annotated[str, typer.Argument(help="A member's address.")],
    forum: ForumName = "",
    html: Annotated[Path | None, typer.Option(help="Write the HTML part to this file as well.")] = None,
    save: Annotated[Path | None, typer.Option(help="Write each part as .txt and .html into this folder.")] = None,
) -> None:
    """Shows the digest that a member would get now; nothing is sent and nothing remembered.

    Example: gateway digest preview ann@example.org --html digest.html
    """
    from gateway.flow.publish import preview as flow_preview
    from gateway.flow.publish import publish
    from gateway.render.places import shown
    from gateway.store.roster import list_members

    obj: Context = ctx.obj
    with obj.house() as house:
        town = the_forum(house, forum)
        found = [one for one in list_members(house.store, town.id) if str(one.address).casefold() == member.casefold()]
        if not found:
            raise fail(f"{member} is no member of {town.address}")
        now = house.now()
        publish(house.store, town, now, house.new_id)
        digest = house.settings.digest
        renderings = flow_preview(house.store, town, found[0], now, digest.as_caps(), digest.templates, house.settings.web.url)
    if not renderings:
        typer.echo(f"nothing new for {member}")
    for number, rendering in enumerate(renderings, 1):
        typer.echo(f"Subject: {rendering.subject}\n\n{shown(rendering.text)}", nl=False)
        if save is not None:
            save.mkdir(parents=True, exist_ok=True)
            (save / f"{number}.txt").write_text(shown(rendering.text), encoding="utf-8")
            if rendering.html:
                (save / f"{number}.html").write_text(shown(rendering.html), encoding="utf-8")
    if html is not None and renderings:
        html.write_text(shown(renderings[0].html), encoding="utf-8")
        typer.echo(f"HTML in {html}", err=True)


@app.command()
def send(ctx: typer.Context, forum: ForumName = "") -> None:
    """Sends every member a digest of what is new, now instead of at their hour.

    Example: gateway digest send --forum town
    """
    from gateway.cli.outbox import tell_state
    from gateway.flow.deliver import deliver
    from gateway.flow.publish import publish, send_due
    from gateway.store.outbox import State, count_claimed, count_in, count_waiting, why_halted
    from gateway.store.outbox import trouble as trouble_now

    obj: Context = ctx.obj
    with obj.working_house() as house, house.office() as office:
        town = the_forum(house, forum)
        now = house.now()
        publish(house.store, town, now, house.new_id)
        digest = house.settings.digest
        web = house.settings.web.url
        queued = send_due(
            house.store, town, now, house.new_id, digest.as_caps(), override=digest.templates, web=web, at_once=True
        )
        with house.store.read() as db:
            returned = count_in(db, State.BOUNCED)
        sent = deliver(house.store, office, now)
        with house.store.read() as db:
            claimed, returned = count_claimed(db, house.now()), count_in(db, State.BOUNCED) - returned
            waiting = count_waiting(db) - claimed
            frozen, trouble = why_halted(db), trouble_now(db)
    tell_state(frozen, trouble)
    if not (queued or sent or waiting or claimed or returned):
        typer.echo(f"nothing new in {town.address} for anybody")
        return
    said = [f"{queued} queued", f"{sent} sent"]
    if returned:
        said.append(f"{returned} came back: gateway outbox list --state {State.BOUNCED}")
    if claimed:
        said.append(f"{claimed} with another process that sends")
    if waiting:
        said.append(f"{waiting} wait to be tried again")
    typer.echo(", ".join(said))
