"""The one place where parts are put together: settings in, a house out. `working` gives it doors and work, `running` lets it run.

Most commands need no more than what is here, and start in half the time for it.
"""

from __future__ import annotations

import os
import secrets
import tempfile
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from uuid_utils.compat import uuid7

from gateway.admit.rules import BadRules, HeaderRule, read_rules
from gateway.mail.token import KEY_BYTES, is_key
from gateway.settings import BadSettings, Settings
from gateway.store.engine import Store


def real_now() -> datetime:
    """The clock of everything but tests and the demo."""
    return datetime.now(UTC)


class House:
    """An open store, the clock and the settings that go with it. `close` ends it in order."""

    def __init__(self, settings: Settings, now: Callable[[], datetime] = real_now, new_id: Callable[[], UUID] = uuid7) -> None:
        self.settings = settings
        self.now = now
        self.new_id = new_id
        settings.data.mkdir(parents=True, exist_ok=True)
        self.store = Store(settings.database_url)
        self.store.migrate()

    def close(self) -> None:
        self.store.close()

    def key(self) -> bytes:
        """The key of our tokens; made at the first start, readable by us alone, part of every backup."""
        path = self.settings.data / "secrets"
        if not path.exists():
            _make_secret(path)
        text = path.read_text(encoding="ascii", errors="replace").strip()
        if not is_key(text):
            # An empty one, after a crash or a full disk, would be a key that anybody can guess.
            raise BadSettings(f"{path}: does not hold a key: restore it from a backup, or remove it to get a new one")
        return bytes.fromhex(text)

    def rules(self) -> tuple[HeaderRule, ...]:
        """The operator's rules over header fields. Raises BadSettings."""
        path = self.settings.admit.rules
        if path is None:
            return ()
        try:
            return read_rules(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            raise BadSettings(f"admit.rules: {path}: cannot be read: {error}") from None
        except BadRules as error:
            raise BadSettings(f"{path}: {error}") from None


def _make_secret(path: Path) -> None:
    """Whole or not at all: written beside, then linked into place, unless another process was first."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".secrets-")
    with os.fdopen(handle, "w") as file:
        file.write(secrets.token_hex(KEY_BYTES) + "\n")
        file.flush()
        os.fsync(file.fileno())
    with suppress(FileExistsError):
        os.link(temporary, path)
    os.unlink(temporary)


def data_folder(name: str) -> Path:
    """A folder that travels with the program: beside the checkout's `gateway/`, or inside the installed package."""
    here = Path(__file__).parent.parent
    packaged = here / "_data" / name
    return packaged if packaged.is_dir() else here.parent / name
