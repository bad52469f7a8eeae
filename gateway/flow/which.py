"""The member says which comment an answer was for (design 8.4). In: the answer to the numbered list. Out: the mail, filed."""

from __future__ import annotations

from gateway.flow.confirm import Answer
from gateway.flow.desk import Desk
from gateway.flow.filing import ask_which, coming_again, parts_from, post_parts, with_choices
from gateway.mail.forum import Forum
from gateway.mail.message import SpanKind
from gateway.mail.verdict import Reason, Verdict
from gateway.people.choices import read_choices
from gateway.store import roster, shelf
from gateway.store.engine import Transaction


def chosen(desk: Desk, db: Transaction, forum: Forum, answer: Answer) -> None:
    """Files the mail that waited; one that is not understood is asked about again."""
    waiting = answer.waiting
    member = roster.member_of(db, forum.id, waiting.member_id) if waiting.member_id is not None else None
    mail = shelf.mail_of(db, forum.id, waiting.mail_id) if waiting.mail_id is not None else None
    if member is None or mail is None or (mail.verdict, mail.reason) != (Verdict.HOLD, Reason.ASKED):
        return
    coming = coming_again(desk, db, forum, mail, member)
    if coming is None:
        return
    _, message = desk.read(answer.mail)
    said = "\n".join(span.text for span in message.spans if span.kind is SpanKind.TEXT)
    parts = parts_from(waiting.words)
    markers = read_choices(said, [part.candidates for part in parts if part.marker is None])
    known = {post.marker for post in shelf.posts_with_markers(db, forum.id, markers)}
    if markers and set(markers) <= known:
        post_parts(desk, db, forum, coming, with_choices(parts, markers), ())
    else:
        ask_which(desk, db, forum, coming, parts)
