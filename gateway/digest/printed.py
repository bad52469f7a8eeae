"""An issue as it was sent: whose each of its lines is (design 8.4). Pure.

In: a text of an issue, and its entries. Out: an owner for each line, and the text in parts, each with its owner.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Final

from gateway.digest.asked import Asked
from gateway.digest.shingles import bare

HEAD: Final = -1
FOOT: Final = -2
# Links, which stand in the foot and below each entry.
LINK: Final = -3
# An entry has parts of these kinds; its number and the kind make the owner.
OWN, QUOTED, FRAME, TITLE, MENTION = range(5)
KINDS: Final = 5
LINE_MAX: Final = 1_000
# A marker, perhaps broken over two lines or set in other brackets (Crockford base32: no i, l, o, u).
MARKER = re.compile(r"\\?[\[［【(]\s?[#＃]\s?([0-9a-zA-Z]{8,16})\s?\\?[\]］】)]")
_LEADING = re.compile(r"\s*(?:(?:re|ad|to|zu|an|@)\b:?\s*)?(?=\\?[\[［【(]\s?[#＃])", re.IGNORECASE)
_CROCKFORD_SIGNS: Final = frozenset("0123456789abcdefghjkmnpqrstvwxyz")
_REQUEST = re.compile(r"-request@")
_RULE = re.compile(r"-{20,}\s*\Z")
_MORE: Final = frozenset("0123456789.+")


def canonical(marker: str) -> str:
    """A marker as we write it, "" for what can be none."""
    folded = marker.lower()
    return folded if set(folded) <= _CROCKFORD_SIGNS else ""


def markers_in(text: str) -> list[str]:
    """The markers in a line, as we write them."""
    return [marker for match in MARKER.finditer(text[:LINE_MAX]) if (marker := canonical(match[1]))]


def leading_marker(text: str) -> str:
    """The marker in front of a line, "" for none."""
    start = _LEADING.match(text) if "#" in text or "＃" in text else None
    match = MARKER.match(text, start.end()) if start else None
    return canonical(match[1]) if match else ""


def owners_of(lines: Sequence[str], entries: Sequence[Asked], markers: Mapping[str, int]) -> list[int]:
    """Whose each line of an issue is: masthead and contents, an entry with its heading, a line of context, foot, a link."""
    owners = [HEAD] * len(lines)
    entry, since, is_foot = HEAD, 0, False
    for at, line in enumerate(lines):
        found = [markers[marker] for marker in markers_in(line) if marker in markers] if "#" in line else []
        is_link = at + 1 < len(lines) and lines[at + 1].startswith("mailto:")
        is_foot = is_foot or bool(found and is_link) or (entry != HEAD and _REQUEST.search(line) is not None)
        if is_foot:
            owners[at] = LINK if line.startswith("mailto:") else FOOT
            continue
        owners[at] = entry
        if found and is_line_of_context(line, entries[found[-1]]):
            owners[at] = found[-1] * KINDS + MENTION
        elif found:
            entry = found[-1] * KINDS + FRAME
            start = _heading_above(lines, at, entries[found[-1]].number, since)
            owners[start : at + 1] = [entry] * (at + 1 - start)
            since = at
    return owners


def begins_entry(owner: int) -> bool:
    """Whether that is the owner of an entry as shown, with its heading, or of the foot: below it nothing above it is answered."""
    return owner == FOOT or (owner >= 0 and owner % KINDS == FRAME)


def parts_of(lines: Sequence[str], owners: Sequence[int]) -> list[tuple[int, str]]:
    """The text of an issue, bare, in parts, each with its owner."""
    return [
        (owner, bare("\n".join([lines[at] for at in run]))) for owner, run in groupby(range(len(lines)), key=owners.__getitem__)
    ]


def _heading_above(lines: Sequence[str], at: int, number: str, stop: int) -> int:
    """Where the heading begins whose last line that is."""
    if number and _begins(lines[at], number):
        return at
    for above in range(at - 1, max(at - 8, stop, -1), -1):
        if _RULE.match(lines[above]):
            return above + 1
        if number and _begins(lines[above], number):
            return above
    return max(at - 4, stop + 1, 0) if not number else at


def _begins(line: str, number: str) -> bool:
    """Whether a line begins with that path number, and no longer one."""
    line = line.lstrip()
    return line.startswith(number) and line[len(number) : len(number) + 1] not in _MORE


def _has_number(line: str, number: str) -> bool:
    """Whether a path number stands among the words of a line."""
    return f" {number} " in f" {' '.join(line.split())} "


def is_line_of_context(text: str, asked: Asked) -> bool:
    """Whether number, author and marker stand in one line, and it is no Subject."""
    if not asked.number or "Subject:" in text or bare(asked.author) not in bare(text):
        return False
    return _has_number(text, asked.number)
