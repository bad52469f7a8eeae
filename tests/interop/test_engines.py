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
    here, there = ((folder / "digest.txt").read_text(encoding="utf-8") for folder in (kept, demo))
    assert timeless(here) == timeless(there)


def timeless(text: str) -> str:
    """The digest without dates, without markers that are made of them, and without tokens: two demos, two days, two keys."""
    varies = r"^(?:Date: .*|\w{3} \d\d? \w{3} .* to .*)$|\[#\w+\]|(?<=-leave\+)\w{37}|(?<=%2Bc-)\w{37}"
    return re.sub(varies, "", text, flags=re.MULTILINE)
