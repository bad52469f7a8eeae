"""Kept mail as it leaves in an export: its bytes, and as a record the facts that these do not tell (design 11)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import zstandard
from sqlalchemy import Connection, select

from gateway.mail.piece import Record, Resolution
from gateway.store.archive import POST
from gateway.store.keep import DECISION, RAW
from gateway.store.shelf import Mail


def read_back(connection: Connection, mails: Sequence[Mail]) -> list[tuple[bytes, Record]]:
    """The bytes of some mails of one forum, and everything else that was recorded about each."""
    forum_id, ids = mails[0].forum_id, [mail.id for mail in mails]
    pieces: dict[UUID, list[bytes]] = {}
    unpack = zstandard.ZstdDecompressor().decompress
    raws = select(RAW.c.mail_id, RAW.c.data).where(RAW.c.forum_id == forum_id, RAW.c.mail_id.in_(ids)).order_by(RAW.c.seq)
    for mail_id, data in connection.execute(raws):
        pieces.setdefault(mail_id, []).append(unpack(data))
    later: dict[UUID, list[Resolution]] = {}
    decided = select(DECISION).where(DECISION.c.forum_id == forum_id, DECISION.c.mail_id.in_(ids))
    for row in connection.execute(decided.order_by(DECISION.c.at, DECISION.c.id)):
        later.setdefault(row.mail_id, []).append(Resolution(row.at, row.verdict, row.reason))
    columns = (POST.c.mail_id, POST.c.number, POST.c.published_at)
    posts = connection.execute(select(*columns).where(POST.c.forum_id == forum_id, POST.c.mail_id.in_(ids)))
    published = {mail_id: (number, at) for mail_id, number, at in posts}
    found = []
    for mail in mails:
        raw = b"".join(pieces.get(mail.id, ()))
        found.append((raw, _record(mail, raw, *published.get(mail.id, (None, None)), tuple(later.get(mail.id, ())))))
    return found


def _record(
    mail: Mail, raw: bytes, number: int | None, published_at: datetime | None, resolutions: tuple[Resolution, ...]
) -> Record:
    return Record(
        sha256=hashlib.sha256(raw).hexdigest(),
        received_at=mail.received_at,
        reverse_path=mail.reverse_path,
        forward_path=mail.forward_path,
        via=mail.via,
        peer=mail.peer,
        verdict=mail.verdict,
        reason=mail.reason,
        number=number,
        published_at=published_at,
        resolutions=resolutions,
    )
