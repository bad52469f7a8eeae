"""Real archives come in, go out, and come in again: the same bytes, tree, markers and texts."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from uuid_utils.compat import uuid7

from gateway.exchange import sources
from gateway.exchange.archives import Kind, read_mbox
from gateway.exchange.outlets import maildir_outlet
from gateway.flow import exporting
from gateway.mail.forum import Forum
from gateway.store import roster
from gateway.store.engine import Store
from tests.test_corpora_thread import SETS
from tests.test_importing import all_that_counts, export, take


@pytest.mark.parametrize("name", [name for name, _ in SETS])
def test_an_archive_goes_out_and_in_again_as_it_was(corpora: Path, tmp_path: Path, name: str) -> None:
    store = Store(f"sqlite:///{tmp_path / 'gateway.db'}")
    store.migrate()
    forums = [Forum(id=uuid7(), name=each, domain="gw.example", title=each) for each in ("one", "two", "three")]
    for forum in forums:
        roster.add_forum(store, forum)
    one, two, three = forums
    take(store, one, sources.mbox(corpora / name, Kind.MBOXRD))
    given = {hashlib.sha256(piece.raw or b"").digest() for piece in read_mbox(corpora / name)}
    kept = {hashlib.sha256(raw).digest() for raw, _ in exporting.mails(store, one)}
    assert kept <= given
    with maildir_outlet(tmp_path / "Maildir") as put:
        for raw, record in exporting.mails(store, one):
            put(raw, record.received_at)
    take(store, two, export(store, one, tmp_path / "one.mbox"))
    take(store, three, sources.maildir(tmp_path / "Maildir"))
    assert {hashlib.sha256(raw).digest() for raw, _ in exporting.mails(store, two)} == kept
    assert {hashlib.sha256(raw).digest() for raw, _ in exporting.mails(store, three)} == kept
    assert all_that_counts(store, two) == all_that_counts(store, one)
    store.close()
