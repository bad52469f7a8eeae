"""OpenDKIM signs, as the mail server of a member does, and a gateway checks it with keys from a DNS server."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bench.servers import gateway
from tests.conftest import need_program
from tests.interop.conftest import TOWN
from tests.interop.gate import Gate
from tests.interop.test_swaks import swaks
from tests.test_verify import name_server

pytestmark = pytest.mark.interop

ANN = "ann@mail.example.net"
MAIL = (
    f"From: Ann <{ANN}>\r\nTo: {TOWN}\r\nSubject: A bench\r\nMessage-ID: <%s>\r\n"
    "Date: Fri, 02 Jan 2026 11:00:00 +0000\r\n\r\nHello\r\n"
)
SIGNED = re.compile(r"### INSHEADER: idx=\d+ hname='DKIM-Signature' hvalue='(.*?)'\s*\Z", re.DOTALL | re.MULTILINE)


class Signer:
    """OpenDKIM with a key of its own; `records` is what the DNS says of it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        command = [need_program("opendkim-genkey"), "-b", "2048", "-d", "example.net", "-s", "one", "-D", str(folder)]
        subprocess.run(command, check=True, capture_output=True)
        text = (folder / "one.txt").read_text()
        self.records = {"one._domainkey.example.net.": "".join(text.split('"')[1::2]).encode()}

    def sign(self, raw: str, canonical: str, *more: str) -> bytes:
        """`raw` with the field that OpenDKIM would have put on top, as its test mode prints it."""
        lines = ["Mode s", "Domain example.net", "Selector one", f"KeyFile {self._folder / 'one.private'}", "SubDomains yes"]
        lines += [f"Canonicalization {canonical}", "OversignHeaders From", "RequireSafeKeys no", "Syslog no", *more, ""]
        settings, mail = self._folder / "opendkim.conf", self._folder / "mail.eml"
        settings.write_text("\n".join(lines))
        mail.write_bytes(raw.encode())
        command = [need_program("opendkim"), "-x", str(settings), "-t", str(mail), "-vvv"]
        said = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout
        match = SIGNED.search(said)
        assert match is not None, said
        return b"DKIM-Signature: " + match[1].replace("\n", "\r\n").encode() + b"\r\n" + raw.encode()


@pytest.fixture(scope="module")
def signer(tmp_path_factory: pytest.TempPathFactory) -> Signer:
    return Signer(tmp_path_factory.mktemp("opendkim"))


@pytest.fixture(scope="module")
def signed_gate(tmp_path_factory: pytest.TempPathFactory, signer: Signer) -> Iterator[Gate]:
    """A gateway with a forum that wants proof, and Ann in it."""
    folder = tmp_path_factory.mktemp("gate")
    gateway(folder, "forum", "add", TOWN)
    gateway(folder, "member", "add", ANN, "--no-digest")
    with name_server(signer.records) as place, Gate(folder, GATEWAY_AUTH__DNS=f'["{place}"]') as running:
        yield running


def arrives(gate: Gate, raw: bytes, msgid: str, folder: Path) -> str:
    """Mails `raw` with swaks; the verdict."""
    file = folder / "signed.eml"
    file.write_bytes(raw.replace(b"\r\n", b"\n"))
    code, replies = swaks(gate.port, "--data", f"@{file}", sender=ANN)
    assert code == 0, replies
    [kept] = gate.find(msgid)
    return kept.verdict


WITH_ID = "SignHeaders From,To,Subject,Date,Message-ID"


@pytest.mark.parametrize("canonical", ["relaxed/relaxed", "relaxed/simple", "simple/simple"])
def test_a_signature_is_proof(signed_gate: Gate, signer: Signer, tmp_path: Path, canonical: str) -> None:
    msgid = f"{canonical.replace('/', '.')}@example.net"
    assert arrives(signed_gate, signer.sign(MAIL % msgid, canonical, WITH_ID), msgid, tmp_path) == "accept"


@pytest.mark.parametrize(
    ("msgid", "more", "old", "new"),
    [
        ("bent@example.net", [WITH_ID], b"Hello", b"Howdy"),
        # As OpenDKIM signs where nobody told it else: the mail could be sent again and again under other ids.
        ("default@example.net", [], b"", b""),
        ("unsigned@example.net", [WITH_ID], b"DKIM-Signature", b"X-Signature"),
    ],
)
def test_no_proof(signed_gate: Gate, signer: Signer, tmp_path: Path, msgid: str, more: list[str], old: bytes, new: bytes) -> None:
    raw = signer.sign(MAIL % msgid, "relaxed/simple", *more)
    assert arrives(signed_gate, raw.replace(old, new, 1), msgid, tmp_path) == "hold"
