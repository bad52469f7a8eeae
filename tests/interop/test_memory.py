"""Large and hostile mails at once do not fill the memory (reliability S8); `make bench` measures all kinds."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bench.memory import measure
from tests.bench.servers import serving

pytestmark = pytest.mark.interop

PEAK_MIB = 250
MAILS = 8


@pytest.mark.parametrize("kind", ["bomb", "empty"])
def test_peak_of_the_main_process(tmp_path: Path, kind: str) -> None:
    """Mails of 25 MB that consist of boundaries are taken, 31 MiB of empty lines refused; others go on meanwhile."""
    with serving(tmp_path) as server:
        figures = measure(server, kind, MAILS)
    assert figures.peak < PEAK_MIB, figures
    refused = {"552 5.3.4 Mail too big", "cut off"}
    assert set(figures.replies) <= (refused if kind == "empty" else {"250 2.0.0 OK"}), figures
    assert figures.bystander
