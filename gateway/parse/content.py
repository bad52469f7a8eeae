"""What a part says of itself: Content-Type, -Disposition and -Transfer-Encoding (RFC 2045, 2183, 2231).

In: the `Header` of a message or part. Out: a `Content`. Parameters are read by one linear expression from at most 8 KiB
of each field; the first of repeated parameters counts.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from functools import lru_cache
from urllib.parse import unquote_to_bytes

from gateway.parse.charsets import decode_bytes
from gateway.parse.header import Header
from gateway.parse.limits import FILE_NAME_MAX, STRUCTURED_MAX
from gateway.parse.text import clean_line, cut_bytes
from gateway.parse.words import decode_words

# Each ";" opens a stretch of its own, and within it no two neighbouring classes share a character.
_PARAMETER = re.compile(rb';\s*([^\s;="]+)\s*=\s*(?:"([^"\\]*(?:\\.[^"\\]*)*)|([^;"\s][^;]*))', re.DOTALL)
_QUOTED_PAIR = re.compile(rb"\\(.)", re.DOTALL)
_TYPE = re.compile(rb"\s*([A-Za-z0-9!#$&^_.+-]{1,127}/[A-Za-z0-9!#$&^_.+-]{1,127})\s*(?:;|\(|\Z)")
_TOKEN = re.compile(rb"[A-Za-z0-9_-]+")
_SEGMENTS_MAX = 100
_REMEMBERED_MAX = 300
_UNSAFE_IN_NAMES = re.compile('[\\x00-\\x1f<>:"|?*]')


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """`type` and `encoding` are lower case; `parameters` are those of Content-Type, raw; `name` is a safe file name or ""."""

    type: str = "text/plain"
    parameters: dict[bytes, bytes] = field(default_factory=dict)
    encoding: str = ""
    disposition: str = ""
    name: str = ""

    @property
    def charset(self) -> str:
        return self.parameters.get(b"charset", b"").decode("ascii", "replace")

    @property
    def is_multipart(self) -> bool:
        return self.type.startswith("multipart/")

    @property
    def is_flowed(self) -> bool:
        return self.parameters.get(b"format", b"").lower() == b"flowed"

    @property
    def is_delsp(self) -> bool:
        return self.parameters.get(b"delsp", b"").lower() == b"yes"


def parse_content(header: Header, default: str = "text/plain") -> Content:
    """The Content of a part; `default` is the type when the field is missing or no type (RFC 2046 section 5.1.5)."""
    kind = header.first(b"content-type", STRUCTURED_MAX)
    encoding = header.first(b"content-transfer-encoding", STRUCTURED_MAX)
    disposition = header.first(b"content-disposition", STRUCTURED_MAX)
    if len(kind) + len(encoding) + len(disposition) <= _REMEMBERED_MAX:
        return _remembered(kind, encoding, disposition, default)
    return _read(kind, encoding, disposition, default)


@lru_cache(maxsize=512)
def _remembered(kind: bytes, encoding: bytes, disposition: bytes, default: str) -> Content:
    # A few dozen spellings cover nearly all parts of nearly all mail.
    return _read(kind, encoding, disposition, default)


def _read(kind: bytes, encoding: bytes, disposition: bytes, default: str) -> Content:
    match = _TYPE.match(kind)
    parameters = parse_parameters(kind)
    name = _extended(parse_parameters(disposition), b"filename") or _extended(parameters, b"name")
    return Content(
        type=match[1].decode("ascii").lower() if match else default,
        parameters=parameters,
        encoding=_first_token(encoding),
        disposition=_first_token(disposition),
        name=safe_name(name) if name else "",
    )


def _first_token(value: bytes) -> str:
    token = _TOKEN.search(value)
    return token[0].decode("ascii").lower() if token else ""


def parse_parameters(value: bytes) -> dict[bytes, bytes]:
    """Parameters of a structured field by lower-case name, quotes taken off, not decoded."""
    parameters: dict[bytes, bytes] = {}
    for match in _PARAMETER.finditer(value.replace(b"\n", b"")):
        name, quoted, token = match.groups()
        text = _QUOTED_PAIR.sub(rb"\1", quoted) if quoted is not None else token.rstrip()
        parameters.setdefault(name.lower(), text)
    return parameters


def safe_name(name: str) -> str:
    """A file name fit for showing: no path, no leading dot, NFC, at most 255 bytes with its extension kept; "" for none."""
    name = unicodedata.normalize("NFC", clean_line(name)).replace("\\", "/").rpartition("/")[2]
    name = clean_line(_UNSAFE_IN_NAMES.sub("_", name).lstrip(". "))
    if len(name.encode()) <= FILE_NAME_MAX:
        return name
    stem, dot, extension = name.rpartition(".")
    if not dot or len(extension.encode()) > 16:
        return cut_bytes(name, FILE_NAME_MAX).rstrip()
    return cut_bytes(stem, FILE_NAME_MAX - len(extension.encode()) - 1).rstrip() + dot + extension


def _extended(parameters: dict[bytes, bytes], name: bytes) -> str:
    """A parameter in any of the forms of RFC 2231: name*, name*0*, name*1, ..., or plain with encoded words."""
    if not parameters:
        return ""
    text = _charset_value(parameters.get(name + b"*", b""))
    if not text and name in parameters:
        text = decode_words(parameters[name])
    return text or _joined(parameters, name)


def _joined(parameters: dict[bytes, bytes], name: bytes) -> str:
    pieces: list[bytes] = []
    is_extended = False
    # Some programs count from 1.
    first = int(name + b"*0" not in parameters and name + b"*0*" not in parameters)
    for number in range(first, _SEGMENTS_MAX):
        key = name + b"*%d" % number
        if key + b"*" in parameters:
            is_extended = True
            # A segment without a star is literal; its percent signs are kept from the decoding of the whole.
            pieces.append(parameters[key + b"*"])
        elif key in parameters:
            pieces.append(parameters[key].replace(b"%", b"%25"))
        else:
            break
    joined = b"".join(pieces)
    return _charset_value(joined) if is_extended else decode_words(joined.replace(b"%25", b"%"))


def _charset_value(value: bytes) -> str:
    charset, quote, rest = value.partition(b"'")
    _, second, text = rest.partition(b"'")
    if not quote or not second:
        charset, text = b"", value
    if b"=?" in text:
        # Two encodings at once: the older one is the one that was meant.
        return decode_words(unquote_to_bytes(text))
    return decode_bytes(unquote_to_bytes(text), charset.decode("ascii", "replace"))
