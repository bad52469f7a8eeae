"""gateway outbox: letters that wait, that came back, that were sent; for the operator's eyes, since it shows addresses."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli.common import AsJson, Context, ForumName, fail, show, the_forum

if TYPE_CHECKING:
    from gateway.house import House
    from gateway.mail.forum import Forum
    from gateway.store.engine import Transaction
    from gateway.store.waybills import Waybill

NAME = "outbox"
STATES = ("ready", "sent", "bounced", "dropped")
app = typer.Typer(help="Look at letters on their way out, try them again, or give up.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(metavar="LETTER", help="The name of a letter, as the list shows it.")]


@app.command("list")
def list_(
    ctx: typer.Context,
    forum: ForumName = "",
    state: Annotated[str, typer.Option(help=f"Only those: {', '.join(STATES)}.")] = "",
    limit: Annotated[int, typer.Option(min=1, help="At most so many, the last queued first.")] = 50,
    as_json: AsJson = False,
) -> None:
    """Lists letters, with what the next mail server said last.

    Example: gateway outbox list --state ready
    """
    from gateway.store import outbox
    from gateway.store.waybills import list_letters

    if state and state not in STATES:
        raise fail(f"--state {state}: is none of {', '.join(STATES)}", 2)
    obj: Context = ctx.obj
    with obj.house() as house:
        town = the_forum(house, forum)
        with house.store.read() as db:
            letters = list_letters(db, town.id, state, limit)
            frozen, trouble = outbox.why_halted(db), outbox.trouble(db)
    tell_state(frozen, trouble)
    columns = ("letter", "state", "recipient", "due", "attempts", "last_reply")
    show([_row(letter) for letter in letters], columns, as_json, f"no letters of {town.address} here")


@app.command()
def release(ctx: typer.Context) -> None:
    """Lets letters go out again after a restore froze the outbox: those that went out after the backup go twice.

    Example: gateway outbox release
    """
    from gateway.store import outbox

    obj: Context = ctx.obj
    with obj.house() as house, house.store.write() as db:
        is_done = outbox.release(db)
        waiting = outbox.count_waiting(db)
    typer.echo(f"letters go out again, {waiting} wait" if is_done else "the outbox was not frozen")


def tell_state(why_halted: str, trouble: str) -> None:
    """On standard error, so that `--json` stays JSON: that the outbox is frozen, or what the way out said when it failed."""
    if why_halted:
        typer.echo(f"the outbox is frozen, no letter goes out: {why_halted}. To let them go: gateway outbox release", err=True)
    if trouble:
        typer.echo(f"the way out fails: {trouble}. Letters wait, and it is tried again", err=True)


@app.command("show")
def show_(ctx: typer.Context, letter: Name, forum: ForumName = "", as_json: AsJson = False) -> None:
    """Shows everything about one letter but its text, which `gateway digest preview` shows.

    Example: gateway outbox show 1b2c3d4e
    """
    import json

    obj: Context = ctx.obj
    with obj.house() as house:
        found = _find(house, the_forum(house, forum), letter)
    row = _row(found)
    if as_json:
        typer.echo(json.dumps(row, ensure_ascii=False, indent=2, default=str))
        return
    for name, value in row.items():
        typer.echo(f"{name.replace('_', ' '):10} {value}")


@app.command()
def retry(ctx: typer.Context, letter: Name, forum: ForumName = "") -> None:
    """Makes a letter due at once, also one that came back: `gateway serve` or `gateway digest send` tries it again.

    Example: gateway outbox retry 1b2c3d4e
    """
    from gateway.store import waybills

    _change(ctx, forum, letter, lambda house, db, found: waybills.retry(db, found, house.now()), "is due now")


@app.command()
def drop(ctx: typer.Context, letter: Name, forum: ForumName = "") -> None:
    """Gives up on a letter that waits. Its comments count as told.

    Example: gateway outbox drop 1b2c3d4e
    """
    from gateway.store import waybills

    _change(ctx, forum, letter, lambda house, db, found: waybills.drop(db, found, house.now(), house.new_id()), "is dropped")


def _change(ctx: typer.Context, name: str, letter: str, act: Callable[[House, Transaction, Waybill], bool], done: str) -> None:
    obj: Context = ctx.obj
    with obj.house() as house:
        found = _find(house, the_forum(house, name), letter)
        with house.store.write() as db:
            is_done = act(house, db, found)
    if not is_done:
        raise fail(f"letter {found.name} is {found.state}, or is being carried at the moment: nothing was changed")
    typer.echo(f"letter {found.name} to {found.recipient} {done}")


def _find(house: House, forum: Forum, name: str) -> Waybill:
    from gateway.store.waybills import find_letter

    with house.store.read() as db:
        found = find_letter(db, forum.id, name)
    if found is None:
        raise fail(f"no letter {name!r} of {forum.address}: gateway outbox list")
    return found


def _row(letter: Waybill) -> dict[str, object]:
    return {
        "letter": letter.name,
        "state": letter.state,
        "recipient": letter.recipient,
        "subject": letter.subject,
        "period": letter.period,
        "queued": letter.queued_at,
        "due": letter.due_at,
        "attempts": letter.attempts,
        "last_reply": letter.last_reply,
    }
