"""Who is connected, and whether one more may be (reliability: connections in all, per network, new per minute).

In: an address of a client and a monotonic time. Out: leave to stay, or the `Event` to say before hanging up.
"""

from __future__ import annotations

from collections import Counter
from ipaddress import IPv6Address

from gateway.smtp.limits import Limits
from gateway.smtp.replies import Event

_MINUTE = 60.0


def network_of(peer: str) -> str:
    """What one client can own: an IPv4 address (mapped ones too) or the /64 of an IPv6 address; "" for a local socket."""
    if ":" not in peer:
        return peer
    try:
        address = IPv6Address(peer.partition("%")[0])
    except ValueError:
        return peer
    mapped = address.ipv4_mapped
    return str(mapped) if mapped else address.packed[:8].hex()


class Callers:
    """Counts of those who are connected. Callers on a local socket are only counted in all."""

    __slots__ = ("_limits", "_minute", "_networks", "_new", "total")

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self.total = 0
        self._networks: Counter[str] = Counter()
        self._new: Counter[str] = Counter()
        self._minute = 0.0

    @property
    def is_crowded(self) -> bool:
        return bool(self._limits.connections) and self.total > self._limits.connections * self._limits.crowded_share

    def enter(self, network: str, now: float) -> Event | None:
        """Counts one more of `network`, or says why it may not stay; who was refused must not `leave`."""
        limits = self._limits
        if network and limits.new_per_network_and_minute:
            if now - self._minute >= _MINUTE:
                self._minute = now
                self._new.clear()
            self._new[network] += 1
            if self._new[network] > limits.new_per_network_and_minute:
                return Event.TOO_MANY_FROM_YOU
        if limits.connections and self.total >= limits.connections:
            return Event.TOO_MANY_CONNECTIONS
        if network and limits.connections_per_network and self._networks[network] >= limits.connections_per_network:
            return Event.TOO_MANY_FROM_YOU
        self.total += 1
        if network:
            self._networks[network] += 1
        return None

    def leave(self, network: str) -> None:
        self.total -= 1
        if network:
            self._networks[network] -= 1
            if not self._networks[network]:
                del self._networks[network]
