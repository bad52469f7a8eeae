"""DKIM signatures of mail that comes in: good ones, each way to be none, the DNS as a fake and as a real server."""

from __future__ import annotations

import base64
import hashlib
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import dkim
import dns.message
import dns.rrset
import pytest
from cryptography.hazmat.primitives import serialization as form
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

from gateway.send.signing import dns_record
from gateway.verify.dns import Resolver, place_of
from gateway.verify.signatures import SIGNATURES_MAX, good_signers, is_signed
from tests.conftest import need_program

NOW = datetime.now(UTC)
RSA = rsa.generate_private_key(65537, 2048)
WEAK = rsa.generate_private_key(65537, 1024)
EDWARDS = ed25519.Ed25519PrivateKey.generate()
RECORDS = {
    "rsa._domainkey.x.example.": dns_record(RSA.public_key()).encode(),
    "weak._domainkey.x.example.": dns_record(WEAK.public_key()).encode(),
    "ed._domainkey.x.example.": dns_record(EDWARDS.public_key()).encode(),
    "gone._domainkey.x.example.": b"v=DKIM1; k=rsa; p=",
    "broken._domainkey.x.example.": b"v=DKIM1; k=rsa; p=@@@@",
    "other._domainkey.x.example.": b"v=DKIM1; k=new; p=AAAA",
    "huge._domainkey.x.example.": b"v=DKIM1; k=rsa; p=" + b"A" * 10_000,
}
MAIL = (
    b"From: Ann <ann@x.example>\r\nTo: town@gw.example\r\nSubject: s\r\nMessage-ID: <1@x.example>\r\n"
    b"Content-Type: text/plain\r\n\r\nHello \t you\r\nA line  \r\n\r\n\r\n"
)
FIELDS = [b"from", b"to", b"subject", b"message-id"]


def signed(raw: bytes = MAIL, selector: str = "rsa", domain: str = "x.example", **more: Any) -> bytes:
    key: Any = {"ed": EDWARDS, "weak": WEAK}.get(selector, RSA)
    if selector == "ed":
        material, algorithm = base64.b64encode(key.private_bytes_raw()), b"ed25519-sha256"
    else:
        material = key.private_bytes(form.Encoding.PEM, form.PrivateFormat.TraditionalOpenSSL, form.NoEncryption())
        algorithm = b"rsa-sha256"
    words = {"include_headers": FIELDS, "signature_algorithm": algorithm, **more}
    signature: bytes = dkim.sign(raw, selector.encode(), domain.encode(), material, **words)
    return signature + raw


def check(
    raw: bytes, *, ask: Callable[[str, float], bytes | None] | None = None, wanted: str = "x.example", **more: Any
) -> tuple[str, ...]:
    look = ask or (lambda name, _: RECORDS.get(name))
    return good_signers(raw, lambda domain: domain == wanted, look, more.get("clock", lambda: 0.0), more.get("now", NOW))


BODIES = [b"Hello \t you\r\nA line  \r\n\r\n\r\n", b"", b"\r\n", b"no end", b"a" + b" " * 5000 + b"\r\n \t\r\n" * 50]


@pytest.mark.parametrize("selector", ["rsa", "ed", "weak"])
@pytest.mark.parametrize(
    "form", [(b"relaxed", b"relaxed"), (b"simple", b"simple"), (b"relaxed", b"simple"), (b"simple", b"relaxed")]
)
@pytest.mark.parametrize(
    "body", [b"Hello \t you\r\nA line  \r\n\r\n\r\n", b"", b"\r\n", b"no end", b"a" + b" " * 5000 + b"\r\n \t\r\n" * 50]
)
def test_good(selector: str, form: tuple[bytes, bytes], body: bytes) -> None:
    raw = MAIL.partition(b"\r\n\r\n")[0] + b"\r\n\r\n" + body
    assert check(signed(raw, selector, canonicalize=form)) == ("x.example",)
    received = b"Received: by mx\r\n" + signed(raw, selector, canonicalize=form)
    assert check(received) == ("x.example",)
    assert is_signed(received)


def tagged(extra: bytes) -> bytes:
    """Signed, with a tag that dkimpy does not write; the signature covers it."""
    policy = dkim.CanonicalizationPolicy.from_c_value(b"relaxed/relaxed")
    signer = dkim.DKIM(MAIL)
    signer.hasher = hashlib.sha256
    body = base64.b64encode(hashlib.sha256(policy.canonicalize_body(signer.body)).digest())
    material = RSA.private_bytes(form.Encoding.PEM, form.PrivateFormat.TraditionalOpenSSL, form.NoEncryption())
    tags = b"v=1; a=rsa-sha256; c=relaxed/relaxed; d=x.example; s=rsa; h=from:message-id; bh=" + body + b"; " + extra
    fields = [tuple(tag.strip().split(b"=", 1)) for tag in tags.split(b";") if tag.strip()]
    fields.append((b"b", b"0" * 60))
    key = dkim.parse_pem_private_key(material)
    header: bytes = signer.gen_header(fields, [b"from", b"message-id"], policy, b"DKIM-Signature", key)
    return b"DKIM-Signature: " + header + MAIL


def in_seconds(seconds: float) -> bytes:
    return str(int((NOW + timedelta(seconds=seconds)).timestamp())).encode()


BAD: list[tuple[str, bytes]] = [
    ("none", MAIL),
    ("another body", signed().replace(b"A line", b"B line")),
    ("another From", signed().replace(b"Ann <ann@", b"Eve <eve@")),
    ("a second From", signed().replace(b"To: town", b"From: Eve <eve@x.example>\r\nTo: town")),
    ("another Subject", signed().replace(b"Subject: s", b"Subject: t")),
    ("a length", signed(length=True)),
    ("a length, and more behind it", signed(length=True) + b"Buy now\r\n"),
    ("Message-ID not signed", signed(include_headers=[b"from", b"subject"])),
    ("for another domain", signed(domain="y.example")),
    ("no such key", signed(selector="none")),
    ("a key that was taken back", signed(selector="gone")),
    ("a key that cannot be read", signed(selector="broken")),
    ("a key of another kind", signed(selector="other")),
    ("a key that is too long", signed(selector="huge")),
    ("expired", tagged(b"x=" + in_seconds(-10))),
    ("expires at no time", tagged(b"x=never")),
    ("a tag twice", tagged(b"d=x.example")),
    ("a tag without a value", signed().replace(b" d=x.example;", b" d=x.example; nothing;")),
    ("SHA-1", signed().replace(b"a=rsa-sha256", b"a=rsa-sha1")),
    ("too large", signed().replace(b" d=x.example;", b" d=x.example; z=" + b"z" * 5000 + b";")),
    ("no domain", signed().replace(b" d=x.example;", b"")),
    ("a field that is none", signed().replace(b"To: town", b"To town")),
    ("behind five others", b"DKIM-Signature: v=1\r\n" * SIGNATURES_MAX + signed()),
    ("nothing at all", b""),
    ("only a line end", b"\r\n" + signed()),
]


@pytest.mark.parametrize(("name", "raw"), BAD, ids=[name for name, _ in BAD])
def test_bad(name: str, raw: bytes) -> None:
    assert check(raw) == ()


def test_tags_that_say_nothing_against_it() -> None:
    assert check(tagged(b"")) == ("x.example",)
    assert check(tagged(b"x=" + in_seconds(100) + b"; t=" + in_seconds(-100) + b"; q=dns/txt; i=@x.example")) == ("x.example",)


def test_a_key_that_is_too_short() -> None:
    """cryptography makes none that is, and dkimpy would sign with it."""
    made = subprocess.run([need_program("openssl"), "genrsa", "-traditional", "768"], check=True, capture_output=True).stdout
    command = [need_program("openssl"), "rsa", "-pubout", "-outform", "DER"]
    public = subprocess.run(command, input=made, check=True, capture_output=True).stdout
    record = b"v=DKIM1; k=rsa; p=" + base64.b64encode(public)
    raw = dkim.sign(MAIL, b"short", b"x.example", made, include_headers=FIELDS) + MAIL
    assert dkim.verify(raw, dnsfunc=lambda *_, **__: record, minkey=512)
    assert check(raw, ask=lambda *_: record) == ()


def test_the_first_good_one_of_several() -> None:
    raw = b"DKIM-Signature: v=1; a=rsa-sha256; d=x.example; s=rsa; h=from:message-id; b=AAAA; bh=AAAA\r\n" + signed()
    assert check(raw) == ("x.example",)


def test_nobody_is_asked_about_domains_that_do_not_matter() -> None:
    asked: list[str] = []

    def ask(name: str, seconds: float) -> bytes | None:
        asked.append(name)
        return RECORDS.get(name)

    assert check(signed(), ask=ask, wanted="y.example") == ()
    assert check(signed(include_headers=[b"from"]), ask=ask) == ()
    assert asked == []
    assert check(signed(), ask=ask) == ("x.example",)
    assert asked == ["rsa._domainkey.x.example."]


def test_the_dns_has_two_seconds_for_all() -> None:
    now = [0.0]
    given: list[float] = []

    def ask(name: str, seconds: float) -> None:
        given.append(seconds)
        now[0] += 1.5

    raw = signed(signed(signed(selector="a"), selector="b"), selector="c")
    assert check(raw, ask=ask, clock=lambda: now[0]) == ()
    assert given == [2.0, 0.5]


def test_blanks_without_end_take_no_time() -> None:
    """dkimpy alone takes the square of a run of blanks: some minutes for this."""
    body = (b" " * 60_000 + b"x\r\n") * 20
    raw = signed(MAIL, canonicalize=(b"relaxed", b"relaxed")) + body
    begun = time.process_time()
    assert check(raw) == ()
    assert time.process_time() - begun < 5


@contextmanager
def name_server(records: dict[str, bytes]) -> Iterator[str]:
    """A DNS server on loopback that knows some TXT records; its address and port."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))

        def answer() -> None:
            while True:
                data, client = sock.recvfrom(4096)
                if not data:
                    return
                query = dns.message.from_wire(data)
                reply = dns.message.make_response(query)
                text = records.get(str(query.question[0].name))
                if text is not None:
                    pieces = " ".join(f'"{text[at : at + 200].decode()}"' for at in range(0, len(text), 200))
                    reply.answer.append(dns.rrset.from_text(query.question[0].name, 300, "IN", "TXT", pieces))
                else:
                    reply.set_rcode(3)
                sock.sendto(reply.to_wire(), client)

        thread = threading.Thread(target=answer)
        thread.start()
        try:
            yield f"127.0.0.1:{sock.getsockname()[1]}"
        finally:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
                last.sendto(b"", sock.getsockname())
            thread.join()


def test_a_real_server() -> None:
    with name_server(RECORDS) as place:
        resolver = Resolver([place])
        assert check(signed(), ask=resolver.txt) == ("x.example",)
        assert check(signed(selector="none"), ask=resolver.txt) == ()
        assert resolver.txt("..", 2) is None
        assert resolver.txt("x" * 300, 2) is None
    # Remembered.
    assert check(signed(), ask=resolver.txt) == ("x.example",)
    assert resolver.txt("new.example.", 0.01) is None


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("192.0.2.1", ("192.0.2.1", 53)),
        ("192.0.2.1:5353", ("192.0.2.1", 5353)),
        ("2001:db8::1", ("2001:db8::1", 53)),
        ("[2001:db8::1]:5353", ("2001:db8::1", 5353)),
    ],
)
def test_places(text: str, place: tuple[str, int]) -> None:
    assert place_of(text) == place


@pytest.mark.parametrize("text", ["", "ns.example.org", "192.0.2.1:", "192.0.2.1:0", "192.0.2.1:x", "1.2.3"])
def test_no_places(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        place_of(text)
