"""gateway member: add, list and import members."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli.common import AsJson, Context, ForumName, fail, show, the_forum

if TYPE_CHECKING:
    from datetime import datetime

    from gateway.mail.forum import Forum, Member

NAME = "member"
app = typer.Typer(help="Add, list and import members.", no_args_is_help=True)
IsNew = Annotated[bool, typer.Option("--new", help="As newcomers, whose first posts are held; else they are trusted.")]


def make_member(
    forum: Forum,
    address: str,
    *,
    handle: str,
    badge: str,
    zone: str,
    hour: int,
    form: str,
    digest: bool,
    joined_at: datetime | None = None,
    is_new: bool = False,
) -> Member:
    """A member from words that somebody typed; ValueError says which is wrong. Trusted, unless new."""
    from uuid_utils.compat import uuid7

    from gateway.mail.address import parse_address
    from gateway.mail.forum import Member, Standing
    from gateway.people.preferences import read_form, read_handle, read_zone

    parsed = parse_address(address)
    if parsed is None:
        raise ValueError(f"{address!r} is not an address")
    if not 0 <= hour <= 23:
        raise ValueError(f"hour {hour} is not within 0 to 23")
    return Member(
        id=uuid7(),
        forum_id=forum.id,
        address=parsed,
        handle=read_handle(handle),
        badge=badge,
        zone=read_zone(zone),
        hour=hour,
        form=read_form(form),
        has_digest=digest,
        standing=Standing.NEW if is_new else Standing.TRUSTED,
        joined_at=joined_at,
    )


@app.command()
def add(
    ctx: typer.Context,
    address: Annotated[str, typer.Argument(help="The member's address; it is never shown to others.")],
    handle: Annotated[str, typer.Option(help="The name that others see. Default: the part before the @.")] = "",
    forum: ForumName = "",
    zone: Annotated[str, typer.Option(help="IANA time zone, such as Europe/Paris.")] = "UTC",
    hour: Annotated[int, typer.Option(help="Local hour of the daily digest.")] = 7,
    form: Annotated[str, typer.Option(help="html (text and HTML) or plain.")] = "html",
    badge: Annotated[str, typer.Option(help="For example 'Silver badge'.")] = "",
    digest: Annotated[bool, typer.Option(help="Whether to mail the daily digest.")] = True,
    is_new: IsNew = False,
) -> None:
    """Adds a member, trusted, who is told of what is posted from now on.

    Example: gateway member add ann@example.org --handle Ann --zone Europe/Paris --hour 7
    """
    from gateway.store.roster import add_members

    obj: Context = ctx.obj
    with obj.house() as house:
        town = the_forum(house, forum)
        name = handle or address.partition("@")[0]
        try:
            member = make_member(
                town,
                address,
                handle=name,
                badge=badge,
                zone=zone,
                hour=hour,
                form=form,
                digest=digest,
                joined_at=house.now(),
                is_new=is_new,
            )
        except ValueError as error:
            raise fail(str(error), 2) from None
        added, _ = add_members(house.store, [member])
    if not added:
        raise fail(f"{address} is a member of {town.address} already")
    typer.echo(f"{address} added to {town.address}" + (f", digest at {hour:02d}:00 {zone}" if digest else ", no digest"))


@app.command("set")
def set_(
    ctx: typer.Context,
    address: Annotated[str, typer.Argument(help="The member's address.")],
    words: Annotated[
        list[str],
        typer.Argument(
            help="KEY=VALUE: digest=off|immediate|hourly|daily|weekdays|weekly|monthly, hour=07:30, day=friday,"
            " zone=Europe/Paris, form=html|plain|mime|index, language=de, pause=2026-12-24|off, handle=NAME, bounces=0,"
            " role=member|editor|moderator|owner, standing=new|trusted|probation|banned, forum=NAME.",
            metavar="KEY=VALUE...",
        ),
    ],
    forum: ForumName = "",
) -> None:
    """Changes when and how a member gets digests, and what he is in the forum. Nothing is skipped or told twice.

    bounces=0 forgets the mail that came back, and digests go out again.

    Example: gateway member set ann@example.org digest=weekly day=friday hour=17:30
    """
    from gateway.mail.address import parse_address
    from gateway.people.preferences import told, with_preferences
    from gateway.people.rights import with_rank
    from gateway.store.roster import change_member, find_member

    obj: Context = ctx.obj
    with obj.house() as house:
        town = the_forum(house, forum or next((word.partition("=")[2] for word in words if word.startswith("forum=")), ""))
        parsed = parse_address(address)
        member = find_member(house.store, town.id, parsed) if parsed is not None else None
        if member is None:
            raise fail(f"{address} is no member of {town.address}")
        try:
            member, others = with_rank(member, [word for word in words if not word.startswith("forum=")])
            member = with_preferences(member, others)
        except ValueError as error:
            raise fail(str(error), 2) from None
        change_member(house.store, member)
    typer.echo(f"{address}: {told(member)}, {member.form}, {member.language}, {member.role}, {member.standing}")


@app.command()
def password(
    ctx: typer.Context,
    address: Annotated[str, typer.Argument(help="One of the member's addresses.")],
) -> None:
    """Makes a password with which a member's mail program logs in here (SMTP with AUTH, inside TLS), and shows it once.

    It is good for all addresses of that member, in all forums; the one before is void.

    Example: gateway member password ann@example.org
    """
    from secrets import token_bytes

    from gateway.flow.accounts import give_password
    from gateway.mail.address import parse_address
    from gateway.people.password import CHANCE_BYTES, SALT_BYTES, is_available

    if not is_available():
        raise fail("passwords need more packages: pip install 'thread-gateway[auth]'")
    parsed = parse_address(address)
    obj: Context = ctx.obj
    with obj.house() as house:
        made = give_password(house.store, parsed, token_bytes(CHANCE_BYTES), token_bytes(SALT_BYTES)) if parsed else None
    if made is None:
        raise fail(f"{address} is no member of any forum")
    typer.echo(made)


@app.command("list")
def list_(ctx: typer.Context, forum: ForumName = "", as_json: AsJson = False) -> None:
    """Lists the members of a forum, with their addresses: for the operator's eyes.

    Example: gateway member list --forum town
    """
    from gateway.people.bounces import score_at, told
    from gateway.store.roster import list_members

    obj: Context = ctx.obj
    with obj.house() as house:
        now = house.now()
        rows = [
            {
                "address": str(member.address),
                "handle": member.handle,
                "badge": member.badge,
                "role": str(member.role),
                "standing": str(member.standing),
                "zone": member.zone.key,
                "hour": f"{member.hour:02d}:{member.minute:02d}",
                "form": member.form,
                "digest": member.rhythm if member.has_digest else "off",
                "paused_until": str(member.paused_until or ""),
                "bounces": told(member.bounces, now, member.rhythm),
                "bounce_score": round(score_at(member.bounces, now, member.rhythm), 2),
                "paused_by_bounces_at": member.bounces.paused_at,
            }
            for member in list_members(house.store, the_forum(house, forum).id)
        ]
    columns = ("address", "handle", "badge", "role", "standing", "zone", "hour", "form", "digest", "bounces")
    show(rows, columns, as_json, "no member yet: gateway member add")


@app.command("import")
def import_(
    ctx: typer.Context,
    file: Annotated[
        Path, typer.Argument(help="CSV with a first line of names: address, handle, badge, zone, hour, form, digest.")
    ],
    forum: ForumName = "",
    is_new: IsNew = False,
) -> None:
    """Adds the members of a CSV file, trusted: all of them, or none when a line is wrong.

    Example: gateway member import members.csv --forum town
    """
    from dataclasses import replace

    from gateway.store.roster import add_members

    obj: Context = ctx.obj
    with obj.house() as house:
        town = the_forum(house, forum)
        members = [replace(member, joined_at=house.now()) for member in _read(file, town, is_new)]
        added, known = add_members(house.store, members)
    typer.echo(f"{added} added to {town.address}" + (f", {len(known)} there already: {', '.join(known)}" if known else ""))


def _read(file: Path, forum: Forum, is_new: bool) -> list[Member]:
    columns = {"address", "handle", "badge", "zone", "hour", "form", "digest"}
    try:
        return _members(file, forum, columns, is_new)
    except (UnicodeDecodeError, csv.Error) as error:
        raise fail(f"{file}: not a CSV file in UTF-8: {error}", 2) from None


def _members(file: Path, forum: Forum, columns: set[str], is_new: bool) -> list[Member]:
    members = []
    # A spreadsheet program may begin the file with a byte order mark.
    with file.open(encoding="utf-8-sig", newline="") as lines:
        reader = csv.DictReader(lines)
        unknown = set(reader.fieldnames or ()) - columns
        if unknown or "address" not in (reader.fieldnames or ()):
            raise fail(f"{file}:1: the first line must name columns among {', '.join(sorted(columns))}, address at least", 2)
        for row in reader:
            given = {name: (value or "").strip() for name, value in row.items() if name in columns}
            try:
                members.append(
                    make_member(
                        forum,
                        given["address"],
                        handle=given.get("handle") or given["address"].partition("@")[0],
                        badge=given.get("badge", ""),
                        zone=given.get("zone") or "UTC",
                        hour=_hour(given.get("hour") or "7"),
                        form=given.get("form") or "html",
                        digest=given.get("digest", "").lower() not in ("no", "false", "0", "off"),
                        is_new=is_new,
                    )
                )
            except ValueError as error:
                raise fail(f"{file}:{reader.line_num}: {error}", 2) from None
    return members


def _hour(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise ValueError(f"hour {text!r} is not a number")
    return int(text)
