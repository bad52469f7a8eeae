"""Addresses of digest entries (design 3): NAME+c-TOKEN and its like say which post is meant, and by which member.

In: a forward-path with a token that `flow.compose` made. Out: the post, and the member for whom the token was made. Whether the
mail is that member's is asked elsewhere: a token alone is no proof.
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from gateway.admit.route import destination_of
from gateway.mail.address import parse_address
from gateway.mail.answer import Answer
from gateway.mail.forum import Destination, Forum, Member
from gateway.mail.token import marker_of, read_token
from gateway.store import roster, shelf
from gateway.store.engine import Store, Transaction

PURPOSE = "entry"
TOKEN = "token"


class Entry(NamedTuple):
    """The post that an address names, and whose letter it stood in."""

    post: shelf.Post
    member: Member


def entry_of(db: Transaction, key: bytes, destination: Destination, at: datetime) -> Entry | None:
    """What the token of `destination` says, when it was good at that time."""
    forum = destination.forum
    claims = read_token(key, PURPOSE, forum.list_id, destination.token, at)
    if claims is None:
        return None
    post = shelf.find_post(db, forum.id, marker_of(claims.marker))
    member = roster.member_ending(db, forum.id, claims.member)
    return Entry(post, member) if post is not None and member is not None else None


def entry_of_mail(db: Transaction, key: bytes, forum: Forum, mail: shelf.Mail) -> Entry | None:
    """The same for a mail that was kept, as of when it was received."""
    address = parse_address(mail.forward_path)
    destination = destination_of(address, {str(forum.address): forum}) if address is not None else None
    return entry_of(db, key, destination, mail.received_at) if destination is not None else None


class Entries:
    """What mail to an entry's address answers; one for a receiving process."""

    def __init__(self, store: Store, key: bytes) -> None:
        self._store = store
        self._key = key

    def answers_of(self, destination: Destination, at: datetime) -> tuple[Answer, ...]:
        """What the post answers by its address; nothing when the token is not good, then its header says it."""
        if not destination.token:
            return ()
        with self._store.read() as db:
            entry = entry_of(db, self._key, destination, at)
        return (Answer(answers=entry.post.msgid, evidence=TOKEN),) if entry is not None else ()
