"""A handle for somebody new, from the name that his mail gave (design 7); he may change it later. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from itertools import count
from typing import Final
from uuid import UUID

HANDLE_MAX: Final = 40
_TAKEN: Final = frozenset(
    {"anonymous coward", "anonymous", "owner", "moderator", "admin", "administrator", "postmaster", "editor"}
)


def free_handle(name: str, id: UUID, is_taken: Callable[[str], bool]) -> str:
    """The name, cleaned and cut, with a number when somebody has it; without a usable name "reader" and a few digits of `id`."""
    text = "".join(sign if sign.isprintable() else " " for sign in unicodedata.normalize("NFKC", name))
    base = " ".join(text.split())[:HANDLE_MAX].strip()
    if not base or "@" in base or base.casefold() in _TAKEN:
        base = f"reader {id.hex[-6:]}"
    if not is_taken(base):
        return base
    return next(tried for number in count(2) if not is_taken(tried := f"{base} {number}"))
