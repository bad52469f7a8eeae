"""Who wrote it and when: From and Date (RFC 5322 sections 3.6.1 and 3.6.2). The home of mail-parser.

In: the raw fields, at most 8 KiB of each. Out: a display name that is safe to show, an `Address` or None, an aware UTC
instant or None. Fields of the plain shape (`Name <address>`, a date as the RFC writes it) are read here, in a tenth of the
time; everything else is mail-parser's, given a message of these two fields only. A test holds both to the same answers.
"""

from __future__ import annotations

import re
import unicodedata
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.message import Message as Compat32Message
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Final

from gateway.mail.address import Address, parse_address
from gateway.parse.header import Header
from gateway.parse.limits import AUTHOR_NAME_MAX, STRUCTURED_MAX
from gateway.parse.text import clean_line
from gateway.parse.words import decode_words

FIRST_YEAR: Final = 1990
# "ann at example.org (Ann)": how the text archives of Pipermail write an author.
_OF_PIPERMAIL = re.compile(
    rb"[ \t]*<?([A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}) at ([A-Za-z0-9.-]{1,255})>?[ \t]*(?:\(([^\n]{0,400})\))?[ \t]*\Z"
)
_KNOWN_MAX: Final = 200
_SIGNS = re.compile(r"[-_.\s]")

_PLAIN_FROM = re.compile(
    rb'[ \t]*(?:"([^"\\\n]{0,200})"|([^"<>(),:;@\[\]\\\n]{0,400}))[ \t]*'
    rb"<([A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@[A-Za-z0-9.-]{1,255})>[ \t]*\Z"
)
# One mailbox and nothing that two programs could read in two ways: no comments, no second "@" outside of quotes.
_SURE_FROM = re.compile(
    r'[ \t]*(?:"((?:[^"\\\x00-\x08\x0a-\x1f]|\\[\x20-\x7e]){0,200})"|([^"<>(),:;@\[\]\\\x00-\x08\x0a-\x1f]{0,400}))[ \t]*'
    r'<([^\s"<>(),:;@\[\]\\]{1,64}@[^\s"<>(),:;@\[\]\\]{1,255})>[ \t]*\Z'
)
_BARE_FROM = re.compile(r'[ \t]*([^\s"<>(),:;@\[\]\\]{1,64}@[^\s"<>(),:;@\[\]\\]{1,255})[ \t]*\Z')
# What some programs take for "@" or ".".
_AT_SIGNS: Final = "@\uff20\ufe6b"
_OTHER_SIGNS = re.compile("[\uff20\ufe6b\u3002\uff0e\uff61\ufe52\u2024]")
_MONTHS: Final = (b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec")
_PLAIN_DATE = re.compile(
    rb"[ \t]*(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),[ \t]{1,3})?([0-9]{1,2})[ ](Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
    rb"[ ]([0-9]{4})[ ]([0-9]{2}):([0-9]{2})(?::([0-5][0-9]))?[ ]([+-])([0-9]{2})([0-5][0-9])[ \t]*(?:\([^()\\]{0,60}\))?[ \t]*\Z"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Author and date of a mail; `has_failed`: mail-parser raised and our own reading had to do.

    `is_sure`: there is one From with one mailbox, which every program reads alike; only then can a proof be about it.
    """

    name: str = ""
    address: Address | None = None
    date: datetime | None = None
    has_failed: bool = False
    is_sure: bool = False


def parse_origin(header: Header, *, is_plain_only: bool = False) -> Origin:
    """From and Date of a mail; never raises. `is_plain_only` leaves what is not plain unread."""
    author, date = header.first(b"from", STRUCTURED_MAX), header.first(b"date", STRUCTURED_MAX)
    # People write more than once.
    who = _known_from(author) if len(author) <= _KNOWN_MAX else read_plain_from(author)
    when = read_plain_date(date)
    has_failed = False
    if not is_plain_only and ((author and who is None) or (date and when is None)):
        try:
            found, instant = read_by_mail_parser(author, date)
        except Exception:  # noqa: BLE001 - it raises what it likes: AttributeError, HeaderParseError, ValueError
            found, instant, has_failed = _read_loosely(author), None, True
        who = who if who is not None else found
        when = when if when is not None else instant
    name, address = who or ("", None)
    if when is not None and when.year < FIRST_YEAR:
        when = None
    is_sure = address is not None and _is_sure(header) and _sure_address(author) == address
    return Origin(name=_shown(name, address), address=address, date=when, has_failed=has_failed, is_sure=is_sure)


def _is_sure(header: Header) -> bool:
    """Whether there is one From, in a header that nobody reads to another end."""
    return len(header.all(b"from")) == 1 and header.has_separator and not header.is_cut


@lru_cache(maxsize=4096)
def _sure_address(value: bytes) -> Address | None:
    """The address of a From field that can be read in one way only, else None."""
    try:
        text = value.replace(b"\n", b"").decode()
    except UnicodeDecodeError:
        return None
    match = _SURE_FROM.match(text)
    bare = _BARE_FROM.match(text) if match is None else None
    if match is None and bare is None:
        return None
    name, found = (match[1] or match[2] or "", match[3]) if match is not None else ("", bare[1] if bare else "")
    shown = decode_words(name.encode()).strip()
    if any(sign in shown for sign in _AT_SIGNS) and shown.casefold() != found.casefold():
        # A name that is somebody else's address.
        return None
    if _OTHER_SIGNS.search(found) or unicodedata.normalize("NFKC", found) != found:
        return None
    return parse_address(found)


def read_plain_from(value: bytes) -> tuple[str, Address | None] | None:
    """Name and address of a From of the plain shape, else None."""
    match = _PLAIN_FROM.match(value.replace(b"\n", b""))
    if match is None:
        return None
    quoted, words, text = match.groups()
    local, _, domain = text.decode("ascii").partition("@")
    try:
        address = Address(local, domain)
    except ValueError:
        return None
    return decode_words(quoted if quoted is not None else words), address


_known_from = lru_cache(maxsize=4096)(read_plain_from)


def read_plain_date(value: bytes) -> datetime | None:
    """The UTC instant of a Date as RFC 5322 writes it today, else None."""
    match = _PLAIN_DATE.match(value)
    if match is None:
        return None
    day, month, year, hour, minute, second, sign, hours, minutes = match.groups()
    offset = timedelta(minutes=int(hours) * 60 + int(minutes))
    with suppress(ValueError, OverflowError):
        local = datetime(int(year), _MONTHS.index(month) + 1, int(day), int(hour), int(minute), int(second or 0), tzinfo=UTC)
        return local + offset if sign == b"-" else local - offset
    return None


def read_by_mail_parser(author: bytes, date: bytes) -> tuple[tuple[str, Address | None] | None, datetime | None]:
    """The same by mail-parser; raises whatever it raises."""
    from mailparser import MailParser

    message = Compat32Message()
    if author:
        message["From"] = _as_text(author)
    if date:
        message["Date"] = _as_text(date)
    mail = MailParser(message)
    instant = mail.date if date else None
    when = instant.astimezone(UTC) if isinstance(instant, datetime) and instant.tzinfo is not None else _without_zone(date)
    if (archived := _OF_PIPERMAIL.match(author)) is not None:
        address = parse_address(f"{archived[1].decode('ascii')}@{archived[2].decode('ascii')}")
        return (decode_words(archived[3] or b""), address), when
    for name, text in mail.from_ if author else []:
        address = parse_address(text)
        if address is not None:
            return (decode_words(str(name).encode("utf-8", "replace")), address), when
    # tests/mails/from-without-domain.eml: there is a name to show, and nobody to write to.
    return ((_read_loosely(author)[0], None) if author else None), when


def _without_zone(value: bytes) -> datetime | None:
    """A date of the nineties, or of an archive: without a zone it is UTC (RFC 5322 section 4.3)."""
    with suppress(ValueError, TypeError, OverflowError, IndexError):
        found = parsedate_to_datetime(value.decode("ascii", "replace").strip())
        return found.replace(tzinfo=UTC) if found.tzinfo is None else None
    return None


def _read_loosely(value: bytes) -> tuple[str, Address | None]:
    """The name before the first angle bracket and the address in it, or the field as a whole when it is one."""
    name, bracket, rest = _as_text(value).partition("<")
    if not bracket and name.endswith(":;"):
        # A group of nobody (RFC 6854): our own anonymous posts.
        return decode_words(name[:-2].strip(' "').encode("utf-8", "replace")), None
    if not bracket:
        return "", parse_address(name)
    address = parse_address(rest.partition(">")[0]) if rest.count("@") == 1 else None
    return decode_words(name.strip(' "').encode("utf-8", "replace")), address


def _as_text(value: bytes) -> str:
    text = value.replace(b"\n", b"").replace(b"\r", b"").replace(b"\0", b"")
    try:
        return text.decode().strip()
    except UnicodeDecodeError:
        return text.decode("cp1252", "replace").strip()


def _shown(name: str, address: Address | None) -> str:
    """The display name, "" when there is none or it only repeats the address."""
    name = clean_line(name)[:AUTHOR_NAME_MAX].rstrip()
    if " via " in name and address is not None:
        # A list that puts itself into From, for the sake of DMARC: "NAME via LIST".
        author, _, through = name.rpartition(" via ")
        name = author if _SIGNS.sub("", through).casefold() == _SIGNS.sub("", address.local).casefold() else name
    return "" if "@" in name and address is not None and name.casefold() == str(address).casefold() else name
