"""Whom this gateway believes, for gateway doctor: signatures, results of other servers, networks, keys (design 7). Pure.

In: what the settings say and what was found of it. Out: findings, as in `flow.diagnosis`. A network that is believed is one whose
mail is by whomever it says.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, collapse_addresses
from typing import Final

from gateway.flow.diagnosis import Finding, Grade, Secrets

Network = IPv4Network | IPv6Network
# A wider network than these belongs to many: to a large provider, or to a country.
_WIDEST: Final = {4: 8, 6: 19}


@dataclass(frozen=True, slots=True, kw_only=True)
class Belief:
    """Table [auth] of the settings; `is_near` when we listen at this machine only, `has_library` when DKIM can be checked at all,
    `dns_answers` whether a server of the DNS does: None when none was asked.
    """

    verify_dkim: bool
    has_library: bool
    dns_answers: bool | None
    authserv_id: str
    border: tuple[Network, ...]
    trusted: tuple[Network, ...]
    is_near: bool


def check_signatures(belief: Belief) -> Finding:
    name, nothing = "DKIM of others", "no DKIM signature proves who sent a mail"
    if not belief.verify_dkim:
        return Finding(name, Grade.OK, "not checked: auth.verify_dkim is off")
    if not belief.has_library:
        remedy = "pip install 'thread-gateway[auth]', or set auth.verify_dkim = false"
        return Finding(name, Grade.WARN, f"what it is checked with is not installed: {nothing}", remedy)
    if belief.dns_answers is False:
        remedy = "check auth.dns, or the servers in /etc/resolv.conf; who is not proved otherwise is asked by letter"
        return Finding(name, Grade.WARN, f"no DNS server answers: {nothing}", remedy)
    return Finding(name, Grade.OK, "checked, with keys from the DNS")


def check_results(belief: Belief) -> Finding:
    """Authentication-Results of the mail server in front of us (RFC 8601)."""
    name, server = "results of others", belief.authserv_id
    if not server:
        return Finding(name, Grade.OK, "none are believed: auth.authserv_id is not set")
    if not belief.border:
        remedy = f"auth.border_networks = [the address of {server}]"
        return Finding(name, Grade.WARN, f"auth.border_networks is empty: those of {server} count at a local socket only", remedy)
    remedy = f"auth.border_networks = [the addresses of {server}, and no others]"
    if _is_everybody(belief.border):
        return Finding(name, Grade.FAIL, f"anybody may write results of {server}: auth.border_networks is everybody", remedy)
    if wide := _widest(belief.border):
        return Finding(name, Grade.WARN, f"many may write results of {server}: {wide} is a wide network", remedy)
    if not belief.is_near and all(network.is_loopback for network in belief.border):
        return Finding(name, Grade.NOTE, f"those of {server} count only when it is on this machine: see auth.border_networks")
    return Finding(name, Grade.OK, f"those of {server} are believed, from {_listed(belief.border)}")


def check_trusted(belief: Belief) -> Finding:
    name = "trusted networks"
    if not belief.trusted:
        return Finding(name, Grade.OK, "none")
    remedy = "auth.trusted_networks = [only machines whose users you know]"
    if _is_everybody(belief.trusted):
        return Finding(name, Grade.FAIL, "anybody may write as anybody: auth.trusted_networks is everybody", remedy)
    if wide := _widest(belief.trusted):
        return Finding(name, Grade.WARN, f"many may write as anybody: {wide} is a wide network", remedy)
    return Finding(name, Grade.OK, f"mail from {_listed(belief.trusted)} is by whom it says")


def check_keys(keys: Sequence[Secrets]) -> Iterator[Finding]:
    """The keys that sign what we send, and the one of anonymous posts, where there are any: each is its owner's alone."""
    for key in keys:
        name = f"key {key.path.name}"
        if key.mode is None:
            yield Finding(name, Grade.FAIL, f"{key.path} is missing: no letter goes out", f"gateway dkim new {key.path.stem}")
        elif not key.is_key:
            yield Finding(name, Grade.FAIL, f"{key.path} cannot be read as a key", "let the user of the gateway own it")
        elif key.mode & 0o077:
            remedy = f"chmod 600 {key.path}"
            yield Finding(name, Grade.FAIL, f"{key.path} has mode {key.mode:04o}: others may read it", remedy)
        else:
            yield Finding(name, Grade.OK, f"{key.path} is for its owner alone")


def _is_everybody(networks: Iterable[Network]) -> bool:
    """Whether they are all of one kind of address together."""
    return any(network.prefixlen == 0 for network in _together(networks))


def _widest(networks: Iterable[Network]) -> str:
    """The first that is too wide, alone or with its neighbours; networks for private use are somebody's own."""
    wide = (one for one in _together(networks) if one.prefixlen < _WIDEST[one.version] and not one.is_private)
    return str(next(wide, ""))


def _together(networks: Iterable[Network]) -> list[Network]:
    found = list(networks)
    four = [one for one in found if isinstance(one, IPv4Network)]
    six = [one for one in found if isinstance(one, IPv6Network)]
    return [*collapse_addresses(four), *collapse_addresses(six)]


def _listed(networks: Sequence[Network]) -> str:
    more = f" and {len(networks) - 3} more" if len(networks) > 3 else ""
    return ", ".join(map(str, networks[:3])) + more
