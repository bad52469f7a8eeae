"""OpenPGP within the text of a mail (RFC 9580 section 6.2 and 7): signed text without its frame, encrypted text as a note.

In: the decoded text of a plain part. Out: the text to show. Nothing is verified and nothing is decrypted: raw has it all.
A frame counts only when it is whole and its inside looks like one, for people write about these lines as well.
"""

from __future__ import annotations

import re
from typing import Final

ENCRYPTED: Final = "[Here is an encrypted text (OpenPGP). Only those whom it was written to can read it.]"

_BEGIN: Final = "-----BEGIN PGP "
_SIGNED: Final = "-----BEGIN PGP SIGNED MESSAGE-----"
_SIGNATURE: Final = "-----BEGIN PGP SIGNATURE-----"
_SIGNATURE_END: Final = "-----END PGP SIGNATURE-----"
_MESSAGE: Final = "-----BEGIN PGP MESSAGE-----"
_MESSAGE_END: Final = "-----END PGP MESSAGE-----"
_RADIX64 = re.compile(r"[A-Za-z0-9+/=]{1,76}\Z")
_KEY = re.compile(r"[A-Za-z]{1,20}: ")


def unwrap_armour(text: str) -> str:
    """`text` with its OpenPGP frames taken off; any other text comes back as it is."""
    if _BEGIN not in text:
        return text
    lines = text.split("\n")
    shown: list[str] = []
    index = 0
    # Each kind of line is looked for once: a text of nothing but beginnings stays linear.
    ends = {mark: _places(lines, mark) for mark in (_SIGNATURE, _SIGNATURE_END, _MESSAGE_END)}
    while index < len(lines):
        line = lines[index].rstrip()
        if line == _SIGNED:
            middle = _next(ends[_SIGNATURE], index)
            last = _next(ends[_SIGNATURE_END], middle) if middle >= 0 else -1
            if last >= 0 and _is_armour(lines, middle + 1, last):
                shown += _signed_text(lines[index + 1 : middle])
                index = last + 1
                continue
        elif line == _MESSAGE:
            last = _next(ends[_MESSAGE_END], index)
            if last >= 0 and _is_armour(lines, index + 1, last):
                shown.append(ENCRYPTED)
                index = last + 1
                continue
        shown.append(lines[index])
        index += 1
    return "\n".join(shown)


def _places(lines: list[str], mark: str) -> list[int]:
    """Indexes of the lines that are `mark`, last first, so that the next one is popped off the end."""
    return [index for index in range(len(lines) - 1, -1, -1) if lines[index].startswith(mark) and lines[index].rstrip() == mark]


def _next(places: list[int], after: int) -> int:
    while places and places[-1] <= after:
        places.pop()
    return places[-1] if places else -1


def _is_armour(lines: list[str], start: int, stop: int) -> bool:
    """Whether these lines are armour headers, a blank line and radix 64; the first other line ends the look."""
    return start < stop and all(
        not line or _RADIX64.match(line) or _KEY.match(line) for line in map(str.rstrip, (lines[at] for at in range(start, stop)))
    )


def _signed_text(lines: list[str]) -> list[str]:
    """The text within the frame: "Hash" headers off, dashes unescaped."""
    start = 0
    while start < len(lines) and _KEY.match(lines[start]):
        start += 1
    if start < len(lines) and not lines[start].strip():
        start += 1
    return [line[2:] if line.startswith("- ") else line for line in lines[start:]]
