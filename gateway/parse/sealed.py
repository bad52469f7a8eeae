"""Signed and encrypted parts (RFC 1847, RFC 3156, RFC 8551): which are machinery, and which are a text that is not for us.

In: a part's type, and its first decoded bytes. Out: one line for the reader, or "". Nothing is verified or decrypted; what
is sealed stays a file, for those who have the key.
"""

from __future__ import annotations

from typing import Final

from gateway.parse.content import Content

ENCRYPTED: Final = "[This mail is encrypted. Only those whom it was written to can read it.]"
SIGNED: Final = "[This mail is within its signature (S/MIME). A mail program that knows S/MIME can open it.]"

# What a mail program checks and a reader has no use for.
MACHINERY: Final = frozenset(
    ["application/pkcs7-signature", "application/x-pkcs7-signature", "application/pgp-signature", "application/pgp-encrypted"]
)
_ENVELOPES: Final = frozenset({"application/pkcs7-mime", "application/x-pkcs7-mime"})
# The object identifiers of CMS (RFC 5652) as they stand in the first bytes: pkcs7-signedData, pkcs7-envelopedData and
# id-smime-ct-authEnvelopedData.
_OF_SIGNED: Final = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02"
_OF_ENVELOPED: Final = (b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x03", b"\x06\x0b\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x01\x17")
_LOOKED_AT: Final = 64


def is_envelope(content: Content) -> bool:
    """Whether the part is an S/MIME object that a text may be in."""
    return content.type in _ENVELOPES


def note_on_envelope(content: Content, decoded: bytes) -> str:
    """What to tell of an S/MIME object: by its bytes, else by what its header says; "" for certificates and the like."""
    head = decoded[:_LOOKED_AT]
    kind = content.parameters.get(b"smime-type", b"").lower()
    if any(mark in head for mark in _OF_ENVELOPED):
        return ENCRYPTED
    if _OF_SIGNED in head:
        return "" if kind == b"certs-only" else SIGNED
    return {b"enveloped-data": ENCRYPTED, b"authenveloped-data": ENCRYPTED, b"signed-data": SIGNED}.get(kind, "")
