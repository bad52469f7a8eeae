"""gateway serve, demo, reindex, config check."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli.common import Context, ForumName, log_as_json, the_forum

if TYPE_CHECKING:
    from gateway.smtp.front import FrontDoor

config = typer.Typer(help="Look at the configuration.", no_args_is_help=True)


def add_to(app: typer.Typer) -> None:
    """Hangs these commands into the program."""
    app.command()(serve)
    app.command()(send)
    app.command()(demo)
    app.command()(reindex)
    app.add_typer(config, name="config")


def serve(
    ctx: typer.Context,
    receivers: Annotated[int, typer.Option(min=0, help="Processes that receive mail beside the main one.")] = 0,
) -> None:
    """Runs the gateway: SMTP, store, scheduler and sender in one process, until SIGTERM.

    Example: GATEWAY_SMTP__PORT=2525 gateway serve
    """
    from gateway.house.running import serve as house_serve
    from gateway.house.running import serve_shared
    from gateway.journal import log
    from gateway.settings import load_settings

    obj: Context = ctx.obj
    settings = load_settings(obj.config)
    log_as_json()

    def ready(front: FrontDoor) -> None:
        places = {str(via): port for via, port in front.ports.items()}
        log.info("listening", host=settings.smtp.host, **places)

    if receivers:
        serve_shared(settings, receivers, ready)
    else:
        house_serve(settings, ready)


def send(ctx: typer.Context) -> None:
    """Carries letters from the outbox until SIGTERM, and nothing else: any number of these may run beside `gateway serve`.

    Example: gateway send
    """
    from gateway.house.running import send_only
    from gateway.settings import load_settings

    obj: Context = ctx.obj
    settings = load_settings(obj.config)
    log_as_json()
    send_only(settings)


def demo(
    keep: Annotated[Path | None, typer.Option(help="Put everything into this folder and leave it there.")] = None,
    database: Annotated[str, typer.Option(help="Use this database URL instead of SQLite in the folder.")] = "",
    text: Annotated[bool, typer.Option(help="Show the text of the digest.")] = True,
    answer: Annotated[bool, typer.Option("--answer", help="Then answer three comments of the digest in one mail.")] = False,
) -> None:
    """Takes a real comment page through the whole gateway: 42 mails by SMTP, shuffled, three digests out.

    Example: gateway demo --keep demo
    """
    from gateway.cli.common import quiet
    from gateway.cli.demo import run_demo

    quiet()
    run_demo(keep, database, text, answer)


def reindex(ctx: typer.Context, forum: ForumName = "") -> None:
    """Rebuilds everything that is derived from the stored mail; on a sound store it changes nothing.

    Example: gateway reindex
    """
    from gateway.flow.reindex import reindex as flow_reindex

    obj: Context = ctx.obj
    with obj.house() as house:
        changed = flow_reindex(house.store, the_forum(house, forum), house.new_id)
    typer.echo("nothing to change" if not changed else f"{changed} rows repaired")


@config.command()
def check(ctx: typer.Context) -> None:
    """Reads the configuration and says what is wrong, with the line.

    Example: gateway --config /etc/gateway.toml config check
    """
    from gateway.settings import load_settings

    obj: Context = ctx.obj
    settings = load_settings(obj.config)
    typer.echo(f"{obj.config or 'built-in defaults'}: good; mail at {settings.smtp.host}:{settings.smtp.port}")
