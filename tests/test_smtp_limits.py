"""The clock, the number of connections and recipients, and the end of the process (S9, S11, S14, S17)."""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.mail.envelope import Via
from gateway.mail.verdict import ACCEPTED
from tests.test_smtp_door import LOOPS, MAIL, PATIENCE, RCPT, Client, House


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with House(tmp_path / "spool") as made:
        yield made


# The clock.


def test_time_to_the_reply_is_limited_unless_the_mail_is_being_kept(house: House) -> None:
    house.door.hangs = True
    client = house.greet()
    client.begin_mail()
    client.send(b"x\r\n.\r\n")
    assert house.door.submitted.wait(PATIENCE)
    house.tick(29)
    assert not house.door.waiting[0][0].cancelled()
    house.tick(31)
    assert client.reply().startswith("451 4.3.0")
    house.door.submitted.clear()
    client.begin_mail()
    client.send(b"y\r\n.\r\n")
    assert house.door.submitted.wait(PATIENCE)
    future = house.door.waiting[1][0]
    assert future.set_running_or_notify_cancel()
    house.tick(3000)
    future.set_result((ACCEPTED,))
    assert client.reply().startswith("250")


@pytest.mark.parametrize(("seconds", "is_over"), [(299, False), (301, True)])
def test_idle_client_is_told_and_dropped(house: House, seconds: int, is_over: bool) -> None:
    client = house.greet()
    house.tick(seconds)
    if is_over:
        assert client.rest() == ["421 4.4.2 Timeout, closing the connection"]
    else:
        assert client.ask(b"NOOP\r\n").startswith("250")


@pytest.mark.parametrize(("seconds", "is_over"), [(179, False), (181, True)])
def test_idle_inside_data(house: House, seconds: int, is_over: bool) -> None:
    client = house.greet()
    client.begin_mail()
    house.tick(seconds)
    client.send(b"x\r\n.\r\n")
    assert client.rest()[:1] == ["421 4.4.2 Timeout, closing the connection"] if is_over else client.reply().startswith("250")
    assert len(house.door.kept) == (not is_over)


def test_session_life_is_not_extended_by_talking(tmp_path: Path) -> None:
    with House(tmp_path, idle=10**6) as house:
        client = house.greet()
        assert client.ask(b"NOOP\r\n").startswith("250")
        house.tick(20 * 60 + 1)
        assert client.rest()[0].startswith("421 4.4.2")


def test_crowd_makes_the_idle_leave_early(tmp_path: Path) -> None:
    with House(tmp_path, connections=10) as house:
        few = [house.greet() for _ in range(8)]
        house.tick(11)
        assert all(client.ask(b"NOOP\r\n").startswith("250") for client in few)
        more = house.greet()
        house.tick(11)
        for client in [*few, more]:
            assert client.rest()[0].startswith("421 4.4.2")


def test_client_that_never_reads_is_cut(house: House) -> None:
    """S9: a goodbye behind unread replies would never be sent, so there is none."""
    client = house.connect()
    client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.reply()
    client.ask(b"EHLO me\r\n")
    guest = next(iter(house.front._lobby.guests))  # type: ignore[union-attr]
    house.run(lambda: guest.transport.write(b"x" * (16 << 20)))  # type: ignore[union-attr]
    house.tick(301)
    house.wait_empty()


@pytest.mark.parametrize("loop", LOOPS)
def test_client_far_ahead_is_not_listened_to(tmp_path: Path, loop: str) -> None:
    """S8: what waits while a mail is decided has a bound, and nothing of it is lost."""
    with House(tmp_path / "spool", empty_commands=0, loop=loop) as house:
        house.door.hangs = True
        client = house.greet()
        client.begin_mail()
        client.send(b"x\r\n.\r\n")
        assert house.door.submitted.wait(PATIENCE)
        guest: Any = next(iter(house.front._lobby.guests))  # type: ignore[union-attr]
        for is_heard in (True, False):
            house.run(lambda: guest.data_received((b"NOOP " + b"x" * 1000 + b"\r\n") * 100))
            assert guest.transport.is_reading() is is_heard
        house.door.waiting[0][1]()
        for _ in range(201):
            assert client.reply().startswith("250")
        assert guest.transport.is_reading()


def test_client_that_does_not_leave_after_goodbye_is_cut(house: House) -> None:
    client = house.greet()
    client.ask(b"QUIT\r\n")
    house.tick(2)
    house.wait_empty()


# Connections.


@pytest.mark.parametrize(
    ("limits", "reply"),
    [
        ({"connections": 2}, "421 4.3.2"),
        ({"connections_per_network": 2}, "421 4.7.0"),
        ({"new_per_network_and_minute": 2}, "421 4.7.0"),
    ],
    ids=str,
)
@pytest.mark.parametrize("loop", LOOPS)
def test_one_connection_too_many(tmp_path: Path, limits: dict[str, float], reply: str, loop: str) -> None:
    with House(tmp_path, loop=loop, **limits) as house:
        clients = [house.greet(), house.greet()]
        refused = house.connect()
        refused.send(b"EHLO me\r\n")
        assert [line[:9] for line in refused.rest()] == [reply]
        assert house.guests() == 2
        for client in clients:
            assert client.ask(b"QUIT\r\n").startswith("221")
            client.rest()
        house.wait_empty()
        if "new_per_network_and_minute" not in limits:
            assert house.greet().ask(b"NOOP\r\n").startswith("250")


def test_early_talker(house: House) -> None:
    """S14: the loop stands still while the client connects and talks, so that it has surely talked first."""
    client_box: list[Client] = []

    def connect_and_talk() -> None:
        client = house.connect()
        client.send(b"EHLO me\r\n")
        client_box.append(client)

    house.run(connect_and_talk)
    assert [line[:9] for line in client_box[0].rest()] == ["554 5.5.0"]


def test_flood_of_recipients(house: House) -> None:
    """S11: what was accepted stays valid until the door closes; the rest costs nothing."""
    client = house.greet()
    client.ask(MAIL)
    refused = accepted = 0
    for _ in range(110):
        code = client.ask(RCPT)[:3]
        accepted += code == "250"
        refused += code == "452"
    assert (accepted, refused) == (100, 10)
    client.send(RCPT * 5000)
    lines = client.rest()
    assert lines[-1].startswith("421 4.7.0")
    assert len(lines) == 992


def test_no_space_on_disk_is_said_at_mail(tmp_path: Path) -> None:
    with House(tmp_path, free_space=1 << 62) as house:
        assert house.greet().ask(MAIL).startswith("452 4.3.1")


def test_nodelay(house: House) -> None:
    house.greet()
    guest = next(iter(house.front._lobby.guests))  # type: ignore[union-attr]
    sock = guest.transport.get_extra_info("socket")  # type: ignore[union-attr]
    assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_commands_are_not_logged(house: House, caplog: pytest.LogCaptureFixture) -> None:
    """R5: nobody's address in our log."""
    with caplog.at_level(logging.INFO):
        client = house.greet()
        client.begin_mail()
        client.ask(b"Subject: canary\r\n.\r\n")
        client.ask(b"QUIT\r\n")
    assert not caplog.text
    assert logging.getLogger("mail.log").level == logging.WARNING


# S17: the end.


@pytest.mark.parametrize("loop", LOOPS)
def test_drain_lets_mails_end_and_sends_the_idle_away(tmp_path: Path, loop: str) -> None:
    with House(tmp_path, loop=loop) as house:
        house.door.hangs = True
        idle, in_data, deciding = house.greet(), house.greet(), house.greet()
        in_data.begin_mail()
        deciding.begin_mail()
        deciding.send(b"x\r\n.\r\n")
        assert house.door.submitted.wait(PATIENCE)
        port = house.front.ports[Via.SMTP]
        done = house.begin_drain(PATIENCE)
        assert idle.rest() == ["421 4.3.2 Shutting down, try again later"]
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), PATIENCE)
        house.door.waiting[0][1]()
        assert [line[:9] for line in deciding.rest()] == ["250 2.0.0", "421 4.3.2"]
        house.door.hangs = False
        assert in_data.ask(b"y\r\n.\r\n").startswith("250")
        assert in_data.rest()[0].startswith("421 4.3.2")
        done.result(PATIENCE)
        assert len(house.door.kept) == 2


@pytest.mark.parametrize("loop", LOOPS)
def test_drain_cuts_what_does_not_end(tmp_path: Path, loop: str) -> None:
    with House(tmp_path, loop=loop) as house:
        house.door.hangs = True
        in_data, deciding = house.greet(), house.greet()
        in_data.begin_mail()
        deciding.begin_mail()
        deciding.send(b"x\r\n.\r\n")
        assert house.door.submitted.wait(PATIENCE)
        house.begin_drain(0).result(PATIENCE)
        assert in_data.rest() == deciding.rest() == []
        # The decision was not taken back: the door may still keep the mail.
        assert not house.door.waiting[0][0].cancelled()
        house.door.waiting[0][1]()
