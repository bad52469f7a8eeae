"""gateway doctor beside a gateway that runs, and a relay whose certificate nobody signed (reliability R7)."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.bench.servers import environment
from tests.interop.gate import Gate

pytestmark = pytest.mark.interop


def doctor(folder: Path, **more: str) -> tuple[int, dict[str, Any]]:
    """The exit code, and what was found by the names of the checks."""
    settings = environment(folder, GATEWAY_SMTP__HOSTNAME="gateway.example.org", **more)
    command = [sys.executable, "-m", "gateway", "doctor", "--json"]
    done = subprocess.run(command, env=settings, cwd=folder, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    return done.returncode, {one["check"]: one for one in json.loads(done.stdout)}


def test_a_gateway_that_runs(gate: Gate) -> None:
    code, found = doctor(gate.folder, GATEWAY_SMTP__PORT=str(gate.port))
    assert code == 0
    assert found["SMTP port"]["reason"] == f"127.0.0.1:{gate.port} answers as gateway.example.org"
    for check in ("SMTP port", "secrets", "database", "clock", "outbox", "digests"):
        assert found[check]["grade"] == "ok", found[check]


def test_a_relay_that_nobody_vouches_for(gate: Gate) -> None:
    relay = {"GATEWAY_SEND__COURIER": "relay", "GATEWAY_SEND__RELAY_PORT": str(gate.port)}
    code, found = doctor(gate.folder, GATEWAY_SEND__RELAY_TLS="starttls", **relay)
    assert (code, found["relay"]["grade"]) == (1, "fail")
    assert "self-signed certificate" in found["relay"]["reason"]
    code, found = doctor(gate.folder, **relay)
    assert (code, found["relay"]["grade"]) == (0, "ok")
