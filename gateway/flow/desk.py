"""The desk: mails that ask for something and become no post by themselves (design 3, 8.4, 10).

In: mails that `admit` held for one of the reasons below. Out: what they asked for, done, or a letter; each by one handler, which
does all of it and gives the mail another verdict in one transaction, so that nothing is done twice. A mail that makes its
handler fail is set aside for a person, and the next one is not his to spoil.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from gateway.flow.reading import Reader
from gateway.flow.withdraw import withdraw_anonymous
from gateway.journal import log
from gateway.mail.envelope import Raw
from gateway.mail.forum import Forum
from gateway.mail.message import Message
from gateway.mail.verdict import Reason, Verdict
from gateway.parse.message import is_ordinary, parse_message
from gateway.store import shelf
from gateway.store.engine import Store
from gateway.store.keep import set_verdict


@dataclass(frozen=True, slots=True)
class Desk:
    """What a handler works with: the store, the key of our tokens, the clock, ids, and who reads odd mail."""

    store: Store
    key: bytes
    now: datetime
    new_id: Callable[[], UUID]
    reader: Reader

    def read(self, mail: shelf.Mail) -> tuple[Raw, Message]:
        """A kept mail, read again."""
        with self.store.read() as db:
            raw = Raw.of(shelf.raw_of(db, mail.forum_id, mail.id))
        return raw, parse_message(raw.read()) if is_ordinary(raw) else self.reader.read(raw)


Handler = Callable[[Desk, Forum, shelf.Mail], None]

HANDLERS: Mapping[Reason, Handler] = {Reason.WITHDRAWAL: withdraw_anonymous}


def attend(desk: Desk, forum: Forum, handlers: Mapping[Reason, Handler] = HANDLERS) -> int:
    """Handles what waits in `forum`, the oldest first; returns how many mails."""
    with desk.store.read() as db:
        mails = shelf.mails_held_for(db, forum.id, handlers) if handlers else []
    for mail in mails:
        try:
            handlers[Reason(mail.reason)](desk, forum, mail)
        except Exception as error:
            if getattr(error, "temporary", False):
                raise
            log.error("mail set aside", forum=forum.name, reason=mail.reason, exc_info=True)
            with desk.store.write() as db:
                set_verdict(db, forum.id, mail.id, Verdict.HOLD, Reason.TROUBLE, desk.now, desk.new_id())
    return len(mails)
