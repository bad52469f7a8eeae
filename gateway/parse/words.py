"""Encoded words of header fields (RFC 2047) and header text in no encoding at all.

In: the raw value of an unstructured field, folds and all. Out: str, not yet cleaned (`text.clean_line` does that).
Damaged words are read as far as they go: blanks or "?" within, a missing "?=", a character cut in two between words.
Never used on ids: an encoded word in an id is part of the id.
"""

from __future__ import annotations

import binascii
import re
from itertools import islice

from gateway.parse.charsets import decode_bytes
from gateway.parse.limits import ENCODED_WORDS_MAX
from gateway.parse.transfer import decode_base64

# The classes stop at the delimiter that follows them: no character is looked at twice by one attempt.
_OPENING = re.compile(rb"=\? {0,3}([^?\s=]{0,80}) {0,3}\? {0,3}([bBqQ]) {0,3}\?")
_CUT_BASE64 = re.compile(rb"[A-Za-z0-9+/]*={0,2}")
_CUT_QUOTED = re.compile(rb"[^\s?]*")


def decode_words(value: bytes) -> str:
    """`value` unfolded and decoded; what is no encoded word stays as written."""
    value = value.replace(b"\n", b"")
    openings = list(islice(_OPENING.finditer(value), ENCODED_WORDS_MAX)) if b"=?" in value else []
    if not openings:
        return _decode_plain(value)
    pieces: list[str] = []
    pending = bytearray()
    charset, end = "", 0
    # A word ends before the next one begins, whatever is missing: this also bounds each look for its end.
    limits = [*(opening.start() for opening in openings[1:]), len(value)]
    for count, (opening, limit) in enumerate(zip(openings, limits, strict=True)):
        between = value[end : opening.start()]
        label = opening[1].partition(b"*")[0].decode("ascii", "replace").lower()
        follows = bool(count) and not between.strip()
        # Words of one charset are joined before decoding: many programs cut inside a character.
        if label != charset or not follows:
            pieces.append(decode_bytes(bytes(pending), charset))
            pending.clear()
        if not follows:
            pieces.append(_decode_plain(between))
        is_base64 = opening[2] in b"bB"
        text, end = _content(value, opening.end(), limit, is_base64=is_base64)
        pending += decode_base64(text) if is_base64 else binascii.a2b_qp(text, header=True)
        charset = label
    pieces.append(decode_bytes(bytes(pending), charset))
    pieces.append(_decode_plain(value[end:]))
    return "".join(pieces)


def _content(value: bytes, start: int, limit: int, *, is_base64: bool) -> tuple[bytes, int]:
    """The encoded text that begins at `start` and where the word ends, which is `limit` at the latest."""
    stop = value.find(b"?=", start, limit)
    if stop >= 0:
        return value[start:stop], stop + 2
    # tests/mails/words-damaged.eml: programs that cut a long field cut the end of the word off.
    match = (_CUT_BASE64 if is_base64 else _CUT_QUOTED).match(value, start, limit)
    stop = match.end() if match else start
    return value[start:stop], stop + value.startswith(b"?", stop, limit)


def _decode_plain(value: bytes) -> str:
    # A header field is too short to guess from: UTF-8, or what old programs of Western Europe sent.
    if b"\x1b" in value:
        return decode_bytes(value)
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("cp1252", "replace")
