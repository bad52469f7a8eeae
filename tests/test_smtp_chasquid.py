"""The dialogues of another server's tests, from the corpora: the same reply codes, but where we differ on purpose.

Their server takes addresses without angle brackets, has a limit of 1 MiB, and says 500 where RFC 5321 section 4.2.4 has
501; every such place is in the tables below.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import need
from tests.test_smtp_door import DOMAIN, Client, House

FILE = Path("f", "chasquid-dialogs", "dialogs.json")
NAMES = ["null_address", "bad_mail_from", "empty_helo", "helo", "message_too_big", "sendmail", "unknown_command", "wrong_proto"]
# What the client says there -> what it says here.
REWORDED = {"RCPT TO: user@testserver": f"RCPT TO: <general@{DOMAIN}>"}
# (dialogue, command) -> the code that we give.
OTHER_CODES = {("bad_mail_from", "MAIL LALA: <>"): "501", ("bad_mail_from", "MAIL FROM:"): "501"}


@pytest.fixture
def dialogues(corpora: Path) -> dict[str, list[dict[str, Any]]]:
    need("chasquid's dialogues among the corpora", (corpora / FILE).is_file())
    found = json.loads((corpora / FILE).read_text(encoding="utf-8"))
    return {dialogue["name"]: dialogue["steps"] for dialogue in found["dialogs"]}


def play(house: House, name: str, steps: list[dict[str, Any]]) -> None:
    client: Client | None = None
    said = ""
    for step in steps:
        if "connect" in step:
            client, said = house.connect(), ""
            continue
        assert client is not None
        if "send_line" in step:
            said = step["send_line"]
            client.send(REWORDED.get(said, said).encode() + b"\r\n")
        elif "send_raw_repeat" in step:
            told = step["send_raw_repeat"]
            client.send((told["line"] * told["times_in_line"] + told["eol"]).encode() * told["lines"])
        elif "code" in step:
            assert client.reply()[:3] == OTHER_CODES.get((name, said), step["code"]), said
        elif "close" in step:
            client.close()
        else:
            pytest.fail(f"unknown step {step}")


@pytest.mark.parametrize("name", NAMES)
def test_same_codes(dialogues: dict[str, list[dict[str, Any]]], name: str, tmp_path: Path) -> None:
    with House(tmp_path, message_size=1 << 20) as house:
        play(house, name, dialogues[name])
        assert len(house.door.kept) == (name in ("null_address", "sendmail"))


def test_all_of_them_are_played(dialogues: dict[str, list[dict[str, Any]]]) -> None:
    assert set(dialogues) == set(NAMES)
