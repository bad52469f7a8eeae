"""250 means it is ours: kill -9 and SIGTERM in the middle of a load, and the order of system calls (reliability E1, E3, S17)."""

from __future__ import annotations

import re
import signal
import smtplib
import subprocess
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from random import Random

import psutil
import pytest

from tests.bench.servers import gateway
from tests.conftest import need_program
from tests.interop.conftest import TOWN
from tests.interop.gate import Gate
from tests.interop.ledger import Ledger, bring, load, make_mail
from tests.interop.witness import Witness

pytestmark = pytest.mark.interop

ROUNDS, CLIENTS = 4, 12
ONE, TWO = (), ("--receivers", "2")
one_and_two = pytest.mark.parametrize("running", [ONE, TWO], ids=["one", "two"], indirect=True)


@pytest.fixture
def running(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Gate]:
    """A gateway with one forum, and as many receiving processes as the test asks for."""
    gateway(tmp_path, "forum", "add", TOWN, "--posting", "open")
    gate = Gate(tmp_path, *getattr(request, "param", ONE))
    yield gate
    if gate.server.process.poll() is None:
        gate.kill()


def check(gate: Gate, ledger: Ledger) -> None:
    """What was acknowledged is stored, byte for byte; nothing is stored twice, nor unless it was sent."""
    kept = gate.kept()
    assert [msgid for msgid, count in Counter(one.msgid for one in kept).items() if count > 1] == []
    stored = {one.msgid: one.raw for one in kept}
    assert {msgid for msgid, raw in ledger.acknowledged.items() if stored.get(msgid) != raw} == set()
    sent = {**ledger.acknowledged, **ledger.unknown}
    assert {msgid for msgid, raw in stored.items() if sent.get(msgid) != raw} == set()


@one_and_two
def test_kill_in_a_load(running: Gate) -> None:
    """In each round the senders of mail without a reply try again, as RFC 5321 section 4.5.4.1 has it."""
    ledger, chance = Ledger(), Random(1)
    for round_ in range(ROUNDS):
        unknown, ledger.unknown = ledger.unknown, {}
        with smtplib.SMTP("127.0.0.1", running.port, "load.example") as smtp:
            smtp.ehlo()
            for msgid, raw in unknown.items():
                assert bring(running.port, ledger, msgid, raw, smtp)
        wait = load(running.port, ledger, f"round{round_}", CLIENTS)
        ledger.wait_for(len(ledger.acknowledged) + chance.randrange(50, 300))
        running.kill()
        wait()
        if running.is_shared:
            # A receiver outlives the process that keeps for a moment: it says 451 to who waits.
            ledger.unknown.update(ledger.refused)
            ledger.refused.clear()
        assert not ledger.refused
        running.start()
        check(running, ledger)
    assert running.stop() == 0
    assert gateway(running.folder, "reindex").strip() == "nothing to change"


@one_and_two
def test_terminate_in_a_load(running: Gate) -> None:
    """SIGTERM: whoever has sent his final dot gets his reply, and the process ends in order."""
    ledger, chance = Ledger(), Random(2)
    for round_ in range(2):
        wait = load(running.port, ledger, f"round{round_}", CLIENTS)
        ledger.wait_for(len(ledger.acknowledged) + chance.randrange(50, 300))
        assert running.stop() == 0
        wait()
        assert not ledger.unknown
        assert not ledger.refused
        check(running, ledger)
        running.start()


@pytest.mark.parametrize("running", [TWO], ids=["two"], indirect=True)
def test_kill_of_one_receiver(running: Gate) -> None:
    """The others finish what they have, and the exit code tells whoever starts the gateway again."""
    ledger = Ledger()
    wait = load(running.port, ledger, "receiver", CLIENTS)
    ledger.wait_for(100)
    victim = psutil.Process(running.server.process.pid).children()[0]
    victim.kill()
    wait()
    assert running.stop() == 1
    check(running, ledger)
    running.start()


def test_kill_in_a_load_of_smtp_source(running: Gate) -> None:
    witness = Witness(running.port)
    load_ = ["-d", "-s", "20", "-m", "100000", "-l", "6400", "-f", "load@load.example", "-t", TOWN]
    command = [need_program("smtp-source"), *load_, f"127.0.0.1:{witness.port}"]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        witness.wait_for(300)
        running.kill()
        process.wait(60)
    witness.close()
    running.start()
    msgids = [one.msgid for one in running.kept()]
    assert len(set(msgids)) == len(msgids)
    assert witness.acknowledged - set(msgids) == set()
    assert running.stop() == 0


def unsynced(trace: Iterable[str]) -> tuple[int, int]:
    """How many mails were acknowledged, and how many of these while the log of the database was not on disk.

    `trace` has the lines of strace -f -y for one client that sends mail after mail.
    """
    acknowledged = bad = 0
    is_in_data = False
    has_written = is_dirty = False
    for line in trace:
        if re.search(r"\bpwrite64\(\d+<[^>]*-wal>", line):
            has_written = is_dirty = True
        elif re.search(r"\bf(?:data)?sync\(\d+<[^>]*-wal>\)\s+= 0|\bf(?:data)?sync resumed>.*= 0", line):
            is_dirty = False
        elif '"354 ' in line:
            is_in_data, has_written = True, False
        elif is_in_data and '"250 ' in line:
            is_in_data = False
            acknowledged += 1
            bad += is_dirty or not has_written
    return acknowledged, bad


def test_each_acknowledgement_follows_a_sync(running: Gate, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    calls = "trace=pwrite64,fsync,fdatasync,write,writev,sendto,sendmsg"
    command = [need_program("strace"), "-f", "-y", "-s", "16", "-e", calls, "-o", str(trace)]
    tracer = subprocess.Popen([*command, "-p", str(running.server.process.pid)], stderr=subprocess.PIPE, text=True)
    assert tracer.stderr is not None
    first = tracer.stderr.readline()
    if "attached" not in first:
        pytest.skip(f"strace may not trace here: {first.strip()}")
    ledger, chance = Ledger(), Random(3)
    with smtplib.SMTP("127.0.0.1", running.port, "load.example") as smtp:
        smtp.ehlo()
        for number in range(50):
            msgid = f"sync-{number}@load.example"
            assert bring(running.port, ledger, msgid, make_mail(msgid, chance), smtp)
    tracer.send_signal(signal.SIGINT)
    tracer.communicate(timeout=30)
    lines = trace.read_text(errors="replace").splitlines()
    assert unsynced(lines) == (50, 0)
    # The control: without its syncs the same trace must be found wanting.
    assert unsynced(line for line in lines if "sync" not in line) == (50, 50)
