"""Couriers: what a relay says to a letter, broken connections, and letters that land in a Maildir whole and once."""

from __future__ import annotations

import email
import socket
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from email.policy import default
from pathlib import Path

import pytest

from gateway.mail.address import Address
from gateway.send.connection import Relay
from gateway.send.courier import Fate, Fault
from gateway.send.judge import REPLY_MAX
from gateway.send.maildir import MaildirCourier
from gateway.send.relay import RelayCourier

FROM, TO = Address("town-bounces+x", "gw.example"), Address("ann", "example.org")
LETTER = b"Subject: Hello\r\n\r\n.dot\r\nHi\r\n"
EHLO = ["250-relay.example", "250-SIZE 1000000", "250-8BITMIME", "250 SMTPUTF8"]
PIPELINING = ["250-relay.example", "250-PIPELINING", *EHLO[1:]]
HANG_UP = ""


class ScriptedRelay:
    """An SMTP server on loopback, one connection after the other; replies by the first word of each command.

    `script` maps a command to the replies to give, the last one for ever; HANG_UP closes instead. "." is the end of the data.
    """

    def __init__(self, **script: list[str]) -> None:
        good = {"GREETING": ["220 relay.example"], "EHLO": ["\r\n".join(EHLO)], "DATA": ["354 go"], "QUIT": ["221 bye"]}
        self.script = {name: list(replies) for name, replies in (good | script).items()}
        self.commands: list[str] = []
        self.letters: list[bytes] = []
        self.connections = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def close(self) -> None:
        # A connection of our own wakes `accept`.
        self._is_closing = True
        socket.create_connection(("127.0.0.1", self.port)).close()
        self._thread.join(10)
        self._listener.close()

    _is_closing = False

    def _reply(self, name: str) -> str:
        replies = self.script.get(name, ["250 ok"])
        return replies.pop(0) if len(replies) > 1 else replies[0]

    def _run(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            # A courier that hangs up does not wait for the reply to its QUIT.
            with suppress(ConnectionError), connection, connection.makefile("rwb") as stream:
                if self._is_closing:
                    return
                self.connections += 1
                self._talk(stream)

    def _talk(self, stream: object) -> None:
        file: socket.SocketIO = stream  # type: ignore[assignment]

        def answer(name: str) -> str:
            reply = self._reply(name)
            if reply != HANG_UP:
                file.write(reply.encode() + b"\r\n")
                file.flush()
            return reply

        if answer("GREETING") == HANG_UP:
            return
        while line := file.readline():
            command = line.decode().strip()
            self.commands.append(command)
            name = command.split(" ")[0].upper()
            reply = answer(name)
            if reply == HANG_UP or name == "QUIT":
                return
            if name == "DATA" and reply.startswith("354"):
                data = b""
                while (part := file.readline()) not in (b".\r\n", b""):
                    data += part.removeprefix(b".")
                self.letters.append(data)
                if answer(".") == HANG_UP:
                    return


Start = Callable[..., tuple[ScriptedRelay, RelayCourier]]


@pytest.fixture
def start() -> Iterator[Start]:
    made: list[tuple[ScriptedRelay, RelayCourier]] = []

    def run(**script: list[str]) -> tuple[ScriptedRelay, RelayCourier]:
        relay = ScriptedRelay(**script)
        made.append((relay, RelayCourier(Relay(host="127.0.0.1", port=relay.port, hostname="gw.example"))))
        return made[-1]

    yield run
    for relay, courier in made:
        courier.close()
        relay.close()


def test_a_letter_is_carried_byte_for_byte(start: Start) -> None:
    relay, courier = start(**{".": ["250 2.0.0 queued as 123"]})
    outcome = courier.deliver(FROM, TO, LETTER)
    assert (outcome.fate, outcome.reply) == (Fate.SENT, "250 2.0.0 queued as 123")
    assert relay.letters == [LETTER]
    assert relay.commands == [
        "ehlo gw.example",
        f"MAIL FROM:<{FROM}> SIZE={len(LETTER)} BODY=8BITMIME",
        f"RCPT TO:<{TO}>",
        "DATA",
    ]


def test_one_connection_for_many_letters(start: Start) -> None:
    relay, courier = start()
    assert [courier.deliver(FROM, TO, LETTER).fate for _ in range(5)] == [Fate.SENT] * 5
    assert (relay.connections, len(relay.letters)) == (1, 5)


OUTCOMES = [
    # script, what becomes of the letter, the reply, and whether the connection goes on
    ({"RCPT": ["550 5.1.1 no such user"]}, Fate.BOUNCED, "550 5.1.1 no such user", True),
    ({"RCPT": ["450 4.2.0 greylisted"]}, Fate.DEFERRED, "450 4.2.0 greylisted", True),
    ({"RCPT": ["251 forwarded"]}, Fate.SENT, "250 ok", True),
    ({"MAIL": ["451 4.3.0 busy"]}, Fate.DEFERRED, "451 4.3.0 busy", True),
    # About us, not about the member: he must not lose his digest for it.
    ({"MAIL": ["550 5.7.1 not you"]}, Fate.DEFERRED, "550 5.7.1 not you", True),
    ({".": ["554 5.6.0 too ugly"]}, Fate.BOUNCED, "554 5.6.0 too ugly", True),
    ({".": ["452 4.3.1 disk full"]}, Fate.DEFERRED, "452 4.3.1 disk full", True),
    ({"DATA": ["451 later"]}, Fate.DEFERRED, "451 later", True),
    ({"DATA": ["554 no"]}, Fate.BOUNCED, "554 no", True),
    ({"MAIL": ["552 5.3.4 too large"]}, Fate.BOUNCED, "552 5.3.4 too large", True),
    ({"RCPT": ["421 4.7.0 slow down"]}, Fate.DEFERRED, "421 4.7.0 slow down", False),
    ({".": ["421 4.3.2 going down"]}, Fate.DEFERRED, "421 4.3.2 going down", False),
    ({"MAIL": ["hello?"]}, Fate.DEFERRED, "relay: not a reply at MAIL", False),
    ({"GREETING": ["554 go away"]}, Fate.DEFERRED, "554 go away", False),
    ({"GREETING": ["421 too busy"]}, Fate.DEFERRED, "421 too busy", False),
    ({"GREETING": [HANG_UP]}, Fate.DEFERRED, "relay: connection lost", False),
    ({"MAIL": [HANG_UP]}, Fate.DEFERRED, "relay: connection lost at MAIL", False),
    ({"RCPT": [HANG_UP]}, Fate.DEFERRED, "relay: connection lost at RCPT", False),
    ({"DATA": [HANG_UP]}, Fate.DEFERRED, "relay: connection lost at DATA", False),
    ({".": [HANG_UP]}, Fate.DEFERRED, "relay: connection lost after the end of the letter: it may have arrived", False),
    ({"EHLO": ["502 what?"], "HELO": ["500 what?"]}, Fate.DEFERRED, "500 what?", False),
    # What was said about the letter counts, also when the relay hangs up after it.
    ({"RCPT": ["550 no such user"], "RSET": [HANG_UP]}, Fate.BOUNCED, "550 no such user", False),
]


@pytest.mark.parametrize("ehlo", [EHLO, PIPELINING], ids=["one by one", "pipelined"])
@pytest.mark.parametrize(("script", "fate", "reply", "goes_on"), OUTCOMES, ids=range(len(OUTCOMES)))
def test_outcomes(start: Start, script: dict[str, list[str]], fate: Fate, reply: str, goes_on: bool, ehlo: list[str]) -> None:
    if ehlo is PIPELINING and script.keys() & {"MAIL", "RCPT"}:
        # As RFC 2920 wants it: without a recipient there is no data.
        script = {"DATA": ["554 no valid recipients"]} | script if "251" not in str(script) else script
    relay, courier = start(**{"EHLO": ["\r\n".join(ehlo)]} | script)
    outcome = courier.deliver(FROM, TO, LETTER)
    assert (outcome.fate, outcome.reply) == (fate, reply)
    # The next letter is not the worse for it.
    relay.script = {"GREETING": ["220 hello"], "EHLO": ["250 hello"], "DATA": ["354 go"]}
    before = relay.connections
    assert courier.deliver(FROM, TO, LETTER).fate is Fate.SENT
    assert relay.connections == before + (not goes_on)


def test_a_connection_that_broke_meanwhile_is_opened_anew(start: Start) -> None:
    relay, courier = start(MAIL=["250 ok", HANG_UP, "250 ok"])
    assert [courier.deliver(FROM, TO, LETTER).fate for _ in range(2)] == [Fate.SENT] * 2
    assert (relay.connections, len(relay.letters)) == (2, 2)


@pytest.mark.parametrize("farewell", ["421 4.4.2 idle for too long", HANG_UP])
@pytest.mark.parametrize("at", ["MAIL", "RCPT"])
def test_a_farewell_to_an_old_connection_costs_nothing(start: Start, farewell: str, at: str) -> None:
    _, courier = start(**{at: ["250 ok", farewell, "250 ok"]})
    fates = [courier.deliver(FROM, TO, LETTER).fate for _ in range(2)]
    assert fates == [Fate.SENT, Fate.DEFERRED if (at, farewell) == ("RCPT", HANG_UP) else Fate.SENT]


def test_a_lost_last_reply_is_not_sent_again_at_once(start: Start) -> None:
    relay, courier = start(**{".": ["250 ok", HANG_UP, "250 ok"]})
    first, second = (courier.deliver(FROM, TO, LETTER) for _ in range(2))
    assert (first.fate, second.fate, second.fault) == (Fate.SENT, Fate.DEFERRED, Fault.LETTER)
    assert "may have arrived" in second.reply
    assert len(relay.letters) == 2


def test_a_relay_that_wants_the_data_of_nobody_gets_none(start: Start) -> None:
    relay, courier = start(EHLO=["\r\n".join(PIPELINING)], RCPT=["550 5.1.1 who?", "250 ok"])
    assert courier.deliver(FROM, TO, LETTER).fate is Fate.BOUNCED
    assert courier.deliver(FROM, TO, LETTER).fate is Fate.SENT
    assert (relay.letters[-1], relay.connections) == (LETTER, 2)


def test_pipelined_commands_go_in_one_piece_and_letters_whole(start: Start) -> None:
    relay, courier = start(EHLO=["\r\n".join(PIPELINING)])
    long = b"Subject: long\r\n\r\n" + b"..x" * 20 + b"\r\n" + b".\r\n.line\r\n" * 30_000
    assert courier.deliver(FROM, TO, long).fate is Fate.SENT
    assert relay.letters == [long]


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    outcome = RelayCourier(Relay(host="127.0.0.1", port=port, hostname="gw.example")).deliver(FROM, TO, LETTER)
    assert (outcome.fate, outcome.reply, outcome.fault) == (Fate.DEFERRED, "relay: ConnectionRefusedError", Fault.WAY)


def test_starttls_that_is_wanted_and_not_offered_defers(start: Start) -> None:
    relay, _ = start(EHLO=["250 plain.example"])
    courier = RelayCourier(Relay(host="127.0.0.1", port=relay.port, hostname="gw.example", tls="starttls"))
    outcome = courier.deliver(FROM, TO, LETTER)
    assert (outcome.fate, outcome.fault) == (Fate.DEFERRED, Fault.SETUP)
    assert outcome.reply == "relay: STARTTLS is not offered, and is wanted"
    assert not any(command.startswith("MAIL") for command in relay.commands)


def test_an_address_that_needs_smtputf8(start: Start) -> None:
    relay, courier = start()
    anna = Address("jürgen", "example.org")
    assert courier.deliver(FROM, anna, LETTER).fate is Fate.SENT
    assert relay.commands[1].endswith(" SMTPUTF8")
    assert "RCPT TO:<jürgen@example.org>" in relay.commands
    _, plain = start(EHLO=["250 plain.example"])
    assert plain.deliver(FROM, anna, LETTER).fate is Fate.BOUNCED
    assert plain.deliver(FROM, TO, LETTER).fate is Fate.SENT


def test_a_long_reply_becomes_one_line(start: Start) -> None:
    _, courier = start(RCPT=["\r\n".join([*("550-" + "x" * 90 for _ in range(20)), "550 end"])])
    reply = courier.deliver(FROM, TO, LETTER).reply
    assert "\n" not in reply
    assert len(reply) <= REPLY_MAX


def test_maildir(tmp_path: Path) -> None:
    courier = MaildirCourier(tmp_path / "deep" / "Maildir")
    assert courier.deliver(FROM, TO, LETTER).fate is Fate.SENT
    [file] = (tmp_path / "deep" / "Maildir" / "new").iterdir()
    data = file.read_bytes()
    assert b"\r" not in data
    assert data.endswith(b"\n\n.dot\nHi\n")
    mail = email.message_from_bytes(data, policy=default)
    assert (mail["Return-Path"], mail["Delivered-To"], mail["Subject"]) == (f"<{FROM}>", str(TO), "Hello")
    assert not list((tmp_path / "deep" / "Maildir" / "tmp").iterdir())


@pytest.mark.parametrize("place", ["new/{}", "cur/{}", "cur/{}:2,S"])
def test_a_repeat_after_a_crash_is_the_same_file(tmp_path: Path, place: str) -> None:
    courier = MaildirCourier(tmp_path)
    courier.deliver(FROM, TO, LETTER)
    [file] = (tmp_path / "new").iterdir()
    file.rename(tmp_path / place.format(file.name))
    again = courier.deliver(FROM, TO, LETTER)
    assert again.fate is Fate.SENT
    assert "already" in again.reply
    assert sum(1 for folder in ("new", "cur") for _ in (tmp_path / folder).iterdir()) == 1
    assert courier.deliver(FROM, Address("bob", "example.org"), LETTER).reply.startswith("delivered")


def test_a_maildir_that_cannot_be_written_defers(tmp_path: Path) -> None:
    courier = MaildirCourier(tmp_path)
    (tmp_path / "tmp").rmdir()
    outcome = courier.deliver(FROM, TO, LETTER)
    assert (outcome.fate, outcome.reply) == (Fate.DEFERRED, "Maildir: No such file or directory")
    (tmp_path / "tmp").mkdir()
    assert courier.deliver(FROM, TO, LETTER).fate is Fate.SENT


def test_a_maildir_is_nobody_elses(tmp_path: Path) -> None:
    courier = MaildirCourier(tmp_path / "Maildir")
    courier.deliver(FROM, TO, LETTER)
    [file] = (tmp_path / "Maildir" / "new").iterdir()
    assert stat.S_IMODE((tmp_path / "Maildir").stat().st_mode) == 0o700
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
