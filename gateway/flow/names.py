"""What the DNS says of us. Pure: facts in, notes out; a machine without DNS, or a gateway at home, is in good health."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.flow.diagnosis import Finding, Grade


@dataclass(frozen=True, slots=True, kw_only=True)
class Domain:
    """A domain of forums: the hosts of its MX and its SPF record; None where nobody could be asked."""

    name: str
    mx: tuple[str, ...] | None
    spf: tuple[str, ...] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """Our own name: its addresses, and the names that these point back to; None where nobody could be asked."""

    name: str
    addresses: tuple[str, ...] | None
    pointers: tuple[str, ...] | None


def check_domain(domain: Domain, hostname: str) -> Finding:
    """One domain of forums; `hostname` is what we call ourselves."""
    name = f"DNS {domain.name}"
    if domain.mx is None or domain.spf is None:
        return Finding(
            name, Grade.NOTE, "was not looked up", "for this check install dig (Debian: bind9-dnsutils), with a resolver"
        )
    if not domain.mx:
        remedy = f"{domain.name}. MX 10 {hostname}."
        return Finding(name, Grade.NOTE, "no MX: mail from outside finds no way, or goes to its address record", remedy)
    mx = f"MX {', '.join(domain.mx)}"
    if not domain.spf:
        remedy = f'{domain.name}. TXT "v=spf1 mx -all", with your relay named in it'
        return Finding(name, Grade.NOTE, f"{mx}; no SPF", remedy)
    return Finding(name, Grade.OK, f"{mx}; {domain.spf[0]}")


def check_host(host: Host) -> Finding:
    """smtp.hostname: others look it up when we speak to them."""
    name = f"DNS {host.name}"
    if host.name == "localhost" or "." not in host.name:
        remedy = "set smtp.hostname before mail goes to others"
        return Finding(name, Grade.NOTE, "is no name that others can look up", remedy)
    if host.addresses is None or host.pointers is None:
        return Finding(name, Grade.NOTE, "was not looked up: there is no resolver, or it does not answer")
    if not host.addresses:
        return Finding(name, Grade.NOTE, "has no address", "make an A or AAAA record, or set smtp.hostname")
    where = ", ".join(host.addresses)
    if host.name.lower() not in (one.lower().rstrip(".") for one in host.pointers):
        return Finding(name, Grade.NOTE, f"{where} does not point back to it", "ask who gave you the address to set its PTR")
    return Finding(name, Grade.OK, f"{where}, and back")
