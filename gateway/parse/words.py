"""Encoded words of header fields (RFC 2047) and header text in no encoding at all.

In: the raw value of an unstructured field, folds and all. Out: str, not yet cleaned (`text.clean_line` does that).
Never used on ids: an encoded word in an id is part of the id.
"""

from __future__ import annotations

import binascii
import re

from gateway.parse.charsets import decode_bytes
from gateway.parse.limits import ENCODED_WORDS_MAX
from gateway.parse.transfer import decode_base64

# Each class stops at the delimiter that follows it: no character is looked at twice by one attempt.
_WORD = re.compile(rb"=\?([^?\s]{1,80})\?([bBqQ])\?([^?\n]*)\?=")


def decode_words(value: bytes) -> str:
    """`value` unfolded and decoded; what is no well-formed encoded word stays as written."""
    value = value.replace(b"\n", b"")
    if b"=?" not in value:
        return _decode_plain(value)
    pieces: list[str] = []
    pending = bytearray()
    charset, end = "", 0
    for count, word in enumerate(_WORD.finditer(value)):
        if count == ENCODED_WORDS_MAX:
            break
        between = value[end : word.start()]
        label = word[1].partition(b"*")[0].decode("ascii", "replace").lower()
        follows = bool(count) and not between.strip()
        # Words of one charset are joined before decoding: many programs cut inside a character.
        if label != charset or not follows:
            pieces.append(decode_bytes(bytes(pending), charset))
            pending.clear()
        if not follows:
            pieces.append(_decode_plain(between))
        pending += decode_base64(word[3]) if word[2] in b"bB" else binascii.a2b_qp(word[3], header=True)
        charset, end = label, word.end()
    pieces.append(decode_bytes(bytes(pending), charset))
    pieces.append(_decode_plain(value[end:]))
    return "".join(pieces)


def _decode_plain(value: bytes) -> str:
    # A header field is too short to guess from: UTF-8, or what old programs of Western Europe sent.
    if b"\x1b" in value:
        return decode_bytes(value)
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("cp1252", "replace")
