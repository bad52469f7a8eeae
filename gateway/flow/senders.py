"""Who sent a mail (design 7): the member whose address stands in From, and what proves it. In: a mail that was read, and where it
goes. Out: a `Sender` for `admit`.
"""

from __future__ import annotations

from gateway.mail.forum import Destination, Posting
from gateway.mail.loop import is_own
from gateway.mail.message import Message
from gateway.people.sender import NOBODY, Sender
from gateway.store.engine import Store
from gateway.store.roster import member_with_key


class Senders:
    """One for a receiving process. Without the `key` of our tokens no letter of ours is known by its mark."""

    def __init__(self, store: Store, key: bytes | None = None) -> None:
        self._store = store
        self._key = key

    def sender_of(self, message: Message, destination: Destination) -> Sender:
        """Who sent it to that destination; nobody in particular where everybody may post."""
        if self._key is not None and is_own(self._key, destination.forum.list_id, message.loop_marks):
            return Sender(is_us=True)
        if destination.forum.policy.posting is Posting.OPEN or message.author_address is None:
            return NOBODY
        with self._store.read() as db:
            return Sender(member_with_key(db, destination.forum.id, message.author_address.key))
