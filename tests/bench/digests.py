"""A digest of 1,000 comments of the corpus, out of the store, as the bytes of a letter (bound: 0.45 s of CPU)."""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from zoneinfo import ZoneInfo

from uuid_utils.compat import uuid7

from gateway.exchange.folders import read_files
from gateway.exchange.sources import Source
from gateway.flow.importing import bring_in, open_import
from gateway.flow.publish import Due, build_issue, now_period, publish
from gateway.mail.address import Address
from gateway.mail.forum import Forum, Member
from gateway.mail.token import KEY_BYTES, make_token, marker_bytes
from gateway.render.body import alternative_body
from gateway.render.digest import render_issue
from gateway.render.letter import Personal, compose
from gateway.store.engine import Store
from gateway.store.roster import add_forum

POSTS = 1_000
RUNS = 3


def measure(corpus: Path, scratch: Path) -> None:
    scratch.mkdir(parents=True)
    store = Store(f"sqlite:///{scratch / 'gateway.db'}")
    store.migrate()
    forum = Forum(id=uuid7(), name="bench", domain="example.org", title="Bench")
    add_forum(store, forum)
    now = datetime.now(UTC)
    files = sorted((corpus / "eml").rglob("*.eml"))[: POSTS * 11 // 10]
    source = Source("eml", 0, lambda: read_files(files, corpus, is_delivered=True))
    run = open_import(store, forum, source, 0, now, uuid7)
    bring_in(store, forum, source, run, is_news=True, now=now, new_id=uuid7, told=lambda _outcome: None)
    publish(store, forum, now, uuid7)
    member = Member(
        id=uuid7(),
        forum_id=forum.id,
        address=Address("ann", "example.org"),
        handle="Ann",
        badge="",
        zone=ZoneInfo("Europe/Paris"),
        hour=7,
        form="html",
        has_digest=True,
    )
    period = now_period(now)
    due = Due(member, period, 0, POSTS)
    expires = (now + timedelta(days=90)).date()

    def entry(purpose: str, marker: str) -> str:
        """The token of an entry, as `flow.compose` makes one for each."""
        data = marker_bytes(marker) or bytes(6)
        return make_token(bytes(KEY_BYTES), purpose, forum.list_id, marker=data, member=member.id.bytes[-4:], expires=expires)

    found = []
    for run in range(RUNS):
        begun = time.process_time()
        with store.read() as db:
            issue = build_issue(db, forum, [], due, period)
        rendering = render_issue(issue, zone=member.zone)
        raw = compose(
            alternative_body(rendering.text, rendering.html, f"=_bench{run}"),
            forum=forum,
            personal=Personal(to=member.address, leave=forum.address, entry=entry),
            subject=rendering.subject,
            msgid=f"{run}@example.org",
            reply_to=forum.address,
            date=now + timedelta(minutes=run),
            kind="digest",
        )
        found.append(time.process_time() - begun)
    store.close()
    if issue.new != POSTS:
        raise RuntimeError(f"{issue.new} comments in the digest")
    spread = f"{min(found):.2f}-{max(found):.2f}"
    sys.stdout.write(
        f"digest  1,000 comments, text and HTML, read, woven, rendered, serialised ({len(raw) >> 10} KiB): "
        f"{median(found):.2f} s of CPU ({spread}; bound 0.45 s)\n"
    )
