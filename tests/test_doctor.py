"""gateway doctor looks: at disks, ports, databases, names and servers that are all wrong; and what the command says."""

from __future__ import annotations

import socket
import sqlite3
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text, update
from uuid_utils.compat import uuid7

from gateway.flow import diagnosis, symptoms
from gateway.flow.diagnosis import Overdue, Secrets
from gateway.flow.names import Domain
from gateway.flow.publish import publish
from gateway.send.probe import Answer, ask, clock_in
from gateway.store import outbox, roster
from gateway.store.engine import Store, StoreTrouble
from gateway.store.health import examine
from gateway.store.roster import MEMBER
from tests.conftest import need_program
from tests.test_cli import Run, run  # noqa: F401 - a fixture
from tests.test_flow_deliver import queued_for_three  # noqa: F401 - a fixture
from tests.test_flow_publish import EVENING, FORUM, LONDON, NEXT_NOON
from tests.test_store import incoming, mail_bytes, put, quiet_log  # noqa: F401 - a fixture

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("greeting", "at"),
    [
        ("mx.example ESMTP Sendmail 8.17; Mon, 23 Nov 2026 13:00:00 +0100", NOW),
        ("mx.example ESMTP; Mon, 99 Nov 2026 13:00:00 +0100", None),
        ("mx.example ESMTP; Mon, 23 Nov 2026 13:00:00 -0000", None),
        ("mx.example ESMTP Postfix", None),
        ("", None),
    ],
)
def test_a_greeting_may_tell_the_time(greeting: str, at: datetime | None) -> None:
    assert clock_in(greeting) == at


class Talker:
    """A server for one connection that says what it was told to, and begins TLS where the reply to STARTTLS is 220."""

    def __init__(self, greeting: str, ehlo: str = "250 me", tls: ssl.SSLContext | None = None) -> None:
        self.words: list[str] = []
        self._say = (greeting, ehlo, tls)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._thread = threading.Thread(target=self._talk)
        self._thread.start()

    def close(self) -> None:
        self._thread.join(10)
        self._listener.close()

    def _talk(self) -> None:
        greeting, ehlo, tls = self._say
        connection, _ = self._listener.accept()
        try:
            if not greeting:
                return
            connection.sendall(greeting.encode() + b"\r\n")
            while word := connection.recv(1000).decode(errors="replace").split(" ")[0].strip().upper():
                self.words.append(word)
                reply = {"EHLO": ehlo, "STARTTLS": "220 go", "QUIT": "221 bye"}.get(word, "500 no")
                connection.sendall(reply.encode() + b"\r\n")
                if word == "STARTTLS" and tls is not None:
                    connection = tls.wrap_socket(connection, server_side=True)
        except OSError:
            pass
        finally:
            connection.close()


@pytest.fixture
def talker() -> Iterator[Callable[..., Talker]]:
    made: list[Talker] = []

    def start(*words: Any) -> Talker:
        made.append(Talker(*words))
        return made[-1]

    yield start
    for one in made:
        one.close()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, Path]:
    """A server's TLS with a certificate for localhost that signs itself, and that certificate."""
    place = tmp_path_factory.mktemp("tls")
    key, file = place / "key.pem", place / "certificate.pem"
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30"]
    command = [need_program("openssl"), "req", "-x509", *curve, *names, "-keyout", str(key), "-out", str(file)]
    subprocess.run(command, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file, key)
    return context, file


def test_ask_a_server(talker: Callable[..., Talker]) -> None:
    server = talker("220 mx.example ESMTP", "250-mx.example\r\n250-STARTTLS\r\n250 AUTH PLAIN")
    answer = ask("127.0.0.1", server.port, "gw.example")
    assert answer == Answer(greeting="mx.example ESMTP", extensions=frozenset({"STARTTLS", "AUTH"}))
    assert server.words == ["EHLO", "QUIT"]


def test_ask_by_tls(talker: Callable[..., Talker], certificate: tuple[ssl.SSLContext, Path]) -> None:
    context, file = certificate
    offer = ("220 mx.example", "250-mx.example\r\n250 STARTTLS", context)
    assert ask("localhost", talker(*offer).port, "gw.example", "starttls", file).is_encrypted
    stranger = ask("localhost", talker(*offer).port, "gw.example", "starttls")
    assert "self-signed certificate" in stranger.tls_error
    assert not stranger.is_encrypted
    wrong_name = ask("127.0.0.1", talker(*offer).port, "gw.example", "starttls", file)
    assert "IP address mismatch" in wrong_name.tls_error
    stripped = talker("220 mx.example", "250 mx.example")
    assert not ask("localhost", stripped.port, "gw.example", "starttls", file).is_encrypted
    assert "TLS fails" in ask("localhost", talker("220 mx.example").port, "gw.example", "implicit", file).tls_error


@pytest.mark.parametrize(
    ("greeting", "error"),
    [
        ("554 go away", "answers 554 go away"),
        ("SSH-2.0-OpenSSH_9.2", "does not speak SMTP"),
        ("+OK pop3 ready", "does not speak SMTP"),
        ("", "hangs up"),
    ],
)
def test_ask_what_is_no_server_for_us(talker: Callable[..., Talker], greeting: str, error: str) -> None:
    assert error in ask("127.0.0.1", talker(greeting).port, "gw.example").error


def test_ask_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        assert ask("127.0.0.1", taken.getsockname()[1], "gw.example").error == "Connection refused"
        port = symptoms.look_at_port("127.0.0.1", taken.getsockname()[1], "gw.example")
        assert (port.answer, port.bind_error) == (None, "Address already in use")
    monkeypatch.setattr("gateway.send.probe.SECONDS", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        assert ask("127.0.0.1", silent.getsockname()[1], "gw.example").error.startswith("no answer within")


def test_look_at_files(tmp_path: Path) -> None:
    folder = symptoms.look_at_folder(tmp_path / "a" / "b")
    assert (folder.exists, folder.is_writable) == (False, True)
    assert folder.free_bytes > 0
    (tmp_path / "file").touch()
    assert not symptoms.look_at_folder(tmp_path / "file" / "b").is_writable
    path = tmp_path / "secrets"
    assert symptoms.look_at_secrets(path) == Secrets(path=path, mode=None)
    for content, is_key in (("00" * 32 + "\n", True), ("", False), ("x" * 64, False), ("\xff", False)):
        path.write_text(content)
        path.chmod(0o600)
        assert symptoms.look_at_secrets(path) == Secrets(path=path, mode=0o600, is_key=is_key)


def test_examine(store: Store, queued_for_three: None) -> None:  # noqa: F811
    health = examine(store)
    assert diagnosis.check_database(health).grade == "ok"
    assert (health.waiting, health.oldest_letter_at, health.has_letters) == (3, NEXT_NOON, True)
    assert health.newest_received_at == EVENING
    assert (health.at is None) == store.is_sqlite
    with store.write() as db:
        outbox.halt(db, NOW, "because")
    assert examine(store).halted == "because"
    with store.write() as db:
        db.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    assert diagnosis.check_database(examine(store)).grade == "fail"


def test_examine_what_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "gateway.db").write_bytes(b"rubbish " * 1000)
    store = Store(f"sqlite:///{tmp_path / 'gateway.db'}")
    with pytest.raises(StoreTrouble, match="file is not a database"):
        examine(store)
    store.close()
    empty = Store(f"sqlite:///{tmp_path / 'empty.db'}")
    assert examine(empty).revision is None
    empty.close()


def test_look_at_digests(store: Store) -> None:
    roster.add_forum(store, FORUM)
    roster.add_members(store, [LONDON])
    put(store, incoming(FORUM, mail_bytes(Date="Mon, 2 Mar 2026 20:00:00 +0000"), received_at=EVENING))
    publish(store, FORUM, EVENING, uuid7)
    due = datetime(2026, 3, 3, 7, tzinfo=UTC)
    assert symptoms.look_at_digests(store, due + timedelta(minutes=59)) == Overdue(count=0, since=None)
    assert symptoms.look_at_digests(store, due + timedelta(minutes=61)) == Overdue(count=1, since=due)


def test_dig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert symptoms.look_up_domain("town.example") == Domain(name="town.example", mx=None, spf=None)
    fake = tmp_path / "dig"
    fake.write_text(
        '#!/bin/sh\ncase "$*" in *"-t MX"*) echo "10 mx.example."; echo "20 two.example.";;\n'
        "*) echo '\"other\"'; echo '\"v=spf1 mx -all\"';; esac\n"
    )
    fake.chmod(0o755)
    found = symptoms.look_up_domain("town.example")
    assert found == Domain(name="town.example", mx=("mx.example", "two.example"), spf=("v=spf1 mx -all",))
    fake.write_text('#!/bin/sh\necho ";; communications error: timed out"\nexit 9\n')
    assert symptoms.look_up_domain("town.example").mx is None
    fake.write_text("#!/bin/sh\nexit 0\n")
    assert symptoms.look_up_domain("town.example") == Domain(name="town.example", mx=(), spf=())


def test_names_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "127.0.0.1" in (symptoms.look_up_host("localhost").addresses or ())
    monkeypatch.setattr(symptoms, "SECONDS", 0.01)
    blocked = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [blocked.wait(60)][1:])
    assert symptoms.look_up_host("gw.example").addresses is None
    blocked.set()


def test_by_the_command_line(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    monkeypatch.setenv("GATEWAY_SMTP__PORT", "0")
    said = run("doctor")
    assert said.code == 0
    assert "warn  database: var/gateway.db is not there yet -> gateway forum add" in said.out
    assert not (tmp_path / "var").exists()
    run("forum", "add", "town@example.org")
    run("member", "add", "ann@example.org")
    said = run("doctor")
    assert said.code == 0
    assert "ok    database: SQLite" in said.out
    found = {one["check"]: one for one in run("doctor", "--json").json()}
    assert found["database"].keys() == {"check", "grade", "reason", "remedy"}
    assert found.keys() >= {
        "Python",
        "time zones",
        "configuration",
        "data folder",
        "disk space",
        "inodes",
        "SMTP port",
        "secrets",
    }
    assert found.keys() >= {"database", "clock", "outbox", "digests", "DNS example.org", "DNS localhost"}
    store = Store(f"sqlite:///{tmp_path / 'var' / 'gateway.db'}")
    with store.write() as db:
        db.execute(update(MEMBER).values(zone="Mars/Olympus"))
    store.close()
    said = run("doctor")
    assert said.code == 1
    assert "a member has a time zone that is not known here" in said.out


def test_what_fails(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    """Every trouble is a line, and none a traceback."""
    run("forum", "add", "town@example.org")
    monkeypatch.setenv("GATEWAY_SEND__COURIER", "relay")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        monkeypatch.setenv("GATEWAY_SEND__RELAY_PORT", str(taken.getsockname()[1]))
        said = run("doctor")
    assert said.code == 1
    assert "fail  relay: 127.0.0.1:" in said.out
    assert "Connection refused -> check send.relay_host" in said.out
    monkeypatch.delenv("GATEWAY_SEND__COURIER")
    for content, reason in ((b"rubbish " * 1000, "file is not a database"), (b"", "no tables of ours")):
        for path in (tmp_path / "var").iterdir():
            path.unlink()
        (tmp_path / "var" / "gateway.db").write_bytes(content)
        said = run("doctor")
        assert said.code == 1
        assert reason in said.out
    monkeypatch.setenv("GATEWAY_STORE__URL", "postgresql://ann:hush@127.0.0.1:1/none")
    said = run("doctor")
    assert said.code == 1
    assert "fail  database: " in said.out
    assert "hush" not in said.out
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("GATEWAY_STORE__URL", f"postgresql://ann:hush@127.0.0.1:{silent.getsockname()[1]}/none")
        assert "timeout expired" in run("doctor").out
    monkeypatch.setenv("GATEWAY_STORE__URL", "mysql://x/y")
    assert "neither SQLite nor PostgreSQL" in run("doctor").out
    monkeypatch.setenv("GATEWAY_SMTP__PORT", "many")
    said = run("doctor")
    assert said.code == 1
    assert "fail  configuration: environment: GATEWAY_SMTP__PORT" in said.out


def test_a_damaged_file_is_told(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path / 'gateway.db'}")
    store.migrate()
    roster.add_forum(store, FORUM)
    put(store, *(incoming(FORUM, mail_bytes(f"{UUID(int=number)}@x")) for number in range(50)))
    store.close()
    with sqlite3.connect(tmp_path / "gateway.db") as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        [(root,)] = db.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'mail'").fetchall()
    db.close()
    with (tmp_path / "gateway.db").open("r+b") as file:
        file.seek((root - 1) * 4096)
        file.write(b"\xee" * 4096)
    store = Store(f"sqlite:///{tmp_path / 'gateway.db'}")
    health = examine(store)
    store.close()
    assert health.trouble
    assert not health.is_ours
