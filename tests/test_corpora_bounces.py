"""Bounces, feedback reports and responders of many programs never become a post; what only looks like one does."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest

from gateway.admit.chain import Case, decide
from gateway.exchange.archives import read_mbox
from gateway.mail.address import Address, parse_address
from gateway.mail.envelope import Envelope, Via
from gateway.mail.forum import Destination, Forum, Purpose
from gateway.mail.verdict import Decision, Verdict
from gateway.parse.message import parse_message

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
TOWN = Forum(id=UUID(int=1), name="town", domain="gw.example", title="Town")
ALL, WITH_PATH = 315, 116
_RETURN_PATH = re.compile(rb"^Return-Path:[ \t]*<?([^>\r\n]*)", re.MULTILINE | re.IGNORECASE)


def reverse_path(raw: bytes) -> Address | None:
    """MAIL FROM as its Return-Path says; what is none, or no address, stands for somebody."""
    found = _RETURN_PATH.search(raw)
    text = found[1].decode("utf-8", "replace").strip() if found else "somebody"
    return (parse_address(text) or Address("somebody", "sender.example")) if text else None


def judged(raw: bytes, via: Via = Via.SMTP) -> Decision:
    envelope = Envelope(reverse_path=reverse_path(raw), forward_paths=(TOWN.address,), received_at=NOON, via=via)
    return decide(Case(envelope, parse_message(raw), Destination(address=TOWN.address, forum=TOWN, purpose=Purpose.POST)))


@pytest.fixture
def bounces(corpora: Path, tmp_path: Path) -> list[bytes]:
    box = tmp_path / "bounces.mbox"
    with gzip.open(corpora / "e" / "sisimai-bounces" / "sisimai-dev.mbox.gz") as packed:
        box.write_bytes(packed.read())
    return [piece.raw for piece in read_mbox(box)]


def test_none_becomes_a_post(bounces: list[bytes]) -> None:
    assert len(bounces) == ALL
    assert [parse_message(raw).subject for raw in bounces if judged(raw).verdict is Verdict.ACCEPT] == []


def test_the_reverse_path_alone_would_not_do(bounces: list[bytes]) -> None:
    """The control: so many would be posts if a null reverse-path were all that we looked at."""
    assert sum(reverse_path(raw) is not None for raw in bounces) >= WITH_PATH


def test_what_only_looks_like_one_is_a_post(corpora: Path) -> None:
    files = sorted((corpora / "e" / "sisimai-bounces" / "not-bounces").glob("*.eml"))
    assert [judged(file.read_bytes()).verdict for file in files] == [Verdict.ACCEPT, Verdict.ACCEPT, Verdict.DISCARD]


def dsns(corpora: Path) -> Iterator[bytes]:
    for file in sorted((corpora / "e" / "enmime-dsn").glob("*")):
        if file.name != "ORIGIN.md" and file.is_file():
            yield file.read_bytes()


def test_delivery_status_notifications(corpora: Path) -> None:
    found = [judged(raw).verdict for raw in dsns(corpora)]
    assert len(found) == 5
    assert Verdict.ACCEPT not in found


def test_an_import_takes_them_all(bounces: list[bytes]) -> None:
    assert all(judged(raw, Via.IMPORT).verdict is Verdict.ACCEPT for raw in bounces if not parse_message(raw).is_unreadable)
