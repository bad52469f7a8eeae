"""People for tests: members of a forum, and mails from whom one likes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from uuid_utils.compat import uuid7

from gateway.mail.address import Address
from gateway.mail.forum import Forum, Member

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)


def make_member(forum: Forum, address: Address, **more: Any) -> Member:
    values: dict[str, Any] = {
        "id": uuid7(),
        "forum_id": forum.id,
        "address": address,
        "handle": address.local.title(),
        "badge": "",
        "zone": ZoneInfo("UTC"),
        "hour": 7,
        "form": "plain",
        "has_digest": False,
    }
    return Member(**(values | more))


def mail_from(
    author: str, msgid: str = "1@x", *, above: str = "", subject: str = "s", body: str = "Text", **fields: str
) -> bytes:
    """Raw of a mail; `above` is the msgid that it answers."""
    lines = [f"From: {author}", f"Subject: {subject}", f"Message-ID: <{msgid}>", "Date: Fri, 02 Jan 2026 11:00:00 +0000"]
    lines += [f"In-Reply-To: <{above}>"] if above else []
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in fields.items()]
    return "\r\n".join([*lines, "", body, ""]).encode()
