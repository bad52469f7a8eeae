"""gateway doctor's checks: each by a table of facts, with the grade and the reason that they must give."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.flow import diagnosis
from gateway.flow.diagnosis import Finding, Folder, Overdue, Port, Relay, Secrets
from gateway.flow.holes import HOLES, check_python
from gateway.flow.names import Domain, Host, check_domain, check_host
from gateway.send.probe import Answer
from gateway.store.health import Health
from tests.test_cli import Run, run  # noqa: F401 - a fixture
from tests.test_flow_deliver import queued_for_three  # noqa: F401 - a fixture
from tests.test_store import incoming, mail_bytes, put, quiet_log  # noqa: F401 - a fixture

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
HERE = Path("var")
GIB, MIB = 1 << 30, 1 << 20


def told(finding: Finding) -> tuple[str, str]:
    """Grade and reason; what is not well says what to do."""
    assert finding.grade in ("ok", "note") or finding.remedy
    return str(finding.grade), finding.reason


FOLDER = Folder(path=HERE, exists=True, is_writable=True, free_bytes=GIB, free_inodes=10_000)
FOLDERS = [
    (diagnosis.check_folder, {}, "ok", "var is there and can be written"),
    (diagnosis.check_folder, {"exists": False}, "warn", "var is not there yet"),
    (diagnosis.check_folder, {"is_writable": False}, "fail", "var cannot be written"),
    (diagnosis.check_folder, {"exists": False, "is_writable": False}, "fail", "var cannot be made"),
    (diagnosis.check_disk, {}, "ok", "1.0 GiB free in var"),
    (diagnosis.check_disk, {"free_bytes": GIB - 1}, "warn", "1024 MiB free in var"),
    (diagnosis.check_disk, {"free_bytes": 100 * MIB}, "warn", "100 MiB free in var"),
    (diagnosis.check_disk, {"free_bytes": 100 * MIB - 1}, "fail", "100 MiB free in var"),
    (diagnosis.check_disk, {"free_bytes": 0}, "fail", "0 MiB free in var"),
    (diagnosis.check_inodes, {}, "ok", "room for 10000 more files"),
    (diagnosis.check_inodes, {"free_inodes": 9_999}, "warn", "room for 9999 more files"),
    (diagnosis.check_inodes, {"free_inodes": 0}, "fail", "room for 0 more files"),
    (diagnosis.check_inodes, {"free_inodes": None}, "ok", "this disk has no fixed number of files"),
]


@pytest.mark.parametrize(("check", "changes", "grade", "reason"), FOLDERS)
def test_disk(check: Callable[[Folder], Finding], changes: dict[str, Any], grade: str, reason: str) -> None:
    assert told(check(replace(FOLDER, **changes))) == (grade, reason)


@pytest.mark.parametrize(
    ("mode", "is_key", "has_letters", "grade", "reason"),
    [
        (0o600, True, True, "ok", "holds a key"),
        (0o640, True, True, "fail", "mode 0640: others may read it"),
        (0o604, True, False, "fail", "mode 0604"),
        (0o600, False, False, "fail", "does not hold a key"),
        (None, False, False, "ok", "the first start makes it"),
        (None, False, True, "fail", "is missing, and letters wait or were sent"),
    ],
)
def test_secrets(mode: int | None, is_key: bool, has_letters: bool, grade: str, reason: str) -> None:
    found = told(diagnosis.check_secrets(Secrets(path=HERE, mode=mode, is_key=is_key), has_letters=has_letters))
    assert found[0] == grade
    assert reason in found[1]


SQLITE = Health(is_sqlite=True, version="3.40.1", revision="0001", head="0001", modes=("wal", 2))
POSTGRES = Health(is_sqlite=False, version="18.4 (Debian)", revision="0001", head="0001", encoding="UTF8")


@pytest.mark.parametrize(
    ("health", "changes", "grade", "reason"),
    [
        (SQLITE, {}, "ok", "sound, WAL, synchronous FULL, revision 0001"),
        (SQLITE, {"trouble": "row 1 missing"}, "fail", "damaged: row 1 missing"),
        (SQLITE, {"revision": None}, "fail", "no tables of ours"),
        (SQLITE, {"revision": "0009"}, "fail", "revision 0009, ours is 0001"),
        (SQLITE, {"modes": ("delete", 2)}, "fail", "not WAL"),
        (SQLITE, {"modes": ("wal", 1)}, "fail", "not WAL with synchronous FULL"),
        (POSTGRES, {}, "ok", "PostgreSQL 18.4 (Debian), UTF8, revision 0001"),
        (POSTGRES, {"encoding": "LATIN1"}, "fail", "its encoding is LATIN1"),
        (POSTGRES, {"version": "12.22"}, "warn", "no longer maintained"),
        (POSTGRES, {"revision": None}, "fail", "no tables of ours"),
    ],
)
def test_database(health: Health, changes: dict[str, Any], grade: str, reason: str) -> None:
    found = told(diagnosis.check_database(replace(health, **changes)))
    assert found[0] == grade
    assert reason in found[1]


OURS = Answer(greeting="gw.example ESMTP")


@pytest.mark.parametrize(
    ("port", "answer", "bind_error", "grade", "reason"),
    [
        (25, OURS, "", "ok", "127.0.0.1:25 answers as gw.example"),
        (25, Answer(greeting="GW.example ESMTP"), "", "ok", "answers as gw.example"),
        (25, Answer(greeting="mx.example ESMTP Postfix"), "", "warn", "answers as 'mx.example ESMTP Postfix', not as gw.example"),
        (25, Answer(error="does not speak SMTP"), "", "fail", "is taken, and does not speak SMTP"),
        (25, None, "", "ok", "is free: gateway serve is not running"),
        (25, None, "Permission denied", "fail", "cannot be taken: Permission denied"),
        (0, None, "", "ok", "a free port is taken at each start"),
    ],
)
def test_port(port: int, answer: Answer | None, bind_error: str, grade: str, reason: str) -> None:
    facts = Port(host="127.0.0.1", port=port, hostname="gw.example", answer=answer, bind_error=bind_error)
    found = told(diagnosis.check_port(facts))
    assert found[0] == grade
    assert reason in found[1]


RELAY = Relay(place="mx.example:587", is_near=False, tls="starttls", needs_auth=True, answer=OURS)


@pytest.mark.parametrize(
    ("tls", "needs_auth", "answer", "grade", "reason"),
    [
        ("starttls", True, Answer(extensions=frozenset({"AUTH"}), is_encrypted=True), "ok", "its certificate is good"),
        ("starttls", False, Answer(is_encrypted=True), "ok", "its certificate is good"),
        ("implicit", False, Answer(is_encrypted=True), "ok", "its certificate is good"),
        ("none", False, OURS, "ok", "mx.example:587 answers"),
        ("none", False, Answer(extensions=frozenset({"STARTTLS"})), "warn", "letters go to it in the clear"),
        ("starttls", True, Answer(is_encrypted=True), "fail", "does not offer AUTH"),
        ("starttls", False, Answer(extensions=frozenset({"AUTH"})), "fail", "does not offer STARTTLS"),
        ("starttls", False, Answer(tls_error="its certificate is not good: expired"), "fail", "not good: expired"),
        ("none", False, Answer(error="Connection refused"), "fail", "mx.example:587: Connection refused"),
    ],
)
def test_relay(tls: str, needs_auth: bool, answer: Answer, grade: str, reason: str) -> None:
    found = told(diagnosis.check_relay(replace(RELAY, tls=tls, needs_auth=needs_auth, answer=answer)))
    assert found[0] == grade
    assert reason in found[1]


def test_a_relay_on_this_machine_needs_no_tls() -> None:
    near = replace(RELAY, is_near=True, tls="none", needs_auth=False, answer=Answer(extensions=frozenset({"STARTTLS"})))
    assert diagnosis.check_relay(near).grade == "ok"


SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("newest", "others", "grade", "reason"),
    [
        (None, {}, "ok", "2026-11-23 12:00:00 UTC"),
        (NOW - timedelta(days=9), {}, "ok", "2026-11-23"),
        (NOW + 60 * SECOND, {"the relay": 60 * SECOND}, "ok", "as the relay has it"),
        (NOW + 61 * SECOND, {}, "warn", "61 seconds behind the newest mail in the store"),
        (NOW + timedelta(hours=5), {}, "warn", "5 hours behind the newest mail in the store"),
        (None, {"the database": 61 * SECOND}, "warn", "61 seconds behind that of the database"),
        (None, {"the relay": SECOND, "the database": -180 * SECOND}, "warn", "3 minutes ahead of that of the database"),
    ],
)
def test_clock(newest: datetime | None, others: dict[str, timedelta], grade: str, reason: str) -> None:
    found = told(diagnosis.check_clock(NOW, newest, others))
    assert found[0] == grade
    assert reason in found[1]


@pytest.mark.parametrize(
    ("changes", "grade", "reason"),
    [
        ({}, "ok", "no letter waits"),
        ({"waiting": 2, "oldest_letter_at": NOW - timedelta(days=1)}, "ok", "2 letters wait"),
        ({"waiting": 2, "oldest_letter_at": NOW - timedelta(hours=25)}, "warn", "2 letters wait, the oldest for 25 hours"),
        ({"waiting": 2, "halted": "restored"}, "warn", "frozen with 2 letters: restored"),
    ],
)
def test_outbox(changes: dict[str, Any], grade: str, reason: str) -> None:
    assert told(diagnosis.check_outbox(replace(SQLITE, **changes), NOW)) == (grade, reason)


def test_digests_and_zones() -> None:
    assert told(diagnosis.check_digests(Overdue(count=0, since=None), NOW)) == ("ok", "none is overdue")
    late = Overdue(count=3, since=NOW - timedelta(days=2))
    assert told(diagnosis.check_digests(late, NOW)) == ("warn", "3 should have been made, the first 2 days ago")
    assert diagnosis.check_zones(599).grade == "ok"
    assert told(diagnosis.check_zones(0)) == ("fail", "there is no time zone database")


@pytest.mark.parametrize(
    ("version", "names", "needed"),
    [
        ((3, 11, 7), ["CVE-2023-27043", "CVE-2024-6923", "CVE-2026-1299"], "3.11.15"),
        ((3, 11, 14), ["CVE-2026-1299"], "3.11.15"),
        ((3, 11, 15), [], ""),
        ((3, 12, 5), ["CVE-2023-27043", "CVE-2026-1299"], "3.12.13"),
        ((3, 13, 0), ["CVE-2026-1299"], "3.13.12"),
        ((3, 14, 3), [], ""),
        ((3, 15, 0), [], ""),
    ],
)
def test_python(version: tuple[int, int, int], names: list[str], needed: str) -> None:
    found = check_python(version)
    assert [hole.name for hole in HOLES if hole.name in found.reason] == names
    assert found.grade == ("warn" if names else "ok")
    assert needed in found.remedy


@pytest.mark.parametrize(
    ("mx", "spf", "grade", "reason"),
    [
        (None, None, "note", "was not looked up"),
        ((), (), "note", "no MX"),
        (("mx.example",), (), "note", "MX mx.example; no SPF"),
        (("mx.example",), ("v=spf1 mx -all",), "ok", "MX mx.example; v=spf1 mx -all"),
    ],
)
def test_domains(mx: tuple[str, ...] | None, spf: tuple[str, ...] | None, grade: str, reason: str) -> None:
    found = check_domain(Domain(name="town.example", mx=mx, spf=spf), "gw.example")
    assert found.grade == grade
    assert reason in found.reason


@pytest.mark.parametrize(
    ("name", "addresses", "pointers", "grade", "reason"),
    [
        ("localhost", ("127.0.0.1",), ("localhost",), "note", "is no name that others can look up"),
        ("gw.example", None, None, "note", "was not looked up"),
        ("gw.example", (), (), "note", "has no address"),
        ("gw.example", ("192.0.2.1",), ("other.example",), "note", "192.0.2.1 does not point back"),
        ("gw.example", ("192.0.2.1",), ("GW.example.",), "ok", "192.0.2.1, and back"),
    ],
)
def test_our_name(
    name: str, addresses: tuple[str, ...] | None, pointers: tuple[str, ...] | None, grade: str, reason: str
) -> None:
    found = check_host(Host(name=name, addresses=addresses, pointers=pointers))
    assert found.grade == grade
    assert reason in found.reason
