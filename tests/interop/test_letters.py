"""Letters under kill -9: none is lost, and one goes twice only when its worker died between reply and commit (O1-O3).

GATEWAY_KILLS=100 GATEWAY_LETTERS=2000 runs the long form; GATEWAY_CONNECTIONS=2 has two connections in each process, not one.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bench.servers import environment
from tests.interop.carriers import fill, read, run, sink
from tests.interop.screen import wait_until

pytestmark = [pytest.mark.interop, pytest.mark.timeout(900)]

KILLS = int(os.environ.get("GATEWAY_KILLS", "5"))
LETTERS = int(os.environ.get("GATEWAY_LETTERS", "200"))
CONNECTIONS = int(os.environ.get("GATEWAY_CONNECTIONS", "1"))


def test_killed_workers_lose_nothing_and_double_only_what_nobody_can_know(database_url: str, tmp_path: Path) -> None:
    result = run(database_url, tmp_path, readers=LETTERS, kills=KILLS, delay=0.02, connections=CONNECTIONS)
    sys.stdout.write(
        f"{len(result.killed)} kills, {LETTERS} letters: {result.missing} missing, {len(result.doubled)} doubled in the window "
        f"({result.worst} at most by one kill), {len(result.outside)} doubled outside\n"
    )
    assert len(result.killed) == KILLS
    assert result.missing == 0
    assert result.outside == []
    assert result.worst <= CONNECTIONS


def test_gateway_send_carries_what_waits_and_ends_in_order(database_url: str, tmp_path: Path) -> None:
    fill(database_url, 20)
    settings = {"GATEWAY_STORE__URL": database_url, "GATEWAY_SEND__COURIER": "relay"}
    with sink(tmp_path / "book", 0) as port, (tmp_path / "log").open("wb") as log:
        env = environment(tmp_path, GATEWAY_SEND__RELAY_PORT=str(port), **settings)
        sender = subprocess.Popen([sys.executable, "-m", "gateway", "send"], env=env, stderr=log, cwd=tmp_path)
        wait_until(lambda: len(read(tmp_path / "book")) == 20, "the letters do not go")
        sender.terminate()
        assert sender.wait(60) == 0
    assert len({one.recipient for one in read(tmp_path / "book")}) == 20
    assert "stopped" in (tmp_path / "log").read_text()


def test_the_control_without_claims_fails(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'gateway.db'}"
    # So many that both workers are there before the first has sent them all.
    result = run(url, tmp_path, "careless", readers=400, kills=0, delay=0.02, connections=CONNECTIONS)
    assert result.missing == 0
    assert len(result.outside) > 10
