"""gateway doctor on whom the gateway believes: by a table of facts, and the command where everybody is trusted."""

from __future__ import annotations

import json
import socket
import threading
from contextlib import suppress
from dataclasses import replace
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

from gateway.flow import symptoms, trust
from gateway.flow.diagnosis import Secrets
from gateway.flow.trust import Belief
from tests.conftest import need_module
from tests.test_cli import Run, run  # noqa: F401 - a fixture
from tests.test_doctor_checks import told

HERE = Path("gate.pem")
BELIEF = Belief(verify_dkim=True, has_library=True, dns_answers=True, authserv_id="", border=(), trusted=(), is_near=False)


def nets(*texts: str) -> tuple[Any, ...]:
    return tuple(map(ip_network, texts))


@pytest.mark.parametrize(
    ("changes", "grade", "reason"),
    [
        ({}, "ok", "checked, with keys from the DNS"),
        ({"dns_answers": False}, "warn", "no DNS server answers: no DKIM signature proves who sent a mail"),
        ({"has_library": False, "dns_answers": None}, "warn", "is not installed: no DKIM signature proves"),
        ({"verify_dkim": False, "has_library": False, "dns_answers": None}, "ok", "not checked: auth.verify_dkim is off"),
    ],
)
def test_signatures(changes: dict[str, Any], grade: str, reason: str) -> None:
    found = told(trust.check_signatures(replace(BELIEF, **changes)))
    assert found[0] == grade
    assert reason in found[1]


LOCAL = nets("127.0.0.0/8", "::1/128")
RESULTS = [
    ("", nets("0.0.0.0/0"), False, "ok", "none are believed"),
    ("mx.example", (), False, "warn", "auth.border_networks is empty: those of mx.example count at a local socket only"),
    ("mx.example", LOCAL, False, "note", "count only when it is on this machine"),
    ("mx.example", LOCAL, True, "ok", "from 127.0.0.0/8, ::1/128"),
    ("mx.example", nets("192.0.2.7", "10.0.0.0/8"), False, "ok", "from 192.0.2.7/32, 10.0.0.0/8"),
    ("mx.example", nets("192.0.2.7", "0.0.0.0/0"), False, "fail", "anybody may write results of mx.example"),
    ("mx.example", nets("::/0"), True, "fail", "anybody may write results of mx.example"),
    ("mx.example", nets("16.0.0.0/4"), False, "warn", "16.0.0.0/4 is a wide network"),
]


@pytest.mark.parametrize(("server", "border", "is_near", "grade", "reason"), RESULTS)
def test_results(server: str, border: tuple[Any, ...], is_near: bool, grade: str, reason: str) -> None:
    found = told(trust.check_results(replace(BELIEF, authserv_id=server, border=border, is_near=is_near)))
    assert found[0] == grade
    assert reason in found[1]


TRUSTED = [
    ((), "ok", "none"),
    (("192.168.0.0/16", "fd00::/8"), "ok", "mail from 192.168.0.0/16, fd00::/8 is by whom it says"),
    (("192.0.2.1", "192.0.2.3", "192.0.2.5", "192.0.2.7"), "ok", "192.0.2.5/32 and 1 more"),
    (("8.0.0.0/8",), "ok", "mail from 8.0.0.0/8"),
    (("8.0.0.0/7",), "warn", "8.0.0.0/7 is a wide network"),
    (("8.0.0.0/8", "9.0.0.0/8"), "warn", "8.0.0.0/7 is a wide network"),
    (("2001::/16",), "warn", "2001::/16 is a wide network"),
    (("0.0.0.0/0",), "fail", "anybody may write as anybody"),
    (("::/0", "192.0.2.1"), "fail", "anybody may write as anybody"),
    (("0.0.0.0/1", "128.0.0.0/1"), "fail", "anybody may write as anybody"),
]


@pytest.mark.parametrize(("networks", "grade", "reason"), TRUSTED)
def test_trusted_networks(networks: tuple[str, ...], grade: str, reason: str) -> None:
    found = told(trust.check_trusted(replace(BELIEF, trusted=nets(*networks))))
    assert found[0] == grade
    assert reason in found[1]


@pytest.mark.parametrize(
    ("mode", "is_key", "grade", "reason"),
    [
        (0o600, True, "ok", "is for its owner alone"),
        (0o400, True, "ok", "is for its owner alone"),
        (0o640, True, "fail", "has mode 0640: others may read it"),
        (0o604, True, "fail", "has mode 0604: others may read it"),
        (0o600, False, "fail", "cannot be read as a key"),
        (None, False, "fail", "is missing: no letter goes out"),
    ],
)
def test_keys(mode: int | None, is_key: bool, grade: str, reason: str) -> None:
    [found] = trust.check_keys([Secrets(path=HERE, mode=mode, is_key=is_key)])
    assert told(found)[0] == grade
    assert reason in found.reason


def test_files_of_keys_are_looked_at(tmp_path: Path) -> None:
    file = tmp_path / "k.pem"
    assert symptoms.look_at_private(file) == Secrets(path=file, mode=None)
    file.write_text("key")
    file.chmod(0o640)
    assert symptoms.look_at_private(file) == Secrets(path=file, mode=0o640, is_key=True)
    assert symptoms.look_at_private(tmp_path) == Secrets(path=tmp_path, mode=0)


def test_a_dns_server_that_refuses_answers_and_one_that_is_silent_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    need_module("dns")
    import dns.message
    import dns.rcode

    monkeypatch.setattr(symptoms, "SECONDS", 0.3)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        place = f"127.0.0.1:{server.getsockname()[1]}"
        assert not symptoms.does_dns_answer([place])
        server.setblocking(False)
        with suppress(BlockingIOError):
            while True:
                server.recvfrom(4096)
        server.settimeout(20)

        def answer() -> None:
            data, peer = server.recvfrom(4096)
            reply = dns.message.make_response(dns.message.from_wire(data))
            reply.set_rcode(dns.rcode.NXDOMAIN)
            server.sendto(reply.to_wire(), peer)

        monkeypatch.setattr(symptoms, "SECONDS", 20)
        thread = threading.Thread(target=answer)
        thread.start()
        assert symptoms.does_dns_answer([place])
        thread.join()


def test_the_command_fails_where_everybody_is_trusted(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    monkeypatch.setattr(symptoms, "does_dns_answer", lambda _servers: True)
    monkeypatch.setenv("GATEWAY_AUTH__TRUSTED_NETWORKS", '["0.0.0.0/0"]')
    monkeypatch.setenv("GATEWAY_AUTH__DKIM_SELECTORS", '["gate2026"]')
    said = run("doctor", "--json")
    assert said.code == 1
    found = {one["check"]: one for one in json.loads(said.out)}
    assert found["trusted networks"]["grade"] == "fail"
    assert found["results of others"]["grade"] == "ok"
    assert found["key gate2026.pem"]["remedy"] == "gateway dkim new gate2026"
