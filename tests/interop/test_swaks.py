"""swaks, the tester that mail administrators use, against a gateway: each reply as RFC 5321 and the plan want it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.conftest import need_program
from tests.interop.conftest import TOWN, VILLAGE
from tests.interop.gate import Gate

pytestmark = pytest.mark.interop

FROM = "ann@example.net"
# What swaks calls these ends, in its manual.
OK, NO_TLS, BAD_MAIL, BAD_RCPT, BAD_DATA = 0, 29, 23, 24, 26


def swaks(port: int, *words: str, sender: str = FROM, to: str = TOWN, msgid: str = "") -> tuple[int, list[str]]:
    """One run: its exit code, and the replies of the server without their marks."""
    fields = ["--header", f"Message-Id: <{msgid}>"] if msgid else []
    command = [need_program("swaks"), "--server", f"127.0.0.1:{port}", "--helo", "client.example.net"]
    done = subprocess.run([*command, "--from", sender, "--to", to, *fields, *words], capture_output=True, text=True, timeout=60)
    output = done.stdout + done.stderr
    marks = ("<-  ", "<** ", "<~  ", "<~* ")
    return done.returncode, [line[4:] for line in output.splitlines() if line.startswith(marks)]


@pytest.mark.parametrize("words", [[], ["--pipeline"], ["--tls"], ["--tls", "--pipeline"]], ids=" ".join)
def test_mail_arrives(gate: Gate, words: list[str]) -> None:
    msgid = f"swaks{''.join(words)}@example.net"
    code, replies = swaks(gate.port, *words, "--body", "Guten Tag", msgid=msgid)
    assert code == OK, replies
    assert replies.count("250 2.0.0 OK") == 3
    assert ("220 2.0.0 Ready to start TLS" in replies) == ("--tls" in words)
    [kept] = gate.find(msgid)
    assert (kept.forum, kept.verdict, kept.reverse_path) == ("town", "accept", FROM)
    assert b"\r\nGuten Tag\r\n" in kept.raw


def test_certificate_is_the_configured_one(gate: Gate, certificate: tuple[Path, Path]) -> None:
    trust = ["--tls", "--tls-ca-path", str(certificate[0]), "--tls-verify"]
    assert swaks(gate.port, *trust)[0] == OK
    # Debian's own authorities have not signed it.
    assert swaks(gate.port, "--tls", "--tls-verify")[0] == NO_TLS


def test_answer_is_filed_under_its_comment(gate: Gate) -> None:
    swaks(gate.port, msgid="question@example.net")
    code, _ = swaks(gate.port, "--header", "In-Reply-To: <question@example.net>", msgid="answer@example.net")
    assert code == OK
    assert gate.post("town", "answer@example.net").parent == "question@example.net"


@pytest.mark.parametrize("recipient", ["nobody@example.org", "town+unknown@example.org", "ann@elsewhere.example"])
def test_unknown_recipients_and_relaying_are_refused(gate: Gate, recipient: str) -> None:
    code, replies = swaks(gate.port, to=recipient)
    assert (code, replies[-2:]) == (BAD_RCPT, ["550 5.1.1 No such address here", "221 2.0.0 Bye"])


def test_greeting_names_what_is_offered(gate: Gate) -> None:
    _, replies = swaks(gate.port, "--quit", "EHLO")
    assert replies[0] == "220 gateway.example.org ESMTP"
    offered = {"SIZE 26214400", "8BITMIME", "SMTPUTF8", "PIPELINING", "ENHANCEDSTATUSCODES", "STARTTLS"}
    assert {line[4:] for line in replies if line[:3] == "250"} == {"gateway.example.org", *offered}


def test_address_beyond_ascii_needs_smtputf8(gate: Gate) -> None:
    """swaks has no word for SMTPUTF8; tests/interop/test_clients.py sends with it."""
    code, replies = swaks(gate.port, sender="jörg@example.net")
    assert code == BAD_MAIL
    assert "553 5.6.7 This address needs SMTPUTF8" in replies


def test_mail_over_the_size_is_refused(gate: Gate, tmp_path: Path) -> None:
    body = tmp_path / "body"
    body.write_text(("x" * 70 + "\n") * ((25 << 20) // 72 + 100))
    code, replies = swaks(gate.port, "--suppress-data", "--body", f"@{body}", msgid="big@example.net")
    assert code == BAD_DATA
    assert "552 5.3.4 Mail too big" in replies
    assert gate.find("big@example.net") == []


def test_lmtp_answers_for_each_recipient(gate: Gate) -> None:
    code, replies = swaks(gate.lmtp_port, "--protocol", "LMTP", to=f"{TOWN},{VILLAGE}", msgid="both@example.net")
    assert code == OK
    after_data = replies[replies.index("354 End data with <CR><LF>.<CR><LF>") + 1 :]
    assert after_data == ["250 2.0.0 OK", "250 2.0.0 OK", "221 2.0.0 Bye"]
    assert [kept.forum for kept in gate.find("both@example.net")] == ["town", "village"]


def test_lmtp_goes_on_without_the_unknown_recipient(gate: Gate) -> None:
    _, replies = swaks(gate.lmtp_port, "--protocol", "LMTP", to=f"nobody@example.org,{VILLAGE}", msgid="one@example.net")
    assert "550 5.1.1 No such address here" in replies
    assert [kept.forum for kept in gate.find("one@example.net")] == ["village"]
