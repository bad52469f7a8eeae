"""gateway rules, and gateway audit: what the operator's rules say, and what was decided."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from gateway.cli.common import AsJson, Context, ForumName, fail, show, the_forum

NAME = "rules"
app = typer.Typer(help="Rules over header fields: list them, test them with a mail.", no_args_is_help=True)


@app.command("list")
def list_(ctx: typer.Context, as_json: AsJson = False) -> None:
    """Lists the rules of the file that `[admit] rules` names, in the order in which they are asked.

    Example: gateway rules list
    """
    obj: Context = ctx.obj
    with obj.house() as house:
        rows = [
            {
                "number": number,
                "verb": rule.verb,
                "header": rule.header,
                "matches": list(rule.matches),
                "forum": rule.forum or "all",
            }
            for number, rule in enumerate(house.rules(), 1)
        ]
    show(rows, ("number", "verb", "header", "matches", "forum"), as_json, "no rules: set [admit] rules to a file of them")


@app.command("test")
def try_(ctx: typer.Context, forum: ForumName = "") -> None:
    """Reads a mail from standard input and tells which rule hits it, and why. Nothing is kept.

    Example: gateway rules test < mail.eml
    """
    from gateway.admit.rules import first_hit
    from gateway.parse.message import parse_message

    obj: Context = ctx.obj
    with obj.house() as house:
        town = the_forum(house, forum)
        rules = house.rules()
    message = parse_message(sys.stdin.buffer.read())
    hit = first_hit(rules, town, message.fields)
    if hit is None:
        typer.echo(f"no rule hits, of {len(rules)}: the mail goes on to what else is asked")
        return
    typer.echo(f"rule {hit.number}: {hit.rule.verb}, since {hit.rule.header} matches {hit.pattern!r}: {hit.value}")


def audit(
    ctx: typer.Context,
    forum: ForumName = "",
    since: Annotated[str, typer.Option(help="Only from this day on: 2026-12-24 (UTC).")] = "",
    as_json: AsJson = False,
) -> None:
    """Lists what was decided: when, what, about which post, by whom (a handle, never an address), and why.

    Example: gateway audit --since 2026-12-24
    """
    from datetime import UTC, datetime

    from gateway.flow.audit import audit_of

    try:
        start = datetime.fromisoformat(since).replace(tzinfo=UTC) if since else None
    except ValueError:
        raise fail(f"{since!r} is no day such as 2026-12-24", 2) from None
    obj: Context = ctx.obj
    with obj.house() as house:
        town = the_forum(house, forum)
        columns = ("at", "what", "marker", "by", "why")
        rows = [{name: getattr(entry, name) for name in columns} for entry in audit_of(house.store, town, start)]
    show(rows, columns, as_json, f"nothing was decided in {town.address}")
