"""Bodies of letters as bytes (RFC 2045, RFC 2046), made once for all readers; what is personal is filled in at sending.

In: the texts of a rendering, or the bytes of posts. Out: a `Body`, whose lines with a `Placeholder` are encoded when their
values are known. A placeholder stands between two control characters, which `clean` takes out of what strangers write.
"""

from __future__ import annotations

import re
from base64 import encodebytes
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import NamedTuple

from markupsafe import escape

from gateway.render.fields import Field

LINE_MAX = 998
QUOTED_MAX = 76
_TO_QUOTE = re.compile(rb"[=\x00-\x09\x0b-\x1f\x7f-\xff]{1,24}")
# Lines that are too long, that hold what is not printable ASCII, or that something on the way would change.
_NEEDS_QUOTING = re.compile(rb"(?m)^(?:From |.{%d}|[ -<>-~]*[^ -<>-~\n]|.* $).*$" % (QUOTED_MAX + 1))
_BOUNDARY = re.compile(r"[A-Za-z0-9'+_./=-]{1,70}\Z")
NAMES = ("leave_at", "leave")
_PLACE = re.compile(f"\x02({'|'.join(NAMES)})\x03")


class BadBody(Exception):
    """The body cannot be put on the wire as it stands."""


class Placeholder(str):
    """What stands in a rendering for something personal; the only text that keeps its control characters."""

    __slots__ = ()

    def __new__(cls, name: str) -> Placeholder:
        return super().__new__(cls, f"\x02{name}\x03")


def shown(text: str) -> str:
    """`text` with its placeholders as one can look at them: <leave>."""
    return _PLACE.sub(r"<\1>", text)


class _Slot(NamedTuple):
    text: str
    encoding: str
    is_html: bool


class Body(NamedTuple):
    """Content-* fields, and the body in pieces."""

    fields: list[Field]
    pieces: tuple[bytes | _Slot, ...]

    def filled(self, values: Mapping[str, str]) -> bytes:
        """The bytes, with `values` for the placeholders. KeyError for one that is missing."""
        return b"".join(piece if isinstance(piece, bytes) else _fill(piece, values) for piece in self.pieces)


def text_body(text: str) -> Body:
    """Plain text."""
    return _text("text/plain", text, is_html=False)


def alternative_body(text: str, html: str, boundary: str) -> Body:
    """Text and HTML of the same. Raises BadBody for a boundary that is none, or occurs in it."""
    if not _BOUNDARY.match(boundary) or boundary in text or boundary in html:
        raise BadBody("the boundary is not one, or occurs in the text")
    parts = (text_body(text), _text("text/html", _to_ascii(html), is_html=True))
    return _multipart("multipart/alternative", parts, boundary)


def mime_digest_body(text: str, messages: Iterable[bytes], boundary: str) -> Body:
    """Text, then whole mails as a multipart/digest (RFC 2046 section 5.1.5): a mail program opens and answers each by itself."""
    inner = f"{boundary}.d"
    parts = [Body([], (b"\r\n", message)) for message in messages]
    is_8bit = any(not piece.isascii() for part in parts for piece in part.pieces if isinstance(piece, bytes))
    if boundary in text or any(boundary.encode() in part.pieces[1] for part in parts):
        raise BadBody("the boundary occurs in the text")
    extra = [Field("Content-Transfer-Encoding", ("8bit",))] if is_8bit else []
    # The blank line before a mail says that its part has no header: in a digest it is a message/rfc822 (RFC 2046).
    digest = _multipart("multipart/digest", parts, inner, extra, has_headers=False)
    return _multipart("multipart/mixed", (text_body(text), digest), boundary, extra)


def attached_body(text: str, mails: Iterable[tuple[str, bytes]], boundary: str) -> Body:
    """Text, and whole mails attached to it by name (RFC 2046 section 5.2.1). Raises BadBody for a boundary that occurs in it."""
    parts = [text_body(text)]
    extra: list[Field] = []
    for name, mail in mails:
        if boundary.encode() in mail:
            raise BadBody("the boundary occurs in a mail")
        is_8bit = not mail.isascii()
        eight = [Field("Content-Transfer-Encoding", ("8bit",))] if is_8bit else []
        extra = extra or eight
        fields = [
            Field("Content-Type", ("message/rfc822",)),
            *eight,
            Field("Content-Disposition", ("attachment;", f'filename="{name}"')),
        ]
        parts.append(Body(fields, (mail,)))
    if boundary in text or not _BOUNDARY.match(boundary):
        raise BadBody("the boundary is not one, or occurs in the text")
    return _multipart("multipart/mixed", parts, boundary, extra)


def _multipart(kind: str, parts: Iterable[Body], boundary: str, extra: Iterable[Field] = (), *, has_headers: bool = True) -> Body:
    pieces: list[bytes | _Slot] = []
    line = f"--{boundary}\r\n".encode()
    for part in parts:
        header = b"".join(field.serialise() for field in part.fields) + b"\r\n" if has_headers else b""
        pieces += [line + header, *part.pieces]
        # The line end before a boundary belongs to it: a mail keeps its own.
        if not has_headers or not (isinstance(pieces[-1], bytes) and pieces[-1].endswith(b"\r\n")):
            pieces.append(b"\r\n")
    pieces.append(f"--{boundary}--\r\n".encode())
    return Body([Field("Content-Type", (f"{kind};", f'boundary="{boundary}"')), *extra], tuple(_merged(pieces)))


def _merged(pieces: Iterable[bytes | _Slot]) -> Iterator[bytes | _Slot]:
    run: list[bytes] = []
    for piece in pieces:
        if isinstance(piece, bytes):
            run.append(piece)
            continue
        if run:
            yield b"".join(run)
            run = []
        yield piece
    if run:
        yield b"".join(run)


def _text(kind: str, text: str, *, is_html: bool) -> Body:
    encoding = _encoding(_PLACE.sub("", text))
    charset = "us-ascii" if encoding == "7bit" else "utf-8"
    fields = [Field("Content-Type", (f"{kind};", f"charset={charset}")), Field("Content-Transfer-Encoding", (encoding,))]
    if encoding == "base64":
        # Its lines are not those of the text.
        whole = _Slot(text, encoding, is_html)
        return Body(fields, (whole,) if _PLACE.search(text) else (_fill(whole, {}),))
    pieces: list[bytes | _Slot] = []
    done = 0
    for place in _PLACE.finditer(text):
        start = text.rfind("\n", 0, place.start()) + 1
        if start < done:
            # The second one of its line.
            continue
        end = text.find("\n", place.end())
        end = end if end >= 0 else len(text)
        pieces += [_encode(text[done:start], encoding)] if start > done else []
        pieces.append(_Slot(text[start:end], encoding, is_html))
        done = end + 1
    return Body(fields, (*pieces, _encode(text[done:], encoding)) if done < len(text) else tuple(pieces))


def _fill(slot: _Slot, values: Mapping[str, str]) -> bytes:
    def value(match: re.Match[str]) -> str:
        text = values[match[1]]
        return str(escape(text)) if slot.is_html else text

    return _encode(_PLACE.sub(value, slot.text), slot.encoding)


def _to_ascii(html: str) -> str:
    """Character references instead of UTF-8 where that is not longer than base64 would be: such a page needs no encoding."""
    # Blanks at line ends mean nothing in HTML, and a "From " there can be spelt otherwise: then it needs no encoding either.
    data = html.encode("ascii", "xmlcharrefreplace").replace(b"\nFrom ", b"\n&#70;rom ")
    while b" \n" in data:
        data = data.replace(b" \n", b"\n")
    return data.decode("ascii") if len(data) * 4 < len(html) * 5 else html


def _encoding(text: str) -> str:
    """As it stands when it can be; quoted-printable while most of it stays readable; else base64."""
    data = _as_bytes(text)
    is_plain = data.isascii() and b" \n" not in data and not has_long_line(data, LINE_MAX)
    # A mailbox file would put ">" before "From ", and break a signature.
    if is_plain and b"\nFrom " not in data and not data.startswith(b"From "):
        return "7bit"
    return "base64" if len(text) * 6 < len(data) * 5 else "quoted-printable"


def _encode(text: str, encoding: str) -> bytes:
    data = _as_bytes(text)
    if encoding == "7bit":
        return data.replace(b"\n", b"\r\n")
    if encoding == "base64":
        return encodebytes(data.replace(b"\n", b"\r\n")).replace(b"\n", b"\r\n")
    return _quote(data).replace(b"\n", b"\r\n")


def _as_bytes(text: str) -> bytes:
    data = text.encode("utf-8", "replace").replace(b"\r", b"").replace(b"\0", b"")
    return data if data.endswith(b"\n") else data + b"\n"


def has_long_line(data: bytes, most: int) -> bool:
    """Whether more than `most` octets come without LF; looks at one line in each thousand octets only."""
    start = 0
    while len(data) - start > most:
        end = data.rfind(b"\n", start, start + most + 1)
        if end < 0:
            return True
        start = end + 1
    return False


def _quote(data: bytes) -> bytes:
    """RFC 2045 section 6.7, ten times as fast as binascii where most of the text needs nothing."""
    return _NEEDS_QUOTING.sub(lambda match: _break(match[0]), data)


def _break(line: bytes) -> bytes:
    line = _TO_QUOTE.sub(lambda match: _hex(match[0]), line)
    if line.startswith(b"From "):
        line = b"=46" + line[1:]
    if line.endswith(b" "):
        line = line[:-1] + b"=20"
    pieces: list[bytes] = []
    start = 0
    while len(line) - start > QUOTED_MAX:
        cut = start + QUOTED_MAX - 1
        mark = line.rfind(b"=", cut - 2, cut)
        cut = mark if mark >= 0 else cut
        pieces.append(line[start:cut])
        start = cut
    return b"=\n".join([*pieces, line[start:]])


@lru_cache(maxsize=256)
def _hex(run: bytes) -> bytes:
    return b"=" + run.hex("=").upper().encode()
