"""The Maildir courier: the default, so that the gateway runs with nothing else installed.

All letters go to one Maildir, whoever they are for; Delivered-To and Return-Path tell. A name made from the letter's
bytes makes a repeat after a crash the same file.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from gateway.mail.address import Address
from gateway.send.courier import Fate, Fault, Outcome


class MaildirCourier:
    """Delivers to the Maildir at `path`, which is made when it is not there."""

    def __init__(self, path: Path) -> None:
        self._path = path
        # Letters hold tokens: they are for one reader, not for everybody on this machine.
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        for folder in ("tmp", "new", "cur"):
            (path / folder).mkdir(mode=0o700, exist_ok=True)

    def deliver(self, reverse_path: Address, recipient: Address, raw: bytes) -> Outcome:
        """Written, synced, then moved to new: a mail program never sees half a letter."""
        head = f"Return-Path: <{reverse_path}>\r\nDelivered-To: {recipient}\r\n".encode()
        data = (head + raw).replace(b"\r\n", b"\n")
        name = hashlib.sha256(data).hexdigest()[:32] + ".gateway"
        if self._is_there(name):
            return Outcome(Fate.SENT, f"already in {name}")
        try:
            temporary = self._path / "tmp" / name
            with open(temporary, "wb", opener=_private) as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            temporary.rename(self._path / "new" / name)
            self._sync_folder()
        except OSError as error:
            return Outcome(Fate.DEFERRED, f"Maildir: {error.strerror}", Fault.WAY)
        return Outcome(Fate.SENT, f"delivered to {name}")

    def close(self) -> None:
        """Nothing is held open."""

    def _is_there(self, name: str) -> bool:
        read = any((self._path / "cur").glob(f"{name}:2,*"))
        return read or (self._path / "new" / name).exists() or (self._path / "cur" / name).exists()

    def _sync_folder(self) -> None:
        folder = os.open(self._path / "new", os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
