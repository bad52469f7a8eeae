"""curl and wget at the page of `gateway serve`: the link of a real digest, looked at, then clicked; one process and several."""

from __future__ import annotations

import email
import json
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from email.policy import default
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.bench.servers import START_LOOKS, environment, gateway
from tests.conftest import need_program
from tests.interop.conftest import TOWN
from tests.interop.gate import Gate
from tests.interop.screen import wait_until
from tests.interop.test_swaks import swaks

pytestmark = pytest.mark.interop

WEB = "https://forum.example.org"
ONE_CLICK = "List-Unsubscribe=One-Click"
READERS = ("ann@example.net", "bob@example.net")


@pytest.fixture(scope="module", params=[(), ("--receivers", "2")], ids=["alone", "receivers"])
def town(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gate]:
    """A running gateway with pages and two readers, who have got a digest."""
    folder = tmp_path_factory.mktemp("leaving")
    (folder / "config").mkdir()
    (folder / "config" / "gateway.toml").write_text(f'[web]\nurl = "{WEB}"\nlisten = "127.0.0.1:0"\n[digest]\ntick = 0.2\n')
    gateway(folder, "forum", "add", TOWN, "--posting", "open", "--title", "Town Talk")
    for reader in READERS:
        gateway(folder, "member", "add", reader)
    with Gate(folder, *request.param) as running:
        assert swaks(running.port, msgid="article@example.net")[0] == 0
        running.send_digests(len(READERS))
        yield running


def web_port(gate: Gate) -> int:
    lines = (json.loads(line) for line in gate.log.splitlines() if "web listening" in line)
    return next(int(line["port"]) for line in lines)


def digest_for(gate: Gate, reader: str) -> email.message.EmailMessage:
    mails = [email.message_from_bytes(path.read_bytes(), policy=default) for path in (gate.folder / "Maildir" / "new").iterdir()]
    [found] = [mail for mail in mails if mail["To"] == reader]
    assert isinstance(found, email.message.EmailMessage)
    return found


def link_for(gate: Gate, reader: str) -> str:
    """The link of his digest, at the server as it is without a proxy."""
    mail = digest_for(gate, reader)
    assert mail["List-Unsubscribe-Post"] == ONE_CLICK
    url = urlsplit(re.findall(r"<(https:[^>]*)>", mail["List-Unsubscribe"])[0])
    assert f"{url.scheme}://{url.netloc}" == WEB
    return f"http://127.0.0.1:{web_port(gate)}{url.path}"


def reads(gate: Gate, reader: str) -> bool:
    members = json.loads(gateway(gate.folder, "member", "list", "--json"))
    return any(member["address"] == reader and member["digest"] == "daily" for member in members)


def run(*command: str) -> str:
    done = subprocess.run([need_program(command[0]), *command[1:]], capture_output=True, text=True, timeout=60, check=True)
    return done.stdout + done.stderr


def wait_for(gate: Gate, text: str) -> None:
    """Until the log says it."""
    for _ in range(START_LOOKS):
        if text in gate.log:
            return
        with suppress(subprocess.TimeoutExpired):
            gate.server.process.wait(0.05)
    pytest.fail(gate.log)


def test_a_link_checker_changes_nothing_and_a_click_leaves(town: Gate) -> None:
    ann, bob = READERS
    link = link_for(town, ann)
    assert run("curl", "-sI", link).startswith("HTTP/1.1 200 OK")
    assert "200 OK" in run("wget", "--spider", "-S", link)
    looked = run("curl", "-si", "--referer", "https://mail.example", link)
    assert "Leave this list?" in looked
    assert "set-cookie" not in looked.lower()
    assert reads(town, ann)
    clicked = run("curl", "-si", "-d", ONE_CLICK, link)
    assert clicked.startswith("HTTP/1.1 200 OK")
    assert "No more mail from this list" in clicked
    assert not reads(town, ann)
    assert run("curl", "-s", "-F", ONE_CLICK, link) in clicked
    assert reads(town, bob)
    token = link.rpartition("/")[2]
    assert token not in town.log
    assert ann not in town.log


def test_mail_to_the_address_leaves_and_is_answered(town: Gate) -> None:
    _, bob = READERS
    [address] = re.findall(r"<mailto:([^>]*)>", digest_for(town, bob)["List-Unsubscribe"])
    code, replies = swaks(town.port, sender="stranger@example.net", to=address.replace("%2B", "+"), msgid="leave@example.net")
    assert code == 0, replies

    def goodbyes() -> list[bytes]:
        return [raw for raw in town.letters() if b"Subject: You have left Town Talk" in raw]

    wait_until(lambda: bool(goodbyes()), "no goodbye")
    assert not reads(town, bob)
    assert [b"To: bob@example.net" in raw for raw in goodbyes()] == [True]


def test_a_place_that_is_taken_is_one_clear_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        place = f"127.0.0.1:{taken.getsockname()[1]}"
        for words in ((), ("--receivers", "2")):
            command = [sys.executable, "-m", "gateway", "serve", *words]
            more = environment(tmp_path, GATEWAY_WEB__LISTEN=place)
            done = subprocess.run(command, env=more, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
            assert (done.returncode, done.stderr.splitlines()[-1]) == (1, f"gateway: web.listen: {place}: Address already in use")
