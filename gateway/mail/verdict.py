"""What was decided about one mail for one recipient, and why. `smtp.replies` turns it into a reply."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    ACCEPT = "accept"
    HOLD = "hold"
    REFUSE = "refuse"
    DISCARD = "discard"
    DEFER = "defer"


class Reason(StrEnum):
    """Why; the closed set of everything that `admit` and `flow` can say."""

    POSTED = "posted"
    DUPLICATE = "duplicate"
    AUTOMATIC = "automatic mail"
    MAYBE_AUTOMATIC = "perhaps automatic mail"
    OWN_LIST = "our own list mail"
    BULK = "bulk mail"
    OTHER_LIST = "mail of another list"
    LOOP = "too many hops"
    HEADER_TOO_LARGE = "header too large"
    UNREADABLE = "could not be read"
    DIGEST_ANSWER = "answer to a digest"
    FOR_OWNER = "for the owners"
    BOUNCE = "delivery failure"
    BOUNCE_READ = "delivery failure, read"
    NO_SPACE = "no space"
    TROUBLE = "our own trouble"
    BY_HAND = "decided by hand"


@dataclass(frozen=True, slots=True)
class Decision:
    """One verdict with its reason."""

    verdict: Verdict
    reason: Reason


ACCEPTED = Decision(Verdict.ACCEPT, Reason.POSTED)
