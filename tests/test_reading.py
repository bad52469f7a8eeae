"""The worker that reads odd mail: same answer as at home, killed on overrun, back for the next mail."""

from __future__ import annotations

import base64
import hashlib
import random
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.flow.reading import READER_STOPPED, Reader
from gateway.mail.envelope import Raw
from gateway.mail.message import Message
from gateway.parse.message import parse_message

HEADER = b"From: Ada <ada@example.org>\r\nMessage-ID: <odd@example.org>\r\nReceived: a\r\nAuto-Submitted: no\r\n"
PLAIN = HEADER + b"\r\nText.\r\n"


@pytest.fixture(scope="module")
def reader() -> Iterator[Reader]:
    with Reader() as reader:
        yield reader


@pytest.fixture
def strict() -> Iterator[Reader]:
    """A reader whose worker cannot get through much."""
    with Reader(cpu_seconds=0.2) as reader:
        yield reader


def slow_mail() -> bytes:
    # Millions of short lines: linear, and still more than 0.2 s.
    return HEADER + b"\r\n" + b"> a\r\nOn b wrote:\r\n" * 1_500_000


def test_the_worker_reads_as_we_do(reader: Reader, tmp_path: Path) -> None:
    path = tmp_path / "spool"
    path.write_bytes(PLAIN)
    expected = parse_message(PLAIN)
    assert reader.read(Raw.of(PLAIN)) == expected
    assert reader.read(Raw(size=len(PLAIN), path=path)) == expected


def test_a_large_ordinary_mail(reader: Reader, tmp_path: Path) -> None:
    data = random.Random(1).randbytes(18_000_000)
    raw = (
        HEADER
        + b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\n\r\nSee the file.\r\n--b\r\n'
        + b'Content-Type: application/zip; name="a.zip"\r\nContent-Transfer-Encoding: base64\r\n\r\n'
        + base64.encodebytes(data).replace(b"\n", b"\r\n")
        + b"--b--\r\n"
    )
    path = tmp_path / "spool"
    path.write_bytes(raw)
    message = reader.read(Raw(size=len(raw), path=path))
    assert [span.text for span in message.spans] == ["See the file."]
    (file,) = message.attachments
    assert (file.size, file.sha256) == (len(data), hashlib.sha256(data).hexdigest())


def test_a_mail_that_takes_too_long_is_unreadable_each_time(strict: Reader, tmp_path: Path) -> None:
    raw = slow_mail()
    path = tmp_path / "spool"
    path.write_bytes(raw)
    first = strict.read(Raw(size=len(raw), path=path))
    assert first.is_unreadable
    assert first.defects == (READER_STOPPED,)
    assert (first.msgid, first.received_count, first.auto_submitted) == ("odd@example.org", 1, "no")
    assert first.content_hash == hashlib.sha256(raw).digest()
    assert strict.read(Raw(size=len(raw), path=path)) == first
    assert strict.read(Raw.of(PLAIN)) == parse_message(PLAIN)


def test_a_worker_that_waits_too_long_is_ended() -> None:
    with Reader(wall_seconds=0.0) as hasty:
        assert hasty.read(Raw.of(HEADER + b"\r\n" + b"x\r\n" * 300_000)).defects == (READER_STOPPED,)


def test_memory_is_bounded() -> None:
    with Reader(memory=24 * 1024 * 1024) as small:
        message = small.read(Raw.of(HEADER + b"\r\n" + b"x " * 20_000_000))
    assert message.is_unreadable
    assert message.msgid == "odd@example.org"


def test_a_dead_worker_is_replaced(reader: Reader) -> None:
    reader.read(Raw.of(PLAIN))
    process = reader._process
    assert process is not None
    process.kill()
    process.join()
    assert reader.read(Raw.of(PLAIN)) == parse_message(PLAIN)


def test_several_threads_take_turns(reader: Reader) -> None:
    mails = [HEADER.replace(b"odd", b"odd%d" % number) + b"\r\n%d\r\n" % number for number in range(8)]
    found: dict[bytes, Message] = {}

    def read(raw: bytes) -> None:
        found[raw] = reader.read(Raw.of(raw))

    threads = [threading.Thread(target=read, args=(raw,)) for raw in mails]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {raw: parse_message(raw) for raw in mails}


def test_a_lost_spool_file_is_our_own_trouble(reader: Reader, tmp_path: Path) -> None:
    with pytest.raises(OSError, match="spool"):
        reader.read(Raw(size=1, path=tmp_path / "spool"))


def test_closing_twice_and_reading_after_it() -> None:
    reader = Reader()
    reader.close()
    assert reader.read(Raw.of(PLAIN)).msgid == "odd@example.org"
    reader.close()
    reader.close()
