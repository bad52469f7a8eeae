"""Header fields of our letters as bytes (RFC 5322 section 2.2, RFC 2047, RFC 6532). No template comes near them.

In: names of ours and values that may hold strangers' text. Out: folded lines with CRLF ends. We write them ourselves
because the standard library folds long ids and List-* fields into encoded words (CPython issue 79986), after which
programs lose the thread, and because its injection checks differ between versions. A value with a control character
is a broken promise of the caller: `BadField`.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from gateway.mail.address import Address

LINE = 78
# A line with an encoded word has at most 76 characters, twelve of them for "=?utf-8?b?" and "?=" (RFC 2047 section 2).
_WORD_BYTES = 45
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]*\Z")
_PLAIN = re.compile(r"[A-Za-z0-9 !#$%&'*+/=?^_`{|}~-]*\Z")
_MSGID = re.compile(r"[^\s<>\x00-\x20\x7f]+\Z")


class BadField(Exception):
    """A header field would hold what no header field may hold."""


@dataclass(frozen=True, slots=True)
class Field:
    """One header field; `tokens` are the pieces between which it may be folded."""

    name: str
    tokens: tuple[str, ...]

    def __post_init__(self) -> None:
        if not _NAME.match(self.name):
            raise BadField("a field name is not one")
        if not any(self.tokens) or any(not token or _CONTROL.search(token) for token in self.tokens):
            raise BadField(f"the value of {self.name} is empty or holds control characters")

    def serialise(self) -> bytes:
        """The field with its CRLF. Non-ASCII stays as UTF-8: only addresses can bring it here (SMTPUTF8)."""
        lines = [f"{self.name}: {self.tokens[0]}"]
        for token in self.tokens[1:]:
            if len(lines[-1]) + 1 + len(token) > LINE:
                lines.append(f" {token}")
            else:
                lines[-1] += f" {token}"
        return "\r\n".join(lines).encode() + b"\r\n"


def text_field(name: str, text: str) -> Field:
    """Unstructured text, such as a subject; encoded words where it is not ASCII, or could be read as one."""
    words = tuple(text.split(" "))
    is_plain = text.isascii() and "=?" not in text and all(words) and max(map(len, words)) < LINE - len(name)
    return Field(name, words if is_plain else tuple(_encoded_words(name, text)))


def address_field(name: str, address: Address, display: str = "") -> Field:
    """One mailbox, with a display name that may be any text."""
    if not display:
        return Field(name, (f"<{address}>" if name == "Reply-To" else str(address),))
    if not display.isascii() or "=?" in display or len(display) > LINE - len(name) - 4:
        return Field(name, (*_encoded_words(name, display), f"<{address}>"))
    quoted = display.replace("\\", "\\\\").replace('"', '\\"')
    return Field(name, (f'"{quoted}"', f"<{address}>"))


def id_field(name: str, msgids: Iterable[str]) -> Field:
    """Message-ID or References: ids go out whole, never encoded."""
    tokens = tuple(f"<{msgid}>" for msgid in msgids)
    if any(not _MSGID.match(token[1:-1]) for token in tokens):
        raise BadField(f"{name} holds what is no msgid")
    return Field(name, tokens)


def is_msgid(text: str) -> bool:
    """Whether `id_field` takes it."""
    return _MSGID.match(text) is not None and _CONTROL.search(text) is None


def link_field(name: str, link: str) -> Field:
    """A List-* field of RFC 2369: one link in angle brackets."""
    return Field(name, (f"<{link}>",))


def phrase(text: str) -> str:
    """`text` as it may stand before the angle brackets of a List-Id (RFC 2919): a quoted string, or nothing."""
    return f'"{text}"' if text and _PLAIN.match(text) and len(text) <= LINE - 12 else ""


def _encoded_words(name: str, text: str) -> Iterator[str]:
    if _CONTROL.search(text):
        raise BadField(f"the value of {name} holds control characters")
    word = b""
    room = _WORD_BYTES - len(name)
    for char in text:
        piece = char.encode()
        if len(word) + len(piece) > room:
            yield f"=?utf-8?b?{b64encode(word).decode()}?="
            word, room = b"", _WORD_BYTES
        word += piece
    yield f"=?utf-8?b?{b64encode(word).decode()}?="
