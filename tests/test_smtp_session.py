"""What a session does when the door fails, decides or does not know; relays; listeners."""

from __future__ import annotations

import asyncio
import itertools
import socket
import time
from collections.abc import Iterator
from concurrent.futures import CancelledError
from pathlib import Path

import pytest

from gateway.mail.envelope import Via
from gateway.mail.verdict import ACCEPTED, Decision, Reason, Verdict
from gateway.smtp import routing
from gateway.smtp.front import FrontDoor, FrontDoorSettings, Place
from tests.test_smtp_door import ANYWHERE, DOMAIN, LOOPS, MAIL, NOON, PATIENCE, RCPT, House


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


@pytest.mark.parametrize("loop", LOOPS)
def test_lmtp_on_a_local_socket(tmp_path: Path, loop: str) -> None:
    """One caller from nowhere: no network, no limits of one; the socket goes with the house."""
    place, spool = tmp_path / "lmtp", tmp_path / "spool"
    with House(spool, loop=loop, lmtp=place, connections_per_network=1) as house:
        assert Via.LMTP not in house.front.ports
        for _ in range(2):
            sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            sock.settimeout(PATIENCE)
            sock.connect(str(place))
            client = house.adopt(sock)
            client.reply()
            assert client.ask(b"LHLO me\r\n").startswith("250")
            client.begin_mail()
            assert client.ask(b"x\r\n.\r\n").startswith("250")
        assert house.door.kept[1][0].peer == ""
    assert not place.exists()


def test_place_that_is_taken(tmp_path: Path) -> None:
    with House(tmp_path) as house:
        taken = Place(host="127.0.0.1", port=house.front.ports[Via.LMTP])
        settings = FrontDoorSettings(hostname=DOMAIN, smtp=ANYWHERE, lmtp=taken, spool=tmp_path)
        other = FrontDoor(settings, door=house.door, tls=None, now=lambda: NOON)
        with pytest.raises(OSError, match="address already in use"):
            asyncio.run_coroutine_threadsafe(other.start(), house.loop).result(PATIENCE)
        assert other.ports == {}


def test_hostname_must_be_one() -> None:
    for name in ("", "two words", "line\r\nend", "ünicode.example"):
        with pytest.raises(ValueError, match="hostname"):
            FrontDoorSettings(hostname=name, smtp=ANYWHERE, spool=Path("x"))
