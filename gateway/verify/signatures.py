"""DKIM signatures of mail that comes in (RFC 6376, RFC 8301, RFC 8463).

In: raw, and which domains are of interest. Out: the domains whose signature is good. dkimpy computes; what it would let pass
is decided here first: a signature with l= covers a mail that may go on as anybody likes, one that leaves out From or
Message-ID says nothing about these, SHA-1 is broken. Never raises for what is in a mail.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

SIGNATURES_MAX: Final = 5
SIGNATURE_SIZE_MAX: Final = 4096
RSA_BITS_MIN: Final = 1024
DNS_SECONDS: Final = 2.0
# That of a key of 4096 bits has 740; to compute with one that is much longer would take seconds.
RECORD_MAX: Final = 1024
_ALGORITHMS: Final = frozenset({b"rsa-sha256", b"ed25519-sha256"})
_BLANKS = re.compile(rb"[\t ]+")
_FIELD = re.compile(rb"\r\n(?![ \t])")

# The text of a TXT record within so many seconds; None when there is none, or no answer.
AskTxt = Callable[[str, float], bytes | None]


def is_available() -> bool:
    """Whether the packages are there that signatures are checked with (the extra [auth])."""
    from importlib.util import find_spec

    return all(find_spec(name) is not None for name in ("dkim", "nacl", "dns"))


def is_signed(raw: bytes) -> bool:
    """Whether there is something to check; one linear look at the header."""
    end = raw.find(b"\r\n\r\n")
    return b"\r\ndkim-signature:" in (b"\r\n" + raw[: end if end >= 0 else len(raw)]).lower()


def good_signers(
    raw: bytes, is_wanted: Callable[[str], bool], ask: AskTxt, clock: Callable[[], float], now: datetime
) -> tuple[str, ...]:
    """The first domain (d=, lower case) that is wanted and whose signature of `raw` is good; () when there is none.

    `clock` is monotonic: all questions to the DNS together get two seconds.
    """
    # Field by field from the top, as dkimpy numbers them.
    wanted = [
        (index, tags)
        for index, tags in enumerate(_signatures(raw)[:SIGNATURES_MAX])
        if tags is not None and is_wanted(tags[b"d"].decode("ascii", "replace").lower())
    ]
    until = clock() + DNS_SECONDS

    def ask_in_time(name: bytes | str, timeout: float = DNS_SECONDS) -> bytes | None:
        left = until - clock()
        text = name.decode("ascii", "replace") if isinstance(name, bytes) else name
        record = ask(text, left) if left > 0 else None
        return record if record is not None and len(record) <= RECORD_MAX else None

    for index, tags in wanted:
        if _is_sound(tags, raw, now) and _is_good(_without_runs(raw, tags), index, ask_in_time):
            return (tags[b"d"].decode("ascii").lower(),)
    return ()


def _fields(raw: bytes) -> list[tuple[bytes, bytes]]:
    """Names in lower case and values of the header fields, in order."""
    pieces = (piece.partition(b":") for piece in _FIELD.split(raw.partition(b"\r\n\r\n")[0]))
    return [(name.rstrip(b" \t").lower(), value) for name, _, value in pieces]


def _signatures(raw: bytes) -> list[dict[bytes, bytes] | None]:
    """The tags of each signature from the top; None for one that is too large or not in the grammar."""
    return [_tags(value) for name, value in _fields(raw) if name == b"dkim-signature"]


def _tags(value: bytes) -> dict[bytes, bytes] | None:
    """RFC 6376 section 3.2: tag=value, each once."""
    if len(value) > SIGNATURE_SIZE_MAX:
        return None
    tags: dict[bytes, bytes] = {}
    for part in value.strip().rstrip(b";").split(b";"):
        name, equals, text = part.partition(b"=")
        name = name.strip()
        if not equals or not name or name in tags:
            return None
        tags[name] = text.strip()
    return tags if {b"d", b"h", b"a"} <= tags.keys() else None


def _is_sound(tags: dict[bytes, bytes], raw: bytes, now: datetime) -> bool:
    """Whether a good signature with these tags would say that the mail, as it is, is its domain's."""
    signed = {name.strip().lower() for name in tags[b"h"].split(b":")}
    needed = {b"from"} | ({b"message-id"} & {name for name, _ in _fields(raw)})
    if b"l" in tags or tags[b"a"] not in _ALGORITHMS or not needed <= signed:
        return False
    expires = tags.get(b"x", b"")
    return not expires or (expires.isdigit() and len(expires) < 13 and int(expires) > now.timestamp())


def _without_runs(raw: bytes, tags: dict[bytes, bytes]) -> bytes:
    """The same mail for this signature, cheap to make canonical: dkimpy takes the square of a run of blanks.

    Blanks that the relaxed form makes one anyway are one before, and the empty lines at the end are gone, which neither
    form counts (RFC 6376 section 3.4).
    """
    head, separator, body = raw.partition(b"\r\n\r\n")
    if tags.get(b"c", b"").partition(b"/")[2].strip() == b"relaxed":
        body = _BLANKS.sub(b" ", body)
    else:
        body = body.rstrip(b"\r\n") + b"\r\n"
    return head + separator + body


def _is_good(raw: bytes, index: int, ask: Callable[..., bytes | None]) -> bool:
    import dkim

    try:
        found: Any = dkim.DKIM(raw, minkey=RSA_BITS_MIN).verify(index, dnsfunc=ask)
    except Exception:  # noqa: BLE001 - dkimpy raises what it likes over what strangers write; that is no proof
        return False
    return bool(found)
