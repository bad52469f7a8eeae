"""swaks joins a running gateway: the question in the Maildir, the answer to it, the welcome, the first post; then it leaves."""

from __future__ import annotations

import email
import json
from collections.abc import Iterator
from contextlib import suppress
from email.message import EmailMessage
from email.policy import default
from email.utils import parseaddr
from pathlib import Path
from subprocess import TimeoutExpired

import pytest

from tests.bench.servers import START_LOOKS, gateway
from tests.interop.conftest import TOWN
from tests.interop.gate import Gate
from tests.interop.test_swaks import swaks

pytestmark = pytest.mark.interop

ZOE = "zoe@far.example"


@pytest.fixture(scope="module", params=[(), ("--receivers", "2")], ids=["alone", "receivers"])
def town(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gate]:
    folder = tmp_path_factory.mktemp("joining")
    (folder / "config").mkdir()
    (folder / "config" / "gateway.toml").write_text("[digest]\ntick = 0.2\n")
    gateway(folder, "forum", "add", TOWN, "--posting", "open", "--title", "Town Talk")
    with Gate(folder, *request.param) as running:
        yield running


def letter(gate: Gate, subject: str) -> EmailMessage:
    """The letter with that Subject, once it is there."""
    for _ in range(START_LOOKS):
        for path in (gate.folder / "Maildir" / "new").glob("*"):
            mail = email.message_from_bytes(path.read_bytes(), policy=default)
            assert isinstance(mail, EmailMessage)
            if mail["Subject"] == subject:
                return mail
        with suppress(TimeoutExpired):
            gate.server.process.wait(0.05)
    pytest.fail(gate.log)


def send(gate: Gate, to: str, msgid: str, *words: str) -> None:
    code, replies = swaks(gate.port, "--h-From", f"Zoe Newcomer <{ZOE}>", *words, sender=ZOE, to=to, msgid=msgid)
    assert code == 0, replies


def text_of(mail: EmailMessage) -> str:
    return str(mail.get_body(("plain",)).get_content())  # type: ignore[union-attr]


def members(gate: Gate) -> list[dict[str, str]]:
    found: list[dict[str, str]] = json.loads(gateway(gate.folder, "member", "list", "--json"))
    return found


def test_join_answer_post_and_leave(town: Gate) -> None:
    send(town, "town-join@example.org", "join@far.example", "--h-Subject", "digest=weekly zone=Europe/Paris")
    question = letter(town, "Do you want to join Town Talk?")
    assert parseaddr(question["To"])[1] == ZOE
    assert "weekly digest on Monday at 07:00 Europe/Paris" in text_of(question)
    assert "This is a test mailing" not in question.as_string()
    assert members(town) == []

    send(town, parseaddr(question["Reply-To"])[1], "yes@far.example", "--h-Subject", f"Re: {question['Subject']}")
    welcome = letter(town, "Welcome to Town Talk")
    assert "Zoe Newcomer" in text_of(welcome)
    [member] = members(town)
    assert (member["address"], member["handle"], member["digest"]) == (ZOE, "Zoe Newcomer", "weekly")

    send(town, TOWN, "first@far.example", "--h-Subject", "Hello from Zoe")
    assert town.post("town", "first@far.example").author_name == "Zoe Newcomer"

    send(town, "town-leave@example.org", "leave@far.example")
    # A day has not passed since the first question, and swaks proves nothing.
    assert [mail["digest"] for mail in members(town)] == ["weekly"]
    assert ZOE not in town.log
    assert len(list(Path(town.folder / "Maildir" / "new").iterdir())) == 2
