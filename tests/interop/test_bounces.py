"""A real Postfix as the relay: what it cannot deliver comes back to us over SMTP, counts, and in the end pauses the member."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gateway.mail.bounce import Bounces
from gateway.mail.forum import Member
from gateway.store import roster
from gateway.store.engine import Store
from tests.bench.servers import gateway
from tests.conftest import need, need_program
from tests.interop.conftest import TOWN
from tests.interop.gate import Gate
from tests.interop.screen import wait_until
from tests.interop.test_relay import is_listening, open_way
from tests.interop.test_swaks import OK, swaks

pytestmark = pytest.mark.interop

RELAY = "relay.example.net"
# Postfix knows the users of this machine: one of these is there, the other is not.
OWNER, GHOST = f"nobody@{RELAY}", f"ghost-of-the-town@{RELAY}"

MAIN = """
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
mail_spool_directory = {folder}/spool
maillog_file = {folder}/maillog
maillog_file_prefixes = {folder}
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = {relay}
mydestination = {relay}
mynetworks = 127.0.0.0/8
smtpd_recipient_restrictions = permit_mynetworks, reject
local_recipient_maps = {known}
alias_maps =
alias_database =
transport_maps = inline:{{example.org=smtp:[127.0.0.1]:{port}}}
"""
MASTER = """
127.0.0.1:{port} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
local unix - n n - - local
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""
CONFIG = """
[smtp]
hostname = "gateway.example.org"

[digest]
tick = 0.3

[send]
courier = "relay"
relay_port = {port}
"""


@contextmanager
def postfix(folder: Path, port: int, ours: int, known: str = "") -> Iterator[None]:
    """Postfix at `port`; mail for example.org goes to the port `ours`. It takes mail for the users in `known`, or all."""
    program = need_program("postfix")
    need("the user root", os.geteuid() == 0)
    for name in ("conf", "queue", "data", "spool"):
        (folder / name).mkdir(parents=True)
    (folder / "spool").chmod(0o1777)
    open_way(folder)
    (folder / "conf" / "main.cf").write_text(MAIN.format(folder=folder, relay=RELAY, port=ours, known=known))
    (folder / "conf" / "master.cf").write_text(MASTER.format(port=port))
    subprocess.run(["chown", "postfix", str(folder / "data")], check=True)
    command = [program, "-c", str(folder / "conf")]
    subprocess.run([*command, "start"], check=True, capture_output=True)
    try:
        wait_until(lambda: is_listening(port), "Postfix does not start")
        yield
    finally:
        subprocess.run([*command, "stop"], check=True, capture_output=True)


class Town:
    """A gateway and its relay, seen through the command line."""

    def __init__(self, gate: Gate, spool: Path) -> None:
        self.gate = gate
        self._spool = spool
        self._posts = 0

    def tell(self) -> str:
        """Something is posted, and told at once; what the command says. The server may be faster in sending what it queued."""
        self._posts += 1
        code, _ = swaks(self.gate.port, "--header", f"Subject: post {self._posts}", msgid=f"{self._posts}@example.net")
        assert code == OK
        return self.run("digest", "send")

    def run(self, *words: str) -> str:
        return gateway(self.gate.folder, *words)

    @property
    def bounces(self) -> Bounces:
        """Of the member whom no mail reaches."""
        with self._ghost() as (_, ghost):
            return ghost.bounces

    @property
    def owners_mail(self) -> str:
        box = self._spool / "nobody"
        return box.read_text() if box.exists() else ""

    def days_before(self, score: float) -> None:
        """As if so much had come back until yesterday."""
        with self._ghost() as (store, ghost), store.write() as db:
            yesterday = datetime.now(UTC) - timedelta(days=1)
            roster.keep_bounces(db, ghost.forum_id, ghost.id, Bounces(score=score, bounced_at=yesterday))

    @contextmanager
    def _ghost(self) -> Iterator[tuple[Store, Member]]:
        store = Store(f"sqlite:///{self.gate.folder / 'gateway.db'}")
        try:
            [forum] = roster.list_forums(store)
            [ghost] = roster.list_members(store, forum.id)
            yield store, ghost
        finally:
            store.close()

    def wait_for(self, found: Callable[[], bool], what: str) -> None:
        wait_until(found, f"{what}\n{self.gate.log}\n{(self._spool.parent / 'maillog').read_text()}", 30)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


@contextmanager
def running(folder: Path, known: str = "") -> Iterator[Town]:
    port = free_port()
    (folder / "town" / "config").mkdir(parents=True)
    (folder / "town" / "config" / "gateway.toml").write_text(CONFIG.format(port=port))
    gateway(folder / "town", "forum", "add", TOWN, "--posting", "open", "--title", "Town Talk", "--owner", OWNER)
    gateway(folder / "town", "member", "add", GHOST, "--handle", "Ghost")
    with Gate(folder / "town") as gate, postfix(folder / "relay", port, gate.port, known):
        yield Town(gate, folder / "relay" / "spool")


def test_what_comes_back_counts_probes_and_pauses(tmp_path: Path) -> None:
    with running(tmp_path) as town:
        assert "1 queued" in town.tell()
        town.wait_for(lambda: town.bounces.score == 1.0, "the first bounce does not count")
        assert town.owners_mail == ""
        town.days_before(5.0)
        assert "1 queued" in town.tell()
        town.wait_for(lambda: town.bounces.paused_at is not None, "the probe does not come back")
        town.wait_for(lambda: "No more mail to Ghost" in town.owners_mail, "the owner is not told")
        assert "asked whether any arrives: 5.1.1." in town.owners_mail
        assert GHOST not in town.owners_mail
        # two digests and the probe, each by its own address
        returned = [one for one in town.gate.kept() if one.reverse_path is None]
        assert [one.verdict for one in returned] == ["discard"] * 3
        assert GHOST not in town.gate.log
        assert "paused by bounces since" in town.run("member", "list")
        assert "nothing new" in town.tell()
        assert town.run("member", "set", GHOST, "bounces=0").startswith(f"{GHOST}: daily digest")
        assert "1 queued" in town.run("digest", "send")


def test_a_refusal_at_the_door_counts_the_same(tmp_path: Path) -> None:
    with running(tmp_path, known="inline:{nobody=x}") as town:
        town.days_before(5.0)
        # The digest is refused, then the probe; what goes out is the letter to the owner.
        assert "1 queued" in town.tell()
        town.wait_for(lambda: town.bounces.paused_at is not None, "the probe is not refused")
        town.wait_for(lambda: "No more mail to Ghost" in town.owners_mail, "the owner is not told")
        assert [one for one in town.gate.kept() if one.reverse_path is None] == []


def test_a_bounce_that_was_kept_before_a_kill_counts_once(tmp_path: Path) -> None:
    with running(tmp_path) as town:
        town.tell()
        town.wait_for(lambda: any(one.reverse_path is None for one in town.gate.kept()), "nothing comes back")
        town.gate.kill()
        town.gate.start()
        town.wait_for(lambda: town.bounces.score > 0, "the bounce does not count")
        assert town.bounces.score == 1.0
