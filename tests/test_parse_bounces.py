"""What a mail to a bounce address says: real ones of seventy programs, one of each kind of our own, and bombs."""

from __future__ import annotations

import gzip
import time
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.exchange.archives import read_mbox
from gateway.mail.bounce import NO_REPORT, Failure, Report
from gateway.parse.bounces import read_bounce, read_refusal
from tests.conftest import ROOT
from tests.hostile import GENERATORS

MAILS = ROOT / "tests" / "mails"
HARD, SOFT, NONE = Failure.HARD, Failure.SOFT, Failure.NONE

OWN = [
    ("bounce-failed.eml", HARD, "5.1.1"),
    ("bounce-delayed.eml", SOFT, "4.4.1"),
    ("bounce-given-up.eml", SOFT, "4.4.7"),
    ("bounce-delivered.eml", NONE, ""),
    ("bounce-of-two.eml", HARD, "5.2.1"),
    ("bounce-without-status.eml", SOFT, ""),
    ("bounce-internationalised.eml", HARD, "5.1.2"),
    ("bounce-of-qmail.eml", HARD, ""),
    ("bounce-in-own-words.eml", HARD, "5.1.6"),
    ("vacation.eml", NONE, ""),
    ("complaint.eml", NONE, ""),
    ("automatic.eml", NONE, ""),
    ("plain.eml", NONE, ""),
]


@pytest.mark.parametrize(("name", "failure", "status"), OWN)
def test_own_mails(name: str, failure: Failure, status: str) -> None:
    raw = (MAILS / name).read_bytes()
    assert read_bounce(raw) == Report(failure, status)
    assert read_bounce(raw.replace(b"\n", b"\r\n")) == Report(failure, status)


def real(corpora: Path, tmp_path: Path) -> list[tuple[str, bytes]]:
    """File name, which tells the program, and bytes."""
    folder = corpora / "e" / "sisimai-bounces"
    names = [line.partition("\t")[2] for line in (folder / "index.tsv").read_text().splitlines()[1:]]
    box = tmp_path / "bounces.mbox"
    box.write_bytes(gzip.decompress((folder / "sisimai-dev.mbox.gz").read_bytes()))
    return list(zip(names, (piece.raw for piece in read_mbox(box)), strict=True))


def test_real_bounces(corpora: Path, tmp_path: Path) -> None:
    """Nine of ten are read. What is no bounce, complaints and answers of people's programs, never counts."""
    found = {name: read_bounce(raw).failure for name, raw in real(corpora, tmp_path)}
    others = {name for name in found if name.startswith(("arf-", "rfc3834-"))}
    assert {found[name] for name in others} == {NONE}
    counted = Counter(failure for name, failure in found.items() if name not in others)
    assert (counted.total(), len(others)) == (303, 12)
    assert counted[HARD] >= 248
    assert counted[SOFT] >= 35


def test_what_only_looks_like_one(corpora: Path) -> None:
    files = sorted((corpora / "e" / "sisimai-bounces" / "not-bounces").glob("*.eml"))
    assert [read_bounce(file.read_bytes()) for file in files] == [NO_REPORT] * 3


DSNS = {
    "delayed_dsn.raw": (SOFT, "4.0.0"),
    "dsn_with_multipart_alternative.raw": (HARD, "5.1.10"),
    "multi_recipient_dsn.raw": (HARD, "5.0.0"),
    "simple_dsn.raw": (SOFT, "4.0.0"),
    "simple_dsn_with_html.raw": (SOFT, "4.0.0"),
}


@pytest.mark.parametrize("name", DSNS)
def test_delivery_status_notifications(corpora: Path, name: str) -> None:
    assert read_bounce((corpora / "e" / "enmime-dsn" / name).read_bytes()) == Report(*DSNS[name])


@pytest.mark.parametrize(
    ("reply", "status"),
    [
        ("550 5.1.1 <ann@example.net>: no such user", "5.1.1"),
        ("550 no such user at 10.5.1.1", ""),
        ("554 4.7.1 a server that contradicts itself", ""),
        ("not an address", ""),
        ("", ""),
    ],
)
def test_a_refusal_is_for_good(reply: str, status: str) -> None:
    assert read_refusal(reply) == Report(HARD, status)


def test_what_a_report_says_is_a_code_and_nothing_else(corpora: Path, tmp_path: Path) -> None:
    """It goes into journal, log and letters: no text of strangers."""
    said = {read_bounce(raw).status for _, raw in real(corpora, tmp_path)}
    assert all(set(status) <= set("0123456789.") and len(status) <= 9 for status in said)


@given(st.binary(max_size=300), st.sampled_from([name for name, *_ in OWN]), st.integers(0, 900))
def test_any_bytes_are_read(noise: bytes, name: str, place: int) -> None:
    raw = (MAILS / name).read_bytes()
    assert read_bounce(noise).failure in Failure
    assert read_bounce(raw[:place] + noise + raw[place:]).failure in Failure


@pytest.mark.parametrize("name", GENERATORS)
def test_a_bomb_costs_little(name: str) -> None:
    """A mebibyte of it, the most that is read of any mail; the longest took a second."""
    raw = b"From: mailer-daemon@mx.example.net\n" + GENERATORS[name](1 << 20)
    started = time.process_time()
    read_bounce(raw)
    assert time.process_time() - started < 10
