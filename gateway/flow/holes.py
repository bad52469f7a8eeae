"""Holes in Python's own mail code that are known and mended. Pure: the version in, findings out.

The gateway is written to be safe without the mends; other programs on the machine may not be.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from gateway.flow.diagnosis import Finding, Grade


@dataclass(frozen=True, slots=True)
class Hole:
    """`mended` is, by minor version, the first patch release without it; versions above all of these never had it."""

    name: str
    what: str
    mended: Mapping[tuple[int, int], int]


HOLES: Final = (
    Hole("CVE-2023-27043", "addresses are read wrong", {(3, 11): 10, (3, 12): 6}),
    Hole("CVE-2024-6923", "line ends in a value become header fields", {(3, 11): 10, (3, 12): 5}),
    Hole("CVE-2026-1299", "the same where mail is written as bytes", {(3, 11): 15, (3, 12): 13, (3, 13): 12, (3, 14): 3}),
)


def check_python(version: tuple[int, int, int]) -> Finding:
    """`version` as sys.version_info has it."""
    series, patch = version[:2], version[2]
    open_ = [hole for hole in HOLES if patch < hole.mended.get(series, 0)]
    text = ".".join(map(str, version))
    if not open_:
        return Finding("Python", Grade.OK, f"{text} has no hole in its mail code that we know")
    needed = max(hole.mended[series] for hole in open_)
    reason = f"{text} lacks mends of its mail code: " + "; ".join(f"{hole.name}, {hole.what}" for hole in open_)
    return Finding("Python", Grade.WARN, reason, f"upgrade to {series[0]}.{series[1]}.{needed} or newer")
