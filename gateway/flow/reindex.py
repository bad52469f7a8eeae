"""Rebuilds all that is derived from the facts (design 11), and repairs what differs. On a sound store it changes nothing.

In: the raw mail of a forum and the decisions about it. Out: how many rows had to be changed. Every mail is read again; the
forest comes from its definition (`thread.forest`), not from increments.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from gateway.flow.reading import Reader
from gateway.mail.answer import Answer
from gateway.mail.envelope import Raw
from gateway.mail.forum import Forum
from gateway.mail.message import Message
from gateway.mail.verdict import Verdict
from gateway.parse.message import is_ordinary, parse_message
from gateway.store import derived, shelf
from gateway.store.archive import moves_of
from gateway.store.engine import Store
from gateway.store.incoming import Part, attachments_to_json, marker_digits, node_of, parts_of, spans_to_json
from gateway.store.pieces import answers_of
from gateway.thread.forest import Forest, Node, Rule, claims_of, forest, rule_of

PAGE = 200


def reindex(store: Store, forum: Forum, new_id: Callable[[], UUID], progress: Callable[[int], None] = lambda done: None) -> int:
    """Makes the derived columns of `forum` anew; returns the number of rows that were wrong."""
    with store.write() as db:
        changed = derived.repair_verdicts(db, forum.id)
    wanted: dict[derived.Key, dict[str, Any]] = {}
    seniority: dict[derived.Key, tuple[datetime, bytes]] = {}
    nodes_of: dict[derived.Key, Node] = {}
    for mail, message, answers in _accepted(store, forum, progress):
        for part in _parts(forum, mail, message, answers):
            key = (mail.id, part.piece)
            nodes_of[key] = part.node
            wanted[key] = _row(part, message)
            seniority[key] = (mail.received_at, message.content_hash)
    firsts = _firsts(wanted, seniority)
    nodes = [nodes_of[key] for key in firsts.values()]
    with store.read() as db:
        moves = moves_of(db, forum.id)
    woven = forest(nodes, moves)
    for key, row in wanted.items():
        row["is_imposter"] = firsts[row["msgid"]] != key
        row.update(_place(nodes_of[key], woven, moves, is_imposter=row["is_imposter"]))
    claims = {claim for node in nodes for claim in claims_of(node, firsts)}
    with store.write() as db:
        changed += derived.repair_posts(db, forum.id, wanted, new_id)
        changed += derived.repair_claims(db, forum.id, claims)
        changed += derived.repair_ghosts(db, forum.id, _ghosts(woven, claims), new_id)
        changed += derived.repair_threads(db, forum.id, woven.threads(), new_id)
    return changed


def _parts(forum: Forum, mail: shelf.Mail, message: Message, answers: tuple[Answer, ...]) -> Iterable[Part]:
    spans = spans_to_json(message.spans)
    if answers:
        return parts_of(message, mail.received_at, forum.domain, answers, spans)
    node = node_of(message, mail.received_at, follows_subjects=forum.follows_subjects, domain=forum.domain)
    digits = marker_digits(message.msgid, message.content_hash, 0)
    return [Part(0, node, message.subject, digits, spans, attachments_to_json(message.attachments))]


def _accepted(
    store: Store, forum: Forum, progress: Callable[[int], None]
) -> Iterator[tuple[shelf.Mail, Message, tuple[Answer, ...]]]:
    reader = Reader()
    try:
        with store.read() as db:
            mails = [mail for mail in shelf.iterate_mails(db, forum.id) if mail.verdict == Verdict.ACCEPT]
        for start in range(0, len(mails), PAGE):
            page = mails[start : start + PAGE]
            with store.read() as db:
                raws = [Raw.of(shelf.raw_of(db, forum.id, mail.id)) for mail in page]
                answers = answers_of(db, forum.id, [mail.id for mail in page])
            for mail, raw in zip(page, raws, strict=True):
                message = parse_message(raw.read()) if is_ordinary(raw) else reader.read(raw)
                # Of a mail that was purged less is there than came, and it is known by what came.
                message = message if raw.size == mail.size else replace(message, content_hash=mail.content_hash)
                yield mail, message, answers.get(mail.id, ())
            progress(start + len(page))
    finally:
        reader.close()


def _place(node: Node, woven: Forest, moves: Mapping[str, str | None], *, is_imposter: bool) -> dict[str, Any]:
    if is_imposter:
        return {"parent": node.msgid, "rule": Rule.IMPOSTER, "base": "", "is_reply": False}
    parent = woven.parents[node.msgid]
    rule = rule_of(node, parent, is_moved=node.msgid in moves)
    return {"parent": parent, "rule": rule, "base": node.base, "is_reply": node.is_reply}


def _row(part: Part, message: Message) -> dict[str, Any]:
    return {
        "msgid": part.node.msgid,
        "marker": part.digits,
        "date": part.node.date,
        "author_name": message.author_name,
        "author_key": message.author_address.key if message.author_address else "",
        "subject": part.subject,
        "spans": part.spans,
        "attachments": part.attachments,
        "icon": message.icon,
    }


def _firsts(
    wanted: dict[derived.Key, dict[str, Any]], seniority: dict[derived.Key, tuple[datetime, bytes]]
) -> dict[str, derived.Key]:
    """Of the mails with one msgid the first, whose headers count; the others are imposters (rule 6)."""
    firsts: dict[str, derived.Key] = {}
    for key, row in wanted.items():
        other = firsts.get(row["msgid"])
        if other is None or seniority[key] < seniority[other]:
            firsts[row["msgid"]] = key
    return firsts


def _ghosts(woven: Forest, claims: set[Any]) -> dict[str, dict[str, Any]]:
    best: dict[str, Any] = {}
    for claim in claims:
        if claim.ghost not in best or claim.key < best[claim.ghost].key:
            best[claim.ghost] = claim
    return {
        ghost: {"parent": woven.parents[ghost], "date": date, "claimant": best[ghost].claimant}
        for ghost, date in woven.ghosts.items()
    }
