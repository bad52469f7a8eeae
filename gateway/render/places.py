"""Places in a rendering for what is personal: where to leave, the token of an entry. `body` fills them in at sending."""

from __future__ import annotations

import re

NAMES = ("leave_at", "leave")
ENTRY = "entry:"
TOKEN = 37
PLACE = re.compile(f"\x02({'|'.join(NAMES)}|{ENTRY}[0-9a-z]{{8,9}})\x03")
NAMED_PLACE = re.compile(f"\x02(?:{'|'.join(NAMES)})\x03")
ENTRY_PLACE = re.compile(f"\x02{ENTRY}([0-9a-z]{{8,9}})\x03")
_ENTRY_WORD = re.compile(f"%2B[a-z]+-\x02{ENTRY}[0-9a-z]{{8,9}}\x03")


class Placeholder(str):
    """What stands in a rendering for something personal; the only text that keeps its control characters."""

    __slots__ = ()

    def __new__(cls, name: str) -> Placeholder:
        return super().__new__(cls, f"\x02{name}\x03")

    @classmethod
    def around(cls, text: str) -> Placeholder:
        """`text` of ours with placeholders in it."""
        return super().__new__(cls, text)


def entry_place(marker: str) -> str:
    """Where the token of an entry goes: of TOKEN characters, all of them letters and digits."""
    return f"\x02{ENTRY}{marker}\x03"


def shown(text: str) -> str:
    """`text` with its placeholders as one can look at them: <leave>; links of entries without their tokens."""
    return PLACE.sub(r"<\1>", _ENTRY_WORD.sub("", text))
