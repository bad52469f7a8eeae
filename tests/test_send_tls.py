"""Couriers and real servers (aiosmtpd): TLS with verified certificates, AUTH, LMTP over a socket and a port."""

from __future__ import annotations

import asyncio
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.lmtp import LMTP
from aiosmtpd.smtp import SMTP, AuthResult

from gateway.send.connection import Relay
from gateway.send.courier import Fate, Fault, Outcome
from gateway.send.relay import RelayCourier
from tests.conftest import need_program
from tests.test_send import FROM, LETTER, TO

PASSWORD = "open sesame"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate for 127.0.0.1 with its key, in one file."""
    place = tmp_path_factory.mktemp("tls")
    names = ["-subj", "/CN=relay", "-addext", "subjectAltName=IP:127.0.0.1"]
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    command = [need_program("openssl"), "req", "-x509", *curve, *names, "-out", "cert.pem", "-keyout", "key.pem"]
    subprocess.run(command, check=True, capture_output=True, cwd=place)
    both = place / "both.pem"
    both.write_text((place / "cert.pem").read_text() + (place / "key.pem").read_text())
    return both


class Box:
    """Keeps what came; `login` lets in whoever knows the password."""

    def __init__(self) -> None:
        self.letters: list[tuple[str, list[str], bytes, object]] = []

    async def handle_DATA(self, _server: SMTP, session: Any, envelope: Any) -> str:
        self.letters.append((envelope.mail_from, envelope.rcpt_tos, envelope.original_content, session.auth_data))
        return "250 2.0.0 taken"

    @staticmethod
    def login(_server: SMTP, _session: Any, _envelope: Any, _mechanism: str, data: Any) -> AuthResult:
        return AuthResult(success=data.password == PASSWORD.encode(), auth_data=data.login.decode(), handled=False)


Start = Callable[..., tuple[Any, Box]]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts a server: on a free port, or on a socket; gives its address and what it took."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    servers: list[asyncio.AbstractServer] = []

    def run(
        kind: type[SMTP] = SMTP, *, path: Path | None = None, wrapped: ssl.SSLContext | None = None, **words: Any
    ) -> tuple[Any, Box]:
        box = Box()

        async def listen() -> asyncio.AbstractServer:
            def make() -> SMTP:
                return kind(box, loop=loop, hostname="relay.example", **words)

            if path is not None:
                return await loop.create_unix_server(make, str(path))
            return await loop.create_server(make, "127.0.0.1", 0, ssl=wrapped)

        server = asyncio.run_coroutine_threadsafe(listen(), loop).result(10)
        servers.append(server)
        return (path or server.sockets[0].getsockname()[1]), box  # type: ignore[attr-defined]

    yield run

    async def end() -> None:
        for server in servers:
            server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        # The transports close a turn of the loop later.
        for _ in range(3):
            await asyncio.sleep(0)

    asyncio.run_coroutine_threadsafe(end(), loop).result(10)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(10)
    loop.close()


def server_side(certificate: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    return context


def carry(port: int, **words: Any) -> Outcome:
    settings = {"host": "127.0.0.1", "hostname": "gw.example"} | words
    courier = RelayCourier(Relay(port=port, **settings))
    try:
        return courier.deliver(FROM, TO, LETTER)
    finally:
        courier.close()


SECURE = {"auth_required": True, "auth_require_tls": True, "authenticator": Box.login}


def test_starttls_and_auth(start: Start, certificate: Path) -> None:
    port, box = start(tls_context=server_side(certificate), **SECURE)
    outcome = carry(port, tls="starttls", ca=certificate, user="gateway", password=PASSWORD)
    assert (outcome.fate, outcome.reply) == (Fate.SENT, "250 2.0.0 taken")
    assert box.letters == [(str(FROM), [str(TO)], LETTER, "gateway")]


def test_tls_from_the_start(start: Start, certificate: Path) -> None:
    port, box = start(wrapped=server_side(certificate))
    assert carry(port, tls="implicit", ca=certificate).fate is Fate.SENT
    assert len(box.letters) == 1


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
@pytest.mark.parametrize(("host", "is_known"), [("127.0.0.1", False), ("localhost", True)], ids=["stranger", "wrong name"])
def test_nothing_goes_to_a_certificate_that_is_not_good(
    start: Start, certificate: Path, tls: str, host: str, is_known: bool
) -> None:
    context = server_side(certificate)
    port, box = start(tls_context=context) if tls == "starttls" else start(wrapped=context)
    outcome = carry(port, host=host, tls=tls, **({"ca": certificate} if is_known else {}), user="u", password=PASSWORD)
    assert (outcome.fate, outcome.fault) == (Fate.DEFERRED, Fault.SETUP)
    assert outcome.reply.startswith(f"relay: the certificate of {host} is not good: ")
    assert box.letters == []


def test_a_refused_password_bounces_nobody(start: Start, certificate: Path) -> None:
    port, box = start(tls_context=server_side(certificate), **SECURE)
    outcome = carry(port, tls="starttls", ca=certificate, user="gateway", password="wrong")
    assert (outcome.fate, outcome.fault, outcome.reply[:9]) == (Fate.DEFERRED, Fault.SETUP, "535 5.7.8")
    # And who forgot to log in is not told that members do not exist.
    outcome = carry(port, tls="starttls", ca=certificate)
    assert (outcome.fate, outcome.fault, outcome.reply[:3]) == (Fate.DEFERRED, Fault.SETUP, "530")
    assert box.letters == []


def test_auth_that_is_not_offered(start: Start) -> None:
    port, _ = start()
    outcome = carry(port, user="gateway", password=PASSWORD)
    assert (outcome.fault, outcome.reply) == (Fault.SETUP, "relay: AUTH is not offered, and is wanted")


def test_lmtp_over_a_socket_and_a_port(start: Start, tmp_path: Path) -> None:
    path, box = start(LMTP, path=tmp_path / "lmtp")
    assert carry(0, host=str(path), is_lmtp=True).reply == "250 2.0.0 taken"
    port, other = start(LMTP)
    assert carry(port, is_lmtp=True).fate is Fate.SENT
    assert box.letters == other.letters == [(str(FROM), [str(TO)], LETTER, None)]
    outcome = carry(0, host=str(tmp_path / "nobody"), is_lmtp=True)
    assert (outcome.fate, outcome.fault) == (Fate.DEFERRED, Fault.WAY)


def test_a_password_is_not_shown() -> None:
    assert PASSWORD not in repr(Relay(host="h", port=1, hostname="g", user="u", password=PASSWORD))
