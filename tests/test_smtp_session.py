"""What a session does when others misbehave: the door, the client, the clock, the end of the process."""

from __future__ import annotations

import asyncio
import itertools
import logging
import socket
import struct
import time
from collections.abc import Iterator
from concurrent.futures import CancelledError
from pathlib import Path

import pytest

from gateway.mail.envelope import Via
from gateway.mail.verdict import ACCEPTED, Decision, Reason, Verdict
from gateway.smtp import routing
from tests.test_smtp_door import DOMAIN, LOOPS, MAIL, NOON, PATIENCE, RCPT, Client, House


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with House(tmp_path / "spool") as made:
        yield made


TROUBLES: list[BaseException] = [
    ValueError("secret"),
    OSError(28, "secret"),
    RuntimeError("secret\r\n250 OK"),
    UnicodeError("sécret \udc80"),
    MemoryError(),
    RecursionError("secret"),
    ConnectionResetError("secret"),
    TimeoutError("secret"),
    StopIteration("secret"),
    StopAsyncIteration(),
    KeyError(object()),
    CancelledError("secret"),
    AssertionError(),
    ExceptionGroup("secret", [ValueError("secret")]),
]


@pytest.mark.parametrize("error", TROUBLES, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("hook", ["route", "refresh", "submit", "decide"])
@pytest.mark.parametrize("via", [Via.SMTP, Via.LMTP])
def test_our_trouble_is_451_and_tells_nothing(house: House, hook: str, error: BaseException, via: Via) -> None:
    """S4: a constant text, the transaction forgotten, the session alive."""
    client = house.greet(via)
    house.door.trouble[hook] = error
    recipient = b"RCPT TO:<nobody@gw.example>\r\n" if hook == "refresh" else RCPT
    assert client.ask(MAIL) == "250 2.0.0 OK"
    if hook in ("route", "refresh"):
        assert client.ask(recipient) == "451 4.3.0 Trouble on our side, try again later"
        assert client.ask(b"RSET\r\n") == "250 2.0.0 OK"
    else:
        assert client.ask(recipient) == "250 2.0.0 OK"
        assert client.ask(b"DATA\r\n").startswith("354")
        assert client.ask(b"x\r\n.\r\n") == "451 4.3.0 Trouble on our side, try again later"
    assert house.door.kept == []
    house.door.trouble.clear()
    client.begin_mail()
    assert client.ask(b"x\r\n.\r\n") == "250 2.0.0 OK"


def test_a_decision_that_ends_its_thread_harms_one_mail(house: House) -> None:
    """A thread pool hands on even what is no Exception."""
    client = house.greet()
    for error in (SystemExit("secret"), KeyboardInterrupt(), asyncio.CancelledError(), GeneratorExit()):
        house.door.trouble["decide"] = error
        client.begin_mail()
        assert client.ask(b"x\r\n.\r\n").startswith("451 4.3.0")


def test_a_decision_too_few_is_trouble(house: House) -> None:
    client = house.greet()
    house.door.answer = lambda destinations: ()
    client.begin_mail()
    assert client.ask(b"x\r\n.\r\n").startswith("451 4.3.0")


def test_trouble_inside_a_mail_ends_the_session(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the rest of the mail would be commands."""

    def fail(*_: object) -> bool:
        raise MemoryError

    client = house.greet()
    client.begin_mail()
    monkeypatch.setattr("gateway.smtp.data.DataReader.feed", fail)
    client.send(b"MAIL FROM:<evil@b.example>\r\n")
    assert [line[:9] for line in client.rest()] == ["451 4.3.0"]


def test_envelope(house: House) -> None:
    client = house.greet()
    assert client.ask(MAIL).startswith("250")
    for name in (b"General", b"news", b"general"):
        assert client.ask(b"RCPT TO:<" + name + b"@GW.example>\r\n").startswith("250")
    client.ask(b"DATA\r\n")
    assert client.ask(b"x\r\n.\r\n").startswith("250")
    envelope, raw, destinations = house.door.kept[0]
    assert raw == b"x\r\n"
    assert [str(path) for path in envelope.forward_paths] == ["General@gw.example", "news@gw.example"]
    assert [destination.address for destination in destinations] == list(envelope.forward_paths)
    assert (str(envelope.reverse_path), envelope.peer, envelope.via) == ("anna@sender.example", "127.0.0.1", Via.SMTP)
    assert envelope.received_at == NOON


@pytest.mark.parametrize(
    ("decision", "code"),
    [
        (ACCEPTED, "250 2.0.0"),
        (Decision(Verdict.HOLD, Reason.BULK), "250 2.0.0"),
        (Decision(Verdict.DISCARD, Reason.OWN_LIST), "250 2.0.0"),
        (Decision(Verdict.REFUSE, Reason.LOOP), "554 5.4.6"),
        (Decision(Verdict.REFUSE, Reason.HEADER_TOO_LARGE), "554 5.6.0"),
        (Decision(Verdict.REFUSE, Reason.OTHER_LIST), "550 5.7.1"),
        (Decision(Verdict.DEFER, Reason.NO_SPACE), "452 4.3.1"),
        (Decision(Verdict.DEFER, Reason.TROUBLE), "451 4.3.0"),
    ],
    ids=lambda value: getattr(value, "reason", None),
)
def test_decisions_become_replies(house: House, decision: Decision, code: str) -> None:
    house.door.answer = lambda destinations: (decision,) * len(destinations)
    client = house.greet()
    client.begin_mail()
    assert client.ask(b"x\r\n.\r\n").startswith(code)


def test_lmtp_replies_for_each(house: House) -> None:
    """RFC 2033: in the order of RCPT, and a repeated recipient hears the same twice."""
    answers = {"general": ACCEPTED, "news": Decision(Verdict.DEFER, Reason.TROUBLE)}
    house.door.answer = lambda destinations: tuple(answers[destination.address.local] for destination in destinations)
    client = house.greet(Via.LMTP)
    client.ask(MAIL)
    for name in (b"news", b"general", b"news"):
        assert client.ask(b"RCPT TO:<" + name + b"@gw.example>\r\n").startswith("250")
    client.ask(b"DATA\r\n")
    client.send(b"x\r\n.\r\nQUIT\r\n")
    assert [line[:9] for line in client.rest()] == ["451 4.3.0", "250 2.0.0", "451 4.3.0", "221 2.0.0"]
    assert house.door.kept[0][0].via is Via.LMTP


@pytest.mark.parametrize(
    "path",
    [
        "user@evil.example",
        "user%evil.example@gw.example",
        "user%evil.example@[127.0.0.1]",
        "user@[127.0.0.1]",
        "user@localhost",
        "evil.example!user",
        "evil.example!user@gw.example",
        "evil.example!user@[127.0.0.1]",
        "@gw.example:user@evil.example",
        "@gw.example,@evil.example:user@evil.example",
        "@[127.0.0.1]:user@evil.example",
        '"user@evil.example"',
        '"user@evil.example"@gw.example',
        '"general"@gw.example',
        '"general@gw.example"@evil.example',
        "general@gw.example@evil.example",
        "general@gw.example(user@evil.example)",
        "general@gw.example.evil.example",
        "general@gw.example,user@evil.example",
        "general@gw.example> <user@evil.example",
        "generall@gw.example",
        "general",
        "postmaster@evil.example",
    ],
)
def test_nobody_relays(house: House, path: str) -> None:
    """S6: the classic tricks; none is taken at RCPT and nothing is kept."""
    client = house.greet()
    client.ask(b"MAIL FROM:<general@gw.example>\r\n")
    assert client.ask(b"RCPT TO:<" + path.encode() + b">\r\n")[:3] in ("501", "550", "553", "555")
    assert client.ask(b"DATA\r\n").startswith("503")


def test_unknown_recipient_is_looked_up_again_but_not_often(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """A forum made by another process a moment ago is no unknown address."""
    late = b"RCPT TO:<late@gw.example>\r\n"
    client = house.greet()
    client.ask(MAIL)
    house.door.late_names = {"late"}
    assert client.ask(late).startswith("250")
    assert house.door.refreshed == 1
    house.door.names.discard("late")
    assert client.ask(late).startswith("550 5.1.1")
    assert house.door.refreshed == 1
    lobby = house.front._lobby
    assert lobby is not None
    monkeypatch.setattr(lobby.routes, "_clock", lambda: time.monotonic() + routing.PAUSE)
    assert client.ask(late).startswith("250")
    assert house.door.refreshed == 2


def test_while_the_house_cannot_look_nobody_is_unknown(house: House) -> None:
    house.door.trouble["refresh"] = OSError("gone")
    client = house.greet()
    client.ask(MAIL)
    for _ in range(3):
        assert client.ask(b"RCPT TO:<late@gw.example>\r\n").startswith("451 4.3.0")
    assert house.door.refreshed == 1


# S13: the client that goes away.

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
    house.run(lambda: guest.transport.write(b"x" * (16 << 20)))  # type: ignore[attr-defined]
    house.tick(301)
    house.wait_empty()


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
    sock = guest.transport.get_extra_info("socket")  # type: ignore[attr-defined]
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


def test_every_reply_has_an_enhanced_code(house: House) -> None:
    """A walk through short command sequences; only banner, greetings and 354 go without."""
    words = [b"EHLO me\r\n", MAIL, RCPT, b"RCPT TO:<x>\r\n", b"NOOP\r\n", b"VRFY x\r\n", b"HELP\r\n", b"X\r\n", b"\x80\r\n"]
    for sequence in itertools.product(words, repeat=2):
        client = house.connect()
        client.reply()
        for word in sequence:
            client.send(word)
            lines = client.lines()
            if word[:4] != b"EHLO":
                code, enhanced, _ = lines[0].split(" ", 2)
                assert enhanced.split(".")[0] == code[0]
        client.close()


def test_hostname_must_be_one() -> None:
    from gateway.smtp.front import FrontDoorSettings, Place

    for name in ("", "two words", "line\r\nend", "ünicode.example"):
        with pytest.raises(ValueError, match="hostname"):
            FrontDoorSettings(hostname=name, smtp=Place(host=DOMAIN, port=0), spool=Path("x"))
