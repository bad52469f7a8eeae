"""Raw bytes to a `Message`: the border where strangers' bytes become our nouns (RFC 5322, RFC 2045-2047).

In: raw, with CRLF ends from the wire or LF ends from a file. Out: a `Message`, always: what cannot be read is kept, told by
`is_unreadable` and `defects`, and held by `admit`. `is_ordinary` says which mail may be read in the server itself; the
rest goes to the worker of `flow.reading`.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from typing import Final

from gateway.mail.envelope import Raw
from gateway.mail.loop import FIELD, marks_in
from gateway.mail.message import Attachment, Automation, Message, Span, SpanKind, is_ruled
from gateway.parse.author import parse_origin
from gateway.parse.automatic import automation_in, automation_of
from gateway.parse.body import FILES_LEFT_OUT, TOO_MANY_FILES, Body, read_body
from gateway.parse.directives import read_directives
from gateway.parse.header import Header, split_header
from gateway.parse.identity import derive_msgid, hash_content
from gateway.parse.limits import (
    HEADER_MAX,
    ORDINARY_DELIMITERS_MAX,
    ORDINARY_HEADER_MAX,
    ORDINARY_HTML_MAX,
    ORDINARY_MAX,
    ORDINARY_TAGS_MAX,
    ORDINARY_WORDS_MAX,
    STRUCTURED_MAX,
    SUBJECT_MAX,
)
from gateway.parse.lines import Lines, split_lines
from gateway.parse.mime import MIME_LIMITS, split_parts
from gateway.parse.references import parse_ancestors, parse_msgid
from gateway.parse.text import clean_line
from gateway.parse.words import decode_words

HEADER_CUT: Final = "header cut"
NO_SEPARATOR: Final = "no blank line after the header"
AUTHOR_DOUBTFUL: Final = "author or date by own reading"
PARSER_FAILED: Final = "the parser failed"

_LIST_ID = re.compile(rb"<([^<>\s]{1,255})>")
_LIST_IDS_MAX = 10
_LOOP_FIELD: Final = FIELD.lower().encode()
# Of each field that rules look at: so many bytes, and so many of one name.
FIELD_SEEN: Final = 998
FIELDS_SEEN: Final = 10


def parse_message(raw: bytes) -> Message:
    """What was read from `raw`; never raises."""
    try:
        return _read(split_lines(raw))
    except Exception:  # noqa: BLE001 - a mail that cannot be read is kept and held, whatever the reason
        return unread_message(Raw.of(raw), PARSER_FAILED)


def unread_message(raw: Raw, defect: str) -> Message:
    """The Message of a mail whose reading failed: the fields that decide on loops and answers, no body.

    The content hash is that of raw as it is, read in pieces, so that a second try of the sender is a duplicate.
    """
    digest = hashlib.sha256()
    head = b""
    for piece in raw.chunks():
        digest.update(piece)
        if len(head) <= HEADER_MAX:
            # One byte more than counts, so that a header that goes on is seen to.
            head += piece[: HEADER_MAX + 1 - len(head)]
    lines = split_lines(head)
    header = split_header(lines.data)
    return _compose(lines.data, header, digest.digest(), None, [defect])


def is_ordinary(raw: Raw) -> bool:
    """Whether `raw` may be read at once: small, few parts, a sane header, no great page of HTML; one linear look."""
    if raw.size > ORDINARY_MAX:
        return False
    data = raw.read()
    if data.count(b"\n--") > ORDINARY_DELIMITERS_MAX:
        return False
    end = data.find(b"\r\n\r\n", 0, ORDINARY_HEADER_MAX)
    if end < 0:
        end = data.find(b"\n\n", 0, ORDINARY_HEADER_MAX)
    if end < 0 and len(data) > ORDINARY_HEADER_MAX:
        return False
    if data.count(b"=?", 0, end if end >= 0 else len(data)) > ORDINARY_WORDS_MAX:
        return False
    if len(data) <= ORDINARY_HTML_MAX and data.count(b"<") <= ORDINARY_TAGS_MAX:
        return True
    return b"text/html" not in data.lower()


def _read(lines: Lines) -> Message:
    header = split_header(lines.data)
    parts, flaws = split_parts(lines.data, header)
    body = read_body(lines.data, parts)
    if body.attachments:
        body = replace(body, attachments=_placed(lines, body.attachments))
    if TOO_MANY_FILES in body.defects:
        body = replace(body, spans=(*body.spans, Span(SpanKind.TEXT, FILES_LEFT_OUT)))
    message = _compose(lines.data, header, hash_content(lines.data, header), body, flaws)
    if len(parts) > 1 and message.automation is not Automation.CERTAIN:
        has_words = any(span.text.strip() for span in body.spans)
        found = automation_in((part.content for part in parts), has_words=has_words)
        if found is not Automation.NONE:
            message = replace(message, automation=found)
    return message


def _placed(lines: Lines, files: tuple[Attachment, ...]) -> tuple[Attachment, ...]:
    """The same files with their places in raw."""
    starts = lines.places([file.start for file in files])
    ends = lines.places([file.end for file in files])
    return tuple(replace(file, start=start, end=end) for file, start, end in zip(files, starts, ends, strict=True))


def _compose(data: bytes, header: Header, content_hash: bytes, body: Body | None, flaws: list[str]) -> Message:
    """The Message of a header and a body; no body: reading failed, and only what is plain is read of the header."""
    msgid = parse_msgid(header) or derive_msgid(content_hash)
    origin = parse_origin(header, is_plain_only=body is None)
    if header.is_cut:
        flaws = [*flaws, HEADER_CUT]
    elif not header.has_separator:
        flaws = [*flaws, NO_SEPARATOR]
    if origin.has_failed:
        flaws = [*flaws, AUTHOR_DOUBTFUL]
    subject = clean_line(decode_words(header.first(b"subject")))[:SUBJECT_MAX].rstrip()
    asked, spans = read_directives(body.spans if body else ())
    return Message(
        msgid=msgid,
        content_hash=content_hash,
        author_name=origin.name,
        author_address=origin.address,
        is_author_sure=origin.is_sure,
        subject=asked.title or subject,
        date=origin.date,
        ancestors=parse_ancestors(header, msgid),
        spans=spans,
        attachments=body.attachments if body else (),
        list_ids=_list_ids(header),
        auto_submitted=_keyword(header.first(b"auto-submitted", STRUCTURED_MAX)),
        precedence=_keyword(header.first(b"precedence", STRUCTURED_MAX)),
        automation=automation_of(header, origin.address, origin.name, subject),
        received_count=len(header.all(b"received")),
        header_size=_header_size(data, header),
        is_unreadable=body is None or MIME_LIMITS in flaws,
        defects=(*flaws, *body.defects) if body else tuple(flaws),
        icon=asked.icon,
        wants_anonymity=asked.is_anonymous,
        has_list_fields=any(name.startswith(b"list-") for name in header.fields),
        loop_marks=marks_in(header.all(_LOOP_FIELD)),
        fields=_ruled(header),
    )


def _ruled(header: Header) -> tuple[tuple[bytes, bytes], ...]:
    """The fields that rules may look at; decoded only where there are rules."""
    return tuple(
        [(name, value[:FIELD_SEEN]) for name in header.fields if is_ruled(name) for value in header.fields[name][:FIELDS_SEEN]]
    )


def _header_size(data: bytes, header: Header) -> int:
    """As on the wire, where each line end has two bytes; a header that was cut is too large, whatever was read of it."""
    size = header.end + data.count(b"\n", 0, header.end)
    return max(size, HEADER_MAX + 1) if header.is_cut else size


def _list_ids(header: Header) -> tuple[str, ...]:
    """RFC 2919: what stands in angle brackets, lower case; a bare id is taken as it is."""
    found: dict[str, None] = {}
    for value in header.all(b"list-id")[:_LIST_IDS_MAX]:
        match = _LIST_ID.search(value, 0, STRUCTURED_MAX)
        text = clean_line((match[1] if match else value[:STRUCTURED_MAX]).decode("utf-8", "replace")).lower()
        if text:
            found[text] = None
    return tuple(found)


def _keyword(value: bytes) -> str:
    """The first word of a field such as Auto-Submitted (RFC 3834 section 5), lower case, without parameters."""
    if not value:
        return ""
    words = value.partition(b";")[0].partition(b"(")[0].split()
    return clean_line(words[0].decode("utf-8", "replace")).lower() if words else ""
