"""A gateway into a folder and back (design 13): the database in one state, the secrets, the configuration, and a manifest.

In: a database URL and the paths of files. Out: a folder that gets its name once it is whole, or a gateway that sends no letter
until somebody says so: letters of the backup may have gone out since it was made. Errors: `BadBackup`, StoreTrouble, OSError.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from gateway.store import snapshot
from gateway.store.snapshot import Snapshot, sync

MANIFEST: Final = "manifest.json"
DATABASE: Final[Mapping[str, str]] = {"sqlite": "database.sqlite", "postgresql": "database.dump"}
SECRETS: Final = "secrets"
CONFIGURATION: Final = "gateway.toml"
# The private key of a DKIM selector.
DKIM: Final = re.compile(r"dkim-[A-Za-z0-9.-]{1,240}\.pem")
# Of the manifest and of what the files are called.
FORMAT: Final = 1


class BadBackup(Exception):
    """A folder is no whole backup, or must not be written to; the text says which and why."""

    temporary = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    """What a file of a backup must be: bytes, and SHA-256 in hexadecimal digits."""

    size: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a backup tells of itself; `version` is that of the program, `revision` that of the tables."""

    version: str
    engine: str
    revision: str
    created_at: datetime
    files: Mapping[str, Sealed]

    @property
    def size(self) -> int:
        return sum(file.size for file in self.files.values())


def render_manifest(manifest: Manifest) -> str:
    """As JSON."""
    fields = {"format": FORMAT, **asdict(manifest), "created_at": manifest.created_at.isoformat()}
    return json.dumps(fields, ensure_ascii=False, indent=2) + "\n"


def parse_manifest(text: str) -> Manifest:
    """The manifest in a JSON text. Raises BadBackup."""
    try:
        fields: dict[str, Any] = json.loads(text)
        if fields["format"] != FORMAT:
            raise BadBackup(f"the manifest has format {fields['format']}: a newer version of the gateway made it")
        manifest = Manifest(
            version=str(fields["version"]),
            engine=fields["engine"],
            revision=str(fields["revision"]),
            created_at=datetime.fromisoformat(fields["created_at"]),
            files={name: Sealed(size=int(one["size"]), sha256=one["sha256"]) for name, one in fields["files"].items()},
        )
        # Names are ours, so that none leads out of the folder.
        allowed = {DATABASE[manifest.engine], SECRETS, CONFIGURATION}
        others = manifest.files.keys() - allowed
        if DATABASE[manifest.engine] not in manifest.files or not all(DKIM.fullmatch(name) for name in others):
            raise BadBackup("the manifest names other files than a backup has")
    except (ValueError, KeyError, TypeError, AttributeError):
        raise BadBackup("the manifest cannot be read") from None
    return manifest


def back_up(
    folder: Path, url: str, files: Mapping[str, Path], *, version: str, now: datetime, told: Callable[[int, int], object]
) -> Manifest:
    """Writes everything into the new `folder`: the database at `url`, and those of `files`, by the names they get, that exist.

    It may be in use meanwhile. `told` hears how much of the database is done, of how much, where that is known.
    """
    if folder.exists() or folder.is_symlink():
        raise BadBackup(f"{folder}: is there already: a backup needs a new folder")
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}.partial-"))
    try:
        engine = snapshot.engine_of(url)
        found = snapshot.take(url, partial / DATABASE[engine], told)
        for name, path in files.items():
            # Asked after the database was copied: secrets are made before the first letter goes out.
            if path.exists():
                _copy(path, partial / name)
        sealed = {path.name: _seal(path) for path in sorted(partial.iterdir())}
        manifest = Manifest(version=version, engine=engine, revision=found.revision, created_at=now, files=sealed)
        _write(partial / MANIFEST, render_manifest(manifest).encode())
        for path in (*partial.iterdir(), partial):
            sync(path)
        partial.rename(folder)
        sync(folder.parent)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return manifest


def check_backup(folder: Path) -> Manifest:
    """The manifest of a backup, when all its files are as it says. Raises BadBackup."""
    try:
        manifest = parse_manifest((folder / MANIFEST).read_text(encoding="utf-8"))
        for name, sealed in manifest.files.items():
            if _seal(folder / name) != sealed:
                raise BadBackup(f"{name} is damaged: it is not what was written")
    except BadBackup as error:
        raise BadBackup(f"{folder}: {error}") from None
    except UnicodeDecodeError:
        raise BadBackup(f"{folder}: the manifest cannot be read") from None
    except (FileNotFoundError, NotADirectoryError) as error:
        raise BadBackup(f"{folder}: is no whole backup: {Path(error.filename).name} is missing") from None
    return manifest


def restore(folder: Path, url: str, secrets: Path, now: datetime) -> Manifest:
    """Makes the database at `url` and the file `secrets` as in the backup; letters stay where they are. All or nothing."""
    manifest = check_backup(folder)
    if manifest.engine != snapshot.engine_of(url):
        raise BadBackup(f"{folder}: holds {manifest.engine}, and the settings name {snapshot.engine_of(url)}")
    if not snapshot.is_known(manifest.revision):
        raise BadBackup(f"{folder}: was made by a newer version of the gateway ({manifest.version}): use that")
    has_secrets = SECRETS in manifest.files
    if secrets.exists() and not (has_secrets and secrets.read_bytes() == (folder / SECRETS).read_bytes()):
        raise BadBackup(f"{secrets}: is there already: restore into an empty data folder")
    if there := snapshot.what_is_there(url):
        raise BadBackup(f"{there}: is there already: restore into an empty data folder and an empty database")
    is_ours = has_secrets and not secrets.exists()
    made = [one for one in (secrets.parent, *secrets.parent.parents) if not one.exists()]
    secrets.parent.mkdir(parents=True, exist_ok=True)
    try:
        # First, so that no server finds the database without them and makes new ones.
        if is_ours:
            _copy(folder / SECRETS, secrets)
            sync(secrets)
        found = Snapshot(snapshot.engine_of(url), manifest.revision)
        why = f"restored from the backup of {manifest.created_at:%Y-%m-%d %H:%M} UTC"
        snapshot.put_back(url, folder / DATABASE[manifest.engine], found, now, why)
    except BaseException:
        if is_ours:
            secrets.unlink(missing_ok=True)
        for one in made:
            with suppress(OSError):
                one.rmdir()
        raise
    return manifest


def _seal(path: Path) -> Sealed:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return Sealed(size=file.tell(), sha256=digest)


def _copy(path: Path, target: Path) -> None:
    _write(target, path.read_bytes())


def _write(path: Path, data: bytes) -> None:
    """A new file, for its owner alone."""
    with open(path, "xb", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        file.write(data)
