"""Letters: a rendering and what is personal, as the bytes that a courier carries (RFC 5322, RFC 2046, RFC 2369, RFC 3834).

In: a `Rendering`, the forum, one member's address, a Message-ID and a boundary. Out: CRLF bytes, the same for the same
arguments. `stamp` makes the header of every letter of ours; `check_letter` reads the finished bytes again, so that
nothing that a stranger wrote can have become a field of its own. Return-Path is not written here: it is the envelope's
reverse-path, which the last courier adds (RFC 5321 section 4.4).
"""

from __future__ import annotations

import re
from base64 import encodebytes
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from gateway.mail.address import Address
from gateway.mail.forum import Forum
from gateway.render.blocks import one_line
from gateway.render.dates import field_date
from gateway.render.digest import Rendering
from gateway.render.fields import Field, address_field, id_field, link_field, phrase, text_field
from gateway.render.links import mailto

LINE_MAX = 998
REFERENCES_MAX = 20
SUBJECT_MAX = 200
QUOTED_MAX = 76
_BOUNDARY = re.compile(r"[A-Za-z0-9'+_./=-]{1,70}\Z")
_TO_QUOTE = re.compile(rb"[=\x00-\x09\x0b-\x1f\x7f-\xff]{1,24}")
_UTC = ZoneInfo("UTC")


class BadLetter(Exception):
    """The bytes of a letter are not what was asked for; it must not be sent."""


def compose_digest(
    rendering: Rendering,
    *,
    forum: Forum,
    member_address: Address,
    msgid: str,
    reply_to: Address,
    date: datetime,
    boundary: str,
    references: Iterable[str] = (),
    form: str = "html",
) -> bytes:
    """The mail that brings an issue to one member: text and HTML for form "html", text alone for any other.

    `boundary` must not occur in the rendering. Raises BadLetter, and BadField for a value that no field may hold.
    """
    header = stamp(
        forum=forum,
        to=member_address,
        subject=rendering.subject,
        date=date,
        msgid=msgid,
        reply_to=reply_to,
        references=references,
        kind="digest",
    )
    text = _part("text/plain", rendering.text)
    if form != "html":
        return seal(header, text)
    if not _BOUNDARY.match(boundary) or boundary in rendering.text or boundary in rendering.html:
        raise BadLetter("the boundary is not one, or occurs in the text")
    line = b"--" + boundary.encode()
    html = _part("text/html", _to_ascii(rendering.html))
    outer = Field("Content-Type", ("multipart/alternative;", f'boundary="{boundary}"'))
    body = b"".join((line, b"\r\n", *_join(text), line, b"\r\n", *_join(html), line, b"--\r\n"))
    return seal(header, ([outer], body))


def stamp(
    *,
    forum: Forum,
    to: Address,
    subject: str,
    date: datetime,
    msgid: str,
    reply_to: Address,
    references: Iterable[str] = (),
    kind: str,
) -> list[Field]:
    """The header of a letter of ours, all but Content-*: polite to lists, responders and bounce handlers (design 9).

    `kind` is a word of ours for Feedback-ID. Raises BadField.
    """
    title = one_line(forum.title)
    ancestors = tuple(references)[-REFERENCES_MAX:]
    return [
        address_field("From", forum.address, title),
        address_field("To", to),
        text_field("Subject", one_line(subject)[:SUBJECT_MAX].strip() or forum.name),
        Field("Date", (field_date(date.astimezone(UTC), _UTC),)),
        id_field("Message-ID", (msgid,)),
        *([id_field("References", ancestors)] if ancestors else ()),
        address_field("Reply-To", reply_to),
        Field("List-Id", tuple(filter(None, (phrase(title), f"<{forum.list_id}>")))),
        link_field("List-Post", mailto(forum.address)),
        link_field("List-Help", mailto(_command(forum, "request"), subject="help")),
        link_field("List-Subscribe", mailto(_command(forum, "join"))),
        link_field("List-Unsubscribe", mailto(_command(forum, "leave"))),
        link_field("List-Owner", mailto(_command(forum, "owner"))),
        Field("Auto-Submitted", ("auto-generated",)),
        Field("Precedence", ("list",)),
        Field("X-Auto-Response-Suppress", ("All",)),
        Field("Feedback-ID", (f"{forum.name}:{kind}:{forum.domain}:gateway",)),
        Field("MIME-Version", ("1.0",)),
    ]


def seal(header: list[Field], part: tuple[list[Field], bytes]) -> bytes:
    """Header and body as one mail, checked. Raises BadLetter."""
    fields = [*header, *part[0]]
    raw = b"".join((*(field.serialise() for field in fields), b"\r\n", part[1]))
    check_letter(raw, [field.name for field in fields])
    return raw


def check_letter(raw: bytes, names: list[str]) -> None:
    """BadLetter unless the header holds exactly these fields in this order, and the rest is safe to put on the wire."""
    header, _, _ = raw.partition(b"\r\n\r\n")
    found = [line.partition(b":")[0].decode("ascii", "replace") for line in header.split(b"\r\n") if line[:1] not in b" \t"]
    if found != names or len(set(map(str.lower, names))) != len(names):
        raise BadLetter("the header fields are not those that were asked for")
    if not raw.count(b"\r") == raw.count(b"\n") == raw.count(b"\r\n") or b"\0" in raw:
        raise BadLetter("a bare CR, LF or NUL")
    if _has_long_line(raw, LINE_MAX + 1):
        raise BadLetter(f"a line of more than {LINE_MAX} octets")


def _has_long_line(data: bytes, most: int) -> bool:
    """Whether more than `most` octets come without LF; looks at one line in each thousand octets only."""
    start = 0
    while len(data) - start > most:
        end = data.rfind(b"\n", start, start + most + 1)
        if end < 0:
            return True
        start = end + 1
    return False


def _command(forum: Forum, word: str) -> Address:
    return Address(f"{forum.name}-{word}", forum.domain)


def _part(kind: str, text: str) -> tuple[list[Field], bytes]:
    encoding, body = _encode(text)
    charset = "us-ascii" if encoding == "7bit" else "utf-8"
    return [
        Field("Content-Type", (f"{kind};", f"charset={charset}")),
        Field("Content-Transfer-Encoding", (encoding,)),
    ], body


def _join(part: tuple[list[Field], bytes]) -> Iterable[bytes]:
    return (*(field.serialise() for field in part[0]), b"\r\n", part[1])


def _to_ascii(html: str) -> str:
    """Character references instead of UTF-8 where that is not longer than base64 would be: such a page needs no encoding."""
    # Blanks at line ends mean nothing in HTML, and a "From " there can be spelt otherwise: then it needs no encoding either.
    data = html.encode("ascii", "xmlcharrefreplace").replace(b"\nFrom ", b"\n&#70;rom ")
    while b" \n" in data:
        data = data.replace(b" \n", b"\n")
    return data.decode("ascii") if len(data) * 4 < len(html) * 5 else html


def _encode(text: str) -> tuple[str, bytes]:
    """As it stands when it can be; quoted-printable while most of it stays readable; else base64."""
    data = text.encode("utf-8", "replace").replace(b"\r", b"").replace(b"\0", b"")
    if not data.endswith(b"\n"):
        data += b"\n"
    is_plain = data.isascii() and b" \n" not in data and not _has_long_line(data, LINE_MAX)
    # A mailbox file would put ">" before "From ", and break a signature.
    if is_plain and b"\nFrom " not in data and not data.startswith(b"From "):
        return "7bit", data.replace(b"\n", b"\r\n")
    if len(text) * 6 < len(data) * 5:
        return "base64", encodebytes(data.replace(b"\n", b"\r\n")).replace(b"\n", b"\r\n")
    return "quoted-printable", _quote(data).replace(b"\n", b"\r\n")


def _quote(data: bytes) -> bytes:
    """RFC 2045 section 6.7, five times as fast as binascii where most of the text needs nothing."""
    return b"\n".join([line if _is_as_is(line) else _break(line) for line in data.split(b"\n")])


def _is_as_is(line: bytes) -> bool:
    return line.isascii() and len(line) <= QUOTED_MAX and b"=" not in line and line[-1:] != b" " and not line.startswith(b"From ")


def _break(line: bytes) -> bytes:
    line = _TO_QUOTE.sub(lambda match: _hex(match[0]), line)
    if line.startswith(b"From "):
        line = b"=46" + line[1:]
    if line.endswith(b" "):
        line = line[:-1] + b"=20"
    pieces: list[bytes] = []
    start = 0
    while len(line) - start > QUOTED_MAX:
        cut = start + QUOTED_MAX - 1
        mark = line.rfind(b"=", cut - 2, cut)
        cut = mark if mark >= 0 else cut
        pieces.append(line[start:cut])
        start = cut
    return b"=\n".join([*pieces, line[start:]])


@lru_cache(maxsize=256)
def _hex(run: bytes) -> bytes:
    return b"=" + run.hex("=").upper().encode()
