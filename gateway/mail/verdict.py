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
    LEAVING = "asks to leave"
    LEAVING_BY_PROGRAM = "a program asks to leave"
    LEFT = "left"
    COMMAND = "a command"
    CONFIRMATION = "a confirmation"
    VOTE = "a vote"
    REPORT = "a report"
    RULING = "a moderator's answer"
    DONE = "done"
    NOT_UNDERSTOOD = "not understood"
    STRANGER = "not by a member"
    UNPROVED = "sender not proved"
    NO_RIGHT = "no right to"
    NEWCOMER = "by a newcomer"
    PROBATION = "by a member on probation"
    BANNED = "by a banned member"
    ANONYMOUS = "anonymous, to be looked at"
    ANONYMOUS_UNPROVED = "anonymous without proof"
    WITHDRAWAL = "takes an anonymous post back"
    LOCKED = "the thread is locked"
    FLOOD = "too much at once in the forum"
    TOO_MANY = "too many posts an hour"
    RULE = "by a rule of the forum"
    UNCONFIRMED = "waits for its author's confirmation"
    EXPIRED = "waited too long"
    ASKED = "its author was asked which comment it answers"


@dataclass(frozen=True, slots=True)
class Decision:
    """One verdict with its reason."""

    verdict: Verdict
    reason: Reason


ACCEPTED = Decision(Verdict.ACCEPT, Reason.POSTED)
