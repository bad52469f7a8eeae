"""What pieces of mails answer (`mail.answer`): facts that stand in no header."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, delete, insert, select

from gateway.mail.answer import Answer
from gateway.mail.message import Span, SpanKind
from gateway.store.bulk import slices, table_of
from gateway.store.incoming import spans_to_json
from gateway.store.people_tables import PieceRow

PIECE = table_of(PieceRow)


def answers_of(connection: Connection, forum_id: UUID, mail_ids: Iterable[UUID]) -> dict[UUID, tuple[Answer, ...]]:
    """The pieces of those of these mails that have any, in their order."""
    found: dict[UUID, tuple[Answer, ...]] = {}
    for run in slices(mail_ids):
        here = (PIECE.c.forum_id == forum_id) & PIECE.c.mail_id.in_(run)
        for row in connection.execute(select(PIECE).where(here).order_by(PIECE.c.mail_id, PIECE.c.piece)):
            found[row.mail_id] = (*found.get(row.mail_id, ()), _answer(row))
    return found


def keep_answers(connection: Connection, forum_id: UUID, mail_id: UUID, answers: Sequence[Answer]) -> None:
    """Notes what the pieces of a mail answer, in the place of what was noted before."""
    connection.execute(delete(PIECE).where(PIECE.c.forum_id == forum_id, PIECE.c.mail_id == mail_id))
    rows = [
        {
            "forum_id": forum_id,
            "mail_id": mail_id,
            "piece": piece,
            "answers": one.answers,
            "title": one.title,
            "evidence": one.evidence,
            "spans": "" if one.spans is None else spans_to_json(one.spans),
        }
        for piece, one in enumerate(answers)
    ]
    if rows:
        connection.execute(insert(PIECE), rows)


def _answer(row: Row[Any]) -> Answer:
    spans = tuple(Span(SpanKind(kind), text, depth) for kind, text, depth in json.loads(row.spans)) if row.spans else None
    return Answer(answers=row.answers, evidence=row.evidence, title=row.title, spans=spans)
