"""Keeps a batch of judged mails: raw, facts, placement and journal, all in the caller's transaction (design 4, 5.6, 11).

In: `Incoming`, one for each mail and recipient. Out: for each whether it was new. A mail that is here already (same msgid, same
content) is not stored twice; one with a known msgid and other content is an imposter, a leaf under the first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, insert, select, update

from gateway.journal import VERB_OF, Verb
from gateway.mail.verdict import Reason, Verdict
from gateway.store.anonymous import ids_for, remember
from gateway.store.archive import POST, TableArchive, place_of
from gateway.store.bulk import Bulk, Lookup, table_of
from gateway.store.incoming import MARKER, Incoming, Part, compressor
from gateway.store.pieces import answers_of, keep_answers
from gateway.store.tables import DecisionRow, ForumRow, JournalRow, MailRow, RawRow
from gateway.thread.forest import FOLLOWED, Node, Rule
from gateway.thread.place import place, rehead

MAIL, RAW, JOURNAL, FORUM = table_of(MailRow), table_of(RawRow), table_of(JournalRow), table_of(ForumRow)
DECISION = table_of(DecisionRow)
_INSERT_MAIL, _INSERT_RAW, _INSERT_JOURNAL, _INSERT_POST = Bulk(MAIL), Bulk(RAW), Bulk(JOURNAL), Bulk(POST)
_KNOWN = Lookup((MAIL.c.msgid, MAIL.c.id, MAIL.c.content_hash, MAIL.c.received_at, MAIL.c.verdict), MAIL.c.msgid)
_MARKERS = Lookup((POST.c.marker,), POST.c.marker)


@dataclass(slots=True)
class _Known:
    """A mail with the same msgid, from the tables or from this batch."""

    id: UUID
    content_hash: bytes
    received_at: datetime
    verdict: str

    @property
    def seniority(self) -> tuple[datetime, bytes]:
        return (self.received_at, self.content_hash)


def keep(connection: Connection, batch: Sequence[Incoming], new_id: Callable[[], UUID]) -> list[bool]:
    """Stores `batch`; for each item whether it was new (False: a duplicate)."""
    kept = [False] * len(batch)
    forums = sorted({item.forum.id for item in batch})
    if connection.dialect.name == "postgresql":
        # One receiver at a time places mail in a forum; always in the same order, so that two never wait for each other.
        connection.execute(select(FORUM.c.id).where(FORUM.c.id.in_(forums)).order_by(FORUM.c.id).with_for_update())
    for forum_id in forums:
        positions = [index for index, item in enumerate(batch) if item.forum.id == forum_id]
        for index, is_new in zip(
            positions, _Batch(connection, forum_id, new_id).keep([batch[i] for i in positions]), strict=True
        ):
            kept[index] = is_new
    return kept


def decide_anew(
    connection: Connection, item: Incoming, mail_id: UUID, reason: Reason, now: datetime, new_id: Callable[[], UUID]
) -> None:
    """Posts a mail that is kept already, in the pieces that were noted with it, and records that somebody decided so."""
    if item.answers:
        keep_answers(connection, item.forum.id, mail_id, item.answers)
    else:
        item = replace(item, answers=answers_of(connection, item.forum.id, [mail_id]).get(mail_id, ()))
    if connection.dialect.name == "postgresql":
        connection.execute(select(FORUM.c.id).where(FORUM.c.id == item.forum.id).with_for_update())
    set_verdict(connection, item.forum.id, mail_id, Verdict.ACCEPT, reason, now, new_id())
    _Batch(connection, item.forum.id, new_id).place([(item, mail_id)])


def set_verdict(
    connection: Connection, forum_id: UUID, mail_id: UUID, verdict: Verdict, reason: Reason, now: datetime, id: UUID
) -> None:
    """Records a decision about a kept mail, and its verb in the journal."""
    here = (MAIL.c.forum_id == forum_id) & (MAIL.c.id == mail_id)
    connection.execute(update(MAIL).where(here).values(verdict=verdict, reason=reason))
    fact = {"forum_id": forum_id, "id": id, "at": now}
    connection.execute(insert(DECISION).values(**fact, mail_id=mail_id, verdict=verdict, reason=reason))
    connection.execute(insert(JOURNAL).values(**fact, verb=VERB_OF[verdict], subject_id=mail_id, detail=reason))


def take_bounce(connection: Connection, forum_id: UUID, mail_id: UUID, now: datetime, id: UUID) -> bool:
    """Records that a bounce has been read; False when somebody else has read it."""
    here = (MAIL.c.forum_id == forum_id) & (MAIL.c.id == mail_id) & (MAIL.c.reason == Reason.BOUNCE)
    if connection.execute(update(MAIL).where(here).values(reason=Reason.BOUNCE_READ)).rowcount == 0:
        return False
    set_verdict(connection, forum_id, mail_id, Verdict.DISCARD, Reason.BOUNCE_READ, now, id)
    return True


class _Batch:
    """The part of a batch that belongs to one forum."""

    def __init__(self, connection: Connection, forum_id: UUID, new_id: Callable[[], UUID]) -> None:
        self._db = connection
        self._forum = forum_id
        self._new_id = new_id
        self._archive = TableArchive(connection, forum_id)
        self._known: dict[str, list[_Known]] = {}
        self._markers: set[str] = set()
        self._imposters: list[dict[str, Any]] = []
        self._journal: list[dict[str, Any]] = []

    def keep(self, items: Sequence[Incoming]) -> list[bool]:
        self._find_known({item.message.msgid for item in items})
        fresh: list[tuple[Incoming, UUID]] = []
        result = []
        for item in items:
            mail_id = self._accept(item)
            result.append(mail_id is not None)
            if mail_id is not None:
                fresh.append((item, mail_id))
        if fresh:
            self._insert_mail(fresh)
            for item, mail_id in fresh:
                if item.answers:
                    keep_answers(self._db, self._forum, mail_id, item.answers)
            self._place([(item, mail_id) for item, mail_id in fresh if item.decision.verdict is Verdict.ACCEPT])
            _INSERT_JOURNAL.insert(self._db, self._journal)
        return result

    def place(self, items: Sequence[tuple[Incoming, UUID]]) -> None:
        """Places mails that are stored already (released from being held)."""
        self._find_known({item.message.msgid for item, _ in items})
        self._place(items)
        _INSERT_JOURNAL.insert(self._db, self._journal)

    def _find_known(self, msgids: set[str]) -> None:
        for msgid, *rest in _KNOWN.find(self._db, self._forum, msgids):
            self._known.setdefault(msgid, []).append(_Known(*rest))

    def _accept(self, item: Incoming) -> UUID | None:
        """An id for a mail that is new, None for a duplicate."""
        known = self._known.setdefault(item.message.msgid, [])
        # The id of an anonymous mail is made of its content.
        if any(item.tag or other.content_hash == item.message.content_hash for other in known):
            return None
        mail_id = ids_for(item.tag, self._new_id)()
        known.append(_Known(mail_id, item.message.content_hash, item.envelope.received_at, item.decision.verdict))
        return mail_id

    def _insert_mail(self, fresh: Sequence[tuple[Incoming, UUID]]) -> None:
        _INSERT_MAIL.insert(self._db, [self._mail_row(item, mail_id) for item, mail_id in fresh])
        small: list[dict[str, Any]] = []
        for item, mail_id in fresh:
            key = {"forum_id": self._forum, "mail_id": mail_id}
            if item.pieces is not None:
                small += [{**key, "seq": seq, "data": piece} for seq, piece in enumerate(item.pieces)]
            else:
                compress = compressor()
                for seq, piece in enumerate(item.raw.chunks()):
                    _INSERT_RAW.insert(self._db, [{**key, "seq": seq, "data": compress(piece)}])
            self._tell(item.envelope.received_at, VERB_OF[item.decision.verdict], mail_id, item.decision.reason, item.tag)
            remember(self._db, self._forum, mail_id, item.tag, item.envelope.received_at, item.decision.verdict, item.receipt)
            for one in item.past.resolutions if item.past else ():
                values = {"at": one.at, "verdict": one.verdict, "reason": one.reason}
                self._db.execute(insert(DECISION).values(forum_id=self._forum, id=self._new_id(), mail_id=mail_id, **values))
        _INSERT_RAW.insert(self._db, small)

    def _tell(self, at: datetime, verb: Verb, subject: UUID | None, detail: str, tag: bytes = b"") -> None:
        fact = {"forum_id": self._forum, "id": ids_for(tag, self._new_id)(), "at": at}
        self._journal.append({**fact, "verb": verb.value, "subject_id": subject, "detail": str(detail)})

    def _mail_row(self, item: Incoming, mail_id: UUID) -> dict[str, Any]:
        envelope, message = item.envelope, item.message
        return {
            "forum_id": self._forum,
            "id": mail_id,
            "msgid": message.msgid,
            "content_hash": message.content_hash,
            "received_at": envelope.received_at,
            "reverse_path": str(envelope.reverse_path) if envelope.reverse_path else None,
            "forward_path": str(item.recipient),
            "via": envelope.via.value,
            "peer": envelope.peer,
            "size": item.raw.size,
            "verdict": item.decision.verdict.value,
            "reason": item.decision.reason.value,
            "proof": str(item.proof),
        }

    def _place(self, items: Sequence[tuple[Incoming, UUID]]) -> None:
        if not items:
            return
        archive = self._archive
        parts = [(item, mail_id, part) for item, mail_id in items for part in item.parts]
        nodes = [part.node for _, _, part in parts]
        archive.fetch({node.msgid for node in nodes} | {msgid for node in nodes for msgid in node.ancestors[:1]})
        unknown = {
            msgid
            for node in nodes
            if node.ancestors
            for msgid in node.ancestors[1:]
            if (first := archive.find(node.ancestors[0])) is None or first.is_ghost
        }
        archive.fetch(unknown)
        archive.fetch_moves(node.msgid for node in nodes)
        self._find_markers([part.digits for _, _, part in parts])
        subjects = [node for node in nodes if node.base]
        if subjects:
            dates = [node.date for node in subjects]
            archive.fetch_subjects([node.base for node in subjects], min(dates) - FOLLOWED, max(dates) + FOLLOWED)
        for item, mail_id, part in parts:
            self._place_one(item, mail_id, part)
        archive.flush()
        if self._imposters:
            for row in self._imposters:
                first = archive.find(row["msgid"])
                assert first is not None
                row["thread_id"] = first.thread
                if not row["is_imposter"]:
                    row.update(place_of(first))
            _INSERT_POST.insert(self._db, self._imposters)
        if archive.merged:
            tag = b"".join(item.tag for item, _ in items)
            self._tell(items[-1][0].envelope.received_at, Verb.MERGED, None, str(archive.merged), tag)

    def _place_one(self, item: Incoming, mail_id: UUID, part: Part) -> None:
        node = part.node
        row = self._post_row(item, mail_id, part)
        known = self._archive.find(node.msgid)
        if known is None or known.is_ghost:
            self._archive.stage(node.msgid, row)
            place(node, self._archive, ids_for(item.tag, self._new_id))
            return
        mine = (item.envelope.received_at, item.message.content_hash)
        others = [k for k in self._known[item.message.msgid] if k.id != mail_id and k.verdict == Verdict.ACCEPT]
        row.update(is_imposter=True, parent=node.msgid, rule=Rule.IMPOSTER, base="", is_reply=False)
        if all(mine < other.seniority for other in others):
            self._depose(node)
            rehead(node, self._archive, self._new_id)
            row.update(is_imposter=False)
        self._imposters.append(row)

    def _depose(self, node: Node) -> None:
        """The first mail with this msgid turns out to be an imposter of an earlier one."""
        self._archive.flush()
        here = (POST.c.forum_id == self._forum) & (POST.c.msgid == node.msgid)
        fallen = {"is_imposter": True, "parent": node.msgid, "rule": Rule.IMPOSTER, "base": "", "is_reply": False}
        self._db.execute(update(POST).where(here).values(**fallen))
        for row in self._imposters:
            if row["msgid"] == node.msgid:
                row.update(fallen)

    def _post_row(self, item: Incoming, mail_id: UUID, part: Part) -> dict[str, Any]:
        message = item.message
        return {
            "forum_id": self._forum,
            "id": ids_for(item.tag, self._new_id)(),
            "mail_id": mail_id,
            "piece": part.piece,
            "msgid": part.node.msgid,
            "marker": self._marker(part.digits),
            "is_imposter": False,
            "parent": None,
            "rule": "",
            "base": "",
            "is_reply": False,
            "thread_id": None,
            "date": part.node.date,
            "author_name": message.author_name,
            "author_key": message.author_address.key if message.author_address else "",
            "subject": part.subject,
            "spans": part.spans,
            "attachments": part.attachments,
            "icon": message.icon,
            "tag": item.tag,
            "number": item.past.number if item.past else None,
            "publish_at": item.publish_at,
            "published_at": item.past.published_at if item.past else None,
            "hidden_by": item.past.hidden_by if item.past else None,
        }

    def _find_markers(self, digits: Sequence[str]) -> None:
        wanted = {one[:MARKER] for one in digits}
        self._markers.update(marker for (marker,) in _MARKERS.find(self._db, self._forum, wanted))

    def _marker(self, digits: str) -> str:
        """Eight digits; one more for each collision, which is looked up only then."""
        size = MARKER
        while digits[:size] in self._markers:
            size += 1
            taken = self._db.execute(select(POST.c.id).where(POST.c.forum_id == self._forum, POST.c.marker == digits[:size]))
            if taken.first() is not None:
                self._markers.add(digits[:size])
        self._markers.add(digits[:size])
        return digits[:size]
