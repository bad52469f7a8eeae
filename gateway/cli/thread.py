"""gateway thread: list threads, show one as a tree, repair them; gateway explain."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli.common import AsJson, Context, ForumName, fail, show, the_forum

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from gateway.house import House
    from gateway.mail.forum import Forum
    from gateway.store.shelf import Post

NAME = "thread"
app = typer.Typer(help="List threads, show one, repair them.", no_args_is_help=True)


@app.command("list")
def list_(
    ctx: typer.Context,
    forum: ForumName = "",
    limit: Annotated[int, typer.Option(min=1, help="At most so many, the latest first.")] = 50,
    as_json: AsJson = False,
) -> None:
    """Lists the threads of a forum, the one with the latest post first.

    Example: gateway thread list --limit 10
    """
    from gateway.store.imports import unfinished
    from gateway.store.shelf import list_threads

    obj: Context = ctx.obj
    with obj.house() as house:
        town = the_forum(house, forum)
        with house.store.read() as db:
            threads = list_threads(db, town.id, limit)
            hidden = unfinished(db, town.id)
    for one in hidden:
        typer.echo(f"hidden until its import has ended: {one.source}; {one.taken} mails so far", err=True)
    rows = [
        {"marker": one.head.marker, "posts": one.posts, "last": one.last, "title": one.head.subject, "msgid": one.head.msgid}
        for one in threads
    ]
    show(rows, ("marker", "posts", "last", "title"), as_json, f"nothing posted to {town.address} yet")


@app.command("show")
def show_(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="Marker or msgid of any post of the thread.")],
    forum: ForumName = "",
    save: Annotated[Path | None, typer.Option(help="Write the attachments of the thread into this folder.")] = None,
    as_json: AsJson = False,
) -> None:
    """Shows the whole thread of a post as a tree.

    Example: gateway thread show k3f9x2ma --save files
    """
    from gateway.flow.browse import by_key, tell_thread
    from gateway.store.roster import list_members
    from gateway.store.shelf import find_post

    obj: Context = ctx.obj
    with obj.house() as house:
        town = the_forum(house, forum)
        with house.store.read() as db:
            post = find_post(db, town.id, name)
            if post is None:
                raise fail(f"no post {name!r} in {town.address}")
            part = tell_thread(db, town, by_key(list_members(house.store, town.id)), post.thread_id)
        if as_json:
            told = asdict(part)
            told["entries"] = [entry._asdict() for entry in told["entries"]]
            typer.echo(json.dumps(told, ensure_ascii=False, indent=2, default=str))
        else:
            from gateway.render.digest import render_thread_text

            typer.echo(render_thread_text(part, _here()), nl=False)
        if save is not None:
            _save(house, town, post, save)


Marker = Annotated[str, typer.Argument(help="Marker or msgid of a post.")]


@app.command()
def move(ctx: typer.Context, post: Marker, parent: Marker, forum: ForumName = "") -> None:
    """Hangs a post, and what answers it, under another one.

    Example: gateway thread move k3f9x2ma 7ht2m0qd
    """
    from gateway.flow import repair

    with _repairing(ctx, forum, post, parent) as (house, town, child, above):
        repair.move(house.store, town, child, above, house.now(), house.new_id)
    typer.echo(f"{child.marker} stands under {above.marker} now; gateway thread undo {child.marker} takes that back")


@app.command()
def split(ctx: typer.Context, post: Marker, forum: ForumName = "") -> None:
    """Makes a post, with what answers it, a thread of its own.

    Example: gateway thread split k3f9x2ma
    """
    from gateway.flow import repair

    with _repairing(ctx, forum, post, post) as (house, town, child, _):
        repair.move(house.store, town, child, None, house.now(), house.new_id)
    typer.echo(f"{child.marker} starts a thread now; gateway thread undo {child.marker} takes that back")


@app.command()
def merge(ctx: typer.Context, post: Marker, into: Marker, forum: ForumName = "") -> None:
    """Hangs the thread of the first post under the head of the second one's.

    Example: gateway thread merge k3f9x2ma 7ht2m0qd
    """
    from gateway.flow import repair

    with _repairing(ctx, forum, post, into) as (house, town, one, other):
        count = repair.merge(house.store, town, one, other, house.now(), house.new_id)
    typer.echo(f"{count} post{'' if count == 1 else 's'} moved, with what answers them")


@app.command()
def undo(ctx: typer.Context, post: Marker, forum: ForumName = "") -> None:
    """Takes the last move of a post back: it stands where its own header says.

    Example: gateway thread undo k3f9x2ma
    """
    from gateway.flow import repair

    with _repairing(ctx, forum, post, post) as (house, town, child, _):
        repair.undo(house.store, town, child, house.now(), house.new_id)
    typer.echo(f"{child.marker} stands where its own header says")


@app.command()
def lock(ctx: typer.Context, post: Marker, forum: ForumName = "") -> None:
    """Locks the thread in which a post stands: what answers it is held for a moderator.

    Example: gateway thread lock k3f9x2ma
    """
    from gateway.flow.locking import lock_thread

    with _repairing(ctx, forum, post, post) as (house, town, one, _):
        lock_thread(house.store, town, one, house.now(), house.new_id, is_undone=False)
    typer.echo(f"the thread of {one.marker} takes no more comments; gateway thread unlock {one.marker} opens it")


@app.command()
def unlock(ctx: typer.Context, post: Marker, forum: ForumName = "") -> None:
    """Opens a locked thread again.

    Example: gateway thread unlock k3f9x2ma
    """
    from gateway.flow.locking import lock_thread

    with _repairing(ctx, forum, post, post) as (house, town, one, _):
        lock_thread(house.store, town, one, house.now(), house.new_id, is_undone=True)
    typer.echo(f"the thread of {one.marker} takes comments")


@contextmanager
def _repairing(ctx: typer.Context, forum: str, *names: str) -> Iterator[tuple[House, Forum, Post, Post]]:
    """The house and the two posts that were named; a move that cannot be done is one clear line."""
    from gateway.flow.repair import BadMove
    from gateway.store.shelf import find_post

    obj: Context = ctx.obj
    with obj.house() as house:
        town = the_forum(house, forum)
        with house.store.read() as db:
            found = [find_post(db, town.id, name) for name in names]
        for name, post in zip(names, found, strict=True):
            if post is None:
                raise fail(f"no post {name!r} in {town.address}")
        one, other = found
        assert one is not None
        assert other is not None
        try:
            yield house, town, one, other
        except BadMove as error:
            raise fail(str(error)) from None


def explain(ctx: typer.Context, name: Marker, forum: ForumName = "", as_json: AsJson = False) -> None:
    """Tells what became of a mail, and why it stands where it stands.

    Example: gateway explain k3f9x2ma
    """
    from gateway.flow.explain import explain as flow_explain

    obj: Context = ctx.obj
    with obj.house() as house:
        town = the_forum(house, forum)
        found = flow_explain(house.store, town, name)
    if not found:
        raise fail(f"no mail {name!r} in {town.address}")
    if as_json:
        typer.echo(json.dumps([asdict(one) for one in found], ensure_ascii=False, indent=2, default=str))
        return
    for one in found:
        typer.echo(f"mail {one.msgid}, received {one.received_at:%Y-%m-%d %H:%M} UTC: {one.verdict}, {one.reason}")
        for msgid, state in one.chain:
            typer.echo(f"  names {msgid} ({state})")
        for step in one.steps:
            typer.echo(f"  {'->' if step.has_decided else 'no'} {step.rule}: {step.why}")
        if one.marker:
            place = f"number {one.number}" if one.number else "the head"
            typer.echo(f"  it is {one.marker}, {place} of {one.thread!r}" + (f", under {one.parent}" if one.parent else ""))


def _here() -> ZoneInfo:
    """The reader's zone: TZ or the machine's, else UTC."""
    import os
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    name = os.environ.get("TZ", "")
    link = Path("/etc/localtime")
    if not name and link.is_symlink():
        name = str(link.resolve()).partition("zoneinfo/")[2]
    try:
        return ZoneInfo(name or "UTC")
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ZoneInfo("UTC")


def _save(house: House, forum: Forum, post: Post, folder: Path) -> None:
    """Writes attachments under their own names; one that is taken by other bytes gets a number."""
    from gateway.parse.attachments import attachment_bytes
    from gateway.store.shelf import posts_of_threads, raw_of

    folder.mkdir(parents=True, exist_ok=True)
    saved = 0
    with house.store.read() as db:
        for one in posts_of_threads(db, forum.id, [post.thread_id])[post.thread_id]:
            raw = raw_of(db, forum.id, one.mail_id) if one.attachments else b""
            for attachment in one.attachments:
                data = attachment_bytes(raw, attachment)
                target = _free(folder / (attachment.name or attachment.sha256[:12]), data)
                target.write_bytes(data)
                saved += 1
    typer.echo(f"{saved} attachment{'' if saved == 1 else 's'} in {folder}", err=True)


def _free(path: Path, data: bytes) -> Path:
    number = 1
    free = path
    while free.exists() and free.read_bytes() != data:
        number += 1
        free = path.with_name(f"{path.stem}-{number}{path.suffix}")
    return free
