"""gateway forum: make, change and list forums."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli.common import AsJson, Context, ForumName, fail, show, the_forum

if TYPE_CHECKING:
    from gateway.mail.address import Address
    from gateway.mail.forum import Forum, Policy

NAME = "forum"
app = typer.Typer(help="Make, change and list forums.", no_args_is_help=True)

_WHO = "anyone, members, editors or owners"
Posting = Annotated[
    str | None,
    typer.Option(help="Whose mail is posted: open (anybody's), members, proved (members who prove that it is theirs)."),
]
Start = Annotated[str | None, typer.Option(help=f"Who may start a thread: {_WHO}.")]
Comment = Annotated[str | None, typer.Option(help=f"Who may comment: {_WHO}.")]
Vote = Annotated[str | None, typer.Option(help=f"Who may vote: {_WHO}.")]
Read = Annotated[str | None, typer.Option(help=f"Who may read: {_WHO}.")]
Newcomers = Annotated[int | None, typer.Option(min=0, help="Posts of a new member that are held first; 0: none.")]
EditMinutes = Annotated[int | None, typer.Option(min=0, help="Minutes in which a post may be edited or withdrawn.")]
LockDays = Annotated[int | None, typer.Option(min=0, help="Days without a comment after which a thread is locked; 0: never.")]
HouseRules = Annotated[Path | None, typer.Option(help="A text file with the rules of the house.")]
MEANING = {
    "open": "mail from anybody is posted",
    "members": "mail is posted that has a member's address in From; anybody can forge that",
    "proved": "mail of members is posted when they prove that it is theirs; other mail is held",
}


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
    posting: Posting = "proved",
    start: Start = None,
    comment: Comment = None,
    vote: Vote = None,
    read: Read = None,
    newcomers: Newcomers = None,
    edit_minutes: EditMinutes = None,
    lock_days: LockDays = None,
    house_rules: HouseRules = None,
) -> None:
    """Makes a forum, in which members post who prove that a mail is theirs, unless --posting says else.

    Example: gateway forum add town@example.org --title "Town talk"
    """
    from uuid_utils.compat import uuid7

    from gateway.mail.address import parse_address
    from gateway.mail.forum import EDIT_MINUTES, NEWCOMER_POSTS, Forum, Policy, bad_name
    from gateway.store.roster import add_forum

    parsed = parse_address(address.lower())
    if parsed is None:
        raise fail(f"{address!r} is not an address: NAME@DOMAIN", 2)
    wrong = bad_name(parsed.local)
    if wrong:
        raise fail(f"the name {parsed.local!r} {wrong}", 2)
    # What nobody has to prove, nobody has to earn either.
    careful = Policy() if posting == "open" else Policy(newcomer_posts=NEWCOMER_POSTS, edit_minutes=EDIT_MINUTES)
    rights = {"start": start, "comment": comment, "vote": vote, "read": read}
    numbers = {"newcomer_posts": newcomers, "edit_minutes": edit_minutes, "lock_days": lock_days}
    policy = _policy(careful, posting, rights, numbers, house_rules)
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
            policy=policy,
        )
        add_forum(house.store, forum)
    typer.echo(f"forum {parsed} made: {MEANING[policy.posting]}")
    if policy.posting != "open":
        to = f"--forum {parsed.local}"
        typer.echo(f"add members: gateway member add ADDRESS {to}, or gateway member import FILE {to}")


@app.command("set")
def set_(
    ctx: typer.Context,
    owner: Annotated[list[str] | None, typer.Option(help="The owners from now on; repeatable. none: nobody.")] = None,
    flood: Annotated[str, typer.Option(help="off: posts that were held by a flood of them go through again.")] = "",
    forum: ForumName = "",
    posting: Posting = None,
    start: Start = None,
    comment: Comment = None,
    vote: Vote = None,
    read: Read = None,
    newcomers: Newcomers = None,
    edit_minutes: EditMinutes = None,
    lock_days: LockDays = None,
    house_rules: HouseRules = None,
) -> None:
    """Changes who owns a forum and what is allowed there. A gateway that runs knows it in a few seconds.

    Example: gateway forum set --forum town --owner ann@example.org --start editors
    """
    from dataclasses import replace

    from gateway.flow.flood import end_flood
    from gateway.store.roster import change_forum

    rights = {"start": start, "comment": comment, "vote": vote, "read": read}
    numbers = {"newcomer_posts": newcomers, "edit_minutes": edit_minutes, "lock_days": lock_days}
    is_same = not owner and all(value is None for value in (posting, house_rules, *rights.values(), *numbers.values()))
    if flood not in ("", "off"):
        raise fail(f"--flood {flood!r} is not off", 2)
    if is_same and not flood:
        raise fail("nothing to change: gateway forum set --help", 2)
    obj: Context = ctx.obj
    with obj.house() as house:
        changed = the_forum(house, forum)
        if flood:
            end_flood(house.store, changed, house.now(), house.new_id, "the operator")
            typer.echo(f"{changed.address}: posts go through")
        if owner:
            changed = replace(changed, owners=_addresses([] if owner == ["none"] else owner))
        changed = replace(changed, policy=_policy(changed.policy, posting, rights, numbers, house_rules))
        change_forum(house.store, changed)
    typer.echo("\n".join(_lines(changed)))


def _policy(
    policy: Policy, posting: str | None, rights: dict[str, str | None], numbers: dict[str, int | None], rules: Path | None
) -> Policy:
    """`policy` with what was given."""
    from dataclasses import replace

    from gateway.mail.forum import Posting, Who

    changes: dict[str, object] = {name: number for name, number in numbers.items() if number is not None}
    if posting is not None:
        if posting not in list(Posting):
            raise fail(f"--posting {posting!r} is none of {', '.join(Posting)}", 2)
        changes["posting"] = Posting(posting)
    for name, who in rights.items():
        if who is not None:
            if who not in list(Who):
                raise fail(f"--{name} {who!r} is none of {', '.join(Who)}", 2)
            changes[name] = Who(who)
    if rules is not None:
        try:
            changes["house_rules"] = rules.read_text(encoding="utf-8").strip()
        except UnicodeDecodeError:
            raise fail(f"{rules}: not a text in UTF-8", 2) from None
    return replace(policy, **changes)  # type: ignore[arg-type]


def _facts(forum: Forum) -> dict[str, object]:
    """Everything about a forum, for `list` and `show`."""
    policy = forum.policy
    return {
        "address": str(forum.address),
        "title": forum.title,
        "mirrors": list(forum.mirrors),
        "owners": list(map(str, forum.owners)),
        "posting": str(policy.posting),
        "start": str(policy.start),
        "comment": str(policy.comment),
        "vote": str(policy.vote),
        "read": str(policy.read),
        "newcomers": policy.newcomer_posts,
        "edit_minutes": policy.edit_minutes,
        "lock_days": policy.lock_days,
        "house_rules": policy.house_rules,
    }


def _lines(forum: Forum) -> list[str]:
    policy = forum.policy
    return [
        f"{forum.address}: {forum.title}",
        f"owners: {', '.join(map(str, forum.owners)) or 'none'}",
        *([f"mirrors: {', '.join(forum.mirrors)}"] if forum.mirrors else []),
        f"posting {policy.posting}: {MEANING[policy.posting]}",
        f"may start threads: {policy.start}; comment: {policy.comment}; vote: {policy.vote}; read: {policy.read}",
        f"held of a new member: {policy.newcomer_posts} posts; may be edited for: {policy.edit_minutes} minutes",
        f"locked after: {policy.lock_days} days" if policy.lock_days else "never locked by age",
        *(["", policy.house_rules] if policy.house_rules else []),
    ]


@app.command("show")
def show_(ctx: typer.Context, forum: ForumName = "", as_json: AsJson = False) -> None:
    """Shows what is allowed in a forum, and the rules of the house.

    Example: gateway forum show --forum town
    """
    obj: Context = ctx.obj
    with obj.house() as house:
        found = the_forum(house, forum)
    if as_json:
        show([_facts(found)], (), as_json, "")
    else:
        typer.echo("\n".join(_lines(found)))


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
        rows = [_facts(forum) for forum in list_forums(house.store)]
    columns = ("address", "title", "posting", "start", "comment")
    show(rows, columns, as_json, "no forum yet: gateway forum add NAME@DOMAIN --title TITLE")
