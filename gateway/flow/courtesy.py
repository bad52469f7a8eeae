"""Whether a letter that nobody asked a person for may go out (reliability B0, I5-I7; RFC 3834 sections 2 and 3).

In: the mail that it would answer, and to whom. Out: yes or no. A yes counts. What is remembered for a day is a keyed hash of an
address or network, never the address. Whoever gets no letter is not told so: that would be a letter, and tell who is a member.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from ipaddress import ip_address, ip_network
from typing import Final
from uuid import UUID

from gateway.admit.route import destination_of
from gateway.mail.address import Address, parse_address
from gateway.mail.forum import Forum
from gateway.mail.message import Automation, Message
from gateway.people.courtesy import DEFAULT, Courtesy
from gateway.store import pending
from gateway.store.engine import Transaction
from gateway.store.shelf import Mail

CONFIRMATION: Final = "confirmation"
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
_BULK = frozenset({"bulk", "junk", "list", "auto_reply"})
# A letter to these reaches no person.
_NOBODY = ("noreply", "no-reply", "no_reply", "donotreply", "do-not-reply", "mailer-daemon", "postmaster", "bounce", "daemon")

_OWN = [
    ip_network(text)
    for text in ("10.0.0.0/8", "127.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "::1/128", "fc00::/7", "fe80::/10")
]


def may_answer(message: Message, mail: Mail, forums: Mapping[str, Forum]) -> bool:
    """Whether a letter to the author of `mail` may be an answer to it at all; `forums` as `admit.route` wants them."""
    author = message.author_address
    if author is None or mail.reverse_path is None or message.auto_submitted not in ("", "no"):
        return False
    if message.has_list_fields or message.loop_marks or message.precedence in _BULK:
        return False
    if message.automation is not Automation.NONE:
        return False
    reverse_path = parse_address(mail.reverse_path)
    return not any(is_nobody(one, forums) for one in (author, reverse_path) if one is not None)


def is_nobody(address: Address, forums: Mapping[str, Forum]) -> bool:
    """Whether no person reads mail to `address`: a program does, or we do."""
    return address.local.lower().startswith(_NOBODY) or destination_of(address, forums) is not None


def allowed(
    db: Transaction,
    key: bytes,
    kind: str,
    address: Address,
    now: datetime,
    new_id: Callable[[], UUID],
    *,
    peer: str = "",
    courtesy: Courtesy = DEFAULT,
) -> bool:
    """Whether a letter of that kind may go to `address` now; then it counts. One a day of each kind.

    Of the kind CONFIRMATION there are further limits, and `peer` is the client whose mail it answers.
    """
    limits = [(kind, _subject(key, kind, _mailbox(address)), 1, DAY)]
    if kind == CONFIRMATION:
        limits = [(kind, limits[0][1], courtesy.questions_per_address_and_day, DAY)]
        network = _network(peer)
        if network:
            name = f"{kind} network"
            limits.append((name, _subject(key, name, network), courtesy.questions_per_network_and_hour, HOUR))
        limits.append((f"{kind} all", b"", courtesy.questions_per_hour, HOUR))
    for name, subject, most, window in limits:
        if pending.letters_since(db, name, subject, now - window) >= most:
            return False
    for name, subject, _, _ in limits:
        pending.note_letter(db, name, subject, new_id(), now)
    pending.forget_letters(db, now - DAY)
    return True


def _subject(key: bytes, kind: str, text: str) -> bytes:
    return hmac.new(key, b"\0".join((b"allowance", kind.encode(), text.encode())), hashlib.sha256).digest()


def _mailbox(address: Address) -> str:
    """Sub-addresses (RFC 5233) share a mailbox, and its owner's patience."""
    local, _, domain = address.key.rpartition("@")
    return f"{local.partition('+')[0] or local}@{domain}"


def _network(peer: str) -> str:
    """An IPv4 /24 or IPv6 /64; "" for a relay of our own, behind which everybody would share one limit."""
    try:
        found = ip_address(peer)
    except ValueError:
        return ""
    found = getattr(found, "ipv4_mapped", None) or found
    bits = 24 if found.version == 4 else 64
    is_own = any(found in network for network in _OWN if network.version == found.version)
    return "" if is_own else str(ip_network((found, bits), strict=False))
