"""Real archives: every mail is read, and the forest is the same in the given order, reversed and shuffled, pure and stored."""

from __future__ import annotations

import gzip
import json
import lzma
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any, BinaryIO

import pytest
from uuid_utils.compat import uuid7

from gateway.exchange.archives import read_mbox
from gateway.mail.envelope import Envelope, Raw, Via
from gateway.mail.message import Message
from gateway.mail.verdict import ACCEPTED
from gateway.parse.message import parse_message
from gateway.store.engine import Store
from gateway.store.keep import Incoming, keep
from gateway.thread.forest import Forest, Node, effective_date, forest
from gateway.thread.weave import Row, weave
from tests.test_thread_store import make_forum, stored_forest

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
_OPEN: dict[str, Callable[[Path], Any]] = {".xz": lzma.open, ".gz": gzip.open}
# And how many mails are in each.
SETS = [
    ("a/fedora-devel-2010-01/2010-January.txt.gz", 292),
    ("a/notmuch-list-2009/notmuch-default.mbox.xz", 53),
    ("a/notmuch-list-2009/notmuch-lkml.mbox.xz", 210),
    ("a/usrp-users-slice/usrp-users-slice.mbox.xz", 1464),
    ("a/ksummit-lists-linux-dev/ksummit.mbox.xz", 3115),
    ("b/mail-thread/testbox.mbox", 10),
    ("b/notmuch-threading/duplicate-message-id.mbox", 9),
    ("b/notmuch-threading/ghost-root.mbox", 9),
    ("b/notmuch-threading/loop.mbox", 2),
]
SMALL = [name for name, count in SETS if count < 400]
Read = tuple[datetime, bytes, Message]


def _mails(path: Path, folder: Path) -> Iterator[tuple[datetime, bytes]]:
    plain = folder / path.name
    opened: BinaryIO
    with _OPEN.get(path.suffix, lambda found: found.open("rb"))(path) as opened:
        plain.write_bytes(opened.read())
    for piece in read_mbox(plain):
        yield piece.received_at or EPOCH, piece.raw


@pytest.fixture(scope="module")
def archive(corpora: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], list[Read]]:
    folder = tmp_path_factory.mktemp("mbox")
    known: dict[str, list[Read]] = {}

    def load(name: str) -> list[Read]:
        if name not in known:
            known[name] = [(at, raw, parse_message(raw)) for at, raw in _mails(corpora / name, folder)]
        return known[name]

    return load


def _forest(mails: Sequence[Read]) -> Forest:
    """Of the mails with one msgid the first, as the design defines it."""
    firsts: dict[str, tuple[datetime, Message]] = {}
    for at, _, message in mails:
        other = firsts.get(message.msgid)
        if other is None or (at, message.content_hash) < (other[0], other[1].content_hash):
            firsts[message.msgid] = (at, message)
    return forest(Node(msgid, m.ancestors, effective_date(m.date, at)) for msgid, (at, m) in firsts.items())


@pytest.mark.parametrize(("name", "count"), SETS)
def test_every_mail_of_the_archive_is_found(corpora: Path, tmp_path: Path, name: str, count: int) -> None:
    assert sum(1 for _ in _mails(corpora / name, tmp_path)) == count


def test_mailboxes_of_the_nineties(corpora: Path, tmp_path: Path) -> None:
    """Separators of System V: no seconds, a zone before the year. One of the 25 follows no blank line: it is text."""
    boxes = [path for path in (corpora / "a" / "hypermail-mboxes").iterdir() if path.name != "ORIGIN.md"]
    assert (len(boxes), sum(1 for box in boxes for _ in _mails(box, tmp_path))) == (12, 24)


@pytest.mark.parametrize("name", [name for name, _ in SETS])
def test_any_order_gives_the_same_forest(archive: Callable[[str], list[Read]], name: str) -> None:
    mails = archive(name)
    assert not any(message.is_unreadable for _, _, message in mails)
    given = _forest(mails)
    shuffled = list(mails)
    Random(7).shuffle(shuffled)
    for order in (mails[::-1], shuffled):
        other = _forest(order)
        assert other.parents == given.parents
        assert other.ghosts == given.ghosts
        assert set(other.threads()) == set(given.threads())


@pytest.mark.parametrize("name", [name for name, _ in SETS])
def test_each_thread_is_woven_whole(archive: Callable[[str], list[Read]], name: str) -> None:
    woven = _forest(archive(name))
    dates = {message.msgid: effective_date(message.date, at) for at, _, message in archive(name)} | dict(woven.ghosts)
    received = woven.parents.keys() - woven.ghosts.keys()
    drawn: list[str] = []
    for thread in woven.threads():
        places = weave(Row(m, woven.parents[m], dates[m], m in woven.ghosts, id=m) for m in thread)
        drawn += [place.row.msgid for place in places if not place.row.is_ghost]
    assert sorted(drawn) == sorted(received)


@pytest.mark.parametrize("name", SMALL)
def test_the_store_gives_the_same_forest(store: Store, archive: Callable[[str], list[Read]], name: str) -> None:
    forum = make_forum()
    batch = [
        Incoming.of(
            forum=forum,
            recipient=forum.address,
            envelope=Envelope(reverse_path=None, forward_paths=(forum.address,), received_at=at, via=Via.IMPORT),
            message=message,
            raw=Raw.of(raw),
            decision=ACCEPTED,
        )
        for at, raw, message in archive(name)
    ]
    chance = Random(11)
    order = [*batch, *batch[:20]]
    chance.shuffle(order)
    while order:
        size = chance.randint(1, 60)
        with store.write() as db:
            keep(db, order[:size], uuid7)
        order = order[size:]
    want = _forest(archive(name))
    have, threads, _ = stored_forest(store, forum.id)
    assert have.parents == want.parents
    assert have.ghosts == want.ghosts
    assert threads == set(want.threads())


def test_the_month_of_fedora_hangs_as_its_archive_page_says(corpora: Path, archive: Callable[[str], list[Read]]) -> None:
    """272 of 292 mails have the same root by headers alone; the page placed some by subject."""
    name = "a/fedora-devel-2010-01/2010-January.txt.gz"
    page = json.loads((corpora / "a/fedora-devel-2010-01/expected.json").read_text())["messages"]
    mails = archive(name)
    assert [one["message_id"] for one in page] == [message.msgid for _, _, message in mails]
    woven = _forest(mails)
    same = 0
    for one in page:
        at, root = one, one["message_id"]
        while at["parent"] is not None:
            at = page[at["parent"]]
        while (above := woven.parents[root]) is not None and above not in woven.ghosts:
            root = above
        same += root == at["message_id"]
    assert same == 272
