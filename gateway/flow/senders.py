"""Who sent a mail (design 7): the member whose address stands in From, and what proves it. In: a mail that was read, and where it
goes. Out: a `Sender` for `admit`.
"""

from __future__ import annotations

from gateway.mail.forum import Destination, Posting, Purpose
from gateway.mail.message import Message
from gateway.people.sender import NOBODY, Sender
from gateway.store.engine import Store
from gateway.store.roster import member_with_key


class Senders:
    """One for a receiving process."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def sender_of(self, message: Message, destination: Destination) -> Sender:
        """Who sent it to that destination; nobody in particular where everybody may post under any name."""
        is_anonymous = destination.purpose is Purpose.ANONYMOUS or message.wants_anonymity
        is_open = destination.forum.policy.posting is Posting.OPEN and not is_anonymous
        if is_open or message.author_address is None:
            return NOBODY
        with self._store.read() as db:
            return Sender(member_with_key(db, destination.forum.id, message.author_address.key))
