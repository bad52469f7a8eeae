"""Places in a rendering for what is personal: where to leave, tokens of an entry. `body` fills them in at sending."""

from __future__ import annotations

import re

NAMES = ("leave_at", "leave")
# The purposes of an entry's tokens: of its addresses, and of its page.
ENTRY, PAGE = "entry", "page"
# Letters and digits of one.
TOKEN = 37
_NAMED = "|".join(NAMES)
_OF_ENTRY = f"(?:{ENTRY}|{PAGE}):[0-9a-z]{{8,9}}"
PLACE = re.compile(f"\x02({_NAMED}|{_OF_ENTRY})\x03")
NAMED_PLACE = re.compile(f"\x02(?:{_NAMED})\x03")
TOKEN_PLACE = re.compile(f"\x02({_OF_ENTRY})\x03")
_TOKEN_IN_LINK = re.compile(f"(?:%2B[a-z]+-)?\x02{_OF_ENTRY}\x03")


class Placeholder(str):
    """What stands in a rendering for something personal; the only text that keeps its control characters."""

    __slots__ = ()

    def __new__(cls, name: str) -> Placeholder:
        return super().__new__(cls, f"\x02{name}\x03")

    @classmethod
    def around(cls, text: str) -> Placeholder:
        """`text` of ours with placeholders in it."""
        return super().__new__(cls, text)


def token_place(purpose: str, marker: str) -> str:
    """Where a token of an entry goes, for one of its purposes."""
    return f"\x02{purpose}:{marker}\x03"


def shown(text: str) -> str:
    """`text` with its placeholders as one can look at them: <leave>; links of entries without their tokens."""
    return PLACE.sub(r"<\1>", _TOKEN_IN_LINK.sub("", text))
