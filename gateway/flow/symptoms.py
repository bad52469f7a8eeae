"""Gathers what `flow.diagnosis` judges: looks at disk, files, ports and names. Changes nothing; whatever fails is a fact."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeVar
from zoneinfo import available_timezones

from gateway.flow.diagnosis import Folder, Overdue, Port, Secrets
from gateway.flow.names import Domain, Host
from gateway.flow.publish import find_due
from gateway.mail.token import is_key
from gateway.send.probe import SECONDS, ask
from gateway.store import ledger, roster
from gateway.store.engine import Store
from gateway.verify.dns import does_answer

T = TypeVar("T")
# A digest that is so late will not come by itself.
LATE = timedelta(hours=1)
_ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}


def look_at_folder(path: Path) -> Folder:
    """The data folder; where there is none, the folder that it would be made in."""
    place = path.absolute()
    while not place.exists():
        place = place.parent
    disk = os.statvfs(place)
    return Folder(
        path=path,
        exists=path.is_dir(),
        is_writable=place.is_dir() and os.access(place, os.W_OK | os.X_OK),
        free_bytes=disk.f_bavail * disk.f_frsize,
        free_inodes=disk.f_favail if disk.f_files else None,
    )


def look_at_secrets(path: Path) -> Secrets:
    try:
        mode = path.stat().st_mode & 0o7777
        text = path.read_text(encoding="ascii", errors="replace").strip()
    except FileNotFoundError:
        return Secrets(path=path, mode=None)
    except OSError:
        return Secrets(path=path, mode=0)
    return Secrets(path=path, mode=mode, is_key=is_key(text))


def look_at_private(path: Path) -> Secrets:
    """A file that holds a key of any kind."""
    try:
        mode = path.stat().st_mode & 0o7777
        return Secrets(path=path, mode=mode, is_key=bool(path.read_bytes().strip()))
    except FileNotFoundError:
        return Secrets(path=path, mode=None)
    except OSError:
        return Secrets(path=path, mode=0)


def does_dns_answer(servers: Sequence[str]) -> bool:
    """Whether those whom we would ask for the keys of signatures answer; by default the servers of the system."""
    return does_answer(servers, SECONDS)


def look_at_port(host: str, port: int, hostname: str) -> Port:
    """Asks who answers there; when nobody does, whether we may take it."""
    near = _ANYWHERE.get(host, host)
    if not port:
        return Port(host=host, port=port, hostname=hostname, answer=None)
    try:
        socket.create_connection((near, port), SECONDS).close()
    except OSError:
        return Port(host=host, port=port, hostname=hostname, answer=None, bind_error=_bind_error(host, port))
    return Port(host=host, port=port, hostname=hostname, answer=ask(near, port, hostname))


def _bind_error(host: str, port: int) -> str:
    try:
        socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET).close()
    except OSError as error:
        # Not error.strerror, which names the address again.
        return os.strerror(error.errno) if error.errno else type(error).__name__
    return ""


def count_zones() -> int:
    """How many time zones there are; none where the database is missing."""
    return len(available_timezones())


def look_at_digests(store: Store, now: datetime) -> Overdue:
    """What `publish.send_due` should have made an hour ago."""
    late: list[datetime] = []
    for forum in roster.list_forums(store):
        members = roster.list_members(store, forum.id)
        with store.read() as db:
            for due in find_due(db, forum, members, now, at_once=False):
                at = due.period.until if due.period else ledger.published_at(db, forum.id, due.from_number)
                if at is not None and now - at > LATE:
                    late.append(at)
    return Overdue(count=len(late), since=min(late, default=None))


def look_up_host(name: str) -> Host:
    """By the resolver of this machine."""

    def addresses() -> tuple[str, ...]:
        with suppress(socket.gaierror):
            return tuple(sorted({str(one[4][0]) for one in socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)}))
        return ()

    def pointers() -> tuple[str, ...]:
        found = []
        for address in here or ():
            with suppress(socket.herror, socket.gaierror):
                found.append(socket.gethostbyaddr(address)[0])
        return tuple(found)

    here = _in_time(addresses)
    return Host(name=name, addresses=here, pointers=_in_time(pointers))


def look_up_domain(name: str) -> Domain:
    """By dig, since the standard library asks for addresses only."""
    mx, texts = _dig("MX", name), _dig("TXT", name)
    spf = None if texts is None else tuple(text.strip('"') for text in texts if text.lower().startswith('"v=spf1'))
    return Domain(name=name, mx=None if mx is None else tuple(line.split()[-1].rstrip(".") for line in mx), spf=spf)


def _dig(kind: str, name: str) -> list[str] | None:
    """The records of that kind; None without dig, or without an answer from a resolver."""
    path = shutil.which("dig")
    if path is None:
        return None
    command = [path, "+short", f"+time={SECONDS:.0f}", "+tries=1", "-t", kind, "-q", name]
    try:
        done = subprocess.run(command, capture_output=True, timeout=2 * SECONDS, check=False, text=True, errors="replace")
    except (OSError, subprocess.TimeoutExpired):
        return None
    lines = [line for line in done.stdout.splitlines() if line]
    return None if done.returncode or any(line.startswith(";") for line in lines) else lines


def _in_time(call: Callable[[], T]) -> T | None:
    """What `call` returns, or None when it takes too long: the resolver has no limit of its own that we could set."""
    found: list[T] = []
    thread = threading.Thread(target=lambda: found.append(call()), daemon=True)
    thread.start()
    thread.join(SECONDS)
    return found[0] if found else None
