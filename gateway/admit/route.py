"""Which forum and purpose a forward-path of ours stands for (design 3). Pure: the forums come in as an argument.

Every word works with "-" and with "+"; the longest known forum name wins, since names may hold both. What is not in the
table is not ours: there is no relaying.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from gateway.mail.address import Address
from gateway.mail.forum import Destination, Forum, Purpose

# The people behind a domain must be reachable (RFC 5321 section 4.5.1, RFC 2142).
_PEOPLE = frozenset({"postmaster", "abuse"})
# As list managers spell them.
_WORDS = {
    "owner": Purpose.OWNER,
    "request": Purpose.REQUEST,
    "join": Purpose.JOIN,
    "subscribe": Purpose.JOIN,
    "leave": Purpose.LEAVE,
    "unsubscribe": Purpose.LEAVE,
    "anon": Purpose.ANONYMOUS,
    "bounces": Purpose.BOUNCES,
}
_TOKEN_WORDS = {
    "c": Purpose.ENTRY,
    "d": Purpose.DIGEST,
    "up": Purpose.UP,
    "down": Purpose.DOWN,
    "report": Purpose.REPORT,
    "confirm": Purpose.CONFIRM,
    "undo": Purpose.WITHDRAW,
    "case": Purpose.CASE,
    "bounces": Purpose.BOUNCES,
    "leave": Purpose.LEAVE,
}
_TOKEN = re.compile(rf"({'|'.join(_TOKEN_WORDS)})[-+]([a-z2-7]{{37}})\Z")


def destination_of(address: Address, forums: Mapping[str, Forum]) -> Destination | None:
    """What `address` stands for, or None when it is not ours; `forums` by "name@domain" in lower case."""
    local, domain = address.local.casefold(), address.domain
    if local in _PEOPLE:
        ours = sorted(key for key in forums if key.endswith(f"@{domain}"))
        return Destination(address=address, forum=forums[ours[0]], purpose=Purpose.OWNER) if ours else None
    for end in range(len(local), 0, -1):
        if end < len(local) and local[end] not in "-+":
            continue
        forum = forums.get(f"{local[:end]}@{domain}")
        if forum is not None:
            return _purpose(address, forum, local[end + 1 :]) if end < len(local) else _post(address, forum)
    return None


def _post(address: Address, forum: Forum) -> Destination:
    return Destination(address=address, forum=forum, purpose=Purpose.POST)


def _purpose(address: Address, forum: Forum, rest: str) -> Destination | None:
    purpose = _WORDS.get(rest)
    if purpose is not None:
        return Destination(address=address, forum=forum, purpose=purpose)
    match = _TOKEN.match(rest)
    if match:
        return Destination(address=address, forum=forum, purpose=_TOKEN_WORDS[match[1]], token=match[2])
    return None
