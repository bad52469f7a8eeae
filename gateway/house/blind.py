"""The key of anonymous posts: one for each month (UTC), in a file of its own that no backup holds.

In: the path of the file and the clock. Out: the key in use. Who has it can try all members on a tag; when its month is over it is
overwritten, and then nobody can. With it end bans and limits of that month; after a restore, too.
"""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from gateway.mail.token import KEY_BYTES, is_key
from gateway.people.anonymity import month_of


def blind_keys(path: Path) -> Callable[[datetime], bytes]:
    """Who gives the key of that instant's month. Several processes may share the file."""

    def key(now: datetime) -> bytes:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            month, _, text = os.pread(handle, 200, 0).decode("ascii", "replace").strip().partition(" ")
            # A clock that was put back does not bring another key: two for one month would split what depends on it.
            if not is_key(text) or month < month_of(now):
                text = secrets.token_hex(KEY_BYTES)
                # Of the same length, so that the old one is overwritten where it stands.
                os.pwrite(handle, f"{month_of(now)} {text}\n".encode("ascii"), 0)
                os.fsync(handle)
        finally:
            os.close(handle)
        return bytes.fromhex(text)

    return key
