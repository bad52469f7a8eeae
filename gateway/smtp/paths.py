"""Arguments of MAIL and RCPT (RFC 5321 sections 4.1.1.2, 4.1.1.3, 4.1.2; RFC 6531 section 3.3).

In: the bytes after the verb, without the line end. Out: a `Path`, or the `Event` that says why not; nothing raises.
The grammar is strict, with one kindness: a blank after the colon, which common tools send. Quoted local parts,
comments, address literals and addresses without angle brackets are refused; a source route is dropped.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache

from gateway.mail.address import DOMAIN_MAX, LOCAL_MAX, Address
from gateway.smtp.replies import Event

PATH_MAX = 256
_SIZE_DIGITS = 20

_ATEXT = rb"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\x80-\xff-]+"
_LABEL = rb"[A-Za-z0-9\x80-\xff](?:[A-Za-z0-9\x80-\xff-]{0,61}[A-Za-z0-9\x80-\xff])?"
_DOMAIN = _LABEL + rb"(?:\." + _LABEL + rb")*"
_ROUTE = rb"(?:@" + _DOMAIN + rb"(?:,@" + _DOMAIN + rb")*:)?"
_MAILBOX = _ROUTE + rb"(?P<local>" + _ATEXT + rb"(?:\." + _ATEXT + rb")*)@(?P<domain>" + _DOMAIN + rb")"
_REST = rb">(?: +(?P<rest>[!-~\x80-\xff][ -~\x80-\xff]*))? *\Z"
# Only to tell why the grammar above did not match.
_QUOTED = re.compile(rb'[A-Za-z]+: ?<(?:@[^:<>]*:)?"')


class Keyword(Enum):
    """Which command the argument belongs to; the value is its whole grammar."""

    FROM = re.compile(rb"FROM: ?<(?:" + _MAILBOX + rb")?" + _REST, re.IGNORECASE)
    TO = re.compile(rb"TO: ?<(?:" + _MAILBOX + rb"|(?P<postmaster>postmaster))" + _REST, re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Path:
    """`address` None is the null reverse-path; `parameters` is what followed, unread."""

    address: Address | None
    parameters: bytes


@dataclass(frozen=True, slots=True)
class Parameters:
    """The parameters of MAIL. `size` is what the client declared, 0 when it did not."""

    size: int = 0
    has_smtputf8: bool = False


NO_PARAMETERS = Parameters()


@lru_cache(maxsize=1024)  # a client names the same few again and again; an argument is at most a line long
def parse_path(argument: bytes, keyword: Keyword, home: str) -> Path | Event:
    """The path in `argument`; a bare `postmaster` recipient is completed with `home` (RFC 5321 section 4.5.1)."""
    match = keyword.value.match(argument)
    if match is None:
        return _flaw(argument, keyword)
    rest = match["rest"] or b""
    local: bytes | None = match["local"]
    if local is None:
        return Path(None if keyword is Keyword.FROM else Address("postmaster", home), rest)
    domain: bytes = match["domain"]
    if match.end("domain") - match.start("local") > PATH_MAX - 2 or len(domain) > DOMAIN_MAX:
        return Event.BAD_PATH
    if len(local) > LOCAL_MAX:
        return Event.BAD_LOCAL_PART
    try:
        return Path(Address(local.decode(), domain.decode()), rest)
    except ValueError:
        return Event.BAD_PATH


def _flaw(argument: bytes, keyword: Keyword) -> Event:
    """What to say of an argument outside the grammar."""
    if not argument.upper().startswith(keyword.name.encode() + b":"):
        return Event.BAD_ARGUMENT
    return Event.BAD_LOCAL_PART if _QUOTED.match(argument) else Event.BAD_PATH


def parse_parameters(text: bytes) -> Parameters | Event:
    """The parameters of MAIL (RFC 1870, RFC 6152, RFC 6531), or why not; each may come once."""
    size, has_smtputf8 = 0, False
    seen: set[bytes] = set()
    for word in text.upper().split(b" "):
        if not word:
            continue
        name, equals, value = word.partition(b"=")
        if name in seen:
            return Event.BAD_ARGUMENT
        seen.add(name)
        if name == b"SIZE":
            if not value.isdigit() or len(value) > _SIZE_DIGITS:
                return Event.BAD_ARGUMENT
            size = int(value)
        elif name == b"BODY":
            if value not in (b"7BIT", b"8BITMIME"):
                return Event.BAD_ARGUMENT
        elif name == b"SMTPUTF8":
            if equals:
                return Event.BAD_ARGUMENT
            has_smtputf8 = True
        else:
            return Event.UNKNOWN_PARAMETER
    return Parameters(size, has_smtputf8)
