"""Reading back what was kept: posts of a thread, threads of a forum, mails that are held, raw bytes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import zstandard
from pydantic_core import from_json
from sqlalchemy import Connection, Row, func, literal_column, select, update

from gateway.mail.message import Attachment, Span, SpanKind
from gateway.mail.verdict import Reason, Verdict
from gateway.store.archive import GHOST, POST
from gateway.store.bulk import slices
from gateway.store.keep import MAIL, RAW
from gateway.thread.weave import Row as WeaveRow

# What an import brings is not to be seen before it ends, nor an anonymous post before its time.
_SEEN = POST.c.hidden_by.is_(None) & ((POST.c.tag == b"") | POST.c.number.is_not(None))
_KINDS = {kind.value: kind for kind in SpanKind}


class Post(NamedTuple):
    """One post as kept. `author_key` is an address key: to look the member up, never to be shown; "" of an anonymous post,
    which has a `tag` instead.
    """

    id: UUID
    mail_id: UUID
    msgid: str
    marker: str
    is_imposter: bool
    parent: str | None
    thread_id: UUID
    date: datetime
    author_name: str
    author_key: str
    subject: str
    icon: str
    tag: bytes
    number: int | None
    spans: tuple[Span, ...] = ()
    attachments: tuple[Attachment, ...] = ()

    @property
    def row(self) -> WeaveRow:
        return WeaveRow(self.msgid, self.parent, self.date, False, self.is_imposter, self.id.hex)


_WHOLE = tuple(POST.c[name] for name in Post._fields)
_LIGHT = _WHOLE[: Post._fields.index("spans")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """One mail's facts without its bytes."""

    id: UUID
    forum_id: UUID
    msgid: str
    content_hash: bytes
    received_at: datetime
    reverse_path: str | None
    forward_path: str
    via: str
    peer: str
    size: int
    verdict: str
    reason: str
    proof: str


def spans_from_json(text: str) -> tuple[Span, ...]:
    """None for a text that is damaged: `reindex` reads the mail again, and the posts around it are shown meanwhile."""
    try:
        return tuple([Span(_KINDS[kind], body, depth) for kind, body, depth in from_json(text)])
    except (ValueError, KeyError, TypeError):
        return ()


def _attachments_from_json(text: str) -> tuple[Attachment, ...]:
    try:
        return tuple([Attachment(**item) for item in from_json(text)]) if text != "[]" else ()
    except (ValueError, TypeError):
        return ()


def _post(row: Row[Any]) -> Post:
    if len(row) == len(_LIGHT):
        return Post._make((*row, (), ()))
    return Post._make((*row[:-2], spans_from_json(row.spans), _attachments_from_json(row.attachments)))


def posts_of_threads(
    connection: Connection, forum_id: UUID, thread_ids: Iterable[UUID], *, with_text: bool = True
) -> dict[UUID, list[Post]]:
    """All posts of some threads, imposters too, by thread, in no order."""
    columns = _WHOLE if with_text else _LIGHT
    found: dict[UUID, list[Post]] = {}
    for run in slices(thread_ids):
        here = select(*columns).where(POST.c.forum_id == forum_id, POST.c.thread_id.in_(run), _SEEN)
        for row in connection.execute(here):
            found.setdefault(row.thread_id, []).append(_post(row))
    return found


def ghosts_of_threads(connection: Connection, forum_id: UUID, thread_ids: Iterable[UUID]) -> dict[UUID, list[WeaveRow]]:
    """The ghosts of some threads, by thread, ready to weave."""
    columns = (GHOST.c.thread_id, GHOST.c.msgid, GHOST.c.parent, GHOST.c.date)
    found: dict[UUID, list[WeaveRow]] = {}
    for run in slices(thread_ids):
        here = select(*columns).where(GHOST.c.forum_id == forum_id, GHOST.c.thread_id.in_(run))
        for thread_id, msgid, parent, date in connection.execute(here):
            found.setdefault(thread_id, []).append(WeaveRow(msgid, parent, date, True))
    return found


def texts_of(
    connection: Connection, forum_id: UUID, ids: Iterable[UUID]
) -> dict[UUID, tuple[tuple[Span, ...], tuple[Attachment, ...]]]:
    """Spans and attachments of posts, by id."""
    found = {}
    for run in slices(ids):
        query = select(POST.c.id, POST.c.spans, POST.c.attachments).where(POST.c.forum_id == forum_id, POST.c.id.in_(run))
        for id, spans, attachments in connection.execute(query):
            found[id] = (spans_from_json(spans), _attachments_from_json(attachments))
    return found


def find_post(connection: Connection, forum_id: UUID, name: str) -> Post | None:
    """A post by marker ("k3f9x2ma", brackets and "#" allowed) or by msgid."""
    bare = name.strip().strip("[]<>#")
    for condition in (POST.c.marker == bare.lower(), (POST.c.msgid == bare) & POST.c.is_imposter.is_(False)):
        row = connection.execute(select(*_WHOLE).where(POST.c.forum_id == forum_id, condition, _SEEN)).first()
        if row is not None:
            return _post(row)
    return None


def post_of_id(connection: Connection, forum_id: UUID, post_id: UUID) -> Post:
    """The post of that id, hidden or not."""
    return _post(connection.execute(select(*_WHOLE).where(POST.c.forum_id == forum_id, POST.c.id == post_id)).one())


def posts_by(connection: Connection, forum_id: UUID, author_keys: Iterable[str], limit: int) -> list[Post]:
    """The latest posts of an author, the last one first."""
    here = (POST.c.forum_id == forum_id) & POST.c.author_key.in_(list(author_keys)) & _SEEN
    order = (POST.c.date.desc(), POST.c.id.desc())
    return [_post(row) for row in connection.execute(select(*_LIGHT).where(here).order_by(*order).limit(limit))]


def rename_author(connection: Connection, forum_id: UUID, author_keys: Iterable[str], to_key: str) -> None:
    """Gives an author's posts to another key, and no name of their own."""
    here = (POST.c.forum_id == forum_id) & POST.c.author_key.in_(list(author_keys))
    connection.execute(update(POST).where(here).values(author_key=to_key, author_name=""))


def posts_with_markers(connection: Connection, forum_id: UUID, markers: Iterable[str]) -> list[Post]:
    """The posts with these markers, in their order."""
    wanted = list(dict.fromkeys(markers))
    found = {post.marker: post for post in _posts_where(connection, forum_id, POST.c.marker, wanted)}
    return [found[marker] for marker in wanted if marker in found]


def posts_with_msgids(connection: Connection, forum_id: UUID, msgids: Iterable[str]) -> list[Post]:
    """The posts with these msgids, imposters left out."""
    return [post for post in _posts_where(connection, forum_id, POST.c.msgid, set(msgids)) if not post.is_imposter]


def _posts_where(connection: Connection, forum_id: UUID, column: Any, values: Iterable[str]) -> Iterator[Post]:
    for run in slices(values):
        rows = connection.execute(select(*_WHOLE).where(POST.c.forum_id == forum_id, column.in_(run), _SEEN))
        yield from map(_post, rows)


def posts_of_mail(connection: Connection, forum_id: UUID, mail_id: UUID) -> list[Post]:
    """The posts that a mail became, piece by piece."""
    query = select(*_WHOLE).where(POST.c.forum_id == forum_id, POST.c.mail_id == mail_id).order_by(POST.c.piece)
    return [_post(row) for row in connection.execute(query)]


def post_of_mail(connection: Connection, forum_id: UUID, mail_id: UUID) -> Post | None:
    """The post that a mail became, if it did."""
    row = connection.execute(select(*_WHOLE).where(POST.c.forum_id == forum_id, POST.c.mail_id == mail_id)).first()
    return _post(row) if row is not None else None


@dataclass(frozen=True, slots=True, kw_only=True)
class ThreadSummary:
    """One line about a thread; `head` is its earliest root."""

    id: UUID
    head: Post
    posts: int
    last: datetime


def list_threads(connection: Connection, forum_id: UUID, limit: int) -> list[ThreadSummary]:
    """The threads of a forum, the one with the latest post first."""
    counted = (
        select(POST.c.thread_id, func.count().label("posts"), func.max(POST.c.date).label("last"))
        .where(POST.c.forum_id == forum_id, _SEEN)
        .group_by(POST.c.thread_id)
        .order_by(func.max(POST.c.date).desc())
        .limit(limit)
    )
    summaries = []
    for thread_id, posts, last in connection.execute(counted).all():
        here = select(*_LIGHT).where(POST.c.forum_id == forum_id, POST.c.thread_id == thread_id, _SEEN)
        head = connection.execute(here.order_by(POST.c.parent.is_not(None), POST.c.date, POST.c.id).limit(1)).one()
        summaries.append(ThreadSummary(id=thread_id, head=_post(head), posts=posts, last=last))
    return summaries


def published_between(connection: Connection, forum_id: UUID, above: int, up_to: int) -> dict[UUID, set[UUID]]:
    """The posts with a publication number above `above` up to `up_to`: thread id -> post ids."""
    rows = connection.execute(
        select(POST.c.thread_id, POST.c.id).where(
            POST.c.forum_id == forum_id, POST.c.number > above, POST.c.number <= up_to, _SEEN
        )
    )
    found: dict[UUID, set[UUID]] = {}
    for thread_id, post_id in rows:
        found.setdefault(thread_id, set()).add(post_id)
    return found


def published_since(connection: Connection, forum_id: UUID, since: datetime) -> dict[UUID, set[UUID]]:
    """The posts that were received since then and are published: thread id -> post ids."""
    mail = (MAIL.c.forum_id == POST.c.forum_id) & (MAIL.c.id == POST.c.mail_id)
    query = select(POST.c.thread_id, POST.c.id).join(MAIL, mail)
    rows = connection.execute(query.where(POST.c.forum_id == forum_id, MAIL.c.received_at >= since, POST.c.number >= 0, _SEEN))
    found: dict[UUID, set[UUID]] = {}
    for thread_id, post_id in rows:
        found.setdefault(thread_id, set()).add(post_id)
    return found


def list_mails(connection: Connection, forum_id: UUID, verdict: str) -> list[Mail]:
    """The mails with that verdict, oldest first."""
    rows = connection.execute(
        select(MAIL).where(MAIL.c.forum_id == forum_id, MAIL.c.verdict == verdict).order_by(MAIL.c.received_at, MAIL.c.id)
    )
    return [_mail(row) for row in rows]


def unread_bounces(connection: Connection, forum_id: UUID, limit: int) -> list[Mail]:
    """Mails to bounce addresses that nobody has read, oldest first."""
    # Not a parameter: a partial index is used only where the query says what it says.
    is_unread = MAIL.c.reason == literal_column(f"'{Reason.BOUNCE}'")
    query = select(MAIL).where(MAIL.c.forum_id == forum_id, is_unread).order_by(MAIL.c.received_at, MAIL.c.id)
    return [_mail(row) for row in connection.execute(query.limit(limit))]


def mails_held_for(connection: Connection, forum_id: UUID, reasons: Iterable[str]) -> list[Mail]:
    """The held mails with one of these reasons, oldest first."""
    here = (MAIL.c.forum_id == forum_id) & (MAIL.c.verdict == Verdict.HOLD) & MAIL.c.reason.in_(list(reasons))
    return [_mail(row) for row in connection.execute(select(MAIL).where(here).order_by(MAIL.c.received_at, MAIL.c.id))]


def iterate_mails(connection: Connection, forum_id: UUID) -> Iterator[Mail]:
    """All mails of a forum by id, without their bytes."""
    for row in connection.execute(select(MAIL).where(MAIL.c.forum_id == forum_id).order_by(MAIL.c.id)):
        yield _mail(row)


def count_mails(connection: Connection, forum_id: UUID) -> int:
    return int(connection.execute(select(func.count()).select_from(MAIL).where(MAIL.c.forum_id == forum_id)).scalar_one())


def mails_with(connection: Connection, forum_id: UUID, msgid: str) -> list[Mail]:
    """The mails with that msgid, the first received first: more than one when there are imposters."""
    rows = connection.execute(select(MAIL).where(MAIL.c.forum_id == forum_id, MAIL.c.msgid == msgid))
    return sorted((_mail(row) for row in rows), key=lambda mail: (mail.received_at, mail.id))


def first_posted(connection: Connection, forum_id: UUID, msgid: str) -> Mail | None:
    """The mail behind the post with that msgid, also while it is hidden."""
    here = (POST.c.forum_id == forum_id) & (POST.c.msgid == msgid) & POST.c.is_imposter.is_(False)
    mail_id = connection.execute(select(POST.c.mail_id).where(here)).scalar()
    return mail_of(connection, forum_id, mail_id) if mail_id is not None else None


def mail_of(connection: Connection, forum_id: UUID, mail_id: UUID) -> Mail:
    """The mail behind a post."""
    return _mail(connection.execute(select(MAIL).where(MAIL.c.forum_id == forum_id, MAIL.c.id == mail_id)).one())


def _mail(row: Row[Any]) -> Mail:
    return Mail(**{name: getattr(row, name) for name in Mail.__slots__})


def raw_chunks(connection: Connection, forum_id: UUID, mail_id: UUID) -> Iterator[bytes]:
    """The bytes of a mail as received, in pieces."""
    here = (RAW.c.forum_id == forum_id) & (RAW.c.mail_id == mail_id)
    seqs = connection.execute(select(RAW.c.seq).where(here).order_by(RAW.c.seq)).scalars().all()
    for seq in seqs:
        data = connection.execute(select(RAW.c.data).where(here, RAW.c.seq == seq)).scalar_one()
        yield zstandard.ZstdDecompressor().decompress(data)


def raw_of(connection: Connection, forum_id: UUID, mail_id: UUID) -> bytes:
    """The bytes of a mail as received."""
    return b"".join(raw_chunks(connection, forum_id, mail_id))
