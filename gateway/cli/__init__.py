"""The command line: arguments in, one flow call, words out. Everything heavy is imported by the command that needs it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from gateway.cli import (
    backup,
    digest,
    dkim,
    doctor,
    exchange,
    export,
    forum,
    held,
    icon,
    member,
    outbox,
    post,
    rules,
    run,
    thread,
)
from gateway.cli.common import DEFAULT_CONFIG, Context

app = typer.Typer(
    name="gateway",
    help="A discussion by e-mail: mail in by SMTP, filed under the comment it answers, a threaded digest out.\n\n"
    "Example: gateway forum add town@example.org --title 'Town talk' && gateway serve",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for part in (forum, member, digest, thread, post, held, outbox, exchange, export, dkim, icon, rules):
    app.add_typer(part.app, name=part.NAME)
app.command()(thread.explain)
run.add_to(app)
backup.add_to(app)
app.command()(doctor.doctor)
app.command()(rules.audit)


@app.callback()
def options(
    ctx: typer.Context,
    config: Annotated[
        Path | None,
        typer.Option(help="The configuration. Default: config/gateway.toml here, else built-in.", envvar="GATEWAY_CONFIG"),
    ] = None,
) -> None:
    """Reads nothing yet: each command opens what it needs."""
    if config is None and DEFAULT_CONFIG.is_file():
        config = DEFAULT_CONFIG
    ctx.obj = Context(config)


def main() -> None:
    """The entry of the program: an error that somebody can mend is one line and exit code 1."""
    try:
        app()
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        typer.echo(f"gateway: {where}{error.strerror or error}", err=True)
        sys.exit(1)
    except Exception as error:
        if not isinstance(error, _mendable()):
            raise
        typer.echo(f"gateway: {error}", err=True)
        sys.exit(1)


def _mendable() -> tuple[type[Exception], ...]:
    """Errors whose text says what to do; most runs meet none of them and need not load where they come from."""
    from gateway.exchange.archives import BadArchive
    from gateway.exchange.seed import BadSeed
    from gateway.send.signing import BadKey
    from gateway.settings import BadSettings
    from gateway.store.engine import StoreTrouble
    from gateway.store.roster import AlreadyThere

    return (BadSettings, BadSeed, BadArchive, StoreTrouble, AlreadyThere, BadKey)
