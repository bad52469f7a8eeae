"""Clients that go away, at any byte, and what becomes of their mail and its spool file (S13)."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.test_smtp_door import MAIL, PATIENCE, RCPT, Client, House


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with House(tmp_path / "spool") as made:
        yield made


DIALOGUE = b"EHLO me\r\n" + MAIL + RCPT + b"DATA\r\n" + b"Subject: x\r\n\r\nx\r\n.\r\n" + b"QUIT\r\n"
SUBMITTED_AT = DIALOGUE.index(b"\r\n.\r\n") + 5


def speak(client: Client, text: bytes) -> None:
    """Says `text` as a polite client does: waits for 354."""
    head, data, tail = text.partition(b"DATA\r\n")
    client.send(head + data)
    if data:
        while not client.line().startswith("354"):
            pass
        client.send(tail)


@pytest.mark.parametrize("how", ["half-close", "reset"])
def test_cut_at_every_byte(house: House, how: str) -> None:
    """Before the end of the final dot nothing is kept, behind it the mail is kept once."""
    for length in range(len(DIALOGUE) + 1):
        house.door.kept.clear()
        house.door.submitted.clear()
        client = house.connect()
        client.line()
        speak(client, DIALOGUE[:length])
        if how == "half-close":
            client.sock.shutdown(socket.SHUT_WR)
            client.rest()
        else:
            if length >= SUBMITTED_AT:
                assert house.door.submitted.wait(PATIENCE)
            client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()
        house.wait_empty()
        assert len(house.door.kept) == (length >= SUBMITTED_AT), length


def test_hang_up_while_deciding_keeps_the_mail_once(house: House) -> None:
    house.door.hangs = True
    client = house.greet()
    client.begin_mail()
    client.send(b"x\r\n.\r\n")
    assert house.door.submitted.wait(PATIENCE)
    client.close()
    future, finish = house.door.waiting[0]
    assert not future.cancelled()
    finish()
    assert len(house.door.kept) == 1
    house.wait_empty()


def test_half_closed_client_still_gets_its_reply(house: House) -> None:
    house.door.hangs = True
    client = house.greet()
    client.begin_mail()
    client.send(b"x\r\n.\r\n")
    client.sock.shutdown(socket.SHUT_WR)
    assert house.door.submitted.wait(PATIENCE)
    house.door.waiting[0][1]()
    assert client.rest() == ["250 2.0.0 OK"]


# Spool files.


@pytest.mark.parametrize("end", ["kept", "taken back", "cut", "refused"])
def test_spool_file_lives_until_the_decision(tmp_path: Path, end: str) -> None:
    with House(tmp_path, memory=10) as house:
        house.door.hangs = end != "refused"
        if end == "refused":
            house.door.trouble["submit"] = OSError("no")
        client = house.greet()
        client.begin_mail()
        client.send(b"0123456789\r\n" * 2)
        client.send(b".\r\n")
        if end == "refused":
            assert client.reply().startswith("451")
        else:
            assert house.door.submitted.wait(PATIENCE)
            assert list(tmp_path.iterdir()) == house.door.paths
            if end == "cut":
                house.begin_drain(0).result(PATIENCE)
                assert list(tmp_path.iterdir()) == house.door.paths
            if end == "taken back":
                house.tick(31)
                assert client.reply().startswith("451 4.3.0")
            house.door.waiting[0][1]()
            assert len(house.door.kept) == (end != "taken back")
        assert list(tmp_path.iterdir()) == []


def test_spool_file_of_a_mail_that_never_ends(tmp_path: Path) -> None:
    with House(tmp_path, memory=10) as house:
        client = house.greet()
        client.begin_mail()
        client.send(b"0123456789\r\n" * 2)
        client.sock.shutdown(socket.SHUT_WR)
        assert client.rest() == []
        house.wait_empty()
        assert list(tmp_path.iterdir()) == []
