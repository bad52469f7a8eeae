"""Answers to an issue of 1,000 comments: to find where one belongs (bound: 50 ms of CPU), and at worst (2 s for 1 MiB)."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from random import Random
from statistics import median

from gateway.digest.answers import Asked, know, split_answer
from gateway.exchange.seed import read_seed
from gateway.mail.message import Span, SpanKind
from gateway.parse.spans import split_spans
from tests.test_exchange import PAGE

COMMENTS = 1_000
RUNS = 3
MIB = 1 << 20
_DIGITS = "0123456789abcdefghjkmnpqrstvwxyz"


def _entries(chance: Random) -> list[Asked]:
    """Comments of some 400 characters, in words of people."""
    words = " ".join(comment.text for comment in read_seed(PAGE).comments).split()
    return [
        Asked(
            marker="".join(chance.choices(_DIGITS, k=8)),
            number=str(number),
            title=" ".join(chance.choices(words, k=6)),
            author=f"Author {number}",
            spans=(Span(SpanKind.TEXT, "\n".join(" ".join(chance.choices(words, k=12)) for _ in range(6))),),
        )
        for number in range(1, COMMENTS + 1)
    ]


def _heading(entry: Asked, *, has_marker: bool = True) -> str:
    marker = f" [#{entry.marker}]" if has_marker else ""
    return f"From: {entry.author}\nSubject: {entry.number} {entry.title}{marker}"


def _quoted(text: str) -> str:
    return "\n".join(f"> {line}" for line in text.split("\n"))


def _issue(entries: list[Asked]) -> str:
    return ("\n" + "-" * 30 + "\n").join(f"{_heading(entry)}\n\n{entry.spans[0].text}\n" for entry in entries)


def _cpu(work: Callable[[], object]) -> float:
    begun = time.process_time()
    work()
    return time.process_time() - begun


def measure() -> None:
    chance = Random(7)
    entries = _entries(chance)
    frame = (_issue(entries),)
    known = know(entries, frame)
    sys.stdout.write(
        f"answers  an issue of {COMMENTS:,} comments made ready, once: {_cpu(lambda: know(entries, frame)):.2f} s of CPU\n"
    )
    one, fragment = entries[500], entries[300].spans[0].text[60:120]
    answers = {
        "one entry quoted": f"{_quoted(_heading(one) + chr(10) + one.spans[0].text)}\n\nSo it is.\n",
        "40 characters quoted": f"> {fragment}\n\nSo it is.\n",
        "the whole issue quoted below": f"So it is.\n\nOn Tuesday, Town Talk wrote:\n{_quoted(frame[0])}\n",
        "an answer below each of 50": "\n".join(
            f"{_quoted(entry.spans[0].text)}\nNo, {entry.number}.\n" for entry in entries[::20]
        ),
    }
    for name, text in answers.items():
        spans = split_spans(text)
        took = median(_cpu(lambda: split_answer(spans, known)) for _ in range(RUNS))  # noqa: B023
        sys.stdout.write(f"answers  {name} ({len(text) >> 10} KiB): {1000 * took:.1f} ms of CPU (bound 50 ms)\n")
    for name, text in _hostile(entries, chance).items():
        spans = split_spans(text)
        took = _cpu(lambda: split_answer(spans, known))  # noqa: B023
        sys.stdout.write(f"answers  hostile, {name} ({len(text) >> 10} KiB): {took:.2f} s of CPU (bound 2 s)\n")


def _hostile(entries: list[Asked], chance: Random) -> dict[str, str]:
    """1 MiB each of what looks like quotes of the issue, and is none, or is it everywhere."""
    lines = [line for entry in entries for line in entry.spans[0].text.split("\n")]

    def near(line: str) -> str:
        at = chance.randrange(len(line))
        return line[:at] + chance.choice(_DIGITS) + line[at + 1 :]

    def fill(make: Callable[[], str], end: str = "So it is.\n") -> str:
        found: list[str] = []
        size = 0
        while size < MIB:
            found.append(make())
            size += len(found[-1]) + 1
        return "\n".join([*found, "", end])

    some = entries[17].spans[0].text.replace("\n", " ")
    return {
        "near lines quoted": fill(lambda: f"> {near(chance.choice(lines))}"),
        "near lines not quoted": fill(lambda: near(chance.choice(lines))),
        "true lines mixed": fill(lambda: f"> {chance.choice(lines)}"),
        "pieces of fourteen letters": fill(lambda: "> " + some[(at := chance.randrange(300)) : at + 16]),
        "a line again and again": fill(lambda: f"> {lines[0]}"),
        "own short lines": fill(lambda: f"word {chance.randrange(10_000)}"),
        "own short lines of its words": fill(lambda: " ".join(chance.choice(lines).split()[2:4])),
        "short lines of its words quoted": fill(lambda: "> " + " ".join(chance.choice(lines).split()[2:4])),
        "own lines between quotes": fill(lambda: f"> {chance.choice(lines)}\nno"),
        "near markers": fill(lambda: f"> [#{chance.randrange(10**8):08d}]"),
        "true markers": fill(lambda: f"> Subject: [#{chance.choice(entries).marker}]"),
        "headings": fill(lambda: f"> {_heading(chance.choice(entries), has_marker=False)}".replace("\n", "\n> ")),
        "one long line": "> " + some * (MIB // len(some)) + "\n\nSo it is.\n",
        "one letter": "> " + "e" * MIB + "\n\nSo it is.\n",
        "gaps": fill(lambda: f"> {chance.choice(lines)[:30]} [...] {chance.choice(lines)[-30:]}"),
    }
