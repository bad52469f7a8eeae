"""The letter that tells a moderator of cases, made when it is sent: text with numbers, and the posts attached (design 10).

In: a letter of the outbox whose subject is a docket. Out: its bytes. A post goes along as `render.single` makes it: under a
header of ours, without the author's address. Its Reply-To has a token that is bound to the docket and to whom it goes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Final

from gateway.flow.cases import TOKEN_LIFE
from gateway.flow.judges import Judge
from gateway.journal import log
from gateway.mail.address import Address, parse_address
from gateway.mail.envelope import Raw
from gateway.mail.forum import Forum, Member
from gateway.mail.message import Message
from gateway.mail.token import make_token
from gateway.mail.verdict import Reason
from gateway.parse.message import is_ordinary, parse_message
from gateway.people.handles import byline
from gateway.render.body import BadBody, attached_body
from gateway.render.cases import Exhibit, render_docket
from gateway.render.fields import BadField
from gateway.render.letter import BadLetter, Personal, compose
from gateway.render.single import single
from gateway.store import cases, roster, shelf
from gateway.store.cases import Case, Docket, Kind
from gateway.store.engine import Store, Transaction
from gateway.store.outbox import Letter

PURPOSE: Final = "case"
ANONYMOUS: Final = "Anonymous Coward"
# Of all mails attached to one letter.
ATTACHED_MAX: Final = 5 * 1024 * 1024


def answer_address(key: bytes, forum: Forum, docket: Docket, judge: Judge) -> Address:
    """Where an answer to that letter goes."""
    expires = (docket.at + TOKEN_LIFE).date()
    token = make_token(key, PURPOSE, forum.list_id, marker=docket.id.bytes[-6:], member=judge.mark, expires=expires)
    return Address(f"{forum.name}+case-{token}", forum.domain)


def compose_docket(store: Store, key: bytes, forum: Forum, letter: Letter, personal: Personal) -> bytes:
    """The bytes of the letter. Raises whatever a damaged row raises."""
    assert letter.subject_id is not None
    with store.read() as db:
        docket = cases.docket_of(db, forum.id, letter.subject_id)
        found = cases.cases_by_id(db, forum.id, docket.cases)
        member = roster.member_of(db, forum.id, letter.member_id) if letter.member_id else None
        judge = Judge(personal.to, member)
        exhibits, mails = _exhibits(db, forum, [(number, found[id]) for number, id in enumerate(docket.cases, 1) if id in found])
    answer_to = answer_address(key, forum, docket, judge)
    subject, _, text = render_docket(forum, exhibits, answer_to, judge.language).partition("\n")
    return compose(
        attached_body(text.lstrip("\n"), mails, f"=_{docket.id.hex}"),
        forum=forum,
        personal=personal,
        subject=subject,
        msgid=f"cases.{docket.id.hex}@{forum.domain}",
        reply_to=answer_to,
        date=letter.at,
        kind="cases",
    )


def _exhibits(
    db: Transaction, forum: Forum, numbered: Iterable[tuple[int, Case]]
) -> tuple[list[Exhibit], list[tuple[str, bytes]]]:
    """Each case as it is shown, and the mails to attach by name."""
    exhibits: list[Exhibit] = []
    mails: list[tuple[str, bytes]] = []
    left = ATTACHED_MAX
    for number, case in numbered:
        exhibit = Exhibit(
            number=number, kind=case.kind, marker=case.marker, why=case.reason, closed_by=case.decided_by if case.outcome else ""
        )
        if case.kind is not Kind.FLOOD:
            exhibit, mail = _told(db, forum, case, exhibit)
            if mail is not None and len(mail) <= left:
                left -= len(mail)
                mails.append((f"{number}-{case.marker}.eml", mail))
                exhibit = replace(exhibit, is_attached=True)
        exhibits.append(exhibit)
    return exhibits, mails


def _told(db: Transaction, forum: Forum, case: Case, exhibit: Exhibit) -> tuple[Exhibit, bytes | None]:
    """The case with author, title and text, and its mail."""
    if case.mail_id is None:
        return exhibit, None
    mail = shelf.mail_of(db, forum.id, case.mail_id)
    raw = shelf.raw_of(db, forum.id, mail.id)
    message = parse_message(raw) if is_ordinary(Raw.of(raw)) else None
    post = shelf.find_post(db, forum.id, case.marker) if case.kind is Kind.REPORTED else None
    if post is not None:
        author, title, spans, files = _author_of_post(db, forum, post), post.subject, post.spans, len(post.attachments)
    else:
        author = author_of(db, forum, mail, message)
        title, spans, files = (message.subject, message.spans, len(message.attachments)) if message else ("", (), 0)
    reports = tuple(_reporters(db, forum, case)) if case.kind is Kind.REPORTED else ()
    # That its author is new, or on probation, would narrow down who it is.
    why = Reason.ANONYMOUS if author == ANONYMOUS and exhibit.kind == Kind.HELD else exhibit.why
    exhibit = replace(exhibit, why=why, author=author, title=title, spans=spans, files=files, reports=reports)
    return exhibit, _as_mail(raw, forum, author, post.msgid if post else mail.msgid, message)


def briefly(db: Transaction, forum: Forum, case: Case, read: Callable[[shelf.Mail], tuple[Raw, Message]]) -> tuple[str, str]:
    """Author, as a moderator may know him, and title of what a case is about; both "" where it is about no mail."""
    if case.mail_id is None:
        return "", ""
    post = shelf.find_post(db, forum.id, case.marker) if case.kind is Kind.REPORTED else None
    if post is not None:
        return _author_of_post(db, forum, post), post.subject
    mail = shelf.mail_of(db, forum.id, case.mail_id)
    _, message = read(mail)
    return author_of(db, forum, mail, message), message.subject


def author_of(db: Transaction, forum: Forum, mail: shelf.Mail, message: Message | None) -> str:
    """Who wrote a held mail, as a moderator may know it: a handle, a name; nothing of who is anonymous."""
    address = parse_address(mail.forward_path)
    is_anonymous = mail.reason == Reason.ANONYMOUS or (
        address is not None and address.local.casefold().endswith(("+anon", "-anon"))
    )
    if is_anonymous or (message is not None and message.wants_anonymity):
        return ANONYMOUS
    if message is None:
        return ""
    key = message.author_address.key if message.author_address else ""
    return _name(message.author_name, key, roster.member_with_key(db, forum.id, key))


def _author_of_post(db: Transaction, forum: Forum, post: shelf.Post) -> str:
    if post.tag:
        return ANONYMOUS
    return _name(post.author_name, post.author_key, roster.member_with_key(db, forum.id, post.author_key))


def _name(name: str, key: str, member: Member | None) -> str:
    return byline(name, key, {key: member} if member else {}).name


def _reporters(db: Transaction, forum: Forum, case: Case) -> Iterable[tuple[str, str]]:
    for report in cases.reports_on(db, forum.id, case.marker):
        member = roster.member_of(db, forum.id, report.member_id)
        yield (member.handle if member else "") or "?", report.reason


def _as_mail(raw: bytes, forum: Forum, author: str, msgid: str, message: Message | None) -> bytes | None:
    """The mail under a header of ours; set anew as text when it is not fit for the wire; None when nothing can be."""
    try:
        return single(raw, forum, handle=author, msgid=msgid)
    except (BadBody, BadLetter, BadField) as error:
        log.warning("case set anew", why=str(error))
    if message is None:
        return None
    text = "\n\n".join(span.text for span in message.spans)
    plain = f"Subject: case\nContent-Type: text/plain; charset=utf-8\n\n{text}\n"
    try:
        return single(plain.encode("utf-8", "replace"), forum, handle=author, msgid=msgid)
    except (BadBody, BadLetter, BadField):
        return None
