"""Who sent a mail, as far as we know (design 7): the nouns that `admit` judges by. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from gateway.mail.forum import Member


class Proof(StrEnum):
    """How the author of a mail was known; kept with the mail, since keys and tokens do not last."""

    NONE = ""
    AUTH = "auth"
    TOKEN = "token"
    DKIM = "dkim"
    RESULTS = "results"
    NETWORK = "network"
    CONFIRMED = "confirmed"


@dataclass(frozen=True, slots=True)
class Sender:
    """The member whose address stands in From, if it is one's, and what proves that the mail is his.

    `accepted` is how many posts of a new member were accepted, as far as that matters. `is_us`: it is a letter of the very
    forum it comes to.
    """

    member: Member | None = None
    proof: Proof = Proof.NONE
    accepted: int = 0
    is_us: bool = False

    @property
    def is_proved(self) -> bool:
        return self.proof is not Proof.NONE

    @property
    def is_known(self) -> bool:
        """Whether it is a member, and proved."""
        return self.member is not None and self.is_proved


NOBODY = Sender()
