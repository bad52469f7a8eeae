"""The page of an entry (design 8.4): what it shows, and what a member does from it. The token of the page is the proof.

In: a token that `flow.compose` put into a digest. Out: what the page shows, or nothing: for a token that is not good, for who has
left, and for what he may not read any more. An answer becomes a mail to the entry's own address and goes the way of all mail,
so that every rule holds for it; votes and reports are done by those functions that do them when they come by mail.
"""

from __future__ import annotations

import hashlib
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final, Protocol

from gateway.digest.issue import ThreadPart
from gateway.flow.acts import post_named
from gateway.flow.browse import tell_post
from gateway.flow.desk import Desk
from gateway.flow.entries import PURPOSE as ENTRY
from gateway.flow.report import Heard, report
from gateway.flow.votes import hindrance, vote
from gateway.journal import Verb, log
from gateway.mail.address import Address
from gateway.mail.envelope import Envelope, Raw, Via
from gateway.mail.forum import Destination, Forum, Member, Purpose
from gateway.mail.token import make_token, marker_bytes, marker_of, read_token
from gateway.mail.verdict import Decision
from gateway.render.notices import Uncounted
from gateway.render.places import PAGE
from gateway.render.submission import compose_answer
from gateway.store import roster, shelf

# Longer before it was sent, a page does not say when an answer was written.
WRITING_MAX: Final = timedelta(days=1)


class Door(Protocol):
    """Who takes mail in: `flow.receive.Receiver`."""

    def submit(self, envelope: Envelope, raw: Raw, destinations: tuple[Destination, ...]) -> Future[tuple[Decision, ...]]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """A member at the page of a post; `part` tells the post alone. The token is good until the end of `expires`."""

    forum: Forum
    member: Member
    post: shelf.Post
    part: ThreadPart
    expires: date

    @property
    def may_vote(self) -> bool:
        return hindrance(self.forum, self.member, self.post) is None


def visit(desk: Desk, list_id: str, token: str) -> Visit | None:
    """Who came by that token, and to what; None when there is nothing for him."""
    claims = read_token(desk.key, PAGE, list_id, token, desk.now)
    forum = next((one for one in roster.list_forums(desk.store) if one.list_id == list_id), None)
    if claims is None or forum is None:
        return None
    with desk.store.read() as db:
        member = roster.member_ending(db, forum.id, claims.member)
        post = post_named(db, forum, member, marker_of(claims.marker)) if member is not None and member.has_digest else None
        if member is None or post is None:
            return None
        part = tell_post(db, forum, post)
    if part.entries[0].is_stub:
        return None
    return Visit(forum=forum, member=member, post=post, part=part, expires=claims.expires)


def answer(desk: Desk, door: Door, guest: Visit, text: str, begun: datetime) -> Future[tuple[Decision, ...]]:
    """Mails his answer. `begun` is when the page was made: the same text from the same page is the same mail."""
    data = marker_bytes(guest.post.marker)
    if data is None:
        raise ValueError("a post whose marker no token holds has no page")
    forum, member = guest.forum, guest.member
    ending = member.id.bytes[-4:]
    token = make_token(desk.key, ENTRY, forum.list_id, marker=data, member=ending, expires=guest.expires)
    to = Address(f"{forum.name}+c-{token}", forum.domain)
    written = min(max(begun, desk.now - WRITING_MAX), desk.now).astimezone(UTC)
    name = hashlib.sha256("\0".join((token, written.isoformat(), text)).encode()).hexdigest()
    raw = compose_answer(
        author=member.address,
        handle=member.handle,
        to=to,
        title=guest.part.title,
        answers=guest.post.msgid,
        msgid=f"web.{name[:32]}@{forum.domain}",
        date=written,
        text=text,
    )
    envelope = Envelope(reverse_path=member.address, forward_paths=(to,), received_at=desk.now, via=Via.WEB)
    destination = Destination(address=to, forum=forum, purpose=Purpose.ENTRY, token=token)
    return door.submit(envelope, Raw.of(raw), (destination,))


def cast(desk: Desk, guest: Visit, value: int) -> Uncounted | None:
    """His vote; why it does not count, when it does not."""
    with desk.store.write() as db:
        return vote(desk, db, guest.forum, guest.member, guest.post, value)


def complain(desk: Desk, guest: Visit, reason: str) -> Heard:
    """His report of the post."""
    with desk.store.write() as db:
        heard = report(desk, db, guest.forum, guest.member, guest.post.marker, reason)
    log.info(Verb.REPORTED, forum=guest.forum.name, heard=heard)
    return heard
