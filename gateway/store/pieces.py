"""What pieces of mails answer, read back (`mail.answer`): facts that stand in no header."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, select

from gateway.mail.answer import Answer
from gateway.mail.message import Span, SpanKind
from gateway.store.bulk import slices
from gateway.store.keep import PIECE


def answers_of(connection: Connection, forum_id: UUID, mail_ids: Iterable[UUID]) -> dict[UUID, tuple[Answer, ...]]:
    """The pieces of those of these mails that have any, in their order."""
    found: dict[UUID, tuple[Answer, ...]] = {}
    for run in slices(mail_ids):
        here = (PIECE.c.forum_id == forum_id) & PIECE.c.mail_id.in_(run)
        for row in connection.execute(select(PIECE).where(here).order_by(PIECE.c.mail_id, PIECE.c.piece)):
            found[row.mail_id] = (*found.get(row.mail_id, ()), _answer(row))
    return found


def _answer(row: Row[Any]) -> Answer:
    spans = tuple(Span(SpanKind(kind), text, depth) for kind, text, depth in json.loads(row.spans)) if row.spans else None
    return Answer(answers=row.answers, evidence=row.evidence, title=row.title, spans=spans)
