"""Sending programs that people have: msmtp, s-nail, Python's smtplib, Postfix's smtp-source."""

from __future__ import annotations

import os
import smtplib
import subprocess
from email.message import EmailMessage
from email.policy import SMTPUTF8
from pathlib import Path

import pytest

from tests.conftest import need_program
from tests.interop.conftest import TOWN
from tests.interop.gate import Gate

pytestmark = pytest.mark.interop

SESSIONS, MAILS = 20, 200


def letter(msgid: str, sender: str = "ann@example.net") -> EmailMessage:
    mail = EmailMessage(policy=SMTPUTF8)
    mail["From"], mail["To"], mail["Subject"], mail["Message-ID"] = sender, TOWN, "Grüße", f"<{msgid}>"
    mail.set_content("Guten Tag, 你好\n", cte="8bit")
    return mail


def test_smtplib_with_smtputf8(gate: Gate) -> None:
    with smtplib.SMTP("127.0.0.1", gate.port) as smtp:
        smtp.send_message(letter("smtputf8@example.net", "jörg@example.net"), "jörg@example.net", [TOWN])
    [kept] = gate.find("smtputf8@example.net")
    assert kept.reverse_path == "jörg@example.net"
    assert "From: jörg@example.net\r\n".encode() in kept.raw
    assert "Guten Tag, 你好".encode() in kept.raw


def test_smtplib_is_told_of_the_size_before_it_sends(gate: Gate) -> None:
    with smtplib.SMTP("127.0.0.1", gate.port) as smtp:
        smtp.ehlo()
        assert smtp.mail("ann@example.net", [f"SIZE={(25 << 20) + 1}"]) == (552, b"5.3.4 Mail too big")
        assert smtp.mail("ann@example.net", [f"SIZE={25 << 20}"])[0] == 250


def test_smtplib_many_in_one_session(gate: Gate) -> None:
    with smtplib.SMTP("127.0.0.1", gate.port) as smtp:
        for number in range(50):
            smtp.send_message(letter(f"session-{number}@example.net"))
    assert sum(kept.msgid.startswith("session-") for kept in gate.kept()) == 50


def test_msmtp(gate: Gate) -> None:
    host = ["--file=/dev/null", "--host=127.0.0.1", f"--port={gate.port}", "--from=ann@example.net"]
    raw = letter("msmtp@example.net").as_bytes()
    subprocess.run([need_program("msmtp"), *host, TOWN], input=raw, check=True, timeout=30)
    [kept] = gate.find("msmtp@example.net")
    assert kept.raw.endswith("Guten Tag, 你好\r\n".encode())


def test_msmtp_with_starttls(gate: Gate, certificate: tuple[Path, Path]) -> None:
    host = ["--file=/dev/null", "--host=127.0.0.1", f"--port={gate.port}", "--from=ann@example.net"]
    # The certificate is for a name that no resolver knows, so that it is pinned.
    printed = subprocess.run(
        [need_program("openssl"), "x509", "-noout", "-fingerprint", "-sha256", "-in", str(certificate[0])],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    tls = ["--tls=on", "--tls-starttls=on", f"--tls-fingerprint={printed.strip().partition('=')[2]}", "--tls-trust-file="]
    raw = letter("msmtp-tls@example.net").as_bytes()
    subprocess.run([need_program("msmtp"), *host, *tls, TOWN], input=raw, check=True, timeout=30)
    assert len(gate.find("msmtp-tls@example.net")) == 1


def test_s_nail(gate: Gate, tmp_path: Path) -> None:
    settings = ["v15-compat=yes", f"mta=smtp://127.0.0.1:{gate.port}", "smtp-auth=none", "hostname=client.example.net"]
    words = [word for setting in settings for word in ("-S", setting)]
    command = [need_program("s-nail"), "-:/", *words, "-r", "ann@example.net", "-s", "By s-nail", TOWN]
    subprocess.run(command, input=b"Good day\n", check=True, timeout=30, env={**os.environ, "HOME": str(tmp_path)})
    [kept] = [one for one in gate.kept() if b"\r\nSubject: By s-nail\r\n" in one.raw]
    assert kept.verdict == "accept"
    assert kept.raw.endswith(b"\r\n\r\nGood day\r\n")


def test_smtp_source(gate: Gate) -> None:
    """Many sessions at once; smtp-source ends with an error at the first reply that it does not expect."""
    before = len(gate.kept())
    load = ["-s", str(SESSIONS), "-m", str(MAILS), "-l", "6400", "-f", "ann@example.net", "-t", TOWN]
    subprocess.run([need_program("smtp-source"), *load, f"127.0.0.1:{gate.port}"], check=True, timeout=60)
    assert len(gate.kept()) - before == MAILS
