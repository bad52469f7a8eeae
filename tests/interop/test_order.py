"""Four senders at once mail a whole archive to a server: the forest is the one of its definition, whatever came when.

The forum mirrors the lists that the mails name. The limits per client are off, as `tests.bench.servers.environment` has it.
"""

from __future__ import annotations

import smtplib
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import select

from gateway.mail.verdict import Reason
from gateway.parse.message import parse_message
from gateway.store.engine import Store
from gateway.store.incoming import node_of
from gateway.store.keep import MAIL
from gateway.store.roster import list_forums
from gateway.thread.forest import forest
from tests.bench.servers import Serving, gateway
from tests.interop.conftest import TOWN
from tests.interop.test_corpora import as_sent, is_smuggled, stuffed
from tests.test_corpora_thread import SETS, Read, archive  # noqa: F401 - a fixture
from tests.test_thread_store import stored_forest

pytestmark = pytest.mark.interop

SENDERS = 4
# Of each archive the mails that live mail's rules keep from being posted: answers of programs, and copies that came by no list.
NOT_POSTED = {
    "a/ksummit-lists-linux-dev/ksummit.mbox.xz": {Reason.AUTOMATIC: 5},
    "a/notmuch-list-2009/notmuch-lkml.mbox.xz": {Reason.BULK: 2},
}


def send(port: int, raws: list[bytes]) -> None:
    with smtplib.SMTP("127.0.0.1", port, "list.example.net") as smtp:
        smtp.ehlo()
        for raw in raws:
            assert (smtp.mail("list@example.net")[0], smtp.rcpt(TOWN)[0], smtp.docmd("DATA")[0]) == (250, 250, 354)
            smtp.send(stuffed(raw))
            assert smtp.getreply()[0] == 250


# All of them to one engine; the long ones take each engine half a minute.
WHERE = [("sqlite", name) for name, _ in SETS if name.startswith("a/")]
WHERE += [("postgres", name) for name, size in SETS if name.startswith("a/") and size < 1000]


@pytest.mark.parametrize(("database_url", "name"), WHERE, indirect=["database_url"])
def test_four_senders_at_once(tmp_path: Path, database_url: str, archive: Callable[[str], list[Read]], name: str) -> None:  # noqa: F811
    mails = archive(name)
    lists = sorted({one for _, _, message in mails for one in message.list_ids})
    gateway(
        tmp_path,
        "forum",
        "add",
        TOWN,
        "--posting",
        "open",
        *(word for one in lists for word in ("--mirror", one)),
        GATEWAY_STORE__URL=database_url,
    )
    raws = [raw for raw in (as_sent(raw) for _, raw, _ in mails) if not is_smuggled(raw)]
    assert len(raws) == len(mails)
    server = Serving(tmp_path, GATEWAY_STORE__URL=database_url)
    with ThreadPoolExecutor(SENDERS) as pool:
        list(pool.map(send, [server.port] * SENDERS, [raws[start::SENDERS] for start in range(SENDERS)]))
    assert server.stop() == 0
    store = Store(database_url)
    [town] = list_forums(store)
    with store.read() as db:
        kept = {(row.msgid, row.content_hash): row for row in db.execute(select(MAIL))}
    have, threads, _ = stored_forest(store, town.id)
    store.close()
    assert Counter(row.reason for row in kept.values() if row.verdict != "accept") == NOT_POSTED.get(name, {})
    firsts = {}
    for raw in raws:
        message = parse_message(raw)
        row = kept[message.msgid, message.content_hash]
        if (
            row.verdict == "accept"
            and (row.received_at, row.content_hash) < firsts.get(message.msgid, (row.received_at, b"\xff" * 33))[:2]
        ):
            firsts[message.msgid] = (row.received_at, row.content_hash, message)
    want = forest(node_of(message, at) for at, _, message in firsts.values())
    assert have.parents == want.parents
    assert have.ghosts.keys() == want.ghosts.keys()
    assert threads == set(want.threads())
