"""What a large thread costs: one more mail in it, and weaving and rendering it."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from statistics import median
from textwrap import wrap
from zoneinfo import ZoneInfo

from uuid_utils.compat import uuid7

from gateway.digest.issue import Issue
from gateway.digest.outline import Telling, outline_part
from gateway.exchange.seed import read_seed
from gateway.mail.address import Address
from gateway.mail.envelope import Envelope, Raw, Via
from gateway.mail.forum import Forum
from gateway.mail.message import Message, Span, SpanKind
from gateway.mail.verdict import ACCEPTED
from gateway.people.handles import Byline
from gateway.render.digest import render_issue
from gateway.store.engine import Store
from gateway.store.incoming import Incoming
from gateway.store.keep import keep
from gateway.store.roster import add_forum
from gateway.thread.weave import Row, weave
from tests.test_exchange import PAGE

START = datetime(2026, 3, 1, tzinfo=UTC)
LARGE = 10_000
MORE = 1_000
BATCH = 25
RUNS = 3
LAST = "whatsoever."


def _incoming(forum: Forum, number: int, parent: int | None) -> Incoming:
    msgid = f"{number}@bench.example.org"
    at = START + timedelta(minutes=number)
    message = Message(
        msgid=msgid,
        content_hash=number.to_bytes(32, "big"),
        author_name="Ann",
        author_address=Address("ann", "example.org"),
        subject="Re: the bench",
        date=at,
        ancestors=() if parent is None else (f"{parent}@bench.example.org",),
        spans=(Span(SpanKind.TEXT, "word " * 400),),
    )
    envelope = Envelope(reverse_path=None, forward_paths=(forum.address,), received_at=at, via=Via.IMPORT)
    raw = Raw.of(b"word " * 1200)
    return Incoming.of(forum=forum, recipient=forum.address, envelope=envelope, message=message, raw=raw, decision=ACCEPTED)


def _one_more(folder: Path, size: int) -> float:
    """CPU seconds for each of 1,000 more mails, after 10,000 in threads of `size`."""
    folder.mkdir(parents=True)
    store = Store(f"sqlite:///{folder / 'gateway.db'}")
    store.migrate()
    forum = Forum(id=uuid7(), name="bench", domain="example.org", title="Bench")
    add_forum(store, forum)
    chance = Random(size)
    _keep(store, [_incoming(forum, n, None if n % size == 0 else chance.randrange(n - n % size, n)) for n in range(LARGE)])
    more = [_incoming(forum, LARGE + n, chance.randrange(LARGE)) for n in range(MORE)]
    begun = time.process_time()
    _keep(store, more)
    took = time.process_time() - begun
    store.close()
    return took / MORE


def _keep(store: Store, items: Sequence[Incoming]) -> None:
    for start in range(0, len(items), BATCH):
        with store.write() as db:
            keep(db, items[start : start + BATCH], uuid7)


def measure_one_more(scratch: Path) -> None:
    ratios, costs = [], []
    for run in range(RUNS):
        small, large = _one_more(scratch / f"small{run}", 10), _one_more(scratch / f"large{run}", LARGE)
        ratios.append(large / small)
        costs.append(large)
    spread = f"{min(ratios):.2f}-{max(ratios):.2f}"
    sys.stdout.write(
        f"thread  one more mail in a thread of 10,000: {1e6 * median(costs):.0f} us, "
        f"{median(ratios):.2f} x that in threads of 10 ({spread})\n"
    )


def _text(words: Sequence[str], chance: Random) -> str:
    """400 characters as people write them: in lines that a mail program broke, no two alike."""
    return "\n".join([*wrap(" ".join(chance.choices(words, k=80)), 72)[:5], LAST])


def measure_weave() -> None:
    """A thread of 10,000 comments of 400 characters in lines of 72: weave, outline, text and HTML."""
    chance = Random(1)
    words = " ".join(comment.text for comment in read_seed(PAGE).comments).split()
    texts = [_text(words, chance) for _ in range(LARGE)]
    rows = [Row("0", None, START, id="0")]
    for n in range(1, LARGE):
        rows.append(Row(str(n), str(chance.randrange(max(0, n - 40), n)), START + timedelta(minutes=n), id=str(n)))
    tellings = {
        row.id: Telling(
            marker=f"{int(row.id):08d}",
            msgid=f"{row.id}@example.org",
            subject="Re: the bench",
            byline=Byline("Ann", "Silver badge"),
            date=row.date,
            is_imposter=False,
            spans=(Span(SpanKind.TEXT, texts[int(row.id)]),),
            attachments=(),
        )
        for row in rows
    }
    forum = Forum(id=uuid7(), name="bench", domain="example.org", title="Bench")
    found: list[tuple[float, float]] = []
    for _ in range(RUNS):
        begun = time.process_time()
        part = outline_part(weave(rows), tellings, ("bench",))
        woven = time.process_time()
        issue = Issue(forum=forum, number=1, since=START, until=START + timedelta(days=9), threads=(part,))
        rendering = render_issue(issue, zone=ZoneInfo("Europe/Paris"))
        found.append((woven - begun, time.process_time() - woven))
        if rendering.text.split().count(LAST) != LARGE:
            raise RuntimeError("the text is not whole")
    weaving, rendering_time = median(one for one, _ in found), median(two for _, two in found)
    total = median(one + two for one, two in found)
    sys.stdout.write(
        f"thread  10,000 comments: {total:.2f} s of CPU (weave {weaving:.2f}, text and HTML {rendering_time:.2f}; bound 1 s)\n"
    )
