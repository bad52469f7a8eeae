"""The header section of a message or of a MIME part (RFC 5322 section 2.2), split on the raw bytes.

In: bytes with LF ends. Out: `Header`. Linear, and never an error: what is no field ends the header, as it does for
Postfix, and the body starts there. The first of repeated fields is the one that counts, everywhere.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from gateway.parse.limits import FIELD_MAX, FIELDS_MAX, HEADER_MAX

# A folded parameter that lost its blank: tests/mails/part-header-lost-fold.eml
_LOST_PARAMETER = re.compile(rb"[A-Za-z0-9*-]{1,40}=")
_FIELD_END = re.compile(rb"\n(?![ \t])")
_NAME = re.compile(rb"[!-9;-~]+\Z")
# Names that need no look at their characters; nothing else depends on this set.
_USUAL: Final = frozenset(
    b"received from to cc date subject message-id in-reply-to references mime-version content-type reply-to sender "
    b"content-transfer-encoding content-disposition dkim-signature return-path delivered-to user-agent x-mailer list-id "
    b"list-unsubscribe list-archive list-post list-help list-subscribe precedence authentication-results "
    b"arc-seal arc-message-signature arc-authentication-results x-received".split()
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """Values of fields by lower-case name, folded as they came; `end` is where the body starts."""

    fields: dict[bytes, list[bytes]] = field(default_factory=dict)
    end: int = 0
    has_separator: bool = True
    is_cut: bool = False

    def first(self, name: bytes, limit: int = FIELD_MAX) -> bytes:
        """The first field of that name, at most `limit` bytes of it; b"" when there is none."""
        values = self.fields.get(name)
        return values[0][:limit] if values else b""

    def all(self, name: bytes) -> list[bytes]:
        """All fields of that name, from the top."""
        return self.fields.get(name, [])


def split_header(data: bytes, start: int = 0, *, is_part: bool = False) -> Header:
    """The header that begins at `start`.

    `is_part`: a line that begins with "--" ends it too, since it may be the next boundary delimiter.
    """
    if data.startswith(b"\n", start):
        return Header(end=start + 1)
    limit = start + HEADER_MAX
    stop = data.find(b"\n\n", start, limit)
    has_separator = stop >= 0
    is_cut = False
    if not has_separator:
        is_cut = len(data) > limit
        stop = max(start, data.rfind(b"\n", start, limit)) if is_cut else len(data)
    if is_part:
        delimiter = data.find(b"\n--", start, stop) if not data.startswith(b"--", start) else start
        if delimiter >= 0:
            stop, has_separator = delimiter, False
    return _fields(data, start, stop, has_separator=has_separator, is_cut=is_cut, is_part=is_part)


def _fields(data: bytes, start: int, stop: int, *, has_separator: bool, is_cut: bool, is_part: bool) -> Header:
    fields: dict[bytes, list[bytes]] = {}
    position = start
    pieces = _FIELD_END.split(data[start:stop], FIELDS_MAX)
    if len(pieces) > FIELDS_MAX:
        pieces.pop()
        is_cut = True
    for index, piece in enumerate(pieces):
        name, colon, value = piece.partition(b":")
        name = name.lower()
        if name not in _USUAL and name not in fields:
            name = name.rstrip(b" \t")
            colon = colon if _NAME.match(name) else b""
        if colon:
            known = fields.get(name)
            if known is None:
                fields[name] = [value]
            else:
                known.append(value)
        elif not (_is_tolerated(piece, index) or (is_part and _LOST_PARAMETER.match(piece))):
            return Header(fields=fields, end=position, has_separator=False, is_cut=is_cut)
        position += len(piece) + 1
    return Header(
        fields=fields, end=min(stop + (2 if has_separator else 1), len(data)), has_separator=has_separator, is_cut=is_cut
    )


def _is_tolerated(piece: bytes, index: int) -> bool:
    # The envelope line of an mbox (RFC 4155), escaped or not, and a first field that lost its beginning.
    return index == 0 and (piece.startswith((b"From ", b">From ")) or piece[:1] in (b" ", b"\t"))
