"""Mutations of real and broken mails: whatever comes out reads as a clean Message, and hangs somewhere exactly once.

20,000 of them in CI, a tenth on a user's machine. Number N is made from N alone: `mutant(seeds, N)` makes it again.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pytest

from gateway.exchange.archives import read_mbox
from gateway.mail.message import Message
from gateway.parse.message import parse_message
from gateway.store.incoming import node_of
from gateway.thread.forest import forest
from gateway.thread.weave import Row, weave
from tests.conftest import ROOT
from tests.hostile import GENERATORS
from tests.test_parse_hostile import check

COUNT = 20_000 if os.environ.get("CI") else 2_000
SHARES = 20
LARGEST = 24_000
NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
# What breaks a reader where it falls into the middle of something.
SCRAPS = (
    *(
        b"\n",
        b"\n\n",
        b"\r\n",
        b"\0",
        b"\r",
        b"\t",
        b" ",
        b":",
        b"=",
        b"=?",
        b"?=",
        b"=?utf-8?b?",
        b"<",
        b">",
        b"<>",
        b"@",
        b"(",
        b")",
        b'"',
        b";",
    ),
    *(
        b"\n--",
        b"--\n",
        b"--b\n",
        b"=\n",
        b"=0",
        b"\x1b$B",
        b"\x1b(B",
        b"\xff\xfe",
        b"\xe2\x80\xae",
        b"\xf0\x9f",
        b"+AGE-",
        b"&#",
        b"&#x110000;",
        b"<!--",
    ),
    *(
        b"<table><tr><td>",
        b"</",
        b"<a href=",
        b"<blockquote>",
        b"\n> ",
        b"\n-- \n",
        b"\nOn 1/1/2020 a wrote:\n",
        b"\nFrom: a\nSent: b\nTo: c\nSubject: d\n",
    ),
    *(
        b"\nbegin 644 a\n",
        b"\n-----BEGIN PGP SIGNED MESSAGE-----\n",
        b"BEGIN:VCALENDAR\n",
        b"charset=",
        b"boundary=",
        b"multipart/",
        b"message/rfc822",
        b"base64",
    ),
    *(
        b"\nReferences: <",
        b"\nIn-Reply-To: <",
        b"\nMessage-ID: <",
        b"\nContent-Type: text/html\n",
        b"\nContent-Transfer-Encoding: quoted-printable\n",
    ),
)


@pytest.fixture(scope="module")
def seeds() -> list[bytes]:
    """Mails to begin with: ours, and those of the corpora where they are."""
    corpora = Path(os.environ.get("GATEWAY_CORPORA", ROOT.parent / "shared" / "corpora"))
    files = [path for top in (ROOT / "tests" / "mails", *corpora.glob("[cde]")) for path in top.rglob("*") if path.is_file()]
    mails = [path for path in sorted(files) if path.suffix not in (".gz", ".json", ".md", ".tsv", ".xml")]
    boxes = [piece.raw or b"" for path in sorted(corpora.glob("e/**/*.mbox*")) for piece in read_mbox(path)]
    return [data for data in (*map(Path.read_bytes, mails), *boxes) if 0 < len(data) <= LARGEST]


def mutant(seeds: list[bytes], number: int) -> bytes:
    """One mail with up to twelve changes, half of them in its header."""
    chance = Random(number)
    mail = bytearray(chance.choice(seeds))
    for _ in range(chance.randint(1, 12)):
        end = max(mail.find(b"\n\n"), 1) if chance.random() < 0.5 else max(len(mail), 1)
        at = chance.randrange(end)
        match chance.randrange(8):
            case 0:
                mail[at : at + 1] = bytes([chance.randrange(256)])
            case 1:
                mail[at : at + chance.choice((1, 1, 2, 8, 64, 512))] = b""
            case 2 | 3:
                mail[at:at] = chance.choice(SCRAPS)
            case 4:
                mail[at:at] = chance.choice(SCRAPS) * chance.choice((2, 8, 64))
            case 5:
                size = chance.choice((4, 16, 64, 512))
                to = chance.randrange(end)
                mail[to:to] = mail[at : at + size]
            case 6:
                other = chance.choice(seeds)
                mail[at:] = other[chance.randrange(max(len(other), 1)) :]
            case _:
                mail[:] = re.sub(rb"\r?\n", chance.choice((b"\r\n", b"\n", b"\r")), mail)
    return bytes(mail[: 2 * LARGEST])


@pytest.mark.parametrize("share", range(SHARES))
def test_mutations(seeds: list[bytes], share: int) -> None:
    messages: dict[str, Message] = {}
    for number in range(share * COUNT // SHARES, (share + 1) * COUNT // SHARES):
        try:
            message = check(parse_message(mutant(seeds, number)))
        except Exception as error:
            error.add_note(f"mutant(seeds, {number})")
            raise
        messages[message.msgid] = message
    nodes = [node_of(message, NOON + timedelta(minutes=number)) for number, message in enumerate(messages.values())]
    woven = forest(nodes)
    dates = {node.msgid: node.date for node in nodes} | dict(woven.ghosts)
    drawn: list[str] = []
    for tree in woven.threads():
        rows = [Row(msgid, woven.parents[msgid], dates[msgid], msgid in woven.ghosts) for msgid in tree]
        drawn += [place.row.msgid for place in weave(rows) if not place.row.is_ghost]
    assert sorted(drawn) == sorted(messages)


def test_no_mail_takes_much_memory() -> None:
    """All generators at 1 MiB, one after the other in one process, whose peak is measured."""
    code = "import tests.test_parse_fuzz as fuzz; fuzz.read_all_generators()"
    told = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=ROOT).stdout
    assert int(told) < 200 << 10


def read_all_generators() -> None:
    """Prints the peak of the resident set, in KiB."""
    for generator in GENERATORS.values():
        parse_message(generator(1 << 20))
    # Not ru_maxrss: it knows the peak of the process that started this one, too.
    status = Path("/proc/self/status").read_text()
    sys.stdout.write(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")))
