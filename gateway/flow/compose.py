"""From a letter in the outbox to its bytes (design 8.6, 9): the body that many share, made once, and what is personal."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import lru_cache
from uuid import UUID
from zoneinfo import ZoneInfo

from gateway.flow.belongings import pack_belongings
from gateway.flow.browse import by_key, tell_thread
from gateway.flow.docket import compose_docket
from gateway.journal import log
from gateway.mail.address import Address, parse_address
from gateway.mail.forum import Forum
from gateway.mail.loop import make_mark
from gateway.mail.message import Attachment, SpanKind
from gateway.mail.token import make_token, marker_bytes
from gateway.parse.attachments import attachment_bytes
from gateway.parse.webpage import has_address_in_html, has_page_in_html
from gateway.people.discretion import without_addresses
from gateway.people.handles import byline
from gateway.render.body import BadBody, Body, File, alternative_body, files_body, mime_digest_body, text_body
from gateway.render.digest import render_thread_text
from gateway.render.fields import BadField
from gateway.render.letter import BadLetter, Personal, compose
from gateway.render.single import plain_mail, single, typed
from gateway.send.signing import Signer
from gateway.store import ledger, roster, shelf
from gateway.store.changes import UNCHANGED, Condition, conditions
from gateway.store.engine import Store, Transaction
from gateway.store.outbox import Kind, Letter
from gateway.store.pieces import answers_of

TOKEN_LIFE = timedelta(days=400)
# As long as what it is about waits for an answer.
CONFIRM_LIFE = timedelta(days=7)
# Renderings whose bodies are kept at hand: letters of one issue follow each other.
BODIES = 8
_NOT_FIT = (BadBody, BadLetter, BadField)


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """A letter as a courier takes it."""

    reverse_path: Address
    raw: bytes


class Composer:
    """Composes letters. `key` makes tokens; `web` is where our pages are ("https://example.org"), "" when there are none.

    `signer` signs all that goes out; None when the relay does.
    """

    def __init__(self, store: Store, key: bytes, web: str = "", signer: Signer | None = None) -> None:
        self._store = store
        self._key = key
        self._signer = signer
        self._web = web.rstrip("/")
        self._body: Callable[[UUID, UUID, int], tuple[str, Body]] = lru_cache(BODIES)(self._make_body)

    def compose(self, forum: Forum, letter: Letter, recipient: Address, issue: ledger.Ledger | None = None) -> Envelope:
        """The letter's envelope and bytes; the `issue` that it brings is looked up when it is not given.

        Raises SigningFailed, and whatever a damaged row raises.
        """
        personal = self._personal(forum, letter, recipient)
        if letter.kind is Kind.DIGEST:
            raw = self._digest(forum, letter, personal, issue)
        elif letter.kind is Kind.DOCKET:
            raw = compose_docket(self._store, self._key, forum, letter, personal)
        else:
            made = {Kind.COPY: self._copy, Kind.POST: self._copy, Kind.RECEIPT: self._receipt}
            raw = made.get(letter.kind, self._notice)(forum, letter, personal)
        if self._signer is not None:
            raw = self._signer.sign(raw, forum.domain)
        return Envelope(reverse_path=self._address(forum, letter, "-bounces+", "bounces"), raw=raw)

    def _digest(self, forum: Forum, letter: Letter, personal: Personal, issue: ledger.Ledger | None) -> bytes:
        if issue is None:
            with self._store.read() as db:
                issue = ledger.find_issue(db, forum.id, _subject_of(letter))
        subject, body = self._body(forum.id, issue.rendering_id, letter.part)
        local, _, domain = issue.msgid.partition("@")
        return compose(
            body,
            forum=forum,
            personal=personal,
            subject=subject,
            msgid=issue.msgid if letter.part == 1 else f"{local}.{letter.part}@{domain}",
            reply_to=self._address(forum, letter, "+d-", "digest"),
            date=letter.at,
            references=(issue.previous,) if issue.previous else (),
            kind="digest",
        )

    def _copy(self, forum: Forum, letter: Letter, personal: Personal) -> bytes:
        with self._store.read() as db:
            post = shelf.post_of_id(db, forum.id, _subject_of(letter))
            condition = conditions(db, forum.id, [post.marker]).get(post.marker, UNCHANGED)
            return _single(db, forum, post, condition, personal)

    def _receipt(self, forum: Forum, letter: Letter, personal: Personal) -> bytes:
        """Answers take the post back."""
        subject, reply_to, text = letter.text.split("\n", 2)
        return self._notice(forum, replace(letter, text=f"{subject}\n{text}"), personal, parse_address(reply_to))

    def _notice(self, forum: Forum, letter: Letter, personal: Personal, reply_to: Address | None = None) -> bytes:
        subject, _, text = letter.text.partition("\n")
        text = text.lstrip("\n")
        if letter.kind is Kind.QUESTION:
            reply_to = confirm_address(self._key, forum, _subject_of(letter), letter.at)
        return compose(
            files_body(text, [self._belongings(forum, letter)], f"=_{letter.id.hex}")
            if letter.kind is Kind.EXPORT
            else text_body(text),
            forum=forum,
            personal=personal,
            subject=subject,
            msgid=f"notice.{letter.id.hex}@{forum.domain}",
            reply_to=reply_to or Address(f"{forum.name}-owner", forum.domain),
            date=letter.at,
            kind=letter.kind,
        )

    def _belongings(self, forum: Forum, letter: Letter) -> File:
        with self._store.read() as db:
            member = roster.member_of(db, forum.id, letter.member_id) if letter.member_id else None
            if member is None:
                raise ValueError("an export of nobody")
            return File(f"{forum.name}.zip", "application/zip", pack_belongings(db, forum, member))

    def _make_body(self, forum_id: UUID, rendering_id: UUID, part: int) -> tuple[str, Body]:
        """Subject and body that all share who get this part of a rendering."""
        with self._store.read() as db:
            found = ledger.rendering(db, forum_id, rendering_id, part)
            forum = roster.forum_of(db, forum_id)
            mails = _mails(db, forum, json.loads(found.posts)) if found.base_form == "mime" else []
        boundary = f"=_{rendering_id.hex}.{part}"
        if found.base_form == "mime":
            return found.subject, mime_digest_body(found.text, mails, boundary)
        if found.html:
            return found.subject, alternative_body(found.text, found.html, boundary)
        return found.subject, text_body(found.text)

    def _personal(self, forum: Forum, letter: Letter, recipient: Address) -> Personal:
        marks = (make_mark(self._key, forum.list_id, letter.id),)
        if letter.member_id is None:
            return Personal(to=recipient, leave=Address(f"{forum.name}-leave", forum.domain), loop_marks=marks)
        leave = self._address(forum, letter, "-leave+", "leave")
        token = leave.local.rpartition("+")[2]
        web = f"{self._web}/leave/{forum.list_id}/{token}" if self._web else ""
        entry = self._entry_tokens(forum, letter, letter.member_id)
        return Personal(to=recipient, leave=leave, one_click=web, entry=entry, loop_marks=marks)

    def _entry_tokens(self, forum: Forum, letter: Letter, member_id: UUID) -> Callable[[str, str], str]:
        """Makes the tokens that say which post an answer, a vote or a report of this member is about."""
        expires = (letter.at + TOKEN_LIFE).date()

        def token(purpose: str, marker: str) -> str:
            data = marker_bytes(marker)
            if data is None:
                raise BadLetter(f"the marker {marker} is too long for a token")
            return make_token(self._key, purpose, forum.list_id, marker=data, member=member_id.bytes[-4:], expires=expires)

        return token

    def _address(self, forum: Forum, letter: Letter, word: str, purpose: str) -> Address:
        """An address of the forum with a token that says which member and which letter (or issue) it is about.

        Nothing leads back to the row of a receipt, not even its bounce.
        """
        of = letter.subject_id if letter.kind in (Kind.DIGEST, Kind.QUESTION) and letter.subject_id else letter.id
        member = letter.member_id.bytes[-4:] if letter.member_id else bytes(4)
        marker = bytes(6) if letter.kind is Kind.RECEIPT else of.bytes[-6:]
        expires = (letter.at + TOKEN_LIFE).date()
        token = make_token(self._key, purpose, forum.list_id, marker=marker, member=member, expires=expires)
        return Address(f"{forum.name}{word}{token}", forum.domain)


def confirm_address(key: bytes, forum: Forum, pending_id: UUID, at: datetime) -> Address:
    """Where mail to is the consent to what waits for it since `at`."""
    expires = (at + CONFIRM_LIFE).date()
    token = make_token(key, "confirm", forum.list_id, marker=pending_id.bytes[-6:], member=bytes(4), expires=expires)
    return Address(f"{forum.name}-confirm+{token}", forum.domain)


def _subject_of(letter: Letter) -> UUID:
    if letter.subject_id is None:
        raise ValueError("a letter about nothing")
    return letter.subject_id


def _mails(db: Transaction, forum: Forum, markers: list[str]) -> list[bytes]:
    """The posts as mails of a multipart/digest; what is not fit for the wire is set anew as text."""
    found = []
    states = conditions(db, forum.id, markers)
    for marker in markers:
        post = shelf.find_post(db, forum.id, marker)
        condition = states.get(marker, UNCHANGED)
        if post is None or condition.is_removed:
            continue
        found.append(_single(db, forum, post, condition))
    return found


def _single(db: Transaction, forum: Forum, post: shelf.Post, condition: Condition, personal: Personal | None = None) -> bytes:
    """The post as a mail: as it came where readers may see that, else with the text that they see."""
    handle = _handle(db, forum, post)
    raw = shelf.raw_of(db, forum.id, post.mail_id)
    try:
        _check_shown_whole(db, forum, post, condition, raw)
        return single(raw, forum, handle=handle, msgid=post.msgid, personal=personal)
    except _NOT_FIT as error:
        log.warning("copy set anew", marker=post.marker, why=str(error))
    text = _text_now(db, forum, post, condition)
    files = [] if condition.is_removed else [_file(raw, one) for one in post.attachments]
    body = files_body(text, files, f"=_{post.id.hex}") if files else text_body(text)
    mail = plain_mail(body, subject=post.subject, date=post.date, parent=post.parent)
    return single(mail, forum, handle=handle, msgid=post.msgid, personal=personal)


def _check_shown_whole(db: Transaction, forum: Forum, post: shelf.Post, condition: Condition, raw: bytes) -> None:
    """BadBody unless readers may see the mail as it came: the post is all of it and unchanged, and no quote names an address."""
    if condition != UNCHANGED:
        raise BadBody("it is not what it was")
    if answers_of(db, forum.id, [post.mail_id]):
        raise BadBody("the mail holds more than this post")
    if without_addresses(post.spans) != post.spans:
        raise BadBody("what it quotes names addresses")
    if any(span.kind not in (SpanKind.TEXT, SpanKind.SIGNATURE) for span in post.spans) and has_address_in_html(raw):
        raise BadBody("its HTML may name addresses")
    if has_page_in_html(raw):
        raise BadBody("its HTML leads to somebody's page")


def _file(raw: bytes, attachment: Attachment) -> File:
    return File(attachment.name, attachment.type, attachment_bytes(raw, attachment))


def _handle(db: Transaction, forum: Forum, post: shelf.Post) -> str:
    author = roster.member_with_key(db, forum.id, post.author_key)
    return byline(post.author_name, post.author_key, by_key([author] if author else [])).name


def _text_now(db: Transaction, forum: Forum, post: shelf.Post, condition: Condition) -> str:
    """What readers see of a post now."""
    if not condition.is_removed:
        return condition.text if condition.text is not None else typed(without_addresses(post.spans))
    author = roster.member_with_key(db, forum.id, post.author_key)
    thread = tell_thread(db, forum, by_key([author] if author else []), post.thread_id)
    entries = tuple(entry for entry in thread.entries if entry.marker == post.marker)
    return render_thread_text(type(thread)(title=thread.title, entries=entries, new=1, total=1), ZoneInfo("UTC"))
