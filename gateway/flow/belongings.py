"""All that we have of a member, as one file for him: his settings, and each of his posts as it came (GDPR article 20).

In: a member. Out: the bytes of a ZIP file with settings.json and posts/MARKER.eml.
"""

from __future__ import annotations

import io
import json
import zipfile
from datetime import datetime
from typing import Any

from gateway.mail.forum import Forum, Member
from gateway.store import interests, shelf
from gateway.store.engine import Transaction

# What one letter carries; of more the latest posts go along.
SIZE_MAX = 15 << 20
POSTS_MAX = 10_000
_FIRST_DAY = (1980, 1, 1, 0, 0, 0)


def pack_belongings(db: Transaction, forum: Forum, member: Member) -> bytes:
    """The file; the same for the same facts."""
    packed = io.BytesIO()
    posts = shelf.posts_by(db, forum.id, member.keys, POSTS_MAX)
    left = SIZE_MAX
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        followed = interests.interests_of(db, forum.id, [member.id]).get(member.id, {})
        kept: list[dict[str, Any]] = []
        for post in posts:
            mail = shelf.mail_of(db, forum.id, post.mail_id)
            is_there = mail.size <= left
            kept.append({"marker": post.marker, "date": post.date.isoformat(), "title": post.subject, "is_here": is_there})
            if is_there:
                left -= mail.size
                _put(archive, f"posts/{post.marker}.eml", shelf.raw_of(db, forum.id, post.mail_id))
        settings = {**_settings(member), "threads": sorted(followed.values()), "posts": kept}
        _put(archive, "settings.json", json.dumps(settings, ensure_ascii=False, indent=2).encode())
    return packed.getvalue()


def _settings(member: Member) -> dict[str, Any]:
    def day(at: datetime | None) -> str | None:
        return at.isoformat() if at is not None else None

    return {
        "address": str(member.address),
        "further_addresses": [str(one) for one in member.others],
        "handle": member.handle,
        "badge": member.badge,
        "digest": str(member.rhythm) if member.has_digest else "off",
        "hour": f"{member.hour:02d}:{member.minute:02d}",
        "weekday": member.weekday,
        "zone": member.zone.key,
        "form": member.form,
        "language": member.language,
        "paused_until": member.paused_until.isoformat() if member.paused_until else None,
        "receipts": member.receipts,
        "cases": member.cases,
        "role": str(member.role),
        "standing": str(member.standing),
        "joined_at": day(member.joined_at),
        "bounced_at": day(member.bounces.bounced_at),
    }


def _put(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    entry = zipfile.ZipInfo(name, date_time=_FIRST_DAY)
    entry.compress_type = zipfile.ZIP_DEFLATED
    archive.writestr(entry, data)
