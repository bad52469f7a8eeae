"""Clients that bring mail as fast as they can and write down what the server said: acknowledged, refused or unknown."""

from __future__ import annotations

import smtplib
import threading
from collections.abc import Callable
from random import Random

from tests.interop.conftest import TOWN


class Ledger:
    """What was sent and what became of it, as the clients know it. Raw by msgid."""

    def __init__(self) -> None:
        self.acknowledged: dict[str, bytes] = {}
        self.refused: dict[str, bytes] = {}
        # The final dot was sent and no reply came.
        self.unknown: dict[str, bytes] = {}
        self._change = threading.Condition()

    def note(self, book: dict[str, bytes], msgid: str, raw: bytes) -> None:
        with self._change:
            book[msgid] = raw
            self._change.notify_all()

    def wait_for(self, count: int) -> None:
        """Waits until so many mails are acknowledged."""
        with self._change:
            if not self._change.wait_for(lambda: len(self.acknowledged) >= count, 60):
                raise TimeoutError(f"{len(self.acknowledged)} of {count} acknowledged")


def make_mail(msgid: str, chance: Random) -> bytes:
    """A mail of one to ten kilobytes that nobody else writes; one in four answers an earlier mail of its client."""
    client, _, number = msgid.partition("@")[0].rpartition("-")
    lines = [f"{chance.getrandbits(256):064x}" for _ in range(chance.randrange(16, 160))]
    answers = f"In-Reply-To: <{client}-{int(number) // 2}@load.example>\r\n" if chance.random() < 0.25 and int(number) else ""
    header = f"From: <load@load.example>\r\nSubject: {msgid}\r\nMessage-ID: <{msgid}>\r\n{answers}\r\n"
    return (header + "\r\n".join(lines) + "\r\n").encode()


def bring(port: int, ledger: Ledger, msgid: str, raw: bytes, smtp: smtplib.SMTP) -> bool:
    """One mail; False when the connection is of no use any more."""
    is_sent = False
    try:
        for line in ("MAIL FROM:<load@load.example>", f"RCPT TO:<{TOWN}>", "DATA"):
            code, _ = smtp.docmd(line)
            if code >= 400:
                return False
        is_sent = True
        smtp.send(raw + b".\r\n")
        code, _ = smtp.getreply()
    except (smtplib.SMTPException, OSError):
        if is_sent:
            ledger.note(ledger.unknown, msgid, raw)
        return False
    ledger.note(ledger.acknowledged if code == 250 else ledger.refused, msgid, raw)
    return True


def load(port: int, ledger: Ledger, name: str, clients: int) -> Callable[[], None]:
    """Starts `clients` that bring mail until the server is gone; what is returned waits for their end."""

    def client(number: int) -> None:
        chance = Random(f"{name}{number}")
        try:
            with smtplib.SMTP("127.0.0.1", port, "load.example", timeout=30) as smtp:
                smtp.ehlo()
                for count in range(1_000_000):
                    msgid = f"{name}.{number}-{count}@load.example"
                    if not bring(port, ledger, msgid, make_mail(msgid, chance), smtp):
                        return
        except (smtplib.SMTPException, OSError):
            return

    threads = [threading.Thread(target=client, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()

    def wait() -> None:
        for thread in threads:
            thread.join(60)
            assert not thread.is_alive()

    return wait
