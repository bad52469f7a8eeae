"""The bytes of an attachment, out of the raw mail that it stayed in."""

from __future__ import annotations

import hashlib

from gateway.mail.message import Attachment
from gateway.parse.lines import split_lines
from gateway.parse.transfer import decode_transfer

_ENCODINGS = ("base64", "quoted-printable", "8bit")


def attachment_bytes(raw: bytes, attachment: Attachment) -> bytes:
    """What `attachment` holds, decoded. Its hash tells which transfer encoding it had; ValueError: not of this mail."""
    encoded = split_lines(raw[attachment.start : attachment.end]).data
    for encoding in _ENCODINGS:
        decoded = decode_transfer(encoded, encoding)
        if hashlib.sha256(decoded).hexdigest() == attachment.sha256:
            return decoded
    raise ValueError("this attachment is not in this mail")
