"""A post as it came, for who gets each post at once and for the form mime (design 8.3, 9).

In: the bytes of a stored mail, the handle of its author. Out: the same Subject, Date, ids and body, byte by byte, under a
header of ours: From says "HANDLE via FORUM" on our own domain, since a From of theirs would fail DMARC, and no address, trace
or receipt request of the author goes along. A body that is not fit for the wire raises BadBody.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from gateway.mail.forum import Forum
from gateway.mail.loop import FIELD, marks_in
from gateway.mail.message import Span
from gateway.parse.header import split_header
from gateway.render.blocks import clean, one_line
from gateway.render.body import LINE_MAX, BadBody, Body, has_long_line
from gateway.render.dates import field_date
from gateway.render.fields import Field, address_field, id_field, text_field
from gateway.render.letter import SUBJECT_MAX, Personal, check_letter, stamp

# What a mail program needs to show the body, to thread it and to tell its title.
_KEPT = ("Subject", "Date", "In-Reply-To", "References", "MIME-Version", "Content-Type", "Content-Transfer-Encoding")
_SIGNS = b"\r\n\t "
_UTC = ZoneInfo("UTC")


def plain_mail(body: Body, *, subject: str, date: datetime, parent: str | None) -> bytes:
    """A mail for `single` with another body than its author sent, with Subject and place of the post. Raises BadField."""
    fields = [
        text_field("Subject", one_line(subject)[:SUBJECT_MAX].strip() or "-"),
        Field("Date", (field_date(date.astimezone(UTC), _UTC),)),
        *([id_field("In-Reply-To", (parent,)), id_field("References", (parent,))] if parent else ()),
        Field("MIME-Version", ("1.0",)),
        *body.fields,
    ]
    return b"".join([*(field.serialise() for field in fields), b"\r\n", body.filled({})])


def typed(spans: Iterable[Span]) -> str:
    """Spans as text with the marks of quotes, as their author may have typed them."""
    lines = []
    for span in spans:
        mark = ">" * span.depth
        lines += [f"{mark} {line}".rstrip() if mark else line for line in clean(span.text).split("\n")]
    return "\n".join(lines)


def single(raw: bytes, forum: Forum, *, handle: str, msgid: str, personal: Personal | None = None) -> bytes:
    """The mail to one member; without `personal`, the part of a multipart/digest. `msgid` is the post's."""
    data = raw.replace(b"\r\n", b"\n")
    header = split_header(data)
    if personal is not None:
        personal = replace(personal, loop_marks=(*personal.loop_marks, *marks_in(header.all(FIELD.lower().encode()))))
    ours = [
        address_field("From", forum.address, via(handle, forum)),
        address_field("To", forum.address),
        id_field("Message-ID", (msgid,)),
        address_field("Reply-To", forum.address),
        *(stamp(forum, personal, "copy") if personal else ()),
    ]
    theirs = [(name, value) for name in _KEPT if (value := header.first(name.lower().encode()).strip(_SIGNS))]
    body = data[header.end :]
    lines = b"".join([*(field.serialise() for field in ours), *(_field(name, value) for name, value in theirs)])
    whole = lines + b"\r\n" + (body if body.endswith(b"\n") or not body else body + b"\n").replace(b"\n", b"\r\n")
    if b"\r" in body or b"\0" in body or has_long_line(whole, LINE_MAX + 1):
        raise BadBody("the mail holds what is not fit for the wire")
    check_letter(whole, [*(field.name for field in ours), *(name for name, _ in theirs)])
    return whole


def via(handle: str, forum: Forum) -> str:
    """The display name in From: who wrote it, and that it comes through us."""
    name = one_line(forum.title) or forum.name
    return f"{one_line(handle)} via {name}" if one_line(handle) else name


def _field(name: str, value: bytes) -> bytes:
    if b"\0" in value or b"\r" in value:
        raise BadBody(f"{name} holds what is not fit for the wire")
    return name.encode() + b": " + value.replace(b"\n", b"\r\n") + b"\r\n"
