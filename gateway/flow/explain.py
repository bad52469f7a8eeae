"""Why a mail stands where it stands (design 5.10). In: a marker or a msgid. Out: what became of it, and each rule tried."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from gateway.flow.browse import tell_thread
from gateway.flow.held import read_mail
from gateway.mail.answer import Answer
from gateway.mail.forum import Forum
from gateway.store import shelf
from gateway.store.archive import TableArchive
from gateway.store.engine import Store
from gateway.store.incoming import node_of
from gateway.store.pieces import answers_of
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
        if post is not None and not mails:
            # A piece of a mail has a msgid of its own.
            mails = [shelf.mail_of(db, forum.id, post.mail_id)]
    return [one for mail in mails for one in _explain(store, forum, mail)]


def _explain(store: Store, forum: Forum, mail: shelf.Mail) -> list[Explanation]:
    """One for each piece that the mail became; one for a mail that became no post."""
    _, message = read_mail(store, mail)
    facts = {"msgid": mail.msgid, "received_at": mail.received_at, "verdict": mail.verdict, "reason": mail.reason}
    node = node_of(message, mail.received_at, follows_subjects=forum.follows_subjects, domain=forum.domain)
    with store.read() as db:
        archive = TableArchive(db, forum.id)
        archive.fetch(message.ancestors)
        chain = tuple((msgid, _state(archive, msgid)) for msgid in message.ancestors)
        posts = shelf.posts_of_mail(db, forum.id, mail.id)
        if not posts:
            return [Explanation(**facts, chain=chain)]  # type: ignore[arg-type]
        answers = answers_of(db, forum.id, [mail.id]).get(mail.id, ())
        found = []
        for index, post in enumerate(posts):
            part = tell_thread(db, forum, {}, post.thread_id)
            entry = next((one for one in part.entries if one.marker == post.marker), None)
            explained = Explanation(
                **(facts | {"msgid": post.msgid}),  # type: ignore[arg-type]
                chain=chain,
                steps=_steps_of_piece(archive, post, answers[index]) if answers else _steps(archive, node, post),
                marker=post.marker,
                thread=part.title,
                number=entry.number if entry is not None else "",
                parent=post.parent or "",
            )
            found.append(explained)
        return found


# What each word of evidence means, for people (`digest.asked.Evidence`, `flow.entries`, `flow.filing`).
_EVIDENCE = {
    "token": "the address that it went to names that comment",
    "marker": "the nearest marker in the quote above it",
    "typed": "the marker that its author put in front of it",
    "number": "the number that its author put in front of it",
    "heading": "the nearest heading in the quote above it",
    "words": "the words that are quoted above it",
    "only": "the only comment that the digest told",
    "thread": "nothing is quoted, and the digest has one thread",
    "chosen": "its author said so, when asked",
}


def _steps_of_piece(archive: TableArchive, post: shelf.Post, answer: Answer) -> tuple[Step, ...]:
    moved = archive.moved(post.msgid)
    if moved is not None:
        return (
            Step(rule=Rule.MOVED, has_decided=True, why=f"moved under {moved[0]}" if moved[0] else "made the start of a thread"),
        )
    why = _EVIDENCE.get(answer.evidence, answer.evidence)
    return (Step(rule=Rule.MOVED, has_decided=False, why="nobody moved it"), Step(rule="answer", has_decided=True, why=why))


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
