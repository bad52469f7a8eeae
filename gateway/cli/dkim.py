"""gateway dkim: keys that sign what we send, and what the DNS must say of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli.common import Context, fail

if TYPE_CHECKING:
    from gateway.house import House

NAME = "dkim"
app = typer.Typer(help="Make a key that signs our mail, and see what the DNS must hold.", no_args_is_help=True)

Selector = Annotated[str, typer.Argument(help="A name for the key, such as gate2026.")]


@app.command()
def new(
    ctx: typer.Context,
    selector: Selector,
    rsa: Annotated[bool, typer.Option("--rsa", help="RSA, which every receiver knows, instead of ed25519.")] = False,
) -> None:
    """Makes a key and says what the DNS must hold before it is named in [auth] dkim_selectors.

    Example: gateway dkim new gate2026 --rsa
    """
    from gateway.mail.address import is_domain
    from gateway.send.signing import make_key

    obj: Context = ctx.obj
    if not (selector.isascii() and is_domain(selector)):
        raise fail(f"{selector!r} cannot be a name in the DNS")
    with obj.house() as house:
        folder, domains = house.settings.dkim, _domains(house)
        try:
            record = make_key(folder, selector, is_rsa=rsa)
        except FileExistsError:
            raise fail(f"{folder / selector}.pem: is there already") from None
    typer.echo(f"key in {folder / selector}.pem; the DNS must hold, as TXT:", err=True)
    for domain in domains:
        typer.echo(f"{selector}._domainkey.{domain}. {record}")


@app.command()
def show(ctx: typer.Context, selector: Selector) -> None:
    """Says what the DNS must hold for a key.

    Example: gateway dkim show gate2026
    """
    from gateway.send.signing import record_of

    obj: Context = ctx.obj
    with obj.house() as house:
        record = record_of(house.settings.dkim, selector)
        for domain in _domains(house):
            typer.echo(f"{selector}._domainkey.{domain}. {record}")


def _domains(house: House) -> list[str]:
    from gateway.store.roster import list_forums

    return sorted({forum.domain for forum in list_forums(house.store)}) or ["example.org"]
