"""A letter goes into the outbox with its line in the journal, in the transaction of what it tells of (design 9)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from gateway.journal import Verb
from gateway.mail.address import Address
from gateway.mail.forum import Forum, Member
from gateway.store import ledger, outbox
from gateway.store.engine import Transaction


def queue(
    db: Transaction,
    forum: Forum,
    to: Address,
    text: str,
    now: datetime,
    new_id: Callable[[], UUID],
    *,
    kind: outbox.Kind = outbox.Kind.NOTICE,
    about: UUID | None = None,
    member: Member | None = None,
    id: UUID | None = None,
    detail: str = "",
) -> None:
    """Puts one letter there. `text` is its Subject, an empty line and the text; `about` what the kind says it is about.

    `member` is whose letter it is, if it is to a member: what he leaves behind, he is not sent. `id` is the letter's own, where
    that is noted elsewhere; `detail` what the journal says of it, else its kind.
    """
    letter = outbox.Letter(
        id=id or new_id(),
        forum_id=forum.id,
        kind=kind,
        subject_id=about,
        text=text,
        member_id=member.id if member is not None else None,
        recipient=str(to),
        at=now,
    )
    outbox.put(db, [letter])
    ledger.note(db, forum.id, id=new_id(), at=now, verb=Verb.QUEUED, subject=letter.id, detail=detail or letter.kind)
