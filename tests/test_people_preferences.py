"""A member's choices as words."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from gateway.mail.forum import Rhythm
from gateway.people.preferences import told, with_preferences
from tests.test_digest_due import member


@pytest.mark.parametrize(
    ("words", "changes"),
    [
        ("digest=weekly day=friday hour=17:30", {"rhythm": Rhythm.WEEKLY, "weekday": 4, "hour": 17, "minute": 30}),
        ("digest=off", {"has_digest": False}),
        ("DIGEST=Hourly", {"rhythm": Rhythm.HOURLY, "has_digest": True}),
        ("day=mo hour=7", {"weekday": 0, "hour": 7, "minute": 0}),
        ("zone=Asia/Tokyo form=plain handle=Bea", {"form": "plain", "handle": "Bea"}),
        ("pause=2026-12-24", {"paused_until": date(2026, 12, 24)}),
        ("pause=2026-12-24 pause=off", {"paused_until": None}),
    ],
)
def test_preferences(words: str, changes: dict[str, Any]) -> None:
    changed = with_preferences(member(), words.split())
    assert {name: getattr(changed, name) for name in changes} == changes


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("daily", "'daily' is no preference: KEY=VALUE"),
        ("colour=red", "'colour=red' is no preference"),
        ("digest=now", "'now' is none of off, immediate, hourly, daily"),
        ("hour=24", "'24' is not a time of day"),
        ("hour=7:5", "'7:5' is not a time of day"),
        ("day=t", "'t' is no day of the week"),
        ("zone=Mars", "'Mars' is not a time zone"),
        ("form=pdf", "'pdf' is none of html, plain"),
        ("pause=soon", "'soon' is neither a date"),
        ("handle=a@b", "holds what is never shown"),
    ],
)
def test_wrong_preferences(word: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        with_preferences(member(), [word])


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ("", "daily digest at 07:00 UTC"),
        ("digest=off", "no digest"),
        ("digest=weekly day=fri hour=17:30 zone=Asia/Tokyo", "weekly digest on Friday at 17:30 Asia/Tokyo"),
        ("digest=hourly hour=7:30", "hourly digest at minute 30 UTC"),
        ("pause=2026-12-24", "daily digest at 07:00 UTC, paused until 2026-12-24"),
    ],
)
def test_told(words: str, text: str) -> None:
    assert told(with_preferences(member(), words.split())) == text
