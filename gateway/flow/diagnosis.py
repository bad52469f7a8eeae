"""What is wrong with a gateway, and what to do (design 13). Pure: facts in, which `flow.symptoms` gathers, findings out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path

from gateway.send.probe import Answer
from gateway.store.health import Health

GIB, MIB = 1 << 30, 1 << 20
DISK_LOW, DISK_FULL = GIB, 100 * MIB
INODES_LOW, INODES_FULL = 10_000, 1_000
CLOCK_OFF = timedelta(minutes=1)
LETTER_OLD = timedelta(days=1)
POSTGRES_MIN = 13


class Grade(StrEnum):
    """How bad it is. A note tells of what we cannot judge from here."""

    OK = "ok"
    NOTE = "note"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """The outcome of one check; `remedy` is what to do about it."""

    check: str
    grade: Grade
    reason: str
    remedy: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """The data folder, or where it will be made. `free_inodes` is None on a disk that does not count them."""

    path: Path
    exists: bool
    is_writable: bool
    free_bytes: int
    free_inodes: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Secrets:
    """The file of keys; `mode` are its permission bits, None when there is no file; `is_key` whether it holds a key."""

    path: Path
    mode: int | None
    is_key: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Port:
    """Where we listen. `answer` is what answers there; `bind_error` why it cannot be taken when nobody answers, "" if it can."""

    host: str
    port: int
    hostname: str
    answer: Answer | None
    bind_error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Relay:
    """The relay as the settings have it, and what it said; `is_near` when it is on this machine."""

    place: str
    is_near: bool
    tls: str
    needs_auth: bool
    answer: Answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Overdue:
    """Digests that should have been made: how many, and since when the first of them."""

    count: int
    since: datetime | None


def check_folder(folder: Folder) -> Finding:
    name = "data folder"
    if folder.exists and folder.is_writable:
        return Finding(name, Grade.OK, f"{folder.path} is there and can be written")
    if folder.is_writable:
        return Finding(name, Grade.WARN, f"{folder.path} is not there yet", "it is made by: gateway forum add NAME@DOMAIN")
    remedy = "let the user of the gateway own it, or name another one: data in the configuration"
    return Finding(name, Grade.FAIL, f"{folder.path} cannot be {'written' if folder.exists else 'made'}", remedy)


def check_disk(folder: Folder) -> Finding:
    grade = _low(folder.free_bytes, DISK_LOW, DISK_FULL)
    size = f"{folder.free_bytes / GIB:.1f} GiB" if folder.free_bytes >= GIB else f"{folder.free_bytes / MIB:.0f} MiB"
    remedy = "" if grade is Grade.OK else "make room: mail is put off (452) when the disk is nearly full"
    return Finding("disk space", grade, f"{size} free in {folder.path}", remedy)


def check_inodes(folder: Folder) -> Finding:
    if folder.free_inodes is None:
        return Finding("inodes", Grade.OK, "this disk has no fixed number of files")
    grade = _low(folder.free_inodes, INODES_LOW, INODES_FULL)
    remedy = "" if grade is Grade.OK else "remove files: many small ones have used up the disk"
    return Finding("inodes", grade, f"room for {folder.free_inodes} more files", remedy)


def _low(free: int, low: int, full: int) -> Grade:
    return Grade.FAIL if free < full else Grade.WARN if free < low else Grade.OK


def check_secrets(secrets: Secrets, *, has_letters: bool) -> Finding:
    """`has_letters`: whether addresses with tokens are out in the world, which the key must match."""
    name, path = "secrets", secrets.path
    if secrets.mode is None and has_letters:
        remedy = "bring it back from a backup: without it answers to what was sent are not known"
        return Finding(name, Grade.FAIL, f"{path} is missing, and letters wait or were sent", remedy)
    if secrets.mode is None:
        return Finding(name, Grade.OK, f"{path} is not there yet: the first start makes it")
    if not secrets.is_key:
        return Finding(
            name, Grade.FAIL, f"{path} does not hold a key", "bring it back from a backup, or remove it to get a new one"
        )
    if secrets.mode != 0o600:
        return Finding(name, Grade.FAIL, f"{path} has mode {secrets.mode:04o}: others may read it", f"chmod 600 {path}")
    return Finding(name, Grade.OK, f"{path} holds a key, for its owner alone")


def check_database(health: Health) -> Finding:
    name = "database"
    what = f"{'SQLite' if health.is_sqlite else 'PostgreSQL'} {health.version}"
    if health.trouble:
        return Finding(name, Grade.FAIL, f"{what}: the file is damaged: {health.trouble}", "stop the gateway, restore a backup")
    if health.revision is None:
        return Finding(name, Grade.FAIL, f"{what}: no tables of ours", "gateway forum add makes them, or check store.url")
    if health.revision != health.head:
        remedy = "gateway serve brings an older one up to date; a newer one needs the newer version"
        return Finding(name, Grade.FAIL, f"{what}: tables of revision {health.revision}, ours is {health.head}", remedy)
    if health.is_sqlite and health.modes != ("wal", 2):
        remedy = "use a local disk: a network share cannot keep what was acknowledged"
        return Finding(name, Grade.FAIL, f"{what}: not WAL with synchronous FULL, but {health.modes}", remedy)
    if health.is_sqlite:
        return Finding(name, Grade.OK, f"{what}, sound, WAL, synchronous FULL, revision {health.revision}")
    if health.encoding != "UTF8":
        remedy = "make a database with ENCODING 'UTF8' TEMPLATE template0, export, import"
        return Finding(name, Grade.FAIL, f"{what}: its encoding is {health.encoding}", remedy)
    if int(health.version.split(".")[0]) < POSTGRES_MIN:
        return Finding(name, Grade.WARN, f"{what} is no longer maintained", "upgrade PostgreSQL")
    return Finding(name, Grade.OK, f"{what}, UTF8, revision {health.revision}")


def check_port(port: Port) -> Finding:
    name, where = "SMTP port", f"{port.host}:{port.port}"
    if port.port == 0:
        return Finding(name, Grade.OK, "a free port is taken at each start")
    if port.answer is None:
        if port.bind_error:
            remedy = "end what holds it, take another port, or for one below 1024 give the right to bind it"
            return Finding(name, Grade.FAIL, f"{where} cannot be taken: {port.bind_error}", remedy)
        return Finding(name, Grade.OK, f"{where} is free: gateway serve is not running")
    if port.answer.error:
        remedy = "end what holds the port, or take another one"
        return Finding(name, Grade.FAIL, f"{where} is taken, and {port.answer.error}", remedy)
    if port.answer.greeting.split(" ")[0].lower() != port.hostname.lower():
        remedy = "if it is not this gateway, end it or take another port"
        return Finding(name, Grade.WARN, f"{where} answers as {port.answer.greeting[:80]!r}, not as {port.hostname}", remedy)
    return Finding(name, Grade.OK, f"{where} answers as {port.hostname}")


def check_relay(relay: Relay) -> Finding:
    name, answer = "relay", relay.answer
    if answer.error:
        return Finding(
            name, Grade.FAIL, f"{relay.place}: {answer.error}", "check send.relay_host and send.relay_port; letters wait"
        )
    if answer.tls_error:
        remedy = "relay_host must be a name in its certificate, signed by somebody this machine trusts"
        return Finding(name, Grade.FAIL, f"{relay.place}: {answer.tls_error}", remedy)
    if relay.tls == "starttls" and not answer.is_encrypted:
        remedy = "somebody on the way may have taken it out; or set send.relay_tls to what the relay has"
        return Finding(name, Grade.FAIL, f"{relay.place} does not offer STARTTLS, which the settings ask for", remedy)
    if relay.needs_auth and "AUTH" not in answer.extensions:
        remedy = "check send.relay_port and send.relay_tls: many relays let users in at port 587 or 465 only"
        return Finding(name, Grade.FAIL, f"{relay.place} does not offer AUTH, and the settings name a user", remedy)
    if relay.tls == "none" and not relay.is_near and "STARTTLS" in answer.extensions:
        reason = f"{relay.place} offers STARTTLS, and letters go to it in the clear"
        return Finding(name, Grade.WARN, reason, 'send.relay_tls = "starttls"')
    secure = "" if relay.tls == "none" else ", its certificate is good"
    return Finding(name, Grade.OK, f"{relay.place} answers{secure}")


def check_clock(now: datetime, newest: datetime | None, others: Mapping[str, timedelta]) -> Finding:
    """`newest`: when the last mail came in, by our own clock then; `others`: how far other clocks are ahead of it."""
    name, remedy = "clock", "set the clock, and keep it right by NTP"
    if newest is not None and newest - now > CLOCK_OFF:
        return Finding(name, Grade.WARN, f"{_span(newest - now)} behind the newest mail in the store", remedy)
    for other, ahead in others.items():
        if abs(ahead) > CLOCK_OFF:
            way = "behind" if ahead > timedelta(0) else "ahead of"
            return Finding(name, Grade.WARN, f"{_span(abs(ahead))} {way} that of {other}", remedy)
    agree = "".join(f", as {other} has it" for other in others)
    return Finding(name, Grade.OK, f"{now:%Y-%m-%d %H:%M:%S} UTC{agree}")


def check_zones(count: int) -> Finding:
    """`count`: how many time zones the system and the package tzdata know."""
    if count:
        return Finding("time zones", Grade.OK, f"{count} time zones are known")
    remedy = "install tzdata, from the system or by pip: no digest is due without"
    return Finding("time zones", Grade.FAIL, "there is no time zone database", remedy)


def check_outbox(health: Health, now: datetime) -> Finding:
    name = "outbox"
    if health.halted:
        remedy = "look at gateway outbox list, then: gateway outbox release"
        return Finding(name, Grade.WARN, f"frozen with {health.waiting} letters: {health.halted}", remedy)
    if health.oldest_letter_at is not None and now - health.oldest_letter_at > LETTER_OLD:
        reason = f"{health.waiting} letters wait, the oldest for {_span(now - health.oldest_letter_at)}"
        return Finding(name, Grade.WARN, reason, "gateway outbox list --state ready tells what the next mail server says")
    return Finding(name, Grade.OK, f"{health.waiting} letters wait" if health.waiting else "no letter waits")


def check_digests(overdue: Overdue, now: datetime) -> Finding:
    if not overdue.count or overdue.since is None:
        return Finding("digests", Grade.OK, "none is overdue")
    reason = f"{overdue.count} should have been made, the first {_span(now - overdue.since)} ago"
    return Finding("digests", Grade.WARN, reason, "is gateway serve running? Its log tells why it makes none")


def _span(time: timedelta) -> str:
    seconds = int(time.total_seconds())
    for size, name in ((86400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds // size} {name}"
    return f"{seconds} seconds"
