"""The verbs of the mail log. Rows of the journal are written with their cause; the log prints the same verbs."""

from __future__ import annotations

from enum import StrEnum

import structlog

from gateway.mail.verdict import Verdict


class Verb(StrEnum):
    RECEIVED = "received"
    ADMITTED = "admitted"
    HELD = "held"
    REFUSED = "refused"
    DISCARDED = "discarded"
    PLACED = "placed"
    MERGED = "merged"
    MOVED = "moved"
    MOVED_BACK = "moved back"
    REMOVED = "removed"
    RESTORED = "restored"
    EDITED = "edited"
    PUBLISHED = "published"
    QUEUED = "queued"
    SENT = "sent"
    DEFERRED = "deferred"
    BOUNCED = "bounced"
    LEFT = "left"
    JOINED = "joined"
    CONFIRMED = "confirmed"
    CHANGED = "changed"
    VOTED = "voted"
    REPORTED = "reported"
    RULED = "ruled"
    RECUSED = "recused"
    WITHDRAWN = "withdrawn"
    LOCKED = "locked"
    UNLOCKED = "unlocked"
    ANSWERED = "answered"


VERB_OF = {
    Verdict.ACCEPT: Verb.PLACED,
    Verdict.HOLD: Verb.HELD,
    Verdict.REFUSE: Verb.REFUSED,
    Verdict.DISCARD: Verb.DISCARDED,
    Verdict.DEFER: Verb.DEFERRED,
}

log: structlog.stdlib.BoundLogger = structlog.get_logger("gateway")
