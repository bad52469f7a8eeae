"""What proves who sent a mail: From as written, each kind of evidence, alignment of domains, Authentication-Results."""

from __future__ import annotations

from datetime import date
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from gateway.mail.address import Address
from gateway.mail.forum import Member
from gateway.mail.token import Claims
from gateway.parse.authres import Finding, parse_field, read_results
from gateway.parse.message import parse_message
from gateway.people.proof import Evidence, is_aligned, prove
from gateway.people.sender import Proof

ANN = Address("ann", "mail.example.org")
OTHER = Address("ann.private", "elsewhere.example")
EVE = Address("eve", "evil.example")
ID = UUID("018f0000-0000-7000-8000-00000badcafe")
MEMBER = Member(
    id=ID,
    forum_id=UUID(int=1),
    address=ANN,
    handle="Ann",
    badge="",
    zone=ZoneInfo("UTC"),
    hour=7,
    form="plain",
    has_digest=True,
    others=(OTHER,),
)
MINE = Claims(b"marker", ID.bytes[-4:], date(2030, 1, 1))
ANOTHERS = Claims(b"marker", b"\0\0\0\1", date(2030, 1, 1))


def found(method: str, result: str = "pass", **properties: str) -> Finding:
    return Finding(method, result, tuple((name.replace("_", "."), value) for name, value in properties.items()))


TWO_DOMAINS = Finding("dmarc", "pass", (("header.from", "mail.example.org"), ("header.from", "x.example")))
USELESS = (found("iprev", policy_iprev="192.0.2.1"), found("arc"), found("auth"))
ALL = {"account": ANN, "claims": MINE, "signers": ("example.org",), "is_from_trusted_network": True}
# Evidence besides From, and what it proves of a mail with a sure From of the member, an unsure one, and one of a stranger.
MATRIX: list[tuple[str, dict[str, object], Proof, Proof]] = [
    ("nothing", {}, Proof.NONE, Proof.NONE),
    ("logged in", {"account": ANN}, Proof.AUTH, Proof.NONE),
    ("logged in by another spelling", {"account": Address("Ann", "MAIL.example.org")}, Proof.AUTH, Proof.NONE),
    ("logged in by a further address", {"account": OTHER}, Proof.AUTH, Proof.NONE),
    ("somebody else logged in", {"account": Address("bob", "mail.example.org")}, Proof.NONE, Proof.NONE),
    ("the stranger logged in", {"account": EVE}, Proof.NONE, Proof.AUTH),
    ("his token", {"claims": MINE}, Proof.TOKEN, Proof.NONE),
    ("another's token", {"claims": ANOTHERS}, Proof.NONE, Proof.NONE),
    ("signed by his domain", {"signers": ("mail.example.org",)}, Proof.DKIM, Proof.NONE),
    ("signed by the domain above", {"signers": ("x.example", "EXAMPLE.org.")}, Proof.DKIM, Proof.NONE),
    ("signed by a domain below", {"signers": ("evil.mail.example.org",)}, Proof.NONE, Proof.NONE),
    ("signed by the top-level domain", {"signers": ("org", "", ".", "example")}, Proof.NONE, Proof.NONE),
    ("signed by a domain that ends alike", {"signers": ("l.example.org", "xample.org")}, Proof.NONE, Proof.NONE),
    ("signed by the stranger's domain", {"signers": ("evil.example",)}, Proof.NONE, Proof.DKIM),
    ("results: dkim", {"findings": (found("dkim", header_d="example.org"),)}, Proof.RESULTS, Proof.NONE),
    ("results: dkim of nobody", {"findings": (found("dkim"),)}, Proof.NONE, Proof.NONE),
    ("results: dkim failed", {"findings": (found("dkim", "fail", header_d="example.org"),)}, Proof.NONE, Proof.NONE),
    (
        "results: one of two signatures",
        {"findings": (found("dkim", header_d="evil.example"), found("dkim", header_d="example.org"))},
        Proof.RESULTS,
        Proof.RESULTS,
    ),
    (
        "results: spf",
        {"findings": (found("spf", smtp_mailfrom="bounce+x@example.org"),)},
        Proof.RESULTS,
        Proof.NONE,
    ),
    ("results: spf of the greeting", {"findings": (found("spf", smtp_helo="mail.example.org"),)}, Proof.NONE, Proof.NONE),
    ("results: spf, another sender", {"findings": (found("spf", smtp_mailfrom="evil.example"),)}, Proof.NONE, Proof.RESULTS),
    ("results: softfail", {"findings": (found("spf", "softfail", smtp_mailfrom="example.org"),)}, Proof.NONE, Proof.NONE),
    ("results: dmarc", {"findings": (found("dmarc", header_from="mail.example.org"),)}, Proof.RESULTS, Proof.NONE),
    ("results: dmarc of the domain above", {"findings": (found("dmarc", header_from="example.org"),)}, Proof.NONE, Proof.NONE),
    (
        "results: dmarc twice",
        {"findings": (TWO_DOMAINS,)},
        Proof.NONE,
        Proof.NONE,
    ),
    (
        "results: of no use",
        {"findings": USELESS},
        Proof.NONE,
        Proof.NONE,
    ),
    ("a trusted network", {"is_from_trusted_network": True}, Proof.NETWORK, Proof.NETWORK),
    (
        "all of it",
        ALL,
        Proof.AUTH,
        Proof.NETWORK,
    ),
]


@pytest.mark.parametrize(("name", "facts", "of_member", "of_stranger"), MATRIX, ids=[row[0] for row in MATRIX])
def test_matrix(name: str, facts: dict[str, object], of_member: Proof, of_stranger: Proof) -> None:
    assert prove(Evidence(author=ANN, is_sure=True, member=MEMBER, **facts)) is of_member  # type: ignore[arg-type]
    assert prove(Evidence(author=EVE, is_sure=True, **facts)) is of_stranger  # type: ignore[arg-type]
    assert prove(Evidence(author=ANN, is_sure=False, member=MEMBER, **facts)) is Proof.NONE  # type: ignore[arg-type]
    assert prove(Evidence(author=None, is_sure=True, **facts)) is Proof.NONE  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("signer", "domain", "is_good"),
    [
        ("example.org", "example.org", True),
        ("xn--bcher-kva.example", "bücher.example", True),
        ("xn--fa-hia.example", "faß.example", True),
        ("fass.example", "faß.example", False),
        ("example.org", "mail。example.org", False),
        ("xn--bcher-kva.example", "bu\u0308cher.example", False),
        ("com", "com", True),
        ("", "example.org", False),
        ("example.org", "notexample.org", False),
    ],
)
def test_alignment(signer: str, domain: str, is_good: bool) -> None:
    assert is_aligned(signer, domain) is is_good


FROM = [
    (b"From: Ann <ann@x.example>", True),
    (b"From: ann@x.example", True),
    (b"From: <ann@x.example>", True),
    (b'From: "Ann, of X (home)" <ann@x.example>', True),
    (b'From: "ann@x.example" <ann@x.example>', True),
    (b"From: =?utf-8?q?J=C3=B6rg?= <ann@x.example>", True),
    (b"From:\r\n Ann\r\n <ann@x.example>", True),
    ("From: Jörg <jörg@bücher.example>".encode(), True),
    (b"X: y", False),
    (b"From: ", False),
    (b"From: Ann", False),
    (b"From: Ann <ann@x.example>\r\nFrom: Eve <eve@x.example>", False),
    (b"From: Ann <ann@x.example>\r\nfrom : Ann <ann@x.example>", False),
    (b"From: ann@x.example, eve@x.example", False),
    (b"From: Ann <ann@x.example>, Eve <eve@x.example>", False),
    (b"From: Friends: ann@x.example;", False),
    (b"From: ann@x.example <eve@y.example>", False),
    (b'From: "ann@x.example" <eve@y.example>', False),
    (b"From: =?utf-8?q?ann=40x.example?= <eve@y.example>", False),
    (b"From: =?utf-8?b?YW5uQHguZXhhbXBsZQ==?=", False),
    (b"From: <ann@x.example><eve@y.example>", False),
    (b"From: ann@x.example (Ann)", False),
    (b"From: Ann (eve@y.example) <ann@x.example>", False),
    (b"From: Ann <ann(c)@x.example>", False),
    (b'From: "ann"@x.example', False),
    (b'From: Ann <"eve@y.example"@x.example>', False),
    (b"From: Ann <@y.example:ann@x.example>", False),
    (b"From: Ann <ann@x.example> Eve", False),
    (b"From: Ann <ann@[192.0.2.1]>", False),
    ("From: Ann <ann＠x.example>".encode(), False),
    ("From: ann＠x.example <eve@y.example>".encode(), False),
    ("From: Ann <ann@x。example>".encode(), False),
    ("From: Ann <ann@x．example>".encode(), False),
    ("From: Ann <ａnn@x.example>".encode(), False),
    ("From: J <jo\u0308rg@x.example>".encode(), False),
    (b"From: Ann <ann@x.example>\r\nno field at all", False),
    (b"From: Ann <ann@x\xff.example>", False),
    (b"From: Ann <ann@x.example>\r\n eve@y.example", False),
    (b"From: Ann\0<ann@x.example>", False),
    (b"From: Ann\r<ann@x.example>", False),
]


@pytest.mark.parametrize(("fields", "is_sure"), FROM)
def test_one_plain_author_or_no_proof(fields: bytes, is_sure: bool) -> None:
    message = parse_message(b"Subject: s\r\n" + fields + b"\r\nDate: x\r\n\r\nText\r\n")
    assert message.is_author_sure is is_sure
    assert message.author_address is not None or not is_sure


OURS = "mx.example.org"
# Fields, in the form that servers of others write, and what they say when mx.example.org wrote them.
FIELDS = [
    ("mx.example.org; none", ""),
    ("mx.example.org 1; none", ""),
    ("MX.example.org; spf=pass smtp.mailfrom=a@b.example", "spf pass smtp.mailfrom a@b.example"),
    ("mx.example.org/x; dkim=pass header.d=b.example", None),
    ("mx.example.org 2; dkim=pass header.d=b.example", None),
    ("mx.example.org.evil.example; dkim=pass header.d=b.example", None),
    ("evil.example; dkim=pass header.d=b.example", None),
    ("evil.example (mx.example.org); dkim=pass header.d=b.example", None),
    ("(c) mx.example.org (c (d\\)) e); (f) dkim (g) = (h) pass (i) header.d (j) = b.example", "dkim pass header.d b.example"),
    ('mx.example.org; dkim=pass reason="good; dkim=fail" header.d=b.example', "dkim pass header.d b.example"),
    ('"mx.example.org"; dkim=pass header.d="b.example"', "dkim pass header.d b.example"),
    ("mx.example.org;\r\n\tdkim=pass\r\n\theader.i=@b.example", "dkim pass header.i @b.example"),
    ("mx.example.org; dkim/1=pass header.d=b.example", "dkim pass header.d b.example"),
    ("mx.example.org; dkim=pass (x; dkim=pass header.d=b.example", None),
    ("mx.example.org; dkim=pass) header.d=b.example", None),
    ('mx.example.org; dkim=pass reason="x header.d=b.example', None),
    ("mx.example.org; dkim=pass header.d=b.example header.b", None),
    ("mx.example.org; dkim=pass header.d==b.example", None),
    ("mx.example.org; =pass header.d=b.example", None),
    ("mx.example.org dkim=pass header.d=b.example", None),
    ("", None),
    (";", None),
    ("mx.example.org", ""),
    ("mx.example.org; dkim=pass header.d=b.example\r\n\x01", None),
]


@pytest.mark.parametrize(("text", "said"), FIELDS)
def test_field(text: str, said: str | None) -> None:
    findings = parse_field(text.encode(), OURS)
    words = "; ".join(" ".join((one.method, one.result, *(w for pair in one.properties for w in pair))) for one in findings)
    assert words == (said or "")


RESULTS = "Authentication-Results: mx.example.org;"
RECEIVED = "Received: from client.example"


@pytest.mark.parametrize(
    ("fields", "results"),
    [
        ([f"{RESULTS} dkim=pass", RECEIVED, "From: a@b.example"], ["dkim pass"]),
        ([RECEIVED, f"{RESULTS} dkim=pass", f"{RESULTS} spf=fail", "From: a@b.example"], ["dkim pass", "spf fail"]),
        # Forged fields come with the mail: below a second Received, or below what our server found by the same method.
        ([f"{RESULTS} dkim=fail", RECEIVED, f"{RESULTS} dkim=pass"], ["dkim fail"]),
        ([f"{RESULTS} dkim=none", f"{RESULTS} dkim=pass; dmarc=pass"], ["dkim none", "dmarc pass"]),
        ([RECEIVED, "From: a@b.example", RECEIVED, f"{RESULTS} dkim=pass"], []),
        ([f"{RESULTS} dkim=fail; dkim=pass"], ["dkim fail", "dkim pass"]),
        (["Authentication-Results: evil.example; dkim=pass", f"X-{RESULTS} dkim=pass"], []),
        (["From: a@b.example", "", f"{RESULTS} dkim=pass"], []),
        (["no field", f"{RESULTS} dkim=pass"], []),
        (["X: " + "x" * 70_000, f"{RESULTS} dkim=pass"], []),
    ],
)
@pytest.mark.parametrize("end", ["\r\n", "\n"])
def test_only_what_our_server_said_counts(fields: list[str], results: list[str], end: str) -> None:
    raw = end.join([*fields, "", "Text", f"{RESULTS} arc=pass", ""]).encode()
    assert [f"{one.method} {one.result}" for one in read_results(raw, OURS)] == results
