"""TXT records from the DNS, kept for as long as the records say. In: a name. Out: its text."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_address


class Resolver:
    """Asks the servers of the system, or `servers`, each ADDRESS or ADDRESS:PORT. May be used by several threads."""

    def __init__(self, servers: Sequence[str] = ()) -> None:
        import dns.nameserver
        import dns.resolver

        self._resolver = dns.resolver.Resolver(configure=not servers)
        self._resolver.cache = dns.resolver.LRUCache(10_000)
        if servers:
            self._resolver.nameservers = [dns.nameserver.Do53Nameserver(*place_of(server)) for server in servers]

    def txt(self, name: str, seconds: float) -> bytes | None:
        """The TXT record of `name`; None when there is none, or no answer in time."""
        import dns.exception

        try:
            answer = self._resolver.resolve(name, "TXT", lifetime=seconds, search=False)
        except (dns.exception.DNSException, OSError, ValueError):
            return None
        for record in answer:
            return b"".join(record.strings)
        return None

    def answers(self, seconds: float) -> bool:
        """Whether a server answers at all, whatever it says."""
        import dns.exception
        import dns.resolver

        try:
            self._resolver.resolve(".", "NS", lifetime=seconds, search=False)
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return True
        except (dns.exception.DNSException, OSError, ValueError):
            return False
        return True


def does_answer(servers: Sequence[str], seconds: float) -> bool:
    """Whether one of `servers`, or of the system's, answers in time; also where there is no file that names any."""
    import dns.exception

    try:
        return Resolver(servers).answers(seconds)
    except (dns.exception.DNSException, OSError):
        return False


def place_of(server: str) -> tuple[str, int]:
    """Address and port (53) of "192.0.2.1", "192.0.2.1:5353", "2001:db8::1" or "[2001:db8::1]:5353"; ValueError for others."""
    host, colon, port = server.rpartition(":")
    if not colon or (":" in host and not host.endswith("]")):
        host, port = server, "53"
    if not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        raise ValueError(f"{server!r} is not ADDRESS:PORT")
    return str(ip_address(host.strip("[]"))), int(port)
