"""Posts of Anonymous Coward on their way in (design 7): what is kept is made from scratch, before anything is kept.

In: a mail that `admit` judged, and its author, a member who proved it. Out: a mail of ours with a new Message-ID and one time for
all, that holds text and pictures only; a tag that stands for the author; a letter to him. The mail itself is written nowhere,
and its spool file is overwritten.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from email.message import EmailMessage
from email.policy import SMTP
from uuid import uuid4
from zoneinfo import ZoneInfo

from gateway.admit.chain import Case
from gateway.flow.reading import Reader
from gateway.mail.address import Address
from gateway.mail.envelope import Envelope, Raw
from gateway.mail.forum import Forum, Member, Purpose
from gateway.mail.message import Message, Span
from gateway.mail.token import make_token, marker_bytes
from gateway.mail.verdict import Decision, Reason, Verdict
from gateway.parse.attachments import attachment_bytes
from gateway.parse.directives import NONE, read_directives
from gateway.parse.header import split_header
from gateway.parse.lines import split_lines
from gateway.parse.message import parse_message
from gateway.people.anonymity import HOUR, NAME, POSTS_AN_HOUR, blind_msgid, blind_start, blind_tag, publish_time
from gateway.people.traces import scrub, traces_of, without_traces
from gateway.render.dates import field_date
from gateway.render.fields import Field, address_field, id_field, is_msgid, text_field
from gateway.render.receipts import Shown, render_receipt
from gateway.store.anonymous import count_since, id_beginning, is_banned, known_ids
from gateway.store.engine import Store
from gateway.store.incoming import MARKER, Incoming, marker_digits
from gateway.store.outbox import Kind, Letter
from gateway.thread.titles import split_prefixes, without_tag

PURPOSE = "withdraw"
PICTURES_MAX = 10
TOKEN_LIFE = timedelta(days=400)
_PICTURES = ("image/jpeg", "image/png", "image/gif", "image/webp")
_ERASED = 1 << 20
_UTC = ZoneInfo("UTC")


@dataclass(frozen=True, slots=True)
class Keys:
    """The key of this month, which is destroyed after it, and the key of our tokens."""

    monthly: Callable[[datetime], bytes]
    tokens: Callable[[], bytes]


@dataclass(frozen=True, slots=True)
class Taken:
    """Decisions about all recipients, and what is to be kept, by the recipient's place."""

    decisions: list[Decision]
    incomings: dict[int, Incoming]


def agree(cases: Sequence[Case], decisions: Sequence[Decision], raw: bytes) -> list[Decision]:
    """Refuses all of a mail that goes to another place under its author's name: that copy would give him away."""
    header = split_header(split_lines(raw).data)
    named = b",".join((*header.all(b"to"), *header.all(b"cc"))).lower()
    is_open = any(not case.is_blind for case in cases) or any(
        case.destination.purpose is Purpose.ANONYMOUS and _names(named, case.destination.forum.address) for case in cases
    )
    return [Decision(Verdict.REFUSE, Reason.ANONYMOUS)] * len(cases) if is_open else list(decisions)


def _names(fields: bytes, address: Address) -> bool:
    return any(word.strip(b"<>\"'; \t\n") == str(address).lower().encode() for word in fields.replace(b",", b" ").split())


def erase(raw: Raw) -> None:
    """Overwrites a spool file; whoever made it removes it."""
    if raw.path is None:
        return
    with raw.path.open("r+b") as file:
        for start in range(0, raw.size, _ERASED):
            file.write(bytes(min(_ERASED, raw.size - start)))
        file.flush()
        os.fsync(file.fileno())


class Blind:
    """Makes anonymous mails. `reader` draws pictures anew. Without `keys` none is taken."""

    def __init__(self, store: Store, reader: Reader, keys: Keys | None) -> None:
        self._store = store
        self._reader = reader
        self._keys = keys

    def take(self, raw: Raw, cases: Sequence[Case], decisions: Sequence[Decision]) -> Taken:
        """What becomes of a mail with an anonymous recipient. Afterwards its spool file is empty of meaning."""
        data = raw.read()
        try:
            found = agree(cases, decisions, data)
            made: dict[int, Incoming] = {}
            for index, case in enumerate(cases):
                if found[index].verdict in (Verdict.REFUSE, Verdict.DEFER):
                    continue
                if self._keys is None:
                    found[index] = Decision(Verdict.REFUSE, Reason.ANONYMOUS)
                    continue
                maker = _Maker(self._store, self._reader, self._keys, case, data)
                found[index] = maker.judge(found[index])
                if found[index].verdict not in (Verdict.REFUSE, Verdict.DEFER):
                    made[index] = maker.make(found[index])
        finally:
            erase(raw)
        later = next((one for one in found if one.verdict is Verdict.DEFER), None)
        # One reply for all: who comes again with it must find nothing kept.
        return Taken([later] * len(found), {}) if later is not None else Taken(found, made)


class _Maker:
    """Makes one mail for one recipient."""

    def __init__(self, store: Store, reader: Reader, keys: Keys, case: Case, data: bytes) -> None:
        self._store = store
        self._reader = reader
        self._case = case
        self._data = data
        self._now = case.envelope.received_at
        self._forum: Forum = case.destination.forum
        self._key = keys.monthly(self._now)
        self._tokens = keys.tokens
        self._at = publish_time(self._now, self._forum.policy.edit_minutes)
        member = case.sender.member
        self._tag = blind_tag(self._key, self._forum.id, member.id) if member is not None else b""

    def judge(self, decision: Decision) -> Decision:
        """A limit and bans, by the tag."""
        if self._case.destination.purpose is Purpose.WITHDRAW:
            return decision
        with self._store.read() as db:
            if is_banned(db, self._forum.id, self._tag):
                return Decision(Verdict.REFUSE, Reason.BANNED)
            if count_since(db, self._tag, self._at - HOUR) >= POSTS_AN_HOUR:
                return Decision(Verdict.DEFER, Reason.TOO_MANY)
        return decision

    def make(self, decision: Decision) -> Incoming:
        """What is kept."""
        if self._case.destination.purpose is Purpose.WITHDRAW:
            # The token in the address says it all.
            raw = self._compose("", (), "", ())
            return self._incoming(raw, decision, self._case.destination.address)
        message, member = self._case.message, self._case.sender.member
        assert member is not None
        traces = traces_of(*_known_of(message, member, self._case.envelope))
        prefix, title = split_prefixes(without_tag(message.subject, *self._forum.tags))
        subject = f"{'Re: ' if prefix else ''}{without_traces(title, traces)}"
        ancestors = self._ancestors(message)
        text = scrub(_without_directives(message.spans), traces, quotes_a_post=bool(ancestors))
        pictures = self._pictures(message)
        raw = self._compose(subject, ancestors, text, pictures)
        made = self._incoming(raw, decision, Address(f"{self._forum.name}+anon", self._forum.domain))
        return replace(made, publish_at=self._at, tag=self._tag, receipt=self._receipt(made, member, len(pictures)))

    def _ancestors(self, message: Message) -> tuple[str, ...]:
        """Posts that everybody knows; his own anonymous ones, whose ids only he knows, by their new ids."""
        found = []
        with self._store.read() as db:
            known = known_ids(db, self._forum.id, list(message.ancestors))
            for msgid in message.ancestors:
                found.append(msgid if msgid in known else id_beginning(db, self._forum.id, blind_start(self._key, msgid)))
        return tuple(dict.fromkeys(one for one in found if one and is_msgid(one)))

    def _pictures(self, message: Message) -> tuple[tuple[str, bytes], ...]:
        wanted = [one for one in message.attachments if one.type in _PICTURES][:PICTURES_MAX]
        return tuple(drawn for one in wanted if (drawn := self._reader.redraw(attachment_bytes(self._data, one))) is not None)

    def _compose(self, subject: str, ancestors: Sequence[str], text: str, pictures: Sequence[tuple[str, bytes]]) -> bytes:
        """The mail as it is kept, the same for the same content."""
        message, forum = self._case.message, self._forum
        content = message.content_hash
        if self._case.destination.purpose is Purpose.WITHDRAW:
            # One mail may take back two posts.
            content += str(self._case.destination.address).lower().encode()
        msgid = blind_msgid(self._key, message.msgid, content, forum.domain)
        mail = EmailMessage(policy=SMTP)
        mail.set_content(f"{text}\n", charset="utf-8", cte="base64")
        for number, (kind, data) in enumerate(pictures, 1):
            subtype = kind.partition("/")[2]
            mail.add_attachment(data, "image", subtype, filename=f"picture-{number}.{subtype}")
        if pictures:
            mail.set_boundary(f"=_{hashlib.sha256(msgid.encode()).hexdigest()[:32]}")
        # A group of nobody (RFC 6854). The date is that of all posts of its batch.
        fields = [
            Field("From", (f"{NAME}:;",)),
            address_field("To", forum.address),
            text_field("Subject", subject or "-"),
            Field("Date", (field_date(self._at, _UTC),)),
            id_field("Message-ID", (msgid,)),
            *((id_field("In-Reply-To", ancestors[:1]), id_field("References", reversed(ancestors))) if ancestors else ()),
        ]
        return b"".join(field.serialise() for field in fields) + mail.as_bytes()

    def _incoming(self, data: bytes, decision: Decision, recipient: Address) -> Incoming:
        sender = self._case.sender
        envelope = Envelope(
            reverse_path=None, forward_paths=(recipient,), received_at=self._at, via=self._case.envelope.via, peer=""
        )
        message, raw = parse_message(data), Raw.of(data)
        return Incoming.of(
            forum=self._forum,
            recipient=recipient,
            envelope=envelope,
            message=message,
            raw=raw,
            decision=decision,
            proof=sender.proof if sender.member is not None else "",
        )

    def _receipt(self, made: Incoming, member: Member, pictures: int) -> Letter:
        original, forum = self._case.message, self._forum
        shown = Shown(
            subject=made.message.subject,
            text="\n".join(_quoted(span) for span in made.message.spans),
            at=self._at,
            files=len(original.attachments) - pictures,
            has_icon=bool(original.icon),
            is_held=made.decision.verdict is Verdict.HOLD,
        )
        marker = marker_digits(made.message.msgid, made.message.content_hash, 0)[:MARKER]
        bits = marker_bytes(marker)
        assert bits is not None
        expires = (self._at + TOKEN_LIFE).date()
        token = make_token(self._tokens(), PURPOSE, forum.list_id, marker=bits, member=bytes(4), expires=expires)
        undo = Address(f"{forum.name}-undo+{token}", forum.domain)
        return Letter(
            id=uuid4(),
            forum_id=forum.id,
            kind=Kind.RECEIPT,
            text=render_receipt(forum, shown, undo, member.language, member.zone),
            member_id=None,
            recipient=str(original.author_address or member.address),
            at=self._now,
        )


def _known_of(message: Message, member: Member, envelope: Envelope) -> tuple[list[str], list[Address]]:
    """The names that the author shows, and his addresses."""
    seen = (message.author_address, envelope.reverse_path, member.address, *member.others)
    return [message.author_name, member.handle], [address for address in seen if address is not None]


def _without_directives(spans: Sequence[Span]) -> tuple[Span, ...]:
    """What the first lines ask for is asked once: what is kept is read again, and must ask for nothing."""
    asked, rest = read_directives(spans)
    while asked != NONE:
        asked, rest = read_directives(rest)
    return rest


def _quoted(span: Span) -> str:
    marks = ">" * span.depth
    return "\n".join(f"{marks} {line}" for line in span.text.split("\n")) if marks else span.text
