"""Mails that nobody on this project wrote, many of them broken, through the port of a real server (reliability S1)."""

from __future__ import annotations

import json
import re
import smtplib
import socket
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest

from gateway.parse.message import parse_message
from tests.conftest import need
from tests.interop.conftest import TOWN
from tests.interop.gate import Gate

pytestmark = pytest.mark.interop

BARE = (550, b"5.6.11 Bare CR, bare LF or NUL in the mail")
OK = (250, b"2.0.0 OK")


def as_sent(data: bytes) -> bytes:
    """With CRLF ends, as a client that reads lines sends it; what else stands in it stays."""
    raw = re.sub(rb"\r?\n", b"\r\n", data)
    return raw if raw.endswith(b"\r\n") else raw + b"\r\n"


def stuffed(raw: bytes) -> bytes:
    return re.sub(rb"^\.", b"..", raw, flags=re.MULTILINE) + b".\r\n"


def is_smuggled(raw: bytes) -> bool:
    rest = raw.replace(b"\r\n", b"")
    return b"\r" in rest or b"\n" in rest or b"\0" in rest


def deliver(port: int, raws: list[bytes]) -> list[tuple[int, bytes]]:
    """The reply to each mail. After a refusal for smuggling the connection is closed, and the next mail needs another."""
    replies, smtp = [], smtplib.SMTP("127.0.0.1", port, "corpus.example.net")
    for raw in raws:
        smtp.ehlo_or_helo_if_needed()
        assert (smtp.mail("corpus@example.net")[0], smtp.rcpt(TOWN)[0], smtp.docmd("DATA")[0]) == (250, 250, 354)
        smtp.send(stuffed(raw))
        replies.append(smtp.getreply())
        if replies[-1] == BARE:
            assert smtp.sock is not None
            assert smtp.sock.recv(1) == b""
            smtp.close()
            smtp = smtplib.SMTP("127.0.0.1", port, "corpus.example.net")
    smtp.quit()
    return replies


def test_every_file_of_the_corpus_as_a_mail(gate: Gate, corpora: Path) -> None:
    """Some 570 files: mails that are broken in every way, and the texts and XML beside them, which are no mails at all."""
    files = sorted(path for path in (corpora / "c").rglob("*") if path.is_file())
    need("broken mail among the corpora (c)", bool(files))
    raws = [as_sent(path.read_bytes()) for path in files]
    replies = deliver(gate.port, raws)
    assert replies == [BARE if is_smuggled(raw) else OK for raw in raws]
    taken = [raw for raw in raws if not is_smuggled(raw)]
    firsts: dict[tuple[str, bytes], bytes] = {}
    for raw in taken:
        message = parse_message(raw)
        firsts.setdefault((message.msgid, message.content_hash), raw)
    # Byte for byte as sent; a mail that came before, as its msgid and content tell, is kept once.
    assert Counter(kept.raw for kept in gate.kept()) == Counter(firsts.values())
    assert len(firsts) > len(taken) // 2


def test_foreign_dialogues_stop_nothing(gate: Gate, corpora: Path) -> None:
    """What other servers are tested with, without waiting for a reply: the next connection finds a server."""
    file = corpora / "f" / "chasquid-dialogs" / "dialogs.json"
    need("chasquid's dialogues among the corpora (f)", file.is_file())
    dialogues = json.loads(file.read_text(encoding="utf-8"))["dialogs"]
    for dialogue in dialogues:
        with socket.create_connection(("127.0.0.1", gate.port)) as connection, connection.makefile("rb") as lines:
            assert lines.readline() == b"220 gateway.example.org ESMTP\r\n"
            said = "".join(f"{step['send_line']}\r\n" for step in dialogue["steps"] if "send_line" in step)
            told = b""
            # A server that hangs up on what it has not read resets the connection, and the replies on their way are lost.
            with suppress(ConnectionError):
                connection.sendall(said.encode())
                connection.shutdown(socket.SHUT_WR)
                for line in lines:
                    told += line
        assert re.fullmatch(rb"(?:[2-5]\d\d[ -][\x20-\x7e]*\r\n)*", told)
        with smtplib.SMTP("127.0.0.1", gate.port) as smtp:
            assert smtp.noop()[0] == 250
    assert len(dialogues) == 8
