"""STARTTLS (RFC 3207) on both event loops, with a certificate made for the test."""

from __future__ import annotations

import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import need_program
from tests.test_smtp_door import DOMAIN, LOOPS, MAIL, PATIENCE, RCPT, Client, House


@pytest.fixture(scope="module")
def contexts(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """The server's context and one of a client that trusts it."""
    place = tmp_path_factory.mktemp("tls")
    key, certificate = place / "key.pem", place / "certificate.pem"
    names = ["-subj", f"/CN={DOMAIN}", "-addext", f"subjectAltName=DNS:{DOMAIN}"]
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30"]
    files = ["-keyout", str(key), "-out", str(certificate)]
    subprocess.run([need_program("openssl"), "req", "-x509", *curve, *names, *files], check=True, capture_output=True)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate, key)
    return server, ssl.create_default_context(cafile=str(certificate))


@pytest.fixture(params=LOOPS)
def house(request: pytest.FixtureRequest, tmp_path: Path, contexts: tuple[ssl.SSLContext, ssl.SSLContext]) -> Iterator[House]:
    with House(tmp_path, loop=request.param, tls=contexts[0]) as made:
        yield made


@pytest.fixture
def trust(contexts: tuple[ssl.SSLContext, ssl.SSLContext]) -> ssl.SSLContext:
    return contexts[1]


def secure(house: House, trust: ssl.SSLContext) -> Client:
    client = house.greet()
    assert client.ask(b"STARTTLS\r\n") == "220 2.0.0 Ready to start TLS"
    client.start_tls(trust)
    return client


def test_mail_inside_tls(house: House, trust: ssl.SSLContext) -> None:
    client = house.connect()
    client.reply()
    client.send(b"EHLO me\r\n")
    assert "250-STARTTLS" in client.lines()
    client.ask(b"STARTTLS\r\n")
    client.start_tls(trust)
    client.send(b"EHLO me\r\n")
    lines = client.lines()
    assert lines[-1].startswith("250 ")
    assert "STARTTLS" not in "".join(lines)
    for number in range(2):
        client.begin_mail()
        assert client.ask(b"x\r\n" * 40000 * number + b".\r\n").startswith("250")
    assert client.ask(b"QUIT\r\n").startswith("221")
    assert client.rest() == []
    assert [len(raw) for _, raw, _ in house.door.kept] == [0, 120000]
    assert house.door.kept[0][0].peer == "127.0.0.1"


def test_nothing_said_before_tls_counts(house: House, trust: ssl.SSLContext) -> None:
    client = house.greet()
    client.ask(MAIL)
    client.ask(RCPT)
    client.ask(b"STARTTLS\r\n")
    client.start_tls(trust)
    assert client.ask(b"DATA\r\n").startswith("503")
    assert client.ask(MAIL).startswith("503")


def test_no_tls_inside_tls(house: House, trust: ssl.SSLContext) -> None:
    client = secure(house, trust)
    assert client.ask(b"STARTTLS\r\n").startswith("503 5.5.1")
    assert client.ask(b"EHLO me\r\n").startswith("250")


def test_argument(house: House) -> None:
    client = house.greet()
    assert client.ask(b"STARTTLS now\r\n").startswith("501 5.5.4")


@pytest.mark.parametrize("behind", [b"MAIL FROM:<evil@b.example>\r\n", b"N", b"\x16\x03\x01"])
def test_injected_commands_end_the_session(house: House, behind: bytes) -> None:
    """S3: bytes behind STARTTLS in one segment are an attack on those who trust the TLS that follows."""
    client = house.greet()
    client.send(b"STARTTLS\r\n" + behind)
    assert [line[:9] for line in client.rest()] == ["554 5.5.0"]


@pytest.mark.parametrize("garbage", [b"EHLO me\r\n", b"\0" * 100, b"\x16\x03\x01\x00\x05hello", b""])
def test_failed_handshake_harms_nobody(house: House, garbage: bytes) -> None:
    client = house.greet()
    client.ask(b"STARTTLS\r\n")
    client.send(garbage)
    client.close()
    house.wait_empty()
    assert house.greet().ask(b"NOOP\r\n").startswith("250")


def test_handshake_that_never_comes_is_cut(house: House) -> None:
    client = house.greet()
    client.ask(b"STARTTLS\r\n")
    house.tick(301)
    house.tick(310)
    house.wait_empty()


def test_smuggling_inside_tls(house: House, trust: ssl.SSLContext) -> None:
    client = secure(house, trust)
    client.ask(b"EHLO me\r\n")
    client.begin_mail()
    client.send(b"a\r\n.\nMAIL FROM:<evil@b.example>\r\n.\r\nNOOP\r\n")
    assert [line[:10] for line in client.rest()] == ["550 5.6.11"]
    assert house.door.kept == []


def test_hang_up_inside_tls_keeps_the_mail(house: House, trust: ssl.SSLContext) -> None:
    house.door.hangs = True
    client = secure(house, trust)
    client.ask(b"EHLO me\r\n")
    client.begin_mail()
    client.send(b"x\r\n.\r\n")
    assert house.door.submitted.wait(PATIENCE)
    client.close()
    house.door.waiting[0][1]()
    house.wait_empty()
    assert len(house.door.kept) == 1


def test_idle_inside_tls(house: House, trust: ssl.SSLContext) -> None:
    client = secure(house, trust)
    house.tick(301)
    assert client.line().startswith("421 4.4.2")


def test_drain_inside_tls(house: House, trust: ssl.SSLContext) -> None:
    idle, busy = secure(house, trust), secure(house, trust)
    busy.ask(b"EHLO me\r\n")
    busy.begin_mail()
    done = house.begin_drain(PATIENCE)
    assert idle.line().startswith("421 4.3.2")
    assert busy.ask(b"x\r\n.\r\n").startswith("250")
    assert busy.line().startswith("421 4.3.2")
    for client in (idle, busy):
        client.close()
    done.result(PATIENCE)
    assert len(house.door.kept) == 1
