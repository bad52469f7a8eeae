"""What makes two mails the same mail: the content hash, and the id of a mail that came without one.

In: header and body with LF ends. Out: 32 bytes. The hash is over the id, From, Date, Subject, In-Reply-To, References, the
Content-* fields and the body, with folds, runs of blanks and blanks at line ends taken out: what relays change on the way.
Trace and list fields are not in it, so that one mail by two ways, or from a file with other line ends, has one hash.
"""

from __future__ import annotations

import hashlib
from typing import Final

from gateway.parse.header import Header

DERIVED_DOMAIN: Final = "derived.invalid"

_FIELDS: Final[tuple[bytes, ...]] = (b"message-id", b"from", b"date", b"subject", b"in-reply-to", b"references")
# Written by mailbox programs into their copies, after the fact.
_NOT_CONTENT: Final = frozenset({b"content-length"})


def hash_content(data: bytes, header: Header) -> bytes:
    """The content hash of a mail; the first of repeated fields counts."""
    known = header.fields
    names = [name for name in _FIELDS if name in known]
    names += sorted(name for name in known if name.startswith(b"content-") and name not in _NOT_CONTENT)
    lines = [name + b":" + b" ".join(known[name][0].split()) for name in names]
    digest = hashlib.sha256(b"\n".join(lines) + b"\n\n")
    digest.update(_without_blanks(data[header.end :]))
    return digest.digest()


def derive_msgid(content_hash: bytes) -> str:
    """The id of a mail that has none: the same for each copy of it."""
    return f"{content_hash.hex()[:32]}@{DERIVED_DOMAIN}"


def _without_blanks(body: bytes) -> bytes:
    if b" \n" in body or b"\t\n" in body:
        body = b"\n".join([line.rstrip(b" \t") for line in body.split(b"\n")])
    return body.rstrip(b" \t\n")
