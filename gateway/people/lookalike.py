"""Which handles a member may take (UTS 39): none that is hidden, mixes scripts, looks like the site's own words, or like another.

In: a name that somebody wants. Out: the name as it would be shown, a `Flaw`, and a skeleton, which all names share that look
alike. Nothing is checked of names that members have already: two of the model page are blank.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Final
from unicodedata import category, normalize

HANDLE_MAX: Final = 40
FORMER: Final = "former member"
_RESERVED: Final = (
    *("anonymous coward", "anonymous", "coward", "anon", "nobody", "no name", FORMER, "owner", "moderator", "editor", "admin"),
    *("administrator", "postmaster", "abuse", "webmaster", "root", "system", "support", "staff", "gateway", "help", "security"),
)
# What could be read as an address, a tag or a marker of ours, or as the end of a name.
_SIGNS: Final = frozenset('@<>[]{}"\\|:;#')
# Controls, formats (bidi, zero width), surrogates, private and unassigned characters, separators of lines.
_HIDDEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


class Flaw(StrEnum):
    """What is wrong with a wanted handle."""

    NONE = ""
    EMPTY = "empty"
    TOO_LONG = "too long"
    SIGNS = "signs"
    MIXED = "mixed scripts"
    RESERVED = "reserved"
    TAKEN = "taken"


def shown_handle(name: str) -> str:
    """`name` as it would be shown: compatibility characters as the usual ones, one space where there are several."""
    return " ".join(normalize("NFKC", name).split())


def flaw_of(handle: str, names: Iterable[str] = ()) -> Flaw:
    """What keeps `handle` (as shown) from being taken by anybody. `names` are further words of the site: those of its forums."""
    from disarm import is_mixed_script, is_zalgo

    if not any(category(sign)[0] in "LN" for sign in handle):
        return Flaw.EMPTY
    if len(handle) > HANDLE_MAX:
        return Flaw.TOO_LONG
    if any(sign in _SIGNS or category(sign) in _HIDDEN for sign in handle) or is_zalgo(handle):
        return Flaw.SIGNS
    if is_mixed_script(handle):
        return Flaw.MIXED
    # A small L looks like a capital I, and not like a small one.
    ours = {_bare(form) for word in (*_RESERVED, *names) for form in (word, word.upper())}
    return Flaw.RESERVED if _bare(handle) in ours else Flaw.NONE


def skeleton(handle: str) -> str:
    """What all handles share that look like this one, whatever their case; "" for a blank one."""
    # Here and not above: it takes longer to load than most commands take, and few need it.
    from disarm import skeleton_key

    # Its table keeps these two apart, UTS 39 does not.
    return skeleton_key(handle, digit_policy="tr39").replace("rn", "m") if handle.strip() else ""


def _bare(text: str) -> str:
    return "".join(sign for sign in skeleton(text) if sign.isalnum())
