"""Content transfer encodings (RFC 2045 section 6): encoded bytes in, decoded bytes out, never longer than they came.

Damage is read as far as it goes. uuencode and yEnc are no transfer encodings of MIME and stay as they are.
"""

from __future__ import annotations

import binascii
import re

_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_FOREIGN = bytes(code for code in range(256) if code not in _ALPHABET)
# The run of blanks is entered only from a "=", so no blank is looked at twice.
_BLANKS_AFTER_SOFT_BREAK = re.compile(rb"=[ \t]+\n")


def decode_transfer(data: bytes, encoding: str) -> bytes:
    """`data` (LF ends) decoded by the lower-case name of its encoding; unknown names leave it as it is."""
    if encoding == "base64":
        return decode_base64(data)
    if encoding == "quoted-printable":
        return decode_quoted_printable(data)
    return data


def decode_base64(data: bytes) -> bytes:
    """Characters outside of the alphabet are skipped, a missing padding is supplied, a lone last character dropped."""
    try:
        return binascii.a2b_base64(data)
    except binascii.Error:
        clean = data.translate(None, _FOREIGN)
        if len(clean) % 4 == 1:
            clean = clean[:-1]
        return binascii.a2b_base64(clean + b"=" * (-len(clean) % 4))


def decode_quoted_printable(data: bytes) -> bytes:
    """Escapes that are none stay as written; blanks after a soft line break are dropped (RFC 2045 section 6.7, rule 3)."""
    if b"\r" in data:
        # The standard library skips to the next LF after "=\r", text and all.
        data = data.replace(b"\r", b"\n")
    if b"= " in data or b"=\t" in data:
        data = _BLANKS_AFTER_SOFT_BREAK.sub(b"=\n", data)
    return binascii.a2b_qp(data)
