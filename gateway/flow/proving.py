"""Gathers what proves who sent a mail (design 7): tokens, networks, Authentication-Results, DKIM signatures.

In: a mail with its envelope, and what this installation believes. Out: `people.proof.Evidence`. DKIM waits for the DNS and
computes: it is done by a few threads beside the one that keeps, before a mail goes there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Final

from gateway.mail.envelope import Envelope, Raw, Via
from gateway.mail.forum import Destination, Forum, Member, Posting, Purpose, Who
from gateway.mail.message import Message
from gateway.mail.token import Claims, read_token
from gateway.parse.authres import HEAD_MAX, read_results
from gateway.parse.message import parse_message
from gateway.people.proof import Evidence, is_aligned
from gateway.verify.signatures import AskTxt, good_signers, is_signed

Network = IPv4Network | IPv6Network
THREADS: Final = 8
# Purposes of addresses with a token that names a member.
_OF_MEMBER = frozenset({Purpose.ENTRY, Purpose.DIGEST, Purpose.UP, Purpose.DOWN, Purpose.REPORT})
_FOR_ANYBODY = frozenset({Purpose.BOUNCES, Purpose.OWNER})


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What this installation takes as proof. `key` is that of our tokens; mail from `trusted` networks is by who it says;
    results of the server `authserv_id` are believed of mail that comes from `border`; `ask` asks the DNS, None: signatures are
    not checked.

    `clock` is monotonic. What was found out about a member is remembered for `memory` seconds. Of one member, and in one forum,
    so many posts an hour are taken where not everybody may post; 0: all.
    """

    key: bytes = b""
    trusted: tuple[Network, ...] = ()
    authserv_id: str = ""
    border: tuple[Network, ...] = ()
    ask: AskTxt | None = None
    clock: Callable[[], float] = lambda: 0.0
    memory: float = 0.0
    posts_of_member: int = 30
    posts_in_forum: int = 600


NO_MEANS = Means()


def is_free(forum: Forum) -> bool:
    """Whether anybody may post anything there, whoever it is."""
    policy = forum.policy
    return policy.posting is Posting.OPEN and policy.start is Who.ANYONE and policy.comment is Who.ANYONE


def needs_sender(destination: Destination) -> bool:
    """Whether it matters who sent a mail to that address."""
    if destination.purpose in _FOR_ANYBODY or (destination.purpose is Purpose.LEAVE and destination.token):
        return False
    # An answer by the address of an entry may be a vote, or a report.
    return destination.purpose is not Purpose.POST or not is_free(destination.forum)


class Prover:
    """One for a receiving process; `close` ends its threads."""

    def __init__(self, means: Means) -> None:
        self._means = means
        self._pool = ThreadPoolExecutor(THREADS, "signatures") if means.ask is not None else None

    def close(self) -> None:
        if self._pool is not None:
            self._pool.shutdown()

    def must_wait(self, envelope: Envelope, raw: Raw, destinations: Sequence[Destination]) -> bool:
        """Whether a mail has a signature that matters, and so must not go to the writer yet."""
        if self._pool is None or self._is_trusted(envelope):
            return False
        head = next(raw.chunks(), b"")
        if not is_signed(head):
            return False
        if any(map(needs_sender, destinations)):
            return True
        # In an open forum it matters only for who wants to be anonymous, and that may be hidden in base64.
        small = head.lower()
        return b"anonymous" in small or b"base64" in small

    def put(self, work: Callable[[], None]) -> None:
        """Has `work` done by one of the threads."""
        assert self._pool is not None
        self._pool.submit(work)

    def signers(
        self, raw: Raw, message: Message | None, destinations: Sequence[Destination], now: datetime
    ) -> tuple[Message, tuple[str, ...]]:
        """The mail, read, and the domain that signed it, if From belongs to it and it matters."""
        data = raw.read()
        message = message or parse_message(data)
        author, ask = message.author_address, self._means.ask
        if author is None or not message.is_author_sure or ask is None:
            return message, ()
        if not message.wants_anonymity and not any(map(needs_sender, destinations)):
            return message, ()
        return message, good_signers(data, lambda signer: is_aligned(signer, author.domain), ask, self._means.clock, now)

    def evidence(
        self,
        envelope: Envelope,
        raw: Raw,
        message: Message,
        destination: Destination,
        member: Member | None,
        signers: tuple[str, ...],
    ) -> Evidence:
        """All that there is for one recipient."""
        means = self._means
        is_at_border = envelope.peer == "" or is_in(envelope.peer, means.border)
        believed = means.authserv_id if is_at_border and message.is_author_sure else ""
        return Evidence(
            author=message.author_address,
            is_sure=message.is_author_sure,
            member=member,
            account=envelope.account,
            claims=self._claims(destination, envelope.received_at),
            signers=signers,
            findings=read_results(next(raw.chunks(), b"")[:HEAD_MAX], believed) if believed else (),
            is_from_trusted_network=self._is_trusted(envelope),
        )

    def _is_trusted(self, envelope: Envelope) -> bool:
        """Whether mail that comes this way is by who it says."""
        return envelope.via is Via.SMTP and is_in(envelope.peer, self._means.trusted)

    def _claims(self, destination: Destination, now: datetime) -> Claims | None:
        if destination.purpose not in _OF_MEMBER or not destination.token or not self._means.key:
            return None
        return read_token(self._means.key, destination.purpose, destination.forum.list_id, destination.token, now)


@lru_cache(maxsize=4096)
def is_in(peer: str, networks: tuple[Network, ...]) -> bool:
    """Whether the address of a client is in one of `networks`; a local socket is in none."""
    if not peer or not networks:
        return False
    try:
        address = ip_address(peer.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return any((mapped or address) in network for network in networks)
