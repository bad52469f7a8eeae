"""What proves that a mail is by the one whose address stands in From (design 7). In: `Evidence`. Out: a `Proof`. Pure.

Proof is one of: the author logged in (SMTP AUTH); the mail went to an address with a token of that member; it came from a
network that the operator trusts; a domain that From belongs to signed it (DKIM), or the mail server in front of us found so
(Authentication-Results: DMARC, DKIM, SPF). All of them need one plain address in From: of two, nobody can tell which counts.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

from gateway.mail.address import Address
from gateway.mail.forum import Member
from gateway.mail.token import Claims
from gateway.parse.authres import Finding
from gateway.people.sender import Proof


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What is known about who sent one mail to one forum.

    `member` is the one whose address stands in From; `is_sure` when From is one plain address (`parse.author`). `account` logged
    in; `claims` are those of a good token of this forum in the recipient's address; `signers` are the domains (d=) of good DKIM
    signatures; `findings` those of the server that we believe.
    """

    author: Address | None
    is_sure: bool
    member: Member | None = None
    account: Address | None = None
    claims: Claims | None = None
    signers: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    is_from_trusted_network: bool = False


def prove(evidence: Evidence) -> Proof:
    """The strongest proof that there is, or none."""
    author, member = evidence.author, evidence.member
    if author is None or not evidence.is_sure:
        return Proof.NONE
    if evidence.account is not None and evidence.account.key in (member.keys if member else (author.key,)):
        return Proof.AUTH
    if evidence.claims is not None and member is not None and evidence.claims.member == member.id.bytes[-4:]:
        return Proof.TOKEN
    if any(is_aligned(signer, author.domain) for signer in evidence.signers):
        return Proof.DKIM
    if any(_says_so(finding, author.domain) for finding in evidence.findings):
        return Proof.RESULTS
    return Proof.NETWORK if evidence.is_from_trusted_network else Proof.NONE


def is_aligned(signer: str, domain: str) -> bool:
    """Whether `signer` may speak for `domain`: it is the same, or above it and no top-level domain.

    Relaxed alignment (RFC 7489 section 3.1) would let a domain below speak too; without a list of public suffixes that would
    let one tenant of a domain speak for all of it.
    """
    ours, its = ascii_domain(domain), signer.lower().rstrip(".")
    if ours is None or not its:
        return False
    return ours == its or ("." in its and ours.endswith(f".{its}"))


def ascii_domain(domain: str) -> str | None:
    """The A-labels of a domain (RFC 5890), or None for one that is not written in its one normal way.

    Label by label and without any mapping: mappings make two domains one.
    """
    labels = []
    for label in domain.lower().split("."):
        if label.isascii():
            labels.append(label)
            continue
        if unicodedata.normalize("NFKC", label) != label:
            return None
        labels.append("xn--" + label.encode("punycode").decode("ascii"))
    return ".".join(labels)


def _says_so(finding: Finding, domain: str) -> bool:
    """Whether a finding is about the domain in From; results without a domain say nothing."""
    if finding.result != "pass":
        return False
    if finding.method == "dmarc":
        return _are_all(finding.all("header.from"), domain, is_exact=True)
    if finding.method == "dkim":
        return _are_all(finding.all("header.d"), domain)
    if finding.method == "spf":
        return _are_all((one.rpartition("@")[2] for one in finding.all("smtp.mailfrom")), domain)
    return False


def _are_all(found: Iterable[str], domain: str, *, is_exact: bool = False) -> bool:
    """Whether there is one domain at least, and each is aligned."""
    domains = list(found)
    ours = ascii_domain(domain)
    return bool(domains) and all(one == ours if is_exact else is_aligned(one, domain) for one in domains)
