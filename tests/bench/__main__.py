"""`make bench`: all measurements, or those named: accept, proved, imports, threads, digests, answers, letters, memory."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from gateway.house.working import tame_garbage_collector
from tests.bench import accept, answers, digests, imports, letters, memory, threads

ROOT = Path(__file__).parent.parent.parent
MAILS = 10_000


def main() -> None:
    tame_garbage_collector()  # as `gateway serve` does
    names = sys.argv[1:] or ["accept", "proved", "imports", "threads", "digests", "answers", "letters", "memory"]
    with tempfile.TemporaryDirectory(prefix="gateway-bench-") as scratch:
        folder = Path(scratch)
        if {"accept", "proved", "imports", "digests"} & set(names):
            corpus = _corpus(folder)
        if "imports" in names:
            imports.measure(corpus, folder / "imports")
        if "digests" in names:
            digests.measure(corpus, folder / "digests")
        if "answers" in names:
            answers.measure()
        if "letters" in names:
            letters.measure(folder / "letters")
        if "threads" in names:
            threads.measure_one_more(folder / "threads")
            threads.measure_weave()
        if "memory" in names:
            memory.main()
        if "accept" in names:
            accept.measure(corpus, folder)
        if "proved" in names:
            accept.measure_proved(corpus, folder)


def _corpus(folder: Path) -> Path:
    """Made by the generator beside the corpora, or the folder that GATEWAY_BENCH_CORPUS names."""
    given = os.environ.get("GATEWAY_BENCH_CORPUS")
    if given:
        return Path(given)
    corpora = Path(os.environ.get("GATEWAY_CORPORA", ROOT.parent / "shared" / "corpora"))
    generator = corpora.parent / "bench" / "make_corpus.py"
    if not generator.is_file():
        sys.exit(f"the corpus generator is missing: {generator} (GATEWAY_CORPORA names the folder beside it)")
    command = [sys.executable, str(generator), "--n", str(MAILS), "--out", str(folder / "corpus")]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return folder / "corpus"


main()
