"""gateway demo: the seed page through the real thing, in a few seconds and without waiting: the clock is an argument."""

from __future__ import annotations

import asyncio
import email
import smtplib
import tempfile
import textwrap
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from random import Random

import typer

from gateway.cli.demo_answer import answer_to, digests_of, places_in, text_of
from gateway.cli.member import make_member
from gateway.exchange.seed import EDITOR, Seed, read_seed, seed_mails, seed_members
from gateway.flow.deliver import Office
from gateway.house import House, data_folder
from gateway.house.working import WorkingHouse
from gateway.mail.forum import NEWCOMER_POSTS, Forum, Member, Policy, Posting, Role, Who
from gateway.settings import AuthTable, SendTable, Settings, SmtpTable, StoreTable
from gateway.store.roster import add_forum, add_members
from gateway.store.shelf import list_threads

SENDERS = 4
TWICE = 7
READERS = (("Europe/London", "html"), ("America/New_York", "html"), ("Asia/Tokyo", "plain"))


@dataclass(slots=True)
class Clock:
    """A clock that stands still until it is set."""

    at: datetime

    def __call__(self) -> datetime:
        return self.at


def run_demo(keep: Path | None, database: str, with_text: bool, with_answer: bool = False) -> None:
    """Runs it in `keep`, or in a folder under the system's temporary one, which stays for looking around."""
    folder = keep or Path(tempfile.mkdtemp(prefix="gateway-demo-"))
    if (folder / "gateway.db").exists() or (folder / "Maildir").exists():
        typer.echo(f"gateway: {folder} holds a demo already: name another folder", err=True)
        raise typer.Exit(2)
    day = datetime.now(UTC).date() - timedelta(days=1)
    clock = Clock(datetime.combine(day, time(21), UTC))
    settings = Settings(
        data=folder,
        smtp=SmtpTable(port=0),
        store=StoreTable(url=database or None),
        send=SendTable(),
        auth=AuthTable(trusted_networks=["127.0.0.0/8"]),
    )
    page = next(iter(sorted(data_folder("seeds").glob("*.txt"))))
    seed = read_seed(page.read_text(encoding="utf-8"))
    house = WorkingHouse(settings, clock)
    try:
        forum = _forum(house, seed)
        mails = seed_mails(seed, str(forum.address), datetime.combine(day, time(8), UTC))
        typer.echo(f"Read {page.name}: one article, {len(seed.comments)} comments.")
        asyncio.run(_receive(house, mails))
        with house.office() as office:
            # Received and numbered in the evening, told at each reader's seven o'clock on the next morning.
            house.tick(office)
            clock.at = datetime.combine(day + timedelta(days=1), time(13), UTC)
            house.tick(office)
            _show(house, forum, folder, with_text and not with_answer)
            if with_answer:
                _answer(house, clock, office, with_text)
    finally:
        house.close()


def _forum(house: House, seed: Seed) -> Forum:
    policy = Policy(posting=Posting.PROVED, start=Who.EDITORS, newcomer_posts=NEWCOMER_POSTS)
    forum = Forum(id=house.new_id(), name="town", domain="example.org", title="Town Talk", policy=policy)
    add_forum(house.store, forum)
    readers = [
        make_member(
            forum,
            f"reader.{zone.partition('/')[2].lower()}@example.org",
            handle=zone.partition("/")[2].replace("_", " "),
            badge="",
            zone=zone,
            hour=7,
            form=form,
            digest=True,
        )
        for zone, form in READERS
    ]
    add_members(house.store, [*seed_members(seed, forum, house.new_id), *_authors(house, forum, seed), *readers])
    return forum


def _authors(house: House, forum: Forum, seed: Seed) -> list[Member]:
    """All who write, as members in good standing; the demo's network is trusted, so that none of them needs another proof."""
    authors = {mail["From"].addresses[0].addr_spec: mail["From"].addresses[0] for mail in seed_mails(seed, "", house.now())}
    found = [
        make_member(forum, address, handle=who.display_name, badge="", zone="UTC", hour=7, form="html", digest=False)
        for address, who in authors.items()
    ]
    return [replace(one, role=Role.EDITOR) if one.address.local == EDITOR else one for one in found]


async def _receive(house: WorkingHouse, mails: Sequence[EmailMessage], *, is_shuffled: bool = True) -> None:
    """The server on a free port, and several clients that bring everything; in no order and some of it twice, or as it is."""
    front = house.front_door()
    await front.start()
    port = next(iter(front.ports.values()))
    batch = [*mails, *mails[::TWICE]] if is_shuffled else list(mails)
    if is_shuffled:
        Random(7).shuffle(batch)
    shares = [batch[start::SENDERS] for start in range(SENDERS)]
    with ThreadPoolExecutor(SENDERS) as pool:
        loop = asyncio.get_running_loop()
        await asyncio.gather(*(loop.run_in_executor(pool, _send, port, share) for share in shares))
    await front.drain()
    how = f", shuffled, {len(batch) - len(mails)} of them twice" if is_shuffled else ""
    typer.echo(f"Mailed {len(batch)} by SMTP to 127.0.0.1:{port}{how}.")


def _send(port: int, mails: Sequence[EmailMessage]) -> None:
    with smtplib.SMTP("127.0.0.1", port) as smtp:
        for mail in mails:
            smtp.send_message(mail)


def _show(house: House, forum: Forum, folder: Path, with_text: bool) -> None:
    with house.store.read() as db:
        threads = list_threads(db, forum.id, 10)
    typer.echo(f"Filed as {len(threads)} thread with {threads[0].posts} posts.")
    maildir = house.settings.maildir
    for part, name in (("plain", "digest.txt"), ("html", "digest.html")):
        (folder / name).write_text(_part(maildir, part), encoding="utf-8")
    if with_text:
        typer.echo(f"\n{_part(maildir, 'plain')}")
    typer.echo(
        f"{len(list((maildir / 'new').iterdir()))} digests for readers in {', '.join(zone for zone, _ in READERS)}.\n"
        f"  mail      {maildir}      neomutt -f {maildir}\n"
        f"  HTML      {folder / 'digest.html'}      open it in a browser\n"
        f"  text      {folder / 'digest.txt'}\n"
        f"  database  {house.settings.database_url}"
    )


def _answer(house: WorkingHouse, clock: Clock, office: Office, with_text: bool) -> None:
    """A reader answers three comments in one mail; the next morning's digest has them in their places."""
    reader = READERS[0][0].partition("/")[2].lower()
    answer = answer_to(digests_of(house.settings.maildir, reader)[-1])
    body = answer.get_body(("plain",))
    typer.echo(f"\nThe reader in {READERS[0][0]} answers three comments in one mail:\n")
    if with_text and body is not None:
        typer.echo(textwrap.indent(str(body.get_content()), "    ", lambda _: True))
    asyncio.run(_receive(house, [answer], is_shuffled=False))
    house.tick(office)
    clock.at += timedelta(days=1)
    house.tick(office)
    digest = digests_of(house.settings.maildir, reader)[-1]
    if with_text:
        typer.echo(f"\n{text_of(digest)}")
    typer.echo("\nThe next digest shows, as new:")
    for number, words in places_in(digest):
        typer.echo(f"  {number:10}{words}")


def _part(maildir: Path, subtype: str) -> str:
    """A part of the first reader's digest, out of the mail as it was delivered."""
    for file in sorted((maildir / "new").iterdir()):
        mail = email.message_from_bytes(file.read_bytes(), policy=default)
        body = mail.get_body((subtype,))
        if body is not None and READERS[0][0].partition("/")[2].lower() in str(mail["Delivered-To"]):
            return str(body.get_content())
    raise FileNotFoundError(2, "no digest was delivered", str(maildir))
