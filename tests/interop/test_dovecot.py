"""Letters into mailboxes: by LMTP into a real Dovecot, and by a real Postfix that wants TLS and AUTH before it."""

from __future__ import annotations

import imaplib
import json
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.bench.servers import gateway
from tests.conftest import need_program
from tests.interop.conftest import TOWN, make_certificate
from tests.interop.dovecot import PASSWORD, Dovecot, dovecot
from tests.interop.screen import wait_until
from tests.interop.test_bounces import MAIN, MASTER, free_port
from tests.interop.test_relay import is_listening, open_way

pytestmark = pytest.mark.interop

ANN, BOB, GHOST = "ann@home.example", "bob@home.example", "ghost@home.example"
MORE = """
virtual_mailbox_domains = home.example
virtual_transport = lmtp:[127.0.0.1]:{lmtp}
smtpd_tls_security_level = may
smtpd_tls_chain_files = {key}, {certificate}
smtpd_tls_auth_only = yes
smtpd_sasl_auth_enable = yes
smtpd_sasl_type = dovecot
smtpd_sasl_path = {auth}
mynetworks = 192.0.2.0/24
smtpd_recipient_restrictions = permit_sasl_authenticated, reject
"""


LATER = f"""From a Sun Nov 22 10:00:00 2026
From: a@example.net
To: {TOWN}
Message-ID: <later@example.net>
Subject: Later

Words.
"""


@pytest.fixture
def town(tmp_path: Path) -> Path:
    """A data folder with the seed page, of which three readers have not been told; one of them has no mailbox."""
    folder = tmp_path / "town"
    folder.mkdir()
    gateway(folder, "forum", "add", TOWN, "--posting", "open", "--title", "Town Talk")
    (folder / "members.csv").write_text("address\n" + "\n".join((ANN, BOB, GHOST)) + "\n")
    gateway(folder, "member", "import", "members.csv")
    gateway(folder, "import", "seed")
    return folder


@pytest.fixture
def boxes(tmp_path: Path) -> Iterator[Dovecot]:
    with dovecot(tmp_path / "dovecot", (ANN, BOB)) as running:
        yield running


@contextmanager
def postfix(folder: Path, boxes: Dovecot, certificate: tuple[Path, Path]) -> Iterator[int]:
    """The port of a Postfix that takes mail after STARTTLS and AUTH only, and puts it into the mailboxes."""
    program, port = need_program("postfix"), free_port()
    for name in ("conf", "queue", "data", "spool"):
        (folder / name).mkdir(parents=True)
    open_way(folder)
    main = MAIN.format(folder=folder, relay="relay.example.net", port=1, known="").replace("mynetworks = 127.0.0.0/8\n", "")
    main = main.replace("smtpd_recipient_restrictions = permit_mynetworks, reject\n", "")
    main += MORE.format(lmtp=boxes.lmtp, auth=boxes.auth, certificate=certificate[0], key=certificate[1])
    (folder / "conf" / "main.cf").write_text(main)
    lines = "lmtp unix - - n - - lmtp\nvirtual unix - n n - - virtual\ntlsmgr unix - - n 1000? 1 tlsmgr\n"
    (folder / "conf" / "master.cf").write_text(MASTER.format(port=port) + lines)
    subprocess.run(["chown", "postfix", str(folder / "data")], check=True)
    command = [program, "-c", str(folder / "conf")]
    subprocess.run([*command, "start"], check=True, capture_output=True)
    try:
        wait_until(lambda: is_listening(port), "Postfix does not start")
        yield port
    finally:
        subprocess.run([*command, "stop"], check=True, capture_output=True)


@contextmanager
def mailbox(boxes: Dovecot, user: str) -> Iterator[imaplib.IMAP4]:
    imap = imaplib.IMAP4("127.0.0.1", boxes.imap)
    imap.login(user, PASSWORD)
    imap.select("INBOX")
    try:
        yield imap
    finally:
        imap.logout()


def subjects(boxes: Dovecot, user: str) -> list[str]:
    with mailbox(boxes, user) as imap:
        _, found = imap.fetch("1:*", "(BODY[HEADER.FIELDS (SUBJECT)])")
        return [one[1].decode().strip().removeprefix("Subject: ") for one in found if isinstance(one, tuple)]


def wait_for(boxes: Dovecot, user: str, count: int, folder: Path) -> None:
    logs = [boxes.log, folder / "maillog"]
    wait_until(lambda: len(subjects(boxes, user)) == count, f"no letter; see {logs}", 30)


def by_lmtp(boxes: Dovecot) -> dict[str, str]:
    return {"GATEWAY_SEND__COURIER": "lmtp", "GATEWAY_SEND__LMTP": f"127.0.0.1:{boxes.lmtp}"}


def by_relay(port: int, ca: Path, password: str = PASSWORD) -> dict[str, str]:
    words = {"COURIER": "relay", "RELAY_HOST": "localhost", "RELAY_PORT": str(port), "RELAY_TLS": "starttls"}
    words |= {"RELAY_CA": str(ca), "RELAY_USER": ANN, "RELAY_PASSWORD": password}
    return {f"GATEWAY_SEND__{name}": value for name, value in words.items()}


def retry_all(town: Path) -> None:
    for letter in json.loads(gateway(town, "outbox", "list", "--state", "ready", "--json")):
        gateway(town, "outbox", "retry", letter["letter"])


def test_lmtp_into_mailboxes(town: Path, boxes: Dovecot) -> None:
    assert (
        gateway(town, "digest", "send", **by_lmtp(boxes))
        == "3 queued, 2 sent, 1 came back: gateway outbox list --state bounced\n"
    )
    assert "User doesn't exist: ghost@home.example" in gateway(town, "outbox", "list", "--state", "bounced")
    for user in (ANN, BOB):
        assert subjects(boxes, user) == ["Town Talk Digest, Issue 1: 42 new"]
    assert "nothing new" in gateway(town, "digest", "send", **by_lmtp(boxes))


def test_issues_are_one_thread_in_imap(town: Path, boxes: Dovecot, tmp_path: Path) -> None:
    gateway(town, "digest", "send", **by_lmtp(boxes))
    (tmp_path / "later.mbox").write_text(LATER)
    gateway(town, "import", "mbox", str(tmp_path / "later.mbox"), "--news")
    gateway(town, "digest", "send", **by_lmtp(boxes))
    with mailbox(boxes, ANN) as imap:
        _, found = imap.thread("REFERENCES", "UTF-8", "ALL")
    assert found == [b"(1 2)"]


def test_a_relay_with_tls_and_auth_in_front(town: Path, boxes: Dovecot, tmp_path: Path, own: tuple[Path, Path]) -> None:
    folder = tmp_path / "postfix"
    with postfix(folder, boxes, own) as port:
        # A certificate of somebody unknown, or a wrong password: nothing goes, nothing is lost.
        out = gateway(
            town, "digest", "send", **(by_relay(port, own[0]) | {"GATEWAY_SEND__RELAY_CA": "/etc/ssl/certs/ca-certificates.crt"})
        )
        assert out.startswith("3 queued, 0 sent, 3 wait to be tried again")
        assert "certificate" in gateway(town, "outbox", "list")
        retry_all(town)
        out = gateway(town, "digest", "send", **by_relay(port, own[0], "a wrong one"))
        assert "0 sent" in out
        assert "535" in gateway(town, "outbox", "list")
        assert "SASL PLAIN authentication failed" in (folder / "maillog").read_text()
        retry_all(town)
        out = gateway(town, "digest", "send", **by_relay(port, own[0]))
        assert "3 sent" in out
        for user in (ANN, BOB):
            wait_for(boxes, user, 1, folder)
        log = (folder / "maillog").read_text()
    assert re.search(f"sasl_method=PLAIN, sasl_username={ANN}", log)


@pytest.fixture
def own(tmp_path: Path) -> tuple[Path, Path]:
    """A certificate for localhost and its key."""
    return make_certificate(tmp_path, "localhost")
