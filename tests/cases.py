"""What the tests of moderation share: a forum with a moderator, mails that are held, letters read, answers sent."""

from __future__ import annotations

import email
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.policy import default
from zoneinfo import ZoneInfo

from uuid_utils.compat import uuid7

from gateway.flow.cases import open_cases
from gateway.flow.compose import Composer
from gateway.flow.desk import Desk, attend
from gateway.flow.handlers import HANDLERS
from gateway.flow.reading import Reader
from gateway.flow.receive import Receiver
from gateway.mail.address import Address, parse_address
from gateway.mail.envelope import Envelope, Raw, Via
from gateway.mail.forum import Forum, Member, Policy, Role, Standing
from gateway.mail.verdict import Decision, Reason, Verdict
from gateway.store import outbox, roster, shelf
from gateway.store.engine import Store
from gateway.store.keep import MAIL
from gateway.store.outbox import LETTER
from gateway.store.writer import Writer
from tests.test_store import incoming, mail_bytes, put, rows

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
KEY = bytes(range(32))
TOWN = Forum(
    id=uuid7(), name="town", domain="example.org", title="Town Talk", policy=Policy(newcomer_posts=2, house_rules="Be kind.")
)


def member(handle: str, role: Role = Role.MEMBER, standing: Standing = Standing.TRUSTED, **more: object) -> Member:
    values: dict[str, object] = {
        "id": uuid7(),
        "forum_id": TOWN.id,
        "address": Address(handle.lower(), "home.example"),
        "handle": handle,
        "badge": "",
        "zone": ZoneInfo("Europe/London"),
        "hour": 7,
        "form": "plain",
        "has_digest": False,
        "role": role,
        "standing": standing,
    }
    return Member(**(values | more))  # type: ignore[arg-type]


MODERATOR = member("Mo", Role.MODERATOR)
AUTHOR = member("Nina", standing=Standing.NEW)
READER = member("Rob")


def make_town(store: Store, *members: Member, forum: Forum = TOWN) -> None:
    roster.add_forum(store, forum)
    roster.add_members(store, members or (MODERATOR, AUTHOR, READER))


def hold(
    store: Store,
    msgid: str = "1@x",
    *,
    reason: Reason = Reason.NEWCOMER,
    author: Member = AUTHOR,
    proof: str = "dkim",
    at: datetime = NOON,
    subject: str = "Hello town",
    body: str = "My first words.",
    **fields: str,
) -> None:
    sender = f"{author.handle} Surname <{author.address}>"
    data = mail_bytes(msgid, subject, body, **{"From": sender, **fields})
    item = incoming(TOWN, data, decision=Decision(Verdict.HOLD, reason), received_at=at)
    assert put(store, replace(item, proof=proof)) == [True]


def post(
    store: Store, msgid: str = "1@x", *, author: Member = AUTHOR, at: datetime = NOON, proof: str = "dkim", **fields: str
) -> str:
    """A mail that was posted; its marker."""
    data = mail_bytes(
        msgid, fields.pop("subject", "A post"), fields.pop("body", "Bad words."), **{"From": str(author.address), **fields}
    )
    put(store, replace(incoming(TOWN, data, received_at=at), proof=proof))
    return find(store, msgid).marker


def find(store: Store, msgid: str) -> shelf.Post:
    with store.read() as db:
        found = shelf.find_post(db, TOWN.id, msgid)
    assert found is not None, msgid
    return found


def is_posted(store: Store, msgid: str) -> bool:
    with store.read() as db:
        return shelf.find_post(db, TOWN.id, msgid) is not None


def letters(store: Store, at: datetime = NOON) -> list[EmailMessage]:
    """What open cases make of it now, and all letters that wait, which are taken away."""
    open_cases(store, town_now(store), at, uuid7)
    with store.write() as db:
        waiting = outbox.claim(db, at + DAY, 100)
        for letter in waiting:
            outbox.settle(db, letter, state=outbox.State.SENT, reply="", due_at=at)
    composer = Composer(store, KEY)
    found = []
    for letter in waiting:
        recipient = parse_address(letter.recipient)
        assert recipient is not None
        mail = email.message_from_bytes(composer.compose(TOWN, letter, recipient).raw, policy=default)
        assert isinstance(mail, EmailMessage)
        found.append(mail)
    return found


def town_now(store: Store) -> Forum:
    with store.read() as db:
        return roster.forum_of(db, TOWN.id)


def text_of(mail: EmailMessage) -> str:
    part = mail.get_body(("plain",))
    assert part is not None
    return str(part.get_content()).replace("\r\n", "\n")


def answer(
    store: Store,
    letter: EmailMessage,
    body: str,
    *,
    sender: str = str(MODERATOR.address),
    to: str = "",
    at: datetime = NOON + MINUTE,
    **fields: str,
) -> str:
    """Answers a letter, and what comes back: the text of one letter to each, "" for none."""
    receiver = Receiver(store, Writer(store, uuid7), Reader())
    address = parse_address(to or str(letter["Reply-To"]))
    assert address is not None
    destination = receiver.route(address)
    assert destination is not None
    data = mail_bytes(f"{uuid7().hex}@a", f"Re: {letter['Subject']}", body, From=f"Me <{sender}>", **fields)
    envelope = Envelope(reverse_path=Address("me", "home.example"), forward_paths=(), received_at=at, via=Via.SMTP)
    receiver.submit(envelope, Raw.of(data), (destination,)).result(20)
    receiver.close()
    reader = Reader()
    attend(Desk(store, KEY, at, uuid7, reader), town_now(store), HANDLERS)
    reader.close()
    known = [row for row in rows(store, LETTER) if row.state == "ready" and row.kind == "notice"]
    with store.write() as db:
        for letter_ in outbox.claim(db, at + DAY, 100):
            outbox.settle(db, letter_, state=outbox.State.SENT, reply="", due_at=at)
    return "\n".join(f"{row.recipient}: {row.text}" for row in known)


def fate(store: Store, msgid: str) -> tuple[str, str]:
    [row] = [row for row in rows(store, MAIL) if row.msgid == msgid]
    return row.verdict, row.reason
