"""SMTP AUTH (RFC 4954) on real ports: offered inside TLS alone, how it is spoken, how guessing is slowed; and the passwords."""

from __future__ import annotations

import base64
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
from uuid_utils.compat import uuid7

from gateway.flow.accounts import Accounts, give_password
from gateway.mail.address import Address
from gateway.mail.envelope import Via
from gateway.mail.forum import Forum, Member
from gateway.people.password import NOBODYS, PASSWORD_MAX, hash_password, is_password, make_password
from gateway.smtp.auth import FIRST_WAIT, FORGIVEN, LONGEST_WAIT, Guard
from gateway.store import roster
from gateway.store.engine import Store
from tests.crowd import NOON, make_member
from tests.test_smtp_door import MAIL, RCPT, Client, House
from tests.test_smtp_tls import contexts, secure, trust  # noqa: F401 - fixtures

ANN = Address("ann", "a.example")
SECRET = "k3f9x-2max7-00000-11111-22222"


class FakeAccounts:
    """Knows Ann; can be told to fail."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        self.trouble: Exception | None = None

    def check(self, name: str, password: str) -> Address | None:
        self.asked.append((name, password))
        if self.trouble:
            raise self.trouble
        return ANN if (name, password) == (str(ANN), SECRET) else None


def b64(text: str) -> bytes:
    return base64.b64encode(text.encode())


PLAIN = b64(f"\0{ANN}\0{SECRET}")
WRONG = b64(f"\0{ANN}\0guess")


@pytest.fixture
def accounts() -> FakeAccounts:
    return FakeAccounts()


@pytest.fixture
def house(tmp_path: Path, contexts: tuple[ssl.SSLContext, ssl.SSLContext], accounts: FakeAccounts) -> Iterator[House]:  # noqa: F811
    with House(tmp_path, tls=contexts[0], authenticator=accounts, login_delay=0) as made:
        yield made


@pytest.fixture
def client(house: House, trust: ssl.SSLContext) -> Client:  # noqa: F811
    made = secure(house, trust)
    made.send(b"EHLO me\r\n")
    assert "250-AUTH PLAIN LOGIN" in made.lines()
    return made


def test_not_offered_without_tls(house: House, accounts: FakeAccounts) -> None:
    client = house.connect()
    client.reply()
    client.send(b"EHLO me\r\n")
    assert not any("AUTH" in line for line in client.lines())
    assert client.ask(b"AUTH PLAIN " + PLAIN + b"\r\n") == "538 5.7.11 Start TLS first"
    assert accounts.asked == []


def test_not_offered_without_accounts(
    tmp_path: Path,
    contexts: tuple[ssl.SSLContext, ssl.SSLContext],  # noqa: F811
    trust: ssl.SSLContext,  # noqa: F811
) -> None:
    with House(tmp_path, tls=contexts[0]) as house:
        client = secure(house, trust)
        client.send(b"EHLO me\r\n")
        assert not any("AUTH" in line for line in client.lines())
        assert client.ask(b"AUTH PLAIN " + PLAIN + b"\r\n").startswith("502 5.5.1")
        assert client.ask(b"MAIL FROM:<a@b.example> AUTH=<>\r\n").startswith("555 5.5.4")


# What the client says after "AUTH ", line by line; what we say to each.
GOOD = [
    ([b"PLAIN " + PLAIN], ["235 2.7.0"]),
    ([b"plain " + PLAIN], ["235 2.7.0"]),
    ([b"PLAIN", PLAIN], ["334 ", "235 2.7.0"]),
    ([b"PLAIN " + b64(f"{ANN}\0{ANN}\0{SECRET}")], ["235 2.7.0"]),
    ([b"LOGIN", b64(str(ANN)), b64(SECRET)], ["334 VXNlcm5hbWU6", "334 UGFzc3dvcmQ6", "235 2.7.0"]),
    ([b"LOGIN " + b64(str(ANN)), b64(SECRET)], ["334 UGFzc3dvcmQ6", "235 2.7.0"]),
]


@pytest.mark.parametrize(("lines", "replies"), GOOD)
def test_login(house: House, client: Client, lines: list[bytes], replies: list[str]) -> None:
    lines = [b"AUTH " + lines[0], *lines[1:]]
    said = [client.ask(line + b"\r\n") for line in lines]
    assert all(one.startswith(reply) for one, reply in zip(said, replies, strict=True)), said
    assert client.ask(b"AUTH PLAIN " + PLAIN + b"\r\n").startswith("503 5.5.1")
    assert client.ask(b"MAIL FROM:<a@b.example> AUTH=<> SIZE=10\r\n").startswith("250")
    assert client.ask(b"AUTH PLAIN " + PLAIN + b"\r\n").startswith("503 5.5.1")
    client.ask(RCPT)
    client.ask(b"DATA\r\n")
    assert client.ask(b"x\r\n.\r\n").startswith("250")
    assert client.ask(b"RSET\r\n").startswith("250")
    client.ask(b"EHLO again\r\n")
    client.begin_mail()
    assert client.ask(b"y\r\n.\r\n").startswith("250")
    assert [envelope.account for envelope, _, _ in house.door.kept] == [ANN, ANN]


BAD = [
    ([b"CRAM-MD5"], ["504 5.5.4"]),
    ([b""], ["504 5.5.4"]),
    ([b"PLAIN !!!"], ["501 5.5.4"]),
    ([b"PLAIN ="], ["501 5.5.4"]),
    ([b"PLAIN " + b64(f"{ANN}\0{SECRET}")], ["501 5.5.4"]),
    ([b"PLAIN " + b64(f"bob@a.example\0{ANN}\0{SECRET}")], ["501 5.5.4"]),
    ([b"PLAIN " + base64.b64encode(b"\0\xff\0\xff")], ["501 5.5.4"]),
    ([b"PLAIN", b"*"], ["334 ", "501 5.7.0"]),
    ([b"LOGIN", b64(str(ANN)), b"*"], ["334 ", "334 ", "501 5.7.0"]),
    ([b"PLAIN " + WRONG], ["535 5.7.8"]),
    ([b"PLAIN " + b64(f"\0nobody@a.example\0{SECRET}")], ["535 5.7.8"]),
    ([b"PLAIN " + b64("\0\0")], ["535 5.7.8"]),
]


@pytest.mark.parametrize(("lines", "replies"), BAD)
def test_no_login(house: House, client: Client, lines: list[bytes], replies: list[str]) -> None:
    lines = [b"AUTH " + lines[0], *lines[1:]]
    said = [client.ask(line + b"\r\n") for line in lines]
    assert all(one.startswith(reply) for one, reply in zip(said, replies, strict=True)), said
    client.begin_mail()
    assert client.ask(b"x\r\n.\r\n").startswith("250")
    assert house.door.kept[0][0].account is None


def test_three_tries(house: House, client: Client) -> None:
    for _ in range(2):
        assert client.ask(b"AUTH PLAIN " + WRONG + b"\r\n") == "535 5.7.8 Name or password is wrong"
    client.send(b"AUTH PLAIN " + WRONG + b"\r\n")
    assert [line[:9] for line in client.rest()] == ["535 5.7.8", "421 4.7.0"]


def test_who_guesses_is_put_off_in_new_sessions_too(house: House, trust: ssl.SSLContext, accounts: FakeAccounts) -> None:  # noqa: F811
    for _ in range(FORGIVEN + 1):
        client = secure(house, trust)
        client.ask(b"EHLO me\r\n")
        assert client.ask(b"AUTH PLAIN " + WRONG + b"\r\n").startswith("535")
    asked = len(accounts.asked)
    assert client.ask(b"AUTH PLAIN " + PLAIN + b"\r\n").startswith("454 4.7.0")
    assert len(accounts.asked) == asked


def test_trouble_is_ours(client: Client, accounts: FakeAccounts, caplog: pytest.LogCaptureFixture) -> None:
    accounts.trouble = RuntimeError(f"cannot look up {SECRET}")
    assert client.ask(b"AUTH PLAIN " + PLAIN + b"\r\n").startswith("454 4.7.0")
    assert SECRET not in caplog.text
    accounts.trouble = None
    assert client.ask(b"AUTH PLAIN " + PLAIN + b"\r\n").startswith("235")


@pytest.mark.parametrize("line", [b"x" * 5000, b"abc\n"])
def test_a_line_that_is_none_ends_the_session(client: Client, line: bytes) -> None:
    client.ask(b"AUTH PLAIN\r\n")
    client.send(line if line.endswith(b"\n") else line + b"\r\n")
    assert client.rest()[0].startswith("500 5.5.2")


def test_hanging_up_in_the_middle_harms_nobody(house: House, client: Client) -> None:
    client.ask(b"AUTH LOGIN\r\n")
    client.close()
    house.wait_empty()
    assert house.greet().ask(b"NOOP\r\n").startswith("250")


def test_a_login_is_over_with_the_session(house: House, client: Client) -> None:
    assert client.ask(b"AUTH PLAIN " + PLAIN + b"\r\n").startswith("235")
    other = house.greet(Via.SMTP)
    other.ask(MAIL)
    other.ask(RCPT)
    other.ask(b"DATA\r\n")
    other.ask(b"x\r\n.\r\n")
    assert house.door.kept[0][0].account is None


def test_guard_waits_longer_and_longer_and_forgives() -> None:
    now = [1000.0]
    guard = Guard(lambda: now[0])
    for _ in range(FORGIVEN):
        guard.failed("account ann", "network 1")
    assert not guard.is_put_off("account ann")
    waits = []
    for _ in range(9):
        guard.failed("account ann")
        begun = now[0]
        while guard.is_put_off("account ann"):
            now[0] += FIRST_WAIT
        waits.append(now[0] - begun)
    assert waits[:3] == [FIRST_WAIT, 2 * FIRST_WAIT, 4 * FIRST_WAIT]
    assert waits[-1] == LONGEST_WAIT
    assert not guard.is_put_off("network 1", "account bob")
    guard.failed("account ann")
    guard.succeeded("account ann")
    assert not guard.is_put_off("account ann")
    for _ in range(FORGIVEN + 1):
        guard.failed("network 1")
    now[0] += 2 * LONGEST_WAIT + FIRST_WAIT
    guard.failed("network 1")
    assert not guard.is_put_off("network 1")


def test_passwords() -> None:
    password = make_password(bytes(range(1, 17)))
    assert len(password) == 29
    assert make_password(bytes(16)) != password
    hashed = hash_password(password, b"s" * 16)
    assert hashed.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert is_password(password, hashed)
    assert is_password(f" {password.upper().replace('-', ' ')} ", hashed)
    assert not is_password(password[:-1], hashed)
    assert not is_password(password + "-" * PASSWORD_MAX, hashed)
    assert not is_password("", hashed)
    assert not is_password(password, "")
    assert not is_password(password, NOBODYS)
    assert not is_password(password, "damaged")


def test_accounts(store: Store) -> None:
    towns = [Forum(id=uuid7(), name=name, domain="gw.example", title=name) for name in ("town", "hall")]
    members: list[Member] = []
    for town in towns:
        roster.add_forum(store, town)
        members.append(make_member(town, ANN))
    roster.add_members(store, members)
    other = Address("ann.private", "b.example")
    with store.write() as db:
        roster.add_address(db, members[0], other, NOON)
    accounts = Accounts(store)
    assert give_password(store, Address("bob", "a.example"), b"c" * 16, b"s" * 16) is None
    assert accounts.check(str(ANN), "anything") is None
    password = give_password(store, ANN, b"c" * 16, b"s" * 16)
    assert password is not None
    assert accounts.check("ANN@A.example", password) == Address("ANN", "a.example")
    assert accounts.check(str(other), password) == other
    assert accounts.check(str(ANN), "wrong") is None
    assert accounts.check("no address", password) is None
    assert accounts.check("", "") is None
    newer = give_password(store, other, b"d" * 16, b"t" * 16)
    assert newer is not None
    assert accounts.check(str(other), newer) == other
    assert accounts.check(str(ANN), newer) == ANN
    assert accounts.check(str(ANN), password) is None
    # Whoever changes a preference does not lose it.
    roster.change_member(store, members[0])
    assert accounts.check(str(other), newer) == other
