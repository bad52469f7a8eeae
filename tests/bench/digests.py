"""A digest of 1,000 comments of the corpus, out of the store, as the bytes of a letter (bound: 0.45 s of CPU)."""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from zoneinfo import ZoneInfo

from uuid_utils.compat import uuid7

from gateway.flow.publish import Due, build_issue, now_period, publish
from gateway.flow.reading import Reader
from gateway.flow.receive import Receiver, take_all
from gateway.mail.address import Address
from gateway.mail.envelope import Raw
from gateway.mail.forum import Forum, Member
from gateway.render.digest import render_issue
from gateway.render.letter import compose_digest
from gateway.store.engine import Store
from gateway.store.roster import add_forum
from gateway.store.writer import Writer

POSTS = 1_000
RUNS = 3


def measure(corpus: Path, scratch: Path) -> None:
    scratch.mkdir(parents=True)
    store = Store(f"sqlite:///{scratch / 'gateway.db'}")
    store.migrate()
    forum = Forum(id=uuid7(), name="bench", domain="example.org", title="Bench")
    add_forum(store, forum)
    now = datetime.now(UTC)
    receiver = Receiver(store, Writer(store, uuid7), Reader())
    files = sorted((corpus / "eml").rglob("*.eml"))[: POSTS * 11 // 10]
    take_all(receiver, forum, [(Raw.of(file.read_bytes()), now) for file in files], lambda _raw, _decision: None)
    receiver.close()
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
    due = Due(member, now_period(now), 0, POSTS)
    found = []
    for run in range(RUNS):
        begun = time.process_time()
        with store.read() as db:
            issue = build_issue(db, forum, [], due)
        rendering = render_issue(issue, zone=member.zone)
        raw = compose_digest(
            rendering,
            forum=forum,
            member_address=member.address,
            msgid=f"{run}@example.org",
            reply_to=forum.address,
            date=now + timedelta(minutes=run),
            boundary=f"=_bench{run}",
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
