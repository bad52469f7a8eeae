"""Bodies of letters as bytes (RFC 2045, RFC 2046), made once for all readers; what is personal is filled in at sending.

In: the texts of a rendering, or the bytes of posts. Out: a `Body`, whose lines with a `Placeholder` are encoded when their
values are known. A placeholder stands between two control characters, which `clean` takes out of what strangers write.
"""

from __future__ import annotations

import re
from base64 import encodebytes
from binascii import b2a_qp
from collections.abc import Iterable, Iterator, Mapping
from string import ascii_letters, digits
from typing import NamedTuple

from markupsafe import escape

from gateway.render.fields import Field
from gateway.render.links import percent
from gateway.render.places import NAMED_PLACE, PLACE, TOKEN, TOKEN_PLACE

LINE_MAX = 998
_BOUNDARY = re.compile(r"[A-Za-z0-9'+_./=-]{1,70}\Z")
_TYPE = re.compile(r"[a-z0-9][a-z0-9.+-]{0,60}/[a-z0-9][a-z0-9.+-]{0,60}\Z")
_OPAQUE = "application/octet-stream"
_PLAIN = frozenset(f"{ascii_letters}{digits}-._ ")
# Characters of a file's name, so that its field keeps to a line.
NAME_MAX = 100
_OPENS = b"\x02"
_NAMED, _TOKEN = (re.compile(place.pattern.encode()) for place in (NAMED_PLACE, TOKEN_PLACE))
# What tokens are made of.
_LETTERS = b"0123456789abcdefghijklmnopqrstuvwxyz"


class BadBody(Exception):
    """The body cannot be put on the wire as it stands."""


class _Slot(NamedTuple):
    text: str
    encoding: str
    is_html: bool


class _Entries(NamedTuple):
    """Encoded lines between which the tokens of these entries go: nothing about a token needs encoding."""

    between: tuple[bytes, ...]
    names: tuple[str, ...]


_Piece = bytes | _Slot | _Entries


class Body(NamedTuple):
    """Content-* fields, and the body in pieces."""

    fields: list[Field]
    pieces: tuple[_Piece, ...]

    def filled(self, values: Mapping[str, str]) -> bytes:
        """The bytes, with `values` for the placeholders. KeyError for one that is missing."""
        return b"".join(piece if isinstance(piece, bytes) else _fill(piece, values) for piece in self.pieces)


def text_body(text: str) -> Body:
    """Plain text."""
    data = _as_bytes(text)
    return _part("text/plain", data, _encoding(data, len(text)), is_html=False)


def alternative_body(text: str, html: str, boundary: str) -> Body:
    """Text and HTML of the same. Raises BadBody for a boundary that is none, or occurs in it."""
    if not _BOUNDARY.match(boundary) or boundary in text or boundary in html:
        raise BadBody("the boundary is not one, or occurs in the text")
    page = _page(html)
    encoding = "7bit" if page.isascii() and not has_long_line(page, LINE_MAX) else _encoding(page, len(html))
    parts = (text_body(text), _part("text/html", page, encoding, is_html=True))
    return _multipart("multipart/alternative", parts, boundary)


class File(NamedTuple):
    """A file to attach; `name` and `type` as somebody gave them."""

    name: str
    type: str
    data: bytes


def files_body(text: str, files: Iterable[File], boundary: str) -> Body:
    """Text and files after it, which are never opened by themselves (RFC 2183). Raises BadBody."""
    parts = [text_body(text)]
    for file in files:
        name = "".join(sign if sign in _PLAIN else "_" for sign in file.name)[:NAME_MAX] or "file"
        kind = file.type if _TYPE.match(file.type) and not file.type.startswith(("multipart/", "message/")) else _OPAQUE
        more = () if name == file.name else (f"filename*=utf-8''{percent(file.name[:60])};",)
        fields = [
            Field("Content-Type", (kind,)),
            Field("Content-Disposition", ("attachment;", *more, f'filename="{name}"')),
            Field("Content-Transfer-Encoding", ("base64",)),
        ]
        parts.append(Body(fields, (encodebytes(file.data).replace(b"\n", b"\r\n"),)))
    if not _BOUNDARY.match(boundary) or boundary in text:
        raise BadBody("the boundary is not one, or occurs in the text")
    return _multipart("multipart/mixed", parts, boundary)


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
    pieces: list[_Piece] = []
    line = f"--{boundary}\r\n".encode()
    for part in parts:
        header = b"".join(field.serialise() for field in part.fields) + b"\r\n" if has_headers else b""
        pieces += [line + header, *part.pieces]
        # The line end before a boundary belongs to it: a mail keeps its own.
        if not has_headers or not (isinstance(pieces[-1], bytes) and pieces[-1].endswith(b"\r\n")):
            pieces.append(b"\r\n")
    pieces.append(f"--{boundary}--\r\n".encode())
    return Body([Field("Content-Type", (f"{kind};", f'boundary="{boundary}"')), *extra], tuple(_merged(pieces)))


def _merged(pieces: Iterable[_Piece]) -> Iterator[_Piece]:
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


def _part(kind: str, data: bytes, encoding: str, *, is_html: bool) -> Body:
    charset = "us-ascii" if encoding == "7bit" else "utf-8"
    fields = [Field("Content-Type", (f"{kind};", f"charset={charset}")), Field("Content-Transfer-Encoding", (encoding,))]
    if encoding == "base64" and _OPENS in data:
        # Its lines are not those of the text.
        return Body(fields, (_Slot(data.decode(), encoding, is_html),))
    pieces: list[_Piece] = []
    for before, line in _around(data, _NAMED):
        pieces += [*_lines(before, encoding), *([_Slot(line.decode(), encoding, is_html)] if line else [])]
    return Body(fields, tuple(pieces))


def _around(data: bytes, places: re.Pattern[bytes]) -> Iterator[tuple[bytes, bytes]]:
    """Each line that holds such a place, without its end, and what stands before it; last what follows, and no line."""
    done = 0
    for place in places.finditer(data):
        if place.start() < done:
            continue
        start, end = data.rfind(b"\n", 0, place.start()) + 1, data.index(b"\n", place.start())
        yield data[done:start], data[start:end]
        done = end + 1
    yield data[done:], b""


def _lines(data: bytes, encoding: str) -> list[_Piece]:
    """Whole lines in which nothing is personal but tokens of entries, of which a page has thousands: encoded in one piece."""
    start, *rest = _TOKEN.split(data)
    if not rest:
        return [_encode(data, encoding)] if data else []
    dummy = next((dummy for letter in _LETTERS if (dummy := bytes([letter]) * TOKEN) not in data), b"")
    names, behind = rest[::2], rest[1::2]
    between = _encode(dummy.join((start, *behind)), encoding).split(dummy) if dummy else []
    if len(between) == len(names) + 1:
        return [_Entries(tuple(between), tuple([name.decode() for name in names]))]
    # A line that is broken within a token is encoded when that is known.
    pieces: list[_Piece] = []
    for before, line in _around(data, _TOKEN):
        pieces += [*_lines(before, encoding), *([_Slot(line.decode(), encoding, is_html=False)] if line else [])]
    return pieces


def _fill(slot: _Slot | _Entries, values: Mapping[str, str]) -> bytes:
    if isinstance(slot, _Entries):
        tokens = [values[name].encode() for name in slot.names]
        return b"".join([piece for pair in zip(slot.between, [*tokens, b""], strict=True) for piece in pair])

    def value(match: re.Match[str]) -> str:
        text = values[match[1]]
        return str(escape(text)) if slot.is_html else text

    return _encode(_as_bytes(PLACE.sub(value, slot.text)), slot.encoding)


def _page(html: str) -> bytes:
    """Character references instead of UTF-8 where that is not longer than base64 would be: such a page needs no encoding."""
    # Blanks at line ends mean nothing in HTML, and a "From " there can be spelt otherwise: then it needs no encoding either.
    data = html.encode("ascii", "xmlcharrefreplace").replace(b"\nFrom ", b"\n&#70;rom ")
    while b" \n" in data:
        data = data.replace(b" \n", b"\n")
    return _mended(data) if len(data) * 4 < len(html) * 5 else _as_bytes(html)


def _encoding(data: bytes, size: int) -> str:
    """As it stands when it can be; quoted-printable while most of its `size` characters stay readable; else base64."""
    is_plain = data.isascii() and b" \n" not in data and not has_long_line(data, LINE_MAX)
    # A mailbox file would put ">" before "From ", and break a signature.
    if is_plain and b"\nFrom " not in data and not data.startswith(b"From "):
        return "7bit"
    return "base64" if size * 6 < len(data) * 5 else "quoted-printable"


def _encode(data: bytes, encoding: str) -> bytes:
    if encoding == "7bit":
        return data.replace(b"\n", b"\r\n")
    if encoding == "base64":
        return encodebytes(data.replace(b"\n", b"\r\n")).replace(b"\n", b"\r\n")
    return _quote(data).replace(b"\n", b"\r\n")


def _as_bytes(text: str) -> bytes:
    return _mended(text.encode("utf-8", "replace"))


def _mended(data: bytes) -> bytes:
    data = data.replace(b"\r", b"").replace(b"\0", b"")
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
    """RFC 2045 section 6.7; a line that would begin with "From " is broken after its first letter."""
    return b2a_qp(b"\n" + data).replace(b"\nFrom ", b"\nF=\nrom ")[1:]
