"""Who decides in a forum (design 10): its moderators, or else its owners; and nobody about himself.

In: a case. Out: whose post it is about, and who is to have it in his stead: the other moderators; where he is the only one, the
owners; where there are none, nobody but the operator. What is anonymous is nobody's: who is passed over would be known by it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from gateway.mail.address import Address
from gateway.mail.forum import Forum, Member
from gateway.parse.author import parse_origin
from gateway.parse.header import split_header
from gateway.parse.lines import split_lines
from gateway.store import roster, shelf
from gateway.store.cases import Case, Kind
from gateway.store.engine import Transaction


@dataclass(frozen=True, slots=True)
class Judge:
    """Who decides; `member` is None for an owner's address that is no member's."""

    address: Address
    member: Member | None = None

    @property
    def mark(self) -> bytes:
        """What a token says of him."""
        return self.member.id.bytes[-4:] if self.member else hashlib.sha256(self.address.key.encode()).digest()[-4:]

    @property
    def keys(self) -> frozenset[str]:
        return self.member.keys if self.member else frozenset((self.address.key,))

    @property
    def name(self) -> str:
        """As others may see it: never an address."""
        return (self.member.handle if self.member else "") or "a moderator"

    @property
    def language(self) -> str:
        return self.member.language if self.member else "en"


def judges(db: Transaction, forum: Forum) -> list[Judge]:
    """Who decides in that forum now."""
    return [Judge(member.address, member) for member in roster.moderators(db, forum.id)] or owners(db, forum)


def owners(db: Transaction, forum: Forum) -> list[Judge]:
    """Its owners, by their addresses."""
    return [Judge(address, roster.member_with_key(db, forum.id, address.key)) for address in forum.owners]


class Stead(NamedTuple):
    """Of a case about one of those who decide: what the audit says of it, and who gets it besides the other moderators."""

    said: str
    deputies: Sequence[Judge]


def stead_of(db: Transaction, forum: Forum, case: Case, judge: Judge) -> Stead | None:
    """Who has a case instead of `judge`; None when it is his to decide.

    A forger can put anybody into From. Where nobody else is left, only what is proved to be his is kept from him.
    """
    if case.kind is Kind.FLOOD or case.mail_id is None or _author_key(db, forum, case) not in judge.keys:
        return None
    if len(judges(db, forum)) > 1:
        return Stead("to others", ())
    deputies = [owner for owner in owners(db, forum) if not owner.keys & judge.keys]
    if deputies:
        return Stead("to an owner", deputies)
    is_proved = bool(shelf.mail_of(db, forum.id, case.mail_id).proof)
    return Stead("to nobody else", ()) if is_proved else None


def _author_key(db: Transaction, forum: Forum, case: Case) -> str:
    """Whom it is about, by the address in From; "" for nobody."""
    assert case.mail_id is not None
    if case.kind is Kind.REPORTED:
        post = shelf.find_post(db, forum.id, case.marker)
        return post.author_key if post is not None and not post.tag else ""
    head = next(shelf.raw_chunks(db, forum.id, case.mail_id), b"")
    author = parse_origin(split_header(split_lines(head).data)).address
    return author.key if author is not None else ""
