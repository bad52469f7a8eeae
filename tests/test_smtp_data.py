"""The reader of DATA: against a naive one, whatever the pieces; its bounds; what it leaves on disk."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.smtp.data import DataReader
from gateway.smtp.limits import MIB, Limits
from gateway.smtp.replies import Event

SMALL = Limits(message_size=60, message_excess=20, text_line=16, memory=24)
NOWHERE = Path("no-such-directory")


def read_naively(data: bytes, limits: Limits) -> tuple[Event | None, bytes, bytes] | None:
    """What RFC 5321 says of `data`, a step at a time: flaw, mail and what follows; None when it does not end."""
    stream = b"\r\n" + data
    end = stream.find(b"\r\n.\r\n")
    if end < 0:
        return None
    lines = stream[: end + 2].split(b"\r\n")[1:]
    mail = b"\r\n".join(line.removeprefix(b".") for line in lines)
    rest = stream[end + 5 :]
    if any(letter in mail.replace(b"\r\n", b"") for letter in (b"\r", b"\n", b"\0")):
        return Event.BARE_LINE_END, mail, rest
    if len(mail) > limits.message_size:
        return Event.TOO_BIG, mail, rest
    if any(len(line) + 2 > limits.text_line for line in mail.split(b"\r\n")):
        return Event.TEXT_LINE_TOO_LONG, mail, rest
    return None, mail, rest


def read(pieces: list[bytes], limits: Limits, spool: Path) -> tuple[Event | None, bytes, bytes] | None:
    reader = DataReader(limits, spool)
    try:
        for number, piece in enumerate(pieces):
            if reader.feed(piece):
                rest = reader.rest + b"".join(pieces[number + 1 :])
                return reader.flaw, b"" if reader.flaw else reader.raw().read(), rest
        return None
    finally:
        reader.discard()


def check(data: bytes, pieces: list[bytes], spool: Path) -> None:
    expected, found = read_naively(data, SMALL), read(pieces, SMALL, spool)
    if expected is None or found is None:
        assert found == expected
    else:
        assert (found[0], found[2]) == (expected[0], expected[2])
        assert found[0] is not None or found[1] == expected[1]
    assert list(spool.iterdir()) == []


_ATOMS = st.sampled_from([b"\r\n", b"\r\n.\r\n", b"\r\n..", b".", b"..", b"\r", b"\n", b"\0", b"a", b"bbbbbbbbbb", b" "])
_MAILS = st.one_of(st.binary(max_size=90), st.lists(_ATOMS, max_size=14).map(b"".join))


@settings(max_examples=600)
@given(_MAILS, st.booleans(), st.lists(st.integers(0, 110), max_size=8))
def test_same_as_naive_whatever_the_pieces(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, ends: bool, cuts: list[int]
) -> None:
    data += b"\r\n.\r\n" if ends else b""
    places = [0, *sorted(cuts), len(data)]
    pieces = [data[a:b] for a, b in itertools.pairwise(places) if a < b]
    spool = tmp_path_factory.getbasetemp() / "naive"
    spool.mkdir(exist_ok=True)
    check(data, pieces, spool)
    check(data, [data[at : at + 1] for at in range(len(data))], spool)


def test_end_of_data_variants_give_one_mail_or_none(tmp_path: Path) -> None:
    """Every sequence of up to four of CR LF . NUL SP around a fake end, cut at two places."""
    for length in range(5):
        for middle in itertools.product((b"\r", b"\n", b".", b"\0", b" "), repeat=length):
            fake = b"a" + b"".join(middle) + b"b\r\n"
            data = fake + b".\r\n"
            expected = read_naively(data, SMALL)
            for cut in range(0, len(data), 2):
                pieces = [data[:cut], data[cut : cut + 3], data[cut + 3 :]]
                found = read([piece for piece in pieces if piece], SMALL, tmp_path)
                assert found is not None
                assert expected is not None
                assert (found[0], found[2]) == (expected[0], expected[2])
                # Only the true end of data ends a mail without making it a smuggler's.
                assert found[2] == b"" or b"\r\n.\r\n" in fake


@pytest.mark.parametrize(
    ("data", "mail"),
    [
        (b".\r\n", b""),
        (b"\r\n.\r\n", b"\r\n"),
        (b"..\r\n.\r\n", b".\r\n"),
        (b".a\r\n.\r\n", b"a\r\n"),
        (b"a\r\n...\r\n..b\r\n.\r\n", b"a\r\n..\r\n.b\r\n"),
    ],
)
def test_dots(data: bytes, mail: bytes) -> None:
    assert read([data], SMALL, NOWHERE) == (None, mail, b"")


def test_small_mail_stays_in_memory_and_large_goes_to_disk(tmp_path: Path) -> None:
    for size, is_on_disk in [(24, False), (26, True)]:
        reader = DataReader(SMALL, tmp_path)
        lines = b"123456\r\n" * 3 + b"\r\n" * ((size - 24) // 2)
        assert reader.feed(lines + b".\r\n")
        raw = reader.raw()
        assert (raw.path is not None) is is_on_disk
        assert raw.size == size == len(raw.read())
        assert len(list(tmp_path.iterdir())) == is_on_disk
        reader.discard()
        assert list(tmp_path.iterdir()) == []


def test_a_disk_that_will_not_have_it_is_no_space() -> None:
    found = read([b"123456\r\n" * 5 + b".\r\n"], SMALL, NOWHERE)
    assert found is not None
    assert found[0] is Event.NO_SPACE


def _stream(line: bytes, size: int) -> list[bytes]:
    piece = line * (65536 // len(line))
    return [piece] * (size // len(piece))


@pytest.mark.parametrize(
    ("line", "size", "flaw"),
    [(b"a", 30 * MIB, Event.TEXT_LINE_TOO_LONG), (b"\r\n", 31 * MIB, Event.TOO_BIG), (b"x" * 70 + b"\r\n", 25 * MIB - MIB, None)],
    ids=["no line end", "empty lines", "normal"],
)
def test_memory_has_a_bound(tmp_path: Path, line: bytes, size: int, flaw: Event | None) -> None:
    reader = DataReader(Limits(), tmp_path)
    most = 0
    for piece in _stream(line, size):
        assert not reader.feed(piece)
        most = max(most, reader.held)
        if reader.is_hopeless:
            break
    assert most <= MIB + 65536
    assert reader.feed(b"\r\n.\r\n")
    assert reader.flaw is (Event.TOO_BIG if reader.is_hopeless else flaw)
    reader.discard()
    assert list(tmp_path.iterdir()) == []


def test_one_byte_at_a_time_costs_no_more_memory() -> None:
    reader = DataReader(Limits(), NOWHERE)
    for _ in range(5000):
        for byte in (b"a", b"\r", b"\n"):
            reader.feed(byte)
    assert reader.held <= 16 * 1024
