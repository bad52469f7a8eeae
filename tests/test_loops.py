"""Networks of gateways, lists, responders and dead mailboxes, wired at random: traffic comes to rest (reliability I5).

One person writes to each forum, and joins are sent in everybody's name. What follows is counted in hops: what gateways send for
that (1), what mirrors make of it, and others answer (2). No gateway sends a letter after that, and nobody joins by himself.
GATEWAY_NETWORKS sets how many networks: 50 in a whole run.
"""

from __future__ import annotations

import email
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from email.utils import parseaddr
from pathlib import Path
from random import Random

import pytest
from uuid_utils.compat import uuid7

from gateway.flow.deliver import deliver
from gateway.flow.desk import Desk, attend
from gateway.flow.handlers import HANDLERS
from gateway.flow.leave import leave_by_mail
from gateway.flow.proving import Means
from gateway.flow.publish import publish, send_due
from gateway.flow.reading import Reader
from gateway.flow.receive import Receiver
from gateway.mail.address import Address, parse_address
from gateway.mail.envelope import Envelope, Raw, Via
from gateway.mail.forum import Forum, Rhythm
from gateway.store import roster
from gateway.store.engine import Store
from gateway.store.writer import Writer
from tests.test_flow_publish import KEY, NEXT_NOON, FakeCourier, office, reader_in
from tests.test_store import mail_bytes, quiet_log  # noqa: F401 - a fixture

NETWORKS = int(os.environ.get("GATEWAY_NETWORKS", "15"))
HOPS = 2
VACATIONS = [
    "Out of office: {}", "Automatic reply: {}", "Abwesenheit: {}", "Réponse automatique : {}", "Respuesta automática: {}",
    "Risposta automatica: {}", "Автоответ: {}", "自動返信: {}", "자동 회신: {}", "Autosvar: {}",
]  # fmt: skip


@dataclass(frozen=True)
class Sent:
    """A mail on its way: by whom, to whom."""

    path: str
    to: str
    data: bytes


@dataclass
class Gateway:
    """A gateway that runs, with one forum of the network that is looked at."""

    store: Store
    domain: str
    key: bytes | None
    receiver: Receiver = field(init=False)
    reader: Reader = field(default_factory=Reader)
    forum: Forum = field(init=False)

    def __post_init__(self) -> None:
        self.receiver = Receiver(self.store, Writer(self.store, uuid7), Reader(), Means(key=self.key))

    def take(self, mails: Iterable[Sent], now: datetime) -> None:
        answers = []
        for sent in mails:
            address = parse_address(sent.to)
            to = self.receiver.route(address) if address else None
            if to is not None:
                path = parse_address(sent.path) if sent.path else None
                envelope = Envelope(reverse_path=path, forward_paths=(), received_at=now, via=Via.SMTP, peer="192.0.2.9")
                answers.append(self.receiver.submit(envelope, Raw.of(sent.data), (to,)))
        for answer in answers:
            answer.result(20)

    def work(self, now: datetime) -> list[Sent]:
        desk = Desk(self.store, KEY, now, uuid7, self.reader)
        leave_by_mail(self.store, KEY, self.forum, now, uuid7)
        attend(desk, self.forum, HANDLERS)
        publish(self.store, self.forum, now, uuid7)
        send_due(self.store, self.forum, now, uuid7)
        courier = FakeCourier()
        deliver(self.store, office(courier), now)
        return [Sent(str(path), str(to), raw) for path, to, raw in courier.carried]


def responder(random: Random, me: str, sent: Sent) -> list[Sent]:
    """Answers everything, to whoever it believes wrote it; half of them say that they are programs."""
    mail = email.message_from_bytes(sent.data)
    to = random.choice([sent.path, parseaddr(mail["From"])[1], parseaddr(mail["Reply-To"] or mail["From"])[1]])
    if not to:
        return []
    marks = random.choice([{"Auto_Submitted": "auto-replied"}, {"X_Autoreply": "yes"}, {"Precedence": "auto_reply"}, {}])
    subject = random.choice(VACATIONS).format("x")
    return [Sent(random.choice(["", me]), to, mail_bytes(f"{random.random()}@away", subject=subject, From=me, **marks))]


def dead(random: Random, me: str, sent: Sent) -> list[Sent]:
    """A mailbox that is gone: its server tells the reverse-path."""
    text = mail_bytes(f"{random.random()}@dead", subject="Undelivered Mail Returned to Sender", From=f"MAILER-DAEMON@{me}")
    return [Sent("", sent.path, text)] if sent.path else []


def mailing_list(random: Random, me: str, sent: Sent, members: list[str]) -> list[Sent]:
    """Sends it on, under its own name, or as it came."""
    data = sent.data
    if random.random() < 0.7:
        lines = [line for line in data.split(b"\r\n") if not line.lower().startswith((b"list-", b"precedence", b"auto-sub"))]
        data = b"\r\n".join([f"List-Id: <{me.replace('@', '.')}>".encode(), *lines])
    return [Sent(me, one, data) for one in members if one != sent.to]


@pytest.fixture(scope="module")
def gateways(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Gateway]]:
    yield from running(tmp_path_factory.mktemp("loops"), KEY)


@pytest.fixture
def forgetful(tmp_path: Path) -> Iterator[list[Gateway]]:
    """They do not know their own letters."""
    yield from running(tmp_path, None)


def running(folder: Path, key: bytes | None) -> Iterator[list[Gateway]]:
    made = []
    for number in range(3):
        store = Store(f"sqlite:///{folder / f'{number}.db'}")
        store.migrate()
        made.append(Gateway(store, f"g{number}.example", key))
    yield made
    for gateway in made:
        gateway.receiver.close()
        gateway.reader.close()
        gateway.store.close()


def wire(random: Random, gateways: list[Gateway], number: int) -> dict[str, str]:
    """A forum in each gateway, whose members are the others and all kinds of mailboxes; what kind each address is."""
    names = [f"n{number}@{gateway.domain}" for gateway in gateways]
    kinds = {f"away{n}@u{number}.example": "responder" for n in range(2)} | {f"gone@u{number}.example": "dead"}
    kinds |= {f"list@u{number}.example": "list", f"person@u{number}.example": "person"}
    mirrored = random.random() < 0.5
    for index, gateway in enumerate(gateways):
        mirrors = (names[1 - index].replace("@", "."),) if mirrored and index < 2 else ()
        name, _, domain = names[index].partition("@")
        owner = parse_address(f"gone@u{number}.example")
        assert owner is not None
        gateway.forum = Forum(id=uuid7(), name=name, domain=domain, title=name, mirrors=mirrors, owners=(owner,))
        roster.add_forum(gateway.store, gateway.forum)
        others = [one for one in names if one != names[index]]
        chosen = [*others, *random.sample(sorted(kinds), 3)]
        members = []
        for one in chosen:
            address = parse_address(one)
            assert address is not None
            plain = reader_in("Europe/London")
            members.append(
                replace(plain, id=uuid7(), forum_id=gateway.forum.id, address=address, handle=one[:4], rhythm=Rhythm.IMMEDIATE)
            )
        roster.add_members(gateway.store, members)
        gateway.receiver.refresh()
    return kinds


def begin(gateways: list[Gateway], kinds: dict[str, str]) -> list[Sent]:
    """What persons send, and what is sent in others' names."""
    first = []
    everybody = [*kinds, *(str(gateway.forum.address) for gateway in gateways)]
    for gateway in gateways:
        name, domain = gateway.forum.name, gateway.domain
        first.append(Sent("p@p.example", f"{name}@{domain}", mail_bytes(f"{name}@p.example", From="Pat <p@p.example>")))
        for number, who in enumerate(everybody):
            for word in ("join", "leave"):
                data = mail_bytes(f"{name}.{word}{number}@p.example", From=who)
                first.append(Sent("p@p.example", f"{name}-{word}@{domain}", data))
    return first


def run(random: Random, gateways: list[Gateway], kinds: dict[str, str], rounds: int = 8) -> list[int]:
    """How many letters gateways sent at each hop."""
    now, mails = NEXT_NOON, begin(gateways, kinds)
    names = [str(gateway.forum.address) for gateway in gateways]
    counts = []
    for _ in range(rounds):
        now += timedelta(minutes=1)
        answers: list[Sent] = []
        for sent in mails:
            match kinds.get(sent.to):
                case "responder":
                    answers += responder(random, sent.to, sent)
                case "dead":
                    answers += dead(random, sent.to, sent)
                case "list":
                    answers += mailing_list(random, sent.to, sent, names)
        for gateway in gateways:
            gateway.take(mails, now)
        letters = [sent for gateway in gateways for sent in gateway.work(now)]
        counts.append(len(letters))
        mails = letters + answers
        if not mails:
            break
    return counts


def test_every_network_comes_to_rest(gateways: list[Gateway]) -> None:
    total = 0
    for number in range(NETWORKS):
        random = Random(number)
        kinds = wire(random, gateways, number)
        before = [len(roster.list_members(gateway.store, gateway.forum.id)) for gateway in gateways]
        counts = run(random, gateways, kinds)
        assert counts[0] > 0
        assert sum(counts[HOPS:]) == 0, (number, counts)
        after = [len(roster.list_members(gateway.store, gateway.forum.id)) for gateway in gateways]
        assert before == after, "nobody joins by himself"
        total += sum(counts)
    assert total > NETWORKS


def test_without_marks_two_mirrors_do_not(forgetful: list[Gateway]) -> None:
    """The control: what the marks are for."""
    networks = []
    for number in range(4):
        random = Random(number)
        networks.append(sum(run(random, forgetful, wire(random, forgetful, number))[HOPS:]))
    assert any(networks)


def test_a_forged_mark_silences_nobody(gateways: list[Gateway]) -> None:
    gateway = gateways[0]
    wire(Random(1000), gateways, 1000)
    to = Address(gateway.forum.name, gateway.domain)
    raw = mail_bytes("forged@p.example", X_Gateway_Loop="ab" * 26)
    gateway.take([Sent("p@p.example", str(to), raw)], NEXT_NOON)
    assert publish(gateway.store, gateway.forum, NEXT_NOON, uuid7) == 1
