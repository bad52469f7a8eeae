"""Line ends: a mail has CRLF on the wire and LF in files (RFC 5322 section 2.1), and both must read the same.

In: raw. Out: the same with LF ends, and the way back from a place in it to the place in raw.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Lines:
    """`data` is raw with LF for CRLF."""

    raw: bytes
    data: bytes

    def places(self, positions: list[int]) -> list[int]:
        """Where these positions of `data` (ascending or not) are in raw."""
        folded = len(self.raw) - len(self.data)
        if not folded or not positions:
            return positions
        if self.data.count(b"\n") == folded:
            return self._counted(positions)
        # Mixed ends: the k-th CRLF of raw is at ends[k] + k.
        ends = [match.start() - index for index, match in enumerate(re.finditer(b"\r\n", self.raw))]
        return [position + bisect_left(ends, position) for position in positions]

    def _counted(self, positions: list[int]) -> list[int]:
        found: dict[int, int] = {}
        past = count = 0
        for position in sorted(set(positions)):
            count += self.data.count(b"\n", past, position)
            past = position
            found[position] = position + count
        return [found[position] for position in positions]


def split_lines(raw: bytes) -> Lines:
    """`raw` and its form with LF ends; a lone CR is no line end here."""
    data = raw.translate(None, b"\r")
    # Twice as fast as replacing, and the same unless a CR stands alone.
    if len(raw) - len(data) != raw.count(b"\r\n"):
        data = raw.replace(b"\r\n", b"\n")
    return Lines(raw, data)
