"""Which mail does this one answer? The one page that decides which field wins (RFC 5322 section 3.6.4).

In: raw header fields. Out: msgids without brackets, ancestors nearest first.

1. In-Reply-To names the parent when it is one well-formed id: exactly one, with nothing around it but blanks and
   comments. A bare `id@host`, alone in the field, counts as one, unless the mail itself is addressed to it or comes from it.
2. When In-Reply-To is doubtful, the others that it names are not ancestors, and an address of this very mail is no id. With
   other words around, the parent is the last good Reference. Of several ids it is that Reference too if it is among them.
   Else, or without References, it is the first of them.
3. References follow, from last to first. Each id once, and never the mail's own.

The first In-Reply-To and the first References field count; of References the last 1,000 ids are read; the nearest 20
ancestors are kept. Ids are read from the raw bytes. Cleaning takes off folds and blanks inside of brackets, comments
around them and doubled brackets; encoded words are not decoded, and case is kept: two ids are the same when their bytes
are. An id without "@" needs two characters, one with "@" something on both sides of it; the rest is rubbish. What is
longer than 244 bytes, no UTF-8 or not printable becomes the SHA-256 of itself, so that it still finds its mail.
"""

from __future__ import annotations

import hashlib
import re
from typing import Final

from gateway.parse.header import Header
from gateway.parse.limits import ANCESTORS_MAX, FIELD_MAX, ID_MAX, IDS_MAX, STRUCTURED_MAX

HASHED_DOMAIN: Final = "hashed.invalid"

# Two or more printable characters: an id as it should be, nothing to clean.
_PLAIN_ID = re.compile(rb"<([!-;=?-~]{2,%d})>" % ID_MAX)
# The bracket may be missing at the end of a field that was cut: tests/mails/references-cut.eml
_BRACKETED = re.compile(rb"<([^<>]+)(?:>|\Z)")
_BARE = re.compile(rb"[^\s<>()\[\],;:\"@]+@[^\s<>()\[\],;:\"@]+\Z")
_ADDRESS = re.compile(rb"[^\s<>()\[\],;:\"@]+@[^\s<>()\[\],;:\"@]+")
_ADDRESS_FIELDS: Final = (b"from", b"to", b"cc", b"reply-to", b"sender")


def parse_msgid(header: Header) -> str:
    """The Message-ID, cleaned; "" when there is none or it is rubbish."""
    value = header.first(b"message-id", STRUCTURED_MAX)
    found = parse_ids(value, IDS_MAX)
    if found:
        return found[0]
    bare = _without_comments(value).strip()
    return clean_id(bare) if b"<" not in bare and len(bare.split()) == 1 else ""


def parse_ancestors(header: Header, msgid: str) -> tuple[str, ...]:
    """The ancestors of the mail whose own id is `msgid`, nearest first, at most 20."""
    values = header.all(b"references")
    references = parse_ids(values[0][-FIELD_MAX:], IDS_MAX) if values else []
    references.reverse()
    answered = header.first(b"in-reply-to", STRUCTURED_MAX)
    candidates = [_answered(header, answered, references), *references] if answered else references
    ancestors: dict[str, None] = {}
    for candidate in candidates:
        if candidate and candidate != msgid:
            ancestors[candidate] = None
            if len(ancestors) == ANCESTORS_MAX:
                break
    return tuple(ancestors)


def parse_ids(value: bytes, limit: int) -> list[str]:
    """The last `limit` ids in angle brackets, in their order, cleaned; rubbish left out."""
    if b"(" in value:
        value = _without_comments(value)
    plain = _PLAIN_ID.findall(value)
    if len(plain) == value.count(b"<"):
        return [text.decode("ascii") for text in plain[-limit:] if text[:1] != b"@" and text[-1:] != b"@"]
    found = _BRACKETED.findall(value)[-limit:]
    return [cleaned for cleaned in map(clean_id, found) if cleaned]


def clean_id(raw: bytes) -> str:
    """One id from what stood between its brackets; "" for rubbish."""
    data = b"".join(raw.split())
    if len(data) < 2 or data.startswith(b"@") or data.endswith(b"@"):
        return ""
    if len(data) <= ID_MAX:
        try:
            text = data.decode()
        except UnicodeDecodeError:
            text = ""
        if text and text.isprintable():
            return text
    return f"{hashlib.sha256(data).hexdigest()}@{HASHED_DOMAIN}"


def _answered(header: Header, value: bytes, references: list[str]) -> str:
    """The id that In-Reply-To stands for; `references` come nearest first."""
    value = _without_comments(value).strip()
    if b"<" not in value:
        bare = _BARE.match(value)
        return clean_id(value) if bare and value.lower() not in _own_addresses(header) else ""
    found = parse_ids(value, IDS_MAX)
    has_words = bool(_BRACKETED.sub(b"", value).strip(b" \t\r\n<>"))
    if len(found) == 1 and not has_words:
        return found[0]
    own = _own_addresses(header)
    doubtful = [candidate for candidate in found if candidate.lower().encode() not in own]
    if references and (has_words or references[0] in doubtful or not doubtful):
        return references[0]
    return doubtful[0] if doubtful else ""


def _own_addresses(header: Header) -> set[bytes]:
    fields = b",".join(header.first(name, STRUCTURED_MAX) for name in _ADDRESS_FIELDS)
    return set(_ADDRESS.findall(fields.lower()))


def _without_comments(value: bytes) -> bytes:
    """`value` without what stands in parentheses outside of angle brackets and quoted strings (RFC 5322 section 3.2.2)."""
    if b"(" not in value:
        return value
    kept = bytearray()
    depth = start = 0
    for match in _COMMENT_MARK.finditer(value):
        mark = match[0]
        if mark == b"(":
            if not depth:
                kept += value[start : match.start()] + b" "
            depth += 1
        elif mark == b")" and depth:
            depth -= 1
            start = match.end()
    # A comment that is never closed is none: the ids behind a stray parenthesis count.
    return bytes(kept + value[start:]) if not depth else value


# An id in brackets is passed over as a whole, parentheses and all.
_COMMENT_MARK = re.compile(rb"\\.|<[^<>]{1,2000}>|[()]", re.DOTALL)
