"""Why a mail stands where it stands (design 5.10). In: a marker or a msgid. Out: what became of it, and each rule tried."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from gateway.flow.browse import tell_thread
from gateway.flow.held import read_mail
from gateway.mail.forum import Forum
from gateway.store import shelf
from gateway.store.archive import TableArchive
from gateway.store.engine import Store
from gateway.store.incoming import node_of
from gateway.thread.forest import FOLLOWED, Node, Rule


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One rule: whether it decided, and why or why not."""

    rule: str
    has_decided: bool
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """One mail. `chain` has its ancestors, nearest first, each with what we have of it; the rest is "" for what is no post."""

    msgid: str
    received_at: datetime
    verdict: str
    reason: str
    chain: tuple[tuple[str, str], ...] = ()
    steps: tuple[Step, ...] = ()
    marker: str = ""
    thread: str = ""
    number: str = ""
    parent: str = ""


def explain(store: Store, forum: Forum, name: str) -> list[Explanation]:
    """All mails with that msgid, or the one of that marker; none when we have none."""
    bare = name.strip().strip("[]<>#")
    with store.read() as db:
        post = shelf.find_post(db, forum.id, name)
        mails = shelf.mails_with(db, forum.id, post.msgid if post is not None else bare)
    return [_explain(store, forum, mail) for mail in mails]


def _explain(store: Store, forum: Forum, mail: shelf.Mail) -> Explanation:
    _, message = read_mail(store, mail)
    facts = {"msgid": mail.msgid, "received_at": mail.received_at, "verdict": mail.verdict, "reason": mail.reason}
    node = node_of(message, mail.received_at, follows_subjects=forum.follows_subjects, domain=forum.domain)
    with store.read() as db:
        archive = TableArchive(db, forum.id)
        archive.fetch(message.ancestors)
        chain = tuple((msgid, _state(archive, msgid)) for msgid in message.ancestors)
        post = shelf.post_of_mail(db, forum.id, mail.id)
        if post is None:
            return Explanation(**facts, chain=chain)  # type: ignore[arg-type]
        part = tell_thread(db, forum, {}, post.thread_id)
        entry = next((one for one in part.entries if one.marker == post.marker), None)
        return Explanation(
            **facts,  # type: ignore[arg-type]
            chain=chain,
            steps=_steps(archive, node, post),
            marker=post.marker,
            thread=part.title,
            number=entry.number if entry is not None else "",
            parent=post.parent or "",
        )


def _state(archive: TableArchive, msgid: str) -> str:
    known = archive.find(msgid)
    return "unknown" if known is None else "not arrived" if known.is_ghost else "here"


def _steps(archive: TableArchive, node: Node, post: shelf.Post) -> tuple[Step, ...]:
    """The rules in their order, up to the one that decided."""
    if post.is_imposter:
        why = "another mail with this Message-ID and other content came first: a leaf under it"
        return (Step(rule=Rule.IMPOSTER, has_decided=True, why=why),)
    moved = archive.moved(node.msgid)
    if moved is not None:
        why = f"moved under {moved[0]}" if moved[0] else "made the start of a thread"
        return (Step(rule=Rule.MOVED, has_decided=True, why=why),)
    steps = [Step(rule=Rule.MOVED, has_decided=False, why="nobody moved it")]
    if node.ancestors:
        why = f"the nearest usable id of In-Reply-To and References, {_state(archive, node.ancestors[0])}"
        return (*steps, Step(rule=Rule.REFERENCE, has_decided=True, why=why))
    steps.append(Step(rule=Rule.REFERENCE, has_decided=False, why="no usable id in In-Reply-To or References"))
    if post.parent is not None:
        why = f"a reply prefix, and the latest article of that subject within {FOLLOWED.days} days before it"
        return (*steps, Step(rule=Rule.SUBJECT, has_decided=True, why=why))
    why = "no reply prefix" if node.base else "no subject, or this forum does not follow subjects"
    if node.is_follower:
        why = f"no article of that subject within {FOLLOWED.days} days before it"
    steps.append(Step(rule=Rule.SUBJECT, has_decided=False, why=why))
    return (*steps, Step(rule=Rule.ARTICLE, has_decided=True, why="it answers nothing: the start of a thread"))
