"""What a digest shows as the author of a post (design 7): the member's handle and badge, else the name the mail gave."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from gateway.mail.forum import Member

_AT = re.compile("[@\uff20\ufe6b]")


@dataclass(frozen=True, slots=True)
class Byline:
    """`name` may be empty: two authors of the model page have none."""

    name: str
    badge: str = ""


def byline(author_name: str, address_key: str, members: Mapping[str, Member]) -> Byline:
    """The byline of a post; `members` maps address keys to members of its forum. An "@" never gets out."""
    member = members.get(address_key)
    if member is not None:
        return Byline(_without_address(member.handle), member.badge or member.earned)
    return Byline(_without_address(author_name))


def _without_address(name: str) -> str:
    """What stands before an "@" of any width."""
    found = _AT.search(name)
    return name[: found.start()].strip() if found else name
