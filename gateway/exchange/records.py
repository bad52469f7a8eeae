"""The JSON-lines file beside an exported archive: envelopes, decisions, publication, moves by hand, changes (design 11).

A line is one JSON object. The first names the format; a "mail" goes by the SHA-256 of its bytes, a "move" by msgid, a "change" by
marker. Times are ISO 8601 in UTC. Lines of a kind that we do not know are passed over, so that a later version may add some.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gateway.exchange.archives import BadArchive
from gateway.mail.envelope import Via
from gateway.mail.piece import Alteration, Change, Move, Record, Resolution
from gateway.mail.verdict import Reason, Verdict

FORMAT = "thread-gateway archive"
VERSION = 1


def beside(path: Path) -> Path:
    """Where the records of the archive at `path` are."""
    return path.with_name(f"{path.name}.jsonl")


def header_line() -> bytes:
    return _line({"kind": "header", "format": FORMAT, "version": VERSION})


def mail_line(record: Record) -> bytes:
    return _line({"kind": "mail", **asdict(record)})


def move_line(move: Move) -> bytes:
    return _line({"kind": "move", **asdict(move)})


def change_line(change: Change) -> bytes:
    return _line({"kind": "change", **asdict(change)})


def _line(fields: Mapping[str, Any]) -> bytes:
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":"), default=_plain).encode() + b"\n"


def _plain(value: Any) -> str:
    assert isinstance(value, datetime)
    return value.astimezone(UTC).isoformat()


class Records:
    """A file of records, found by the bytes of a mail. Only the place of each is kept in memory. Raises BadArchive, OSError."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._places: dict[bytes, int] = {}
        self.highest = 0
        moves: list[Move] = []
        changes: list[Change] = []
        for number, (at, fields) in enumerate(self._lines(), 1):
            if number == 1 and (fields.get("format"), fields.get("version")) != (FORMAT, VERSION):
                raise BadArchive(f"{path}: line 1: not the records of an archive, or of a later version")
            try:
                if fields.get("kind") == "mail":
                    record = _record(fields)
                    self._places[bytes.fromhex(record.sha256)] = at
                    self.highest = max(self.highest, record.number or 0)
                elif fields.get("kind") == "move":
                    moves.append(_move(fields))
                elif fields.get("kind") == "change":
                    changes.append(_change(fields))
            except (KeyError, TypeError, ValueError) as error:
                raise BadArchive(f"{path}: line {number}: {error}") from None
        self.moves: Sequence[Move] = moves
        self.changes: Sequence[Change] = changes

    def _lines(self) -> Iterator[tuple[int, dict[str, Any]]]:
        at = 0
        with self._path.open("rb") as file:
            for number, line in enumerate(file, 1):
                try:
                    fields = json.loads(line)
                except ValueError:
                    fields = None
                if not isinstance(fields, dict):
                    raise BadArchive(f"{self._path}: line {number}: not a JSON object")
                yield at, fields
                at += len(line)

    def find(self, raw: bytes) -> tuple[bytes, Record | None]:
        """The bytes of the mail as they were exported, and its record. An mbox adds a line end where a mail had none."""
        for candidate in (raw, raw[:-1]) if raw.endswith(b"\n") else (raw,):
            place = self._places.get(hashlib.sha256(candidate).digest())
            if place is not None:
                with self._path.open("rb") as file:
                    file.seek(place)
                    return candidate, _record(json.loads(file.readline()))
        return raw, None


def _record(fields: Mapping[str, Any]) -> Record:
    number = fields.get("number")
    return Record(
        sha256=str(fields["sha256"]),
        received_at=_at(fields["received_at"]),
        reverse_path=_text(fields.get("reverse_path")),
        forward_path=str(fields["forward_path"]),
        via=Via(fields["via"]),
        peer=str(fields.get("peer", "")),
        verdict=Verdict(fields["verdict"]),
        reason=Reason(fields["reason"]),
        number=int(number) if number is not None else None,
        published_at=_at(fields["published_at"]) if fields.get("published_at") else None,
        resolutions=tuple(
            Resolution(_at(one["at"]), Verdict(one["verdict"]), Reason(one["reason"])) for one in fields.get("resolutions", ())
        ),
    )


def _move(fields: Mapping[str, Any]) -> Move:
    is_undone = bool(fields["is_undone"])
    return Move(msgid=str(fields["msgid"]), parent=_text(fields["parent"]), is_undone=is_undone, at=_at(fields["at"]))


def _change(fields: Mapping[str, Any]) -> Change:
    alteration = Alteration(fields["alteration"])
    return Change(marker=str(fields["marker"]), alteration=alteration, text=str(fields["text"]), at=_at(fields["at"]))


def _text(value: Any) -> str | None:
    return str(value) if value is not None else None


def _at(value: Any) -> datetime:
    at = datetime.fromisoformat(value)
    if at.tzinfo is None:
        raise ValueError("a time without a zone")
    return at.astimezone(UTC)
