"""The demo on PostgreSQL tells what it tells on SQLite."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.bench.servers import gateway
from tests.conftest import empty_database

pytestmark = pytest.mark.interop


def test_demo_on_postgres(demo: Path, postgres_server: str, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    told = gateway(tmp_path, "demo", "--keep", str(kept), "--database", empty_database(postgres_server))
    assert "Filed as 1 thread with 42 posts." in told
    assert not (kept / "gateway.db").exists()
    assert (kept / "digest.txt").read_text(encoding="utf-8") == (demo / "digest.txt").read_text(encoding="utf-8")
    assert ids_out((kept / "digest.html").read_text()) == ids_out((demo / "digest.html").read_text())


def ids_out(html: str) -> str:
    """The page without what is the run's own."""
    return re.sub(r"\+d-[a-z2-7]{37}", "", html)
