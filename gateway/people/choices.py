"""The answer to a numbered list: "2", "2 5", or a marker (design 8.4). Pure.

In: the author's own words, and for each question the markers that it offered; numbers go on from one question to the next. Out:
a marker for each question, or nothing when the words do not say it for all.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_WORD = re.compile(r"\[?#?([0-9a-hjkmnp-tv-z]{8,20})\]?\Z|#?(\d{1,3})[.):]?\Z", re.IGNORECASE)
_LINES = 5


def read_choices(text: str, offered: Sequence[Sequence[str]]) -> list[str]:
    """The markers that were chosen, one for each question; empty when something is missing, is there twice or is none of them."""
    numbered = [(at, marker) for at, markers in enumerate(offered) for marker in markers]
    chosen: dict[int, str] = {}
    words = [word for line in text.strip().splitlines()[:_LINES] for word in re.split(r"[\s,;]+", line) if word]
    free: list[str] = []
    for word in words:
        match = _WORD.match(word)
        if match is None:
            continue
        if match[1] and not word.isdigit():
            free.append(match[1].lower())
            continue
        number = int(match[2] or "0")
        if not 0 < number <= len(numbered) or numbered[number - 1][0] in chosen:
            return []
        at, marker = numbered[number - 1]
        chosen[at] = marker
    for at in range(len(offered)):
        if at not in chosen and free:
            chosen[at] = free.pop(0)
    return [chosen[at] for at in range(len(offered))] if len(chosen) == len(offered) and not free else []
