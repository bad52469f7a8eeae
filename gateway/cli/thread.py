"""gateway thread: list threads, show one as a tree."""

from __future__ import annotations

import json
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
app = typer.Typer(help="List threads, show one.", no_args_is_help=True)


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
    from gateway.store.shelf import list_threads

    obj: Context = ctx.obj
    with obj.house() as house:
        town = the_forum(house, forum)
        with house.store.read() as db:
            threads = list_threads(db, town.id, limit)
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
            typer.echo(json.dumps(asdict(part), ensure_ascii=False, indent=2, default=str))
        else:
            from gateway.render.digest import render_thread_text

            typer.echo(render_thread_text(part, _here()), nl=False)
        if save is not None:
            _save(house, town, post, save)


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
