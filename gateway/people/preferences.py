"""What a member may choose, as words KEY=VALUE (design 8.1). In: a member and the words. Out: the member as chosen. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import date
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from gateway.mail.bounce import NO_BOUNCES
from gateway.mail.forum import Member, Rhythm

FORMS: Final = ("html", "plain", "mime", "index")
DAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
RECEIPTS: Final = ("on", "off", "split")
CASES: Final = ("each", "daily")
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8})?\Z", re.ASCII)
_TIME = re.compile(r"(\d{1,2})(?::([0-5]\d))?\Z", re.ASCII)


def with_preferences(member: Member, words: Iterable[str]) -> Member:
    """`member` with what `words` say; ValueError tells which word is wrong, and what would be right."""
    changes: dict[str, Any] = {}
    for word in words:
        key, equals, value = word.partition("=")
        read = READERS.get(key.strip().lower())
        if not equals or read is None:
            raise ValueError(f"{word!r} is no preference: KEY=VALUE, with one of {', '.join(READERS)}")
        changes |= read(value.strip())
    return replace(member, **changes)


def read_zone(value: str) -> ZoneInfo:
    """The IANA time zone of that name; ValueError when there is none."""
    try:
        return ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"{value!r} is not a time zone; one is Europe/Paris") from None


def read_time(value: str) -> tuple[int, int]:
    """Hour and minute from "7" or "07:30"."""
    match = _TIME.match(value)
    if match is None or int(match[1]) > 23:
        raise ValueError(f"hour {value!r} is not a time of day; one is 07:30")
    return int(match[1]), int(match[2] or 0)


def _digest(value: str) -> dict[str, Any]:
    if value.lower() == "off":
        return {"has_digest": False}
    if value.lower() not in list(Rhythm):
        raise ValueError(f"digest {value!r} is none of off, {', '.join(Rhythm)}")
    return {"has_digest": True, "rhythm": Rhythm(value.lower())}


def _hour(value: str) -> dict[str, Any]:
    hour, minute = read_time(value)
    return {"hour": hour, "minute": minute}


def _day(value: str) -> dict[str, Any]:
    found = [number for number, name in enumerate(DAYS) if len(value) >= 2 and name.startswith(value.lower())]
    if len(found) != 1:
        raise ValueError(f"day {value!r} is no day of the week; one is friday")
    return {"weekday": found[0]}


def _zone(value: str) -> dict[str, Any]:
    return {"zone": read_zone(value)}


def read_form(value: str) -> str:
    if value not in FORMS:
        raise ValueError(f"form {value!r} is none of {', '.join(FORMS)}")
    return value


def _language(value: str) -> dict[str, Any]:
    if not _LANGUAGE.match(value):
        raise ValueError(f"language {value!r} is no language tag; one is de")
    return {"language": value.lower()}


def read_handle(value: str) -> str:
    if "@" in value or not value.isprintable():
        raise ValueError(f"the handle {value!r} holds what is never shown: an address or control characters")
    return value


def _pause(value: str) -> dict[str, Any]:
    if value.lower() == "off":
        return {"paused_until": None}
    try:
        return {"paused_until": date.fromisoformat(value)}
    except ValueError:
        raise ValueError(f"pause {value!r} is neither a date such as 2026-12-24 nor off") from None


def _bounces(value: str) -> dict[str, Any]:
    if value != "0":
        raise ValueError(f"bounces {value!r} is not 0: they are counted by themselves, and forgotten by hand")
    return {"bounces": NO_BOUNCES}


def _receipts(value: str) -> dict[str, Any]:
    if value.lower() not in RECEIPTS:
        raise ValueError(f"receipts {value!r} is none of {', '.join(RECEIPTS)}")
    return {"receipts": value.lower()}


def _cases(value: str) -> dict[str, Any]:
    if value.lower() not in CASES:
        raise ValueError(f"cases {value!r} is none of {', '.join(CASES)}")
    return {"cases": value.lower()}


READERS: Final[dict[str, Callable[[str], dict[str, Any]]]] = {
    "digest": _digest,
    "hour": _hour,
    "day": _day,
    "zone": _zone,
    "form": lambda value: {"form": read_form(value)},
    "pause": _pause,
    "language": _language,
    "handle": lambda value: {"handle": read_handle(value)},
    "bounces": _bounces,
    "receipts": _receipts,
    "cases": _cases,
}


def told(member: Member) -> str:
    """When digests come, in a few words."""
    if member.has_digest and member.bounces.paused_at is not None:
        return f"no digest, paused by bounces since {member.bounces.paused_at:%Y-%m-%d}"
    if not member.has_digest:
        return "no digest"
    if member.rhythm is Rhythm.IMMEDIATE:
        return "each post at once" + (f", paused until {member.paused_until.isoformat()}" if member.paused_until else "")
    day = f" on {DAYS[member.weekday].title()}" if member.rhythm is Rhythm.WEEKLY else ""
    at = f"at minute {member.minute:02d}" if member.rhythm is Rhythm.HOURLY else f"at {member.hour:02d}:{member.minute:02d}"
    pause = f", paused until {member.paused_until.isoformat()}" if member.paused_until else ""
    return f"{member.rhythm} digest{day} {at} {member.zone.key}{pause}"
