"""Who may do what in a forum (design 7): rights by role, and how an operator names roles and standings. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from enum import StrEnum
from typing import TypeVar

from gateway.mail.forum import Member, Role, Standing, Who
from gateway.people.sender import Sender

_Word = TypeVar("_Word", bound=StrEnum)
_RANK = {Role.MEMBER: 1, Role.EDITOR: 2, Role.MODERATOR: 2, Role.OWNER: 3}
_NEEDED = {Who.ANYONE: 0, Who.MEMBERS: 1, Who.EDITORS: 2, Who.OWNERS: 3}


def may(who: Who, member: Member | None) -> bool:
    """Whether `member`, or somebody who is none, is among `who`; moderators count as editors."""
    return (_RANK[member.role] if member is not None else 0) >= _NEEDED[who]


def is_exempt(member: Member | None) -> bool:
    """Whether nobody looks at this member's posts first: editors, moderators and owners."""
    return member is not None and member.role is not Role.MEMBER


def as_plain(sender: Sender) -> Sender:
    """The same sender without the role: by what an anonymous post may do, nobody is to tell that its author has one."""
    return sender if sender.member is None else replace(sender, member=replace(sender.member, role=Role.MEMBER))


def with_rank(member: Member, words: Iterable[str]) -> tuple[Member, list[str]]:
    """`member` with what role=... and standing=... say, and the other words; ValueError tells what would be right."""
    others = []
    for word in words:
        key, equals, value = word.partition("=")
        if equals and key.strip().lower() == "role":
            member = replace(member, role=_one_of(Role, "role", value))
        elif equals and key.strip().lower() == "standing":
            member = replace(member, standing=_one_of(Standing, "standing", value))
        else:
            others.append(word)
    return member, others


def _one_of(kind: type[_Word], name: str, value: str) -> _Word:
    try:
        return kind(value.strip().lower())
    except ValueError:
        raise ValueError(f"{name} {value!r} is none of {', '.join(kind)}") from None
