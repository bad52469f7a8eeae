"""What the tests with real programs share: a `gateway serve` started as a user would, and a look into its store."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bench.servers import gateway
from tests.conftest import need_program
from tests.interop.gate import Gate

TOWN = "town@example.org"
VILLAGE = "village@example.org"

CONFIG = """
[smtp]
hostname = "gateway.example.org"
lmtp_port = 0
tls_certificate = "{certificate}"
tls_key = "{key}"
"""


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for gateway.example.org and its key."""
    return make_certificate(tmp_path_factory.mktemp("tls"), "gateway.example.org")


def make_certificate(folder: Path, host: str) -> tuple[Path, Path]:
    """A certificate for `host` and its key, made by openssl."""
    files = (folder / "certificate.pem", folder / "key.pem")
    names = ["-subj", f"/CN={host}", "-addext", f"subjectAltName=DNS:{host}"]
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30"]
    command = [need_program("openssl"), "req", "-x509", *curve, *names, "-out", str(files[0]), "-keyout", str(files[1])]
    subprocess.run(command, check=True, capture_output=True)
    return files


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory, certificate: tuple[Path, Path]) -> Iterator[Gate]:
    """A running gateway with the forums town and village, SMTP with STARTTLS and LMTP, set by a configuration file."""
    folder = tmp_path_factory.mktemp("gate")
    (folder / "config").mkdir()
    text = CONFIG.format(certificate=certificate[0], key=certificate[1])
    (folder / "config" / "gateway.toml").write_text(text)
    for forum in (TOWN, VILLAGE):
        gateway(folder, "forum", "add", forum, "--posting", "open")
    with Gate(folder) as running:
        yield running


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished demo; to be copied by who changes it."""
    folder = tmp_path_factory.mktemp("demo")
    kept = folder / "kept"
    gateway(folder, "demo", "--keep", str(kept), "--no-text")
    return kept
