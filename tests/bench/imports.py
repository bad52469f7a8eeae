"""The whole program imports the corpus, several times: mails a second, memory, and the forest scored against the true parents.

Bounds: 1,000 mails/s on two processors, memory that does not grow with the archive, every true parent that was delivered found.
"""

from __future__ import annotations

import json
import os
import resource
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

RUNS = 3
FORUM = "bench@example.org"


def measure(corpus: Path, scratch: Path) -> None:
    scratch.mkdir(parents=True)
    rates: list[float] = []
    for run in range(RUNS):
        data = scratch / str(run)
        _gateway(data, "forum", "add", FORUM, "--posting", "open", "--title", "Bench")
        begun = time.monotonic()
        said = _gateway(data, "import", "mbox", str(corpus / "corpus.mbox"))
        rates.append(_mails(said) / (time.monotonic() - begun))
        sys.stderr.write(f"import: {said}, {rates[-1]:.0f} mails/s\n")
    memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    spread = f"{min(rates):.0f} to {max(rates):.0f}"
    sys.stdout.write(f"import: {median(rates):.0f} mails/s (median of {RUNS}, {spread}), largest process {memory:.0f} MiB\n")
    found, wanted, unnamed = score(corpus, scratch / "0" / "gateway.db")
    sys.stdout.write(
        f"import: {found} of {wanted} true parents that were delivered are found; {unnamed} mails name none of theirs\n"
    )


def score(corpus: Path, database: Path) -> tuple[int, int, int]:
    """Of the mails whose true parent was delivered, how many hang under it, and how many name nothing that was delivered.

    Ghosts, which were not, do not count as parents.
    """
    lines = [json.loads(line) for line in (corpus / "manifest.jsonl").read_text(encoding="utf-8").splitlines()]
    here = {line["mid"] for line in lines}
    wanted = {line["mid"]: line["parent"] for line in lines if line["parent"] in here}
    with sqlite3.connect(database) as db:
        stored = dict(db.execute("SELECT msgid, parent FROM post WHERE NOT is_imposter"))
        ghosts = dict(db.execute("SELECT msgid, parent FROM ghost"))
    found = unnamed = 0
    for mid, parent in wanted.items():
        above = stored[mid]
        while above in ghosts:
            above = ghosts[above]
        found += above == parent
        unnamed += above is None and stored[mid] in ghosts
    return found, len(wanted), unnamed


def _gateway(data: Path, *words: str) -> str:
    command = [sys.executable, "-c", "from gateway.cli import main; main()", *words]
    environment = {**os.environ, "GATEWAY_DATA": str(data)}
    return subprocess.run(command, check=True, env=environment, stdout=subprocess.PIPE, text=True).stdout.strip()


def _mails(said: str) -> int:
    return int(said.partition(" ")[0])
