"""Mail under a member's name that is not his: thousands of forgeries, none accepted; tokens with one bit wrong; equal answers.

Every trick with From is combined with what a forger can write besides: tokens that he made, stole or bent, the null
reverse-path, commands, ids of another forum, results of authentication, signatures of his own domain.
"""

from __future__ import annotations

import base64
import itertools
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from random import Random

import pytest
from uuid_utils.compat import uuid7

from gateway.admit.chain import decide
from gateway.admit.route import destination_of
from gateway.flow.proving import Means
from gateway.flow.senders import Senders
from gateway.mail.address import Address
from gateway.mail.envelope import Envelope, Raw, Via
from gateway.mail.forum import Destination, Forum, Policy, Posting, Purpose, Role, Who
from gateway.mail.message import Message
from gateway.mail.token import LENGTH, make_token, read_token
from gateway.mail.verdict import Verdict
from gateway.parse.message import parse_message
from gateway.store import roster
from gateway.store.engine import Store
from tests.crowd import NOON, make_member
from tests.test_flow_senders import MEANS
from tests.test_verify import RECORDS, signed

KEY = MEANS.key
TOWN = Forum(id=uuid7(), name="town", domain="gw.example", title="Town", policy=Policy(posting=Posting.PROVED, newcomer_posts=5))
HALL = replace(TOWN, id=uuid7(), name="hall")
PRIVATE = replace(TOWN, id=uuid7(), name="private", policy=replace(TOWN.policy, read=Who.MEMBERS))
OPEN = Forum(id=uuid7(), name="open", domain="gw.example", title="Open")
FORUMS = {str(forum.address): forum for forum in (TOWN, HALL, PRIVATE, OPEN)}
ANN = make_member(TOWN, Address("ann", "x.example"), role=Role.OWNER)
EVE = make_member(TOWN, Address("eve", "evil.example"))
EXPIRES = (NOON + timedelta(days=30)).date()
A, E = "ann@x.example", "eve@evil.example"


def token(
    purpose: str = "entry", forum: Forum = TOWN, member: bytes = ANN.id.bytes[-4:], key: bytes = KEY, days: int = 30
) -> str:
    expires = (NOON + timedelta(days=days)).date()
    return make_token(key, purpose, forum.list_id, marker=b"marker", member=member, expires=expires)


# Plain ones, which only lack a proof; and those that some programs read as Ann's and others as somebody's.
PLAIN = [f"From: Ann <{A}>", f"From: {A}", f'From: "Ann" <{A}>', f"from:<{A}>", "From: =?utf-8?q?Ann?= <ann@x.example>"]
TRICKY = [
    f"From: Eve <{E}>\r\nFrom: Ann <{A}>",
    f"From: Ann <{A}>\r\nFrom: Eve <{E}>",
    f"From: {A}, {E}",
    f"From: {E}, Ann <{A}>",
    f"From: {A} <{E}>",
    f"From: {E} <{A}>",
    f'From: "{A}" <{E}>',
    f'From: "{E}" <{A}>',
    f"From: <{A}><{E}>",
    f"From: <{E}><{A}>",
    f"From: Ann ({E}) <{A}>",
    f"From: {A} ({E})",
    f"From: ({A}) {E}",
    f"From: Ann:{A};",
    f"From: Ann:{A},{E};",
    "From: =?utf-8?q?ann=40x=2Eexample?=",
    f"From: =?utf-8?q?ann=40x=2Eexample_=3C?= <{E}>",
    f"From: =?utf-8?b?YW5uQHguZXhhbXBsZQ==?= <{E}>",
    "From: Ann <ann＠x.example>",
    "From: Ann <ann@x。example>",
    "From: Ann <ann@x．example>",
    "From: Ann <ａnn@x.example>",
    'From: "ann"@x.example',
    "From: Ann <@evil.example:ann@x.example>",
    f"From: Ann <{A}>\r\n <{E}>",
    f"From : Ann <{A}>\r\nFrom: Eve <{E}>",
    f"Sender: {A}\r\nFrom: Eve <{E}>, Ann <{A}>",
    f"From: Ann\r\n\t<{A}>\r\nno field: at\r\nall",
    f"X: y\r\nno field at all\r\nFrom: Ann <{A}>",
    f"Resent-From: {E}\r\nReply-To: {E}\r\nFrom: Ann <{A}>, ",
]
# Where it goes.
RECIPIENTS = [
    "town",
    f"town+c-{token(key=b'e' * 32)}",
    f"town+c-{token(forum=HALL)}",
    f"town+c-{token('digest')}",
    f"town-c-{token('leave')}",
    f"town+c-{token(member=EVE.id.bytes[-4:])}",
    f"town+c-{token(days=-1)}",
    f"town+c-{'a' * LENGTH}",
    f"hall+c-{token()}",
    "town-request",
    "town-bounces",
    f"town+up-{token()}",
    f"town+case-{token('case')}",
    f"town-confirm+{token('confirm')}",
]
# What else is in the mail.
EXTRAS = [
    "",
    "Authentication-Results: mx.gw.example; dkim=pass header.d=x.example; dmarc=pass header.from=x.example",
    "Authentication-Results: mx.gw.example; spf=pass smtp.mailfrom=ann@x.example\r\nReceived: from mx.gw.example",
    "Received: from a\r\nReceived: from b\r\nAuthentication-Results: mx.gw.example; dmarc=pass header.from=x.example",
    "Authentication-Results: evil.example; dmarc=pass header.from=x.example",
    "In-Reply-To: <1@hall>\r\nReferences: <1@private> <1@hall>",
    "Subject: set role=owner\r\nX-Gateway-Proof: auth",
    "List-Id: <town.gw.example>",
    "Auto-Submitted: auto-replied",
    "Return-Path: <ann@x.example>\r\nX-Originating-IP: 192.0.2.1\r\nARC-Authentication-Results: i=1; mx.gw.example; dmarc=pass",
]
# How it comes: from anywhere; through the server in front, which found nothing; after a login as Eve; signed by her.
ARRIVALS = ["anywhere", "null", "border", "as eve", "signed"]


def forgeries() -> Iterator[tuple[str, str, str, str]]:
    """Each trick with each recipient and each extra; the ways to arrive take turns."""
    arrivals = itertools.cycle(ARRIVALS)
    for trick, to, extra in itertools.product([*PLAIN, *TRICKY], RECIPIENTS, EXTRAS):
        yield trick, to, extra, next(arrivals)
        if trick in PLAIN:
            yield trick, to, extra, next(arrivals)


def judged(senders: Senders, raw: bytes, to: str, arrival: str) -> tuple[Verdict, str]:
    destination = destination_of(Address(to, "gw.example"), FORUMS)
    assert destination is not None, to
    reverse_path = None if arrival == "null" else Address("ann", "x.example")
    peer = "127.0.0.1" if arrival == "border" else "198.51.100.66"
    envelope = Envelope(
        reverse_path=reverse_path,
        forward_paths=(destination.address,),
        received_at=NOON,
        via=Via.SMTP,
        peer=peer,
        account=EVE.address if arrival == "as eve" else None,
    )
    body, signers = Raw.of(raw), ()
    message: Message = parse_message(raw)
    if arrival == "signed":
        _, signers = senders.prover.signers(body, message, (destination,), NOON)
    case = senders.case_of(envelope, body, message, destination, signers)
    return decide(case).verdict, str(case.sender.proof) if case.sender.member == ANN else ""


@pytest.fixture
def senders(tmp_path: Path) -> Iterator[Senders]:
    store = Store(f"sqlite:///{tmp_path / 'gateway.db'}")
    store.migrate()
    for forum in FORUMS.values():
        roster.add_forum(store, forum)
    roster.add_members(store, [ANN, EVE])
    made = Senders(store, replace(MEANS, trusted=(), memory=60.0, ask=lambda name, _: RECORDS.get(name)))
    yield made
    made.prover.close()
    store.close()


EVES = {name.replace("x.example", "evil.example"): record for name, record in RECORDS.items()}


def test_five_thousand_forgeries(senders: Senders, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.test_forged.RECORDS", EVES)
    verdicts: Counter[Verdict] = Counter()
    for number, (trick, to, extra, arrival) in enumerate(forgeries()):
        # What the server in front writes is above; a forger's own fields are below what it wrote.
        above = "Authentication-Results: mx.gw.example; dkim=none; spf=fail smtp.mailfrom=x.example; dmarc=fail\r\n"
        head = f"{trick}\r\nMessage-ID: <{number}@evil.example>\r\n" + (f"{extra}\r\n" if extra else "")
        if arrival == "anywhere" and extra:
            # The same fields on top of the mail.
            head = f"{extra}\r\n{trick}\r\nMessage-ID: <{number}@evil.example>\r\n"
        raw = f"{above if arrival == 'border' else ''}{head}\r\nBuy\r\n".encode()
        if arrival == "signed" and number % 50 == 0:
            raw = signed(raw, domain="evil.example", include_headers=[b"from", b"message-id"])
        verdict, proof = judged(senders, raw, to, arrival)
        verdicts[verdict] += 1
        assert verdict is not Verdict.ACCEPT, (trick, to, extra, arrival)
        assert proof == "", (trick, to, extra, arrival, proof)
    assert verdicts.total() >= 5000


def test_the_true_ones_are_taken(senders: Senders) -> None:
    """Else the forgeries might be refused for another reason."""
    for number, trick in enumerate(PLAIN):
        raw = f"{trick}\r\nMessage-ID: <{number}@x>\r\n\r\nText\r\n".encode()
        assert judged(senders, raw, f"town+c-{token()}", "anywhere") == (Verdict.ACCEPT, "token")
        found = f"Authentication-Results: mx.gw.example; dmarc=pass header.from=x.example\r\n{raw.decode()}".encode()
        assert judged(senders, found, "town", "border") == (Verdict.ACCEPT, "results")
        signature = signed(raw, include_headers=[b"from", b"message-id"])
        assert judged(senders, signature, "town", "signed") == (Verdict.ACCEPT, "dkim")


def test_every_bit_of_a_token_counts() -> None:
    chance = Random(5)
    for _ in range(500):
        made = make_token(
            KEY,
            "entry",
            TOWN.list_id,
            marker=chance.randbytes(6),
            member=chance.randbytes(4),
            expires=EXPIRES,
        )
        assert read_token(KEY, "entry", TOWN.list_id, made, NOON) is not None
        data = base64.b32decode(made.upper() + "===")
        for bit in range(8 * len(data)):
            bent = bytearray(data)
            bent[bit // 8] ^= 1 << bit % 8
            text = base64.b32encode(bytes(bent)).decode().rstrip("=").lower()
            assert read_token(KEY, "entry", TOWN.list_id, text, NOON) is None
        # The last sign has one bit that is not part of the 23 bytes.
        signs = "abcdefghijklmnopqrstuvwxyz234567"
        for sign in signs:
            if sign != made[-1]:
                assert read_token(KEY, "entry", TOWN.list_id, made[:-1] + sign, NOON) is None


def test_a_token_is_for_one_purpose_and_one_forum() -> None:
    places = [(purpose, forum) for purpose in Purpose for forum in FORUMS.values()]
    for (purpose, forum), (asked, where) in itertools.product(places, places):
        found = read_token(KEY, asked, where.list_id, token(purpose, forum), NOON)
        assert (found is not None) == ((purpose, forum.id) == (asked, where.id))


def test_forums_of_every_kind_answer_alike_at_rcpt() -> None:
    """S7: nothing but a forum's name decides what RCPT says."""
    for ending in ("", "-request", "-join", "+anon", "-owner", f"+c-{'a' * LENGTH}", "-nothing", "+c-short", "-ann"):
        found: list[Destination | None] = [
            destination_of(Address(f"{forum.name}{ending}", "gw.example"), FORUMS) for forum in FORUMS.values()
        ]
        assert len({one and one.purpose for one in found}) == 1


def test_no_means_no_proof(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path / 'gateway.db'}")
    store.migrate()
    roster.add_forum(store, TOWN)
    roster.add_members(store, [ANN])
    senders = Senders(store, Means())
    raw = f"Authentication-Results: ; dmarc=pass header.from=x.example\r\nFrom: {A}\r\n\r\nText\r\n".encode()
    for to in ("town", f"town+c-{token(key=b'')}"):
        for arrival in ARRIVALS[:3]:
            assert judged(senders, raw, to, arrival)[0] is not Verdict.ACCEPT
    store.close()
