"""Mails that wait for a person: look, release, discard. Each decision is a fact; the mail itself stays as it came."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from gateway.flow.reading import Reader
from gateway.mail.address import Address, parse_address
from gateway.mail.envelope import Envelope, Raw, Via
from gateway.mail.forum import Forum
from gateway.mail.message import Message
from gateway.mail.verdict import ACCEPTED, Reason, Verdict
from gateway.people.anonymity import publish_time
from gateway.store import shelf
from gateway.store.anonymous import tag_of_held
from gateway.store.engine import Store, Transaction
from gateway.store.incoming import MARKER, Incoming, marker_digits
from gateway.store.keep import decide_anew, set_verdict


@dataclass(frozen=True, slots=True)
class Held:
    """A held mail and the marker that names it, which is the one that its post will have."""

    marker: str
    mail: shelf.Mail


def list_held(store: Store, forum: Forum) -> list[Held]:
    """The held mails of a forum, oldest first."""
    with store.read() as db:
        mails = shelf.list_mails(db, forum.id, Verdict.HOLD)
    return [Held(marker_of_mail(mail), mail) for mail in mails]


def find_held(store: Store, forum: Forum, name: str) -> Held | None:
    """The held mail with that marker or msgid."""
    bare = name.strip().strip("[]<>#")
    return next((one for one in list_held(store, forum) if bare.lower() == one.marker or bare == one.mail.msgid), None)


def read_mail(store: Store, mail: shelf.Mail) -> tuple[Raw, Message]:
    """A kept mail, read again; one that is large or odd in a process of its own."""
    with store.read() as db:
        raw = Raw.of(shelf.raw_of(db, mail.forum_id, mail.id))
    reader = Reader()
    try:
        return raw, reader.read(raw)
    finally:
        reader.close()


def release(store: Store, forum: Forum, held: Held, now: datetime, new_id: Callable[[], UUID]) -> None:
    """Posts a held mail, as received when it was received."""
    raw, message = read_mail(store, held.mail)
    with store.write() as db:
        incoming = incoming_of(forum, held.mail, raw, message, tag=tag_of(db, forum, held.mail), now=now)
        decide_anew(db, incoming, held.mail.id, Reason.BY_HAND, now, new_id)


def incoming_of(
    forum: Forum, mail: shelf.Mail, raw: Raw, message: Message, *, tag: bytes = b"", now: datetime | None = None
) -> Incoming:
    """A kept mail as it came, to be posted; an anonymous one, which has a `tag`, with the next batch after `now`."""
    recipient = parse_address(mail.forward_path) or forum.address
    return Incoming.of(
        forum=forum,
        recipient=recipient,
        envelope=envelope_of(mail, recipient),
        message=message,
        raw=raw,
        decision=ACCEPTED,
        proof=mail.proof,
        tag=tag,
        publish_at=publish_time(now) if tag and now is not None else None,
    )


def marker_of_mail(mail: shelf.Mail) -> str:
    """The marker that names a held mail, which is the one that its post will have."""
    return marker_digits(mail.msgid, mail.content_hash, 0)[:MARKER]


def tag_of(db: Transaction, forum: Forum, mail: shelf.Mail) -> bytes:
    """What stands for the author of a held anonymous mail; b"" for every other mail."""
    if mail.forward_path != f"{forum.name}+anon@{forum.domain}":
        return b""
    return tag_of_held(db, forum.id, mail.id) or hashlib.sha256(mail.id.bytes).digest()[:16]


def discard(store: Store, forum: Forum, held: Held, now: datetime, new_id: Callable[[], UUID]) -> None:
    """Takes a mail off the list of the held; it stays in the store."""
    with store.write() as db:
        set_verdict(db, forum.id, held.mail.id, Verdict.DISCARD, Reason.BY_HAND, now, new_id())


def envelope_of(mail: shelf.Mail, recipient: Address) -> Envelope:
    """What was said in the dialogue when it came."""
    reverse_path = parse_address(mail.reverse_path) if mail.reverse_path else None
    return Envelope(
        reverse_path=reverse_path,
        forward_paths=(recipient,),
        received_at=mail.received_at,
        via=Via(mail.via),
        peer=mail.peer,
    )
