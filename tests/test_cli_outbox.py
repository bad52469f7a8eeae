"""gateway outbox release, and what an operator is told of a frozen outbox and of a way out that fails."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.house import House
from gateway.settings import Settings
from gateway.store import outbox
from gateway.store.roster import list_forums
from tests.test_cli import Run, run, town  # noqa: F401 - fixtures
from tests.test_store import mail_bytes


@pytest.fixture
def waiting(town: Run, tmp_path: Path) -> Run:  # noqa: F811
    """A forum with a member and a comment that nobody has been told."""
    assert town("member", "add", "ann@example.org").code == 0
    (tmp_path / "box").mkdir()
    (tmp_path / "box" / "1.eml").write_bytes(mail_bytes())
    assert town("import", "eml", "box", "--news").code == 0
    return town


@pytest.fixture
def frozen(waiting: Run) -> Iterator[Run]:
    house = House(Settings())
    with house.store.write() as db:
        outbox.halt(db, house.now(), "restored from a backup")
    house.close()
    return waiting


def test_a_frozen_outbox_says_so_and_is_released(frozen: Run) -> None:
    said = frozen("digest", "send")
    assert said.out == "1 queued, 0 sent, 1 wait to be tried again\n"
    assert "the outbox is frozen, no letter goes out: restored from a backup. To let them go: gateway outbox release" in said.err
    listed = frozen("outbox", "list", "--json")
    assert [letter["state"] for letter in listed.json()] == ["ready"]
    assert "the outbox is frozen" in listed.err
    assert frozen("outbox", "release").out == "letters go out again, 1 wait\n"
    assert frozen("outbox", "release").out == "the outbox was not frozen\n"
    said = frozen("digest", "send")
    assert (said.out, said.err) == ("0 queued, 1 sent\n", "")


def test_a_way_out_that_fails_is_told(waiting: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    monkeypatch.setenv("GATEWAY_SEND__COURIER", "relay")
    monkeypatch.setenv("GATEWAY_SEND__RELAY_PORT", str(port))
    said = waiting("digest", "send")
    assert said.out == "1 queued, 0 sent, 1 wait to be tried again\n"
    assert "the way out fails: relay: ConnectionRefusedError" in said.err
    listed = waiting("outbox", "list", "--json")
    assert [(letter["attempts"], letter["last_reply"]) for letter in listed.json()] == [(0, "relay: ConnectionRefusedError")]
    assert "the way out fails: relay: ConnectionRefusedError" in listed.err
    monkeypatch.setenv("GATEWAY_SEND__COURIER", "maildir")
    assert waiting("digest", "send").out == "0 queued, 1 sent\n"
    assert waiting("outbox", "list").err == ""


def test_letters_that_another_process_carries_are_told_apart(waiting: Run) -> None:
    assert waiting("member", "add", "bob@example.org").code == 0
    house = House(Settings())
    forum = list_forums(house.store)[0]
    letter = outbox.Letter(
        forum_id=forum.id,
        id=house.new_id(),
        kind=outbox.Kind.NOTICE,
        subject_id=None,
        part=1,
        text="Subject\n\nWords",
        member_id=None,
        recipient="cleo@example.org",
        at=house.now(),
    )
    with house.store.write() as db:
        outbox.put(db, [letter])
        assert len(outbox.claim(db, house.now(), 1)) == 1
    house.close()
    assert waiting("digest", "send").out == "2 queued, 2 sent, 1 with another process that sends\n"


@pytest.mark.parametrize(("key", "value"), [("CA", "nowhere.pem"), ("PASSWORD_FILE", "nowhere")])
def test_files_that_cannot_be_read_are_one_clear_line(
    waiting: Run, monkeypatch: pytest.MonkeyPatch, key: str, value: str
) -> None:
    monkeypatch.setenv("GATEWAY_SEND__COURIER", "relay")
    monkeypatch.setenv(f"GATEWAY_SEND__RELAY_{key}", value)
    if key == "PASSWORD_FILE":
        monkeypatch.setenv("GATEWAY_SEND__RELAY_USER", "gateway")
    said = waiting("digest", "send")
    assert said.code != 0
    assert "cannot be read" in said.err
