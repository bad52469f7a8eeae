"""A held post becomes a letter in the Maildir of a running gateway; swaks answers it, and the post is there."""

from __future__ import annotations

import email
import json
from contextlib import suppress
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from subprocess import TimeoutExpired

import pytest

from tests.bench.servers import START_LOOKS, gateway
from tests.interop.conftest import TOWN
from tests.interop.gate import Gate
from tests.interop.test_swaks import swaks

pytestmark = pytest.mark.interop

OWNER = "boss@example.net"


def letters(gate: Gate, count: int) -> list[EmailMessage]:
    """The letters in the Maildir, once there are so many."""
    folder = gate.folder / "Maildir" / "new"
    for _ in range(START_LOOKS):
        found = sorted(folder.iterdir()) if folder.is_dir() else []
        if len(found) >= count:
            return [_read(path) for path in found]
        with suppress(TimeoutExpired):
            gate.server.process.wait(0.05)
    pytest.fail(gate.log)


def _read(path: Path) -> EmailMessage:
    mail = email.message_from_bytes(path.read_bytes(), policy=default)
    assert isinstance(mail, EmailMessage)
    return mail


@pytest.mark.parametrize("words", [(), ("--receivers", "2")], ids=["alone", "receivers"])
def test_an_owner_decides_by_mail(tmp_path: Path, words: tuple[str, ...]) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "rules.toml").write_text('[[rule]]\nverb = "hold"\nheader = "Subject"\nmatches = "*"\n')
    (tmp_path / "config" / "gateway.toml").write_text('[digest]\ntick = 0.2\n[admit]\nrules = "rules.toml"\n')
    gateway(tmp_path, "forum", "add", TOWN, "--title", "Town Talk", "--owner", OWNER)
    with Gate(tmp_path, *words) as gate:
        assert swaks(gate.port, sender="nina@example.net", msgid="held@example.net")[0] == 0
        [letter] = letters(gate, 1)
        assert (letter["To"], letter["Auto-Submitted"]) == (OWNER, "auto-generated")
        assert [part.get_content_type() for part in letter.iter_attachments()] == ["message/rfc822"]
        assert "nina@example.net" not in letter.as_string()
        address = str(letter["Reply-To"])
        code, replies = swaks(gate.port, "--body", "1 ok", sender="mallory@example.net", to=address, msgid="forged@example.net")
        assert code == 0, replies
        letters(gate, 2)
        assert gateway(tmp_path, "thread", "list", "--json").strip() == "[]"
        code, replies = swaks(gate.port, "--body", "1 ok", sender=OWNER, to=address, msgid="ok@example.net")
        assert code == 0, replies
        subjects = {str(mail["Subject"]) for mail in letters(gate, 3)}
        assert {"Town Talk: nothing was decided", "Town Talk: what you decided"} <= subjects
        assert gate.post("town", "held@example.net").msgid == "held@example.net"
        [line] = [one for one in json.loads(gateway(tmp_path, "audit", "--json")) if one["what"] == "held: posted"]
        assert line["by"] == "a moderator"
        assert OWNER not in gate.log
