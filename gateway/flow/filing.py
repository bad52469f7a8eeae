"""Answers to digests become posts (design 8.4): cut into pieces, each under the comment that it answers; or the member is asked.

In: a mail to a digest's address, or one that answers an issue in another way. Out: its pieces as posts, votes, or one letter
with a numbered list; the mail is kept meanwhile. What it answers is noted with it as soon as it is known, so that a mail that a
moderator has to see falls into the same pieces when it is let in.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import NamedTuple

from gateway.admit.chain import Case, decide
from gateway.admit.route import destination_of
from gateway.digest.answers import Evidence, Piece, know, split_answer
from gateway.flow.answered import PURPOSE, Material, entries_of, material_of
from gateway.flow.asking import close, is_ours, send
from gateway.flow.compose import CONFIRM_LIFE, confirm_address
from gateway.flow.courtesy import may_answer
from gateway.flow.desk import Desk
from gateway.flow.first_mail import WHICH
from gateway.flow.held import envelope_of, incoming_of
from gateway.flow.votes import vote
from gateway.mail.address import parse_address
from gateway.mail.answer import Answer
from gateway.mail.envelope import Raw
from gateway.mail.forum import Destination, Forum, Member, Posting, Purpose
from gateway.mail.message import Message, Span, SpanKind
from gateway.mail.token import read_token
from gateway.mail.verdict import Reason, Verdict
from gateway.people.sender import Proof, Sender
from gateway.people.votes import vote_in
from gateway.render.filing import Filed, Place, Question, render_filed, render_nothing_new, render_which
from gateway.store import pending, roster, shelf
from gateway.store.engine import Transaction
from gateway.store.keep import decide_anew, set_verdict
from gateway.store.pieces import keep_answers
from gateway.thread.titles import split_prefixes, title_of, without_tag

TOLD = "told"
# Many answer the issue of the day: what it takes to compare with one is kept for the next mail. Some megabytes each.
_know = lru_cache(maxsize=4)(know)
# So many comments the letter offers for a piece.
_CANDIDATES = 9


class Coming(NamedTuple):
    """An answer to a digest, read, and who sent it."""

    mail: shelf.Mail
    raw: Raw
    message: Message
    destination: Destination
    sender: Sender


class Part(NamedTuple):
    """One piece on its way: what it answers if that is known, else which markers are likely."""

    marker: str | None
    evidence: str
    spans: tuple[Span, ...]
    candidates: tuple[str, ...] = ()


def file_answer(desk: Desk, forum: Forum, mail: shelf.Mail) -> None:
    """Files an answer to a digest, or asks what it answers."""
    raw, message = desk.read(mail)
    address = parse_address(mail.forward_path)
    destination = destination_of(address, {str(forum.address): forum}) if address is not None else None
    if destination is None:
        raise ValueError("held for an address that is none of the forum's")
    with desk.store.read() as db:
        coming = Coming(mail, raw, message, destination, _sender(db, desk, forum, mail, message))
        material = material_of(db, desk, forum, destination, mail, message)
        parts = _split(db, desk, forum, message, material)
        is_posted = any(one.verdict == Verdict.ACCEPT for one in shelf.mails_with(db, forum.id, message.msgid))
    with desk.store.write() as db:
        if not is_ours(db, forum, mail):
            return
        if is_posted:
            close(desk, db, forum, mail, Reason.DUPLICATE)
        elif forum.policy.posting is Posting.PROVED and not coming.sender.is_proved:
            set_verdict(db, forum.id, mail.id, Verdict.HOLD, Reason.UNPROVED, desk.now, desk.new_id())
        elif not parts:
            _nothing_new(desk, db, forum, coming)
        elif all(part.marker is not None for part in parts):
            post_parts(desk, db, forum, coming, parts, material.subjects)
        else:
            ask_which(desk, db, forum, coming, parts)


def _sender(db: Transaction, desk: Desk, forum: Forum, mail: shelf.Mail, message: Message) -> Sender:
    """The member in From; the digest's address is a proof when it was that member's, for each copy of the mail.

    Programs that answer everybody send one copy to the digest's address and one to the forum's.
    """
    if message.author_address is None:
        return Sender()
    member = roster.member_with_key(db, forum.id, message.author_address.key)
    if member is not None and any(_is_proof(desk, forum, copy, member) for copy in _copies(db, desk, forum, mail, message)):
        return Sender(member, Proof.TOKEN)
    return Sender(member, Proof(mail.proof))


def _copies(db: Transaction, desk: Desk, forum: Forum, mail: shelf.Mail, message: Message) -> Iterator[shelf.Mail]:
    """The mail, and those that wait and are the same word for word; another one with its Message-ID is none."""
    yield mail
    for other in shelf.mails_with(db, forum.id, message.msgid):
        if other.id != mail.id and other.reason == Reason.DIGEST_ANSWER and other.verdict == Verdict.HOLD:
            _, read = desk.read(other)
            if read.content_hash == message.content_hash:
                yield other


def _is_proof(desk: Desk, forum: Forum, mail: shelf.Mail, member: Member) -> bool:
    """Whether it went to the address of a digest of that member."""
    address = parse_address(mail.forward_path)
    destination = destination_of(address, {str(forum.address): forum}) if address is not None else None
    if destination is None or not destination.token:
        return False
    claims = read_token(desk.key, PURPOSE, forum.list_id, destination.token, mail.received_at)
    return claims is not None and member.id.bytes.endswith(claims.member)


def _split(db: Transaction, desk: Desk, forum: Forum, message: Message, material: Material) -> list[Part]:
    pieces = split_answer(message.spans, _know(material.entries, material.frame))
    unknown = [marker for piece in pieces if piece.marker is None for marker in piece.unknown_markers]
    if unknown:
        # The mail names a post that these issues do not show: one of an older issue, or one that was typed.
        further = entries_of(db, desk, forum, unknown)
        if further:
            pieces = split_answer(message.spans, (*material.entries, *further), material.frame)
    return [_part(piece) for piece in pieces]


def _part(piece: Piece) -> Part:
    return Part(piece.marker, piece.evidence, piece.spans, piece.candidates[:_CANDIDATES])


def post_parts(desk: Desk, db: Transaction, forum: Forum, coming: Coming, parts: Sequence[Part], subjects: Sequence[str]) -> None:
    """Posts the pieces of a mail, each of which has its marker; those that are votes are counted."""
    member = coming.sender.member
    posts = {post.marker: post for post in shelf.posts_with_markers(db, forum.id, [part.marker or "" for part in parts])}
    answers: list[Answer] = []
    for part in parts:
        post = posts.get(part.marker or "")
        value = vote_in(part.spans) if member is not None and coming.sender.is_proved else 0
        if value and member is not None and post is not None:
            vote(desk, db, forum, member, post, value)
            continue
        own = title_of(coming.message.subject, subjects) if not answers else ""
        title = own or (f"Re: {split_prefixes(without_tag(post.subject, *forum.tags))[1]}" if post is not None else "")
        answers.append(
            Answer(answers=post.msgid if post else None, evidence=part.evidence, title=title.strip(), spans=part.spans)
        )
    if not answers:
        close(desk, db, forum, coming.mail)
        return
    incoming = replace(
        incoming_of(forum, coming.mail, coming.raw, coming.message), proof=coming.sender.proof, answers=tuple(answers)
    )
    case = Case(
        envelope_of(coming.mail, incoming.recipient),
        coming.message,
        replace(coming.destination, purpose=Purpose.POST),
        coming.sender,
    )
    decision = decide(case)
    if decision.verdict is Verdict.ACCEPT or decision.reason is Reason.DIGEST_ANSWER:
        decide_anew(db, incoming, coming.mail.id, Reason.POSTED, desk.now, desk.new_id)
        _tell(desk, db, forum, coming, answers)
    else:
        keep_answers(db, forum.id, coming.mail.id, answers)
        set_verdict(db, forum.id, coming.mail.id, Verdict.HOLD, decision.reason, desk.now, desk.new_id())


def _tell(desk: Desk, db: Transaction, forum: Forum, coming: Coming, answers: Sequence[Answer]) -> None:
    """A receipt, if the member wants one for so many posts."""
    member = coming.sender.member
    if member is None or member.receipts == "off" or (member.receipts == "split" and len(answers) < 2):
        return
    made = shelf.posts_of_mail(db, forum.id, coming.mail.id)
    above = {post.msgid: post for post in shelf.posts_with_msgids(db, forum.id, [post.parent or "" for post in made])}
    filed = [Filed(post.marker, _place(db, desk, forum, above.get(post.parent or ""))) for post in made]
    send(desk, db, forum, member.address, render_filed(forum, member.language, filed), member=member)


def _place(db: Transaction, desk: Desk, forum: Forum, post: shelf.Post | None) -> Place | None:
    if post is None:
        return None
    [asked] = entries_of(db, desk, forum, [post.marker]) or [None]
    return Place(post.marker, asked.author, asked.title or post.subject, _excerpt(asked.spans)) if asked is not None else None


def _excerpt(spans: Sequence[Span]) -> str:
    return next((span.text for span in spans if span.kind is SpanKind.TEXT and span.text.strip()), "")


def _nothing_new(desk: Desk, db: Transaction, forum: Forum, coming: Coming) -> None:
    """The mail says nothing of its own; its author is told, if he is known."""
    member = coming.sender.member
    close(desk, db, forum, coming.mail, Reason.NOT_UNDERSTOOD)
    if member is not None and coming.sender.is_proved and _may_answer(db, coming):
        send(desk, db, forum, member.address, render_nothing_new(forum, member.language), member=member)


def _may_answer(db: Transaction, coming: Coming) -> bool:
    return may_answer(coming.message, coming.mail, {str(one.address): one for one in roster.forums(db)})


def ask_which(desk: Desk, db: Transaction, forum: Forum, coming: Coming, parts: Sequence[Part]) -> None:
    """One letter with a numbered list; who cannot be asked waits for a person."""
    member = coming.sender.member
    is_known = member is not None and coming.sender.is_proved and _may_answer(db, coming)
    reason = Reason.ASKED if is_known else Reason.NOT_UNDERSTOOD
    set_verdict(db, forum.id, coming.mail.id, Verdict.HOLD, reason, desk.now, desk.new_id())
    if member is None or not is_known:
        return
    waiting = pending.Pending(
        id=desk.new_id(),
        forum_id=forum.id,
        kind=WHICH,
        address=str(member.address),
        address_key=member.address.key,
        member_id=member.id,
        mail_id=coming.mail.id,
        words=json.dumps(
            [[part.marker, part.evidence, [list(span) for span in map(_flat, part.spans)], part.candidates] for part in parts]
        ),
        at=desk.now,
        expires_at=desk.now + CONFIRM_LIFE,
    )
    pending.put(db, waiting)
    questions = [_question(db, desk, forum, part) for part in parts if part.marker is None]
    answer = confirm_address(desk.key, forum, waiting.id, desk.now)
    text = render_which(forum, member.language, questions, until=waiting.expires_at.date(), answer=str(answer))
    send(desk, db, forum, member.address, text, about=waiting.id, member=member)


def _flat(span: Span) -> tuple[str, str, int]:
    return (span.kind, span.text, span.depth)


def _question(db: Transaction, desk: Desk, forum: Forum, part: Part) -> Question:
    known = {asked.marker: asked for asked in entries_of(db, desk, forum, part.candidates)}
    places = [
        Place(marker, known[marker].author, known[marker].title, _excerpt(known[marker].spans))
        for marker in part.candidates
        if marker in known
    ]
    return Question(_excerpt(part.spans), tuple(places))


def parts_from(words: str) -> list[Part]:
    """The pieces that a question was about."""
    found = json.loads(words)
    return [
        Part(marker, evidence, tuple(Span(SpanKind(kind), text, depth) for kind, text, depth in spans), tuple(candidates))
        for marker, evidence, spans, candidates in found
    ]


def with_choices(parts: Sequence[Part], markers: Sequence[str]) -> list[Part]:
    """The pieces with what the member chose, for those that nobody could tell, in their order."""
    left = list(markers)
    return [part if part.marker is not None or not left else part._replace(marker=left.pop(0), evidence=CHOSEN) for part in parts]


CHOSEN = "chosen"
assert CHOSEN not in list(Evidence)


def coming_again(desk: Desk, db: Transaction, forum: Forum, mail: shelf.Mail, member: Member) -> Coming | None:
    """A mail that waited for its author to say what it answers."""
    address = parse_address(mail.forward_path)
    destination = destination_of(address, {str(forum.address): forum}) if address is not None else None
    if destination is None:
        return None
    raw, message = desk.read(mail)
    return Coming(mail, raw, message, destination, Sender(member, Proof.CONFIRMED))
