"""The tables (design 11). A line in each says what is fact and what is derived; `flow.reindex` rebuilds the derived ones.

Every table that grows has forum_id first in its key. Nothing here validates: `parse` and `mail` do.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, Column, Dialect, Index, LargeBinary, MetaData, Text, TypeDecorator, UniqueConstraint, Uuid, text
from sqlalchemy.types import TypeEngine
from sqlmodel import Field, SQLModel

from gateway.mail.verdict import Reason


class Id(TypeDecorator[UUID]):
    """A UUID: 16 bytes in SQLite too, where SQLAlchemy would store 32 digits in every key and index."""

    impl = Uuid
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(LargeBinary(16) if dialect.name == "sqlite" else Uuid())

    def process_bind_param(self, value: UUID | None, dialect: Dialect) -> Any:
        return value.bytes if value is not None and dialect.name == "sqlite" else value

    def process_result_value(self, value: Any, dialect: Dialect) -> UUID | None:
        return UUID(bytes=value) if isinstance(value, bytes) else value


SQLModel.metadata.naming_convention = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
).naming_convention
metadata = SQLModel.metadata
# Rows in the order of their key, without a second copy of it, in SQLite. Only where nothing is looked up by another index:
# without statistics the planner takes such a key's first column for the better way in, and reads the whole forum.
CLUSTERED = {"sqlite_with_rowid": False}

# A bounce that nobody has read yet: few of all mails, and looked for every few seconds.
_IS_UNREAD = text(f"reason = '{Reason.BOUNCE}'")


class ForumRow(SQLModel, table=True):
    """Fact. `published` is the last publication number given out."""

    __tablename__ = "forum"
    __table_args__ = (UniqueConstraint("name", "domain"),)

    id: UUID = Field(primary_key=True, sa_type=Id)
    name: str
    domain: str
    title: str
    mirrors: list[str] = Field(sa_column=Column(JSON, nullable=False))
    owners: list[str] = Field(sa_column=Column(JSON, nullable=False))
    follows_subjects: bool
    policy: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))
    flooded_at: datetime | None = None
    published: int = 0


class MemberRow(SQLModel, table=True):
    """Fact. `cursor` is the publication number up to which this member has been told.

    `password` is a hash (argon2), `skeleton` what handles that look alike share (UTS 39).
    From `bounce_score` on it is `mail.bounce.Bounces`.
    """

    __tablename__ = "member"
    __table_args__ = (UniqueConstraint("forum_id", "address_key"),)

    forum_id: UUID = Field(primary_key=True, sa_type=Id)
    id: UUID = Field(primary_key=True, sa_type=Id)
    address: str
    address_key: str
    handle: str
    badge: str
    zone: str
    hour: int
    form: str
    has_digest: bool
    rhythm: str
    minute: int
    weekday: int
    paused_until: date | None
    language: str
    role: str
    standing: str
    joined_at: datetime | None
    receipts: str
    cases: str
    password: str = ""
    skeleton: str = Field(default="", index=True)
    cursor: int = 0
    bounce_score: float = 0.0
    bounced_at: datetime | None = None
    probe_id: UUID | None = Field(default=None, sa_type=Id)
    probed_at: datetime | None = None
    bounce_paused_at: datetime | None = None


class MailRow(SQLModel, table=True):
    """Fact: one mail as it came. `msgid` and `content_hash` are read from raw once, to know it again.

    `verdict` and `reason` repeat the last decision (derived). `proof` is how its author was known (`people.sender.Proof`).
    """

    __tablename__ = "mail"
    __table_args__ = (
        UniqueConstraint("forum_id", "msgid", "content_hash"),
        Index(None, "forum_id", "verdict", "received_at"),
        Index("ix_mail_unread_bounces", "forum_id", "received_at", sqlite_where=_IS_UNREAD, postgresql_where=_IS_UNREAD),
    )

    forum_id: UUID = Field(primary_key=True, sa_type=Id)
    id: UUID = Field(primary_key=True, sa_type=Id)
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


class RawRow(SQLModel, table=True):
    """Fact: the bytes as received, in pieces of at most 1 MiB, each compressed by zstd. Never rewritten."""

    __tablename__ = "raw"

    forum_id: UUID = Field(primary_key=True, sa_type=Id)
    mail_id: UUID = Field(primary_key=True, sa_type=Id)
    seq: int = Field(primary_key=True)
    data: bytes = Field(sa_column=Column(LargeBinary, nullable=False))


class DecisionRow(SQLModel, table=True):
    """Fact: a decision about a mail after the first one, append-only."""

    __tablename__ = "decision"
    __table_args__ = (Index(None, "forum_id", "mail_id"),)

    forum_id: UUID = Field(primary_key=True, sa_type=Id)
    id: UUID = Field(primary_key=True, sa_type=Id)
    mail_id: UUID = Field(sa_type=Id)
    at: datetime
    verdict: str
    reason: str


class PostRow(SQLModel, table=True):
    """What a mail says in a forum. Fact: `number`, `published_at` (publication; 0: before all digests), `publish_at` (not
    before), `hidden_by` (an import that has not ended), `tag` (stands for the author of an anonymous post). All else is derived.

    `parent` is a msgid, `rule` what decided it; `base` and `is_reply` are those of `thread.forest.Node`; `date` is the effective
    date; `spans` and `attachments` are `parse`'s, as JSON.
    """

    __tablename__ = "post"
    __table_args__ = (
        UniqueConstraint("forum_id", "marker"),
        Index(None, "forum_id", "msgid"),
        Index(None, "forum_id", "thread_id"),
        Index(None, "forum_id", "number"),
        Index(None, "forum_id", "mail_id"),
        Index(None, "hidden_by", sqlite_where=text("hidden_by IS NOT NULL"), postgresql_where=text("hidden_by IS NOT NULL")),
        # Only posts without a usable id have a base.
        Index(None, "forum_id", "base", "date", sqlite_where=text("base <> ''"), postgresql_where=text("base <> ''")),
    )

    forum_id: UUID = Field(primary_key=True, sa_type=Id)
    id: UUID = Field(primary_key=True, sa_type=Id)
    mail_id: UUID = Field(sa_type=Id)
    piece: int
    msgid: str
    marker: str
    is_imposter: bool
    parent: str | None
    rule: str
    base: str
    is_reply: bool
    thread_id: UUID = Field(sa_type=Id)
    date: datetime
    author_name: str
    author_key: str
    subject: str
    spans: str = Field(sa_column=Column(Text, nullable=False))
    attachments: str = Field(sa_column=Column(Text, nullable=False))
    icon: str
    tag: bytes
    number: int | None
    publish_at: datetime | None
    published_at: datetime | None
    hidden_by: UUID | None = Field(sa_type=Id)


class GhostRow(SQLModel, table=True):
    """Derived: a msgid that posts refer to and nobody has received; `date` and `claimant` are those of its best claim."""

    __tablename__ = "ghost"
    __table_args__ = (Index(None, "forum_id", "thread_id"),)

    forum_id: UUID = Field(primary_key=True, sa_type=Id)
    msgid: str = Field(primary_key=True)
    parent: str | None
    thread_id: UUID = Field(sa_type=Id)
    date: datetime
    claimant: str


class ClaimRow(SQLModel, table=True):
    """Derived: what a post says of a ghost's parent (`thread.forest`)."""

    __tablename__ = "claim"
    __table_args__ = (Index(None, "forum_id", "claimant"), Index(None, "forum_id", "ghost", "date", "claimant"))

    forum_id: UUID = Field(primary_key=True, sa_type=Id)
    ghost: str = Field(primary_key=True)
    claimant: str = Field(primary_key=True)
    position: int
    next: str | None
    date: datetime


class MoveRow(SQLModel, table=True):
    """Fact: somebody gave a post another parent (None: the start of a thread), or took that back; the last row counts."""

    __tablename__ = "move"
    __table_args__ = (Index(None, "forum_id", "msgid"),)

    forum_id: UUID = Field(primary_key=True, sa_type=Id)
    id: UUID = Field(primary_key=True, sa_type=Id)
    msgid: str
    parent: str | None
    is_undone: bool
    at: datetime


class ChangeRow(SQLModel, table=True):
    """Fact: a post was removed, put back or given another text after it was posted; for each of the two the last row counts."""

    __tablename__ = "change"
    __table_args__ = (Index(None, "forum_id", "marker"), Index(None, "forum_id", "at"))

    forum_id: UUID = Field(primary_key=True, sa_type=Id)
    id: UUID = Field(primary_key=True, sa_type=Id)
    marker: str
    alteration: str
    text: str = Field(sa_column=Column(Text, nullable=False))
    at: datetime


class ImportRow(SQLModel, table=True):
    """Fact: an import, how far it has come, and when it ended. `last` is the SHA-256 of the last piece that was taken."""

    __tablename__ = "import"

    forum_id: UUID = Field(primary_key=True, sa_type=Id)
    id: UUID = Field(primary_key=True, sa_type=Id)
    source: str
    taken: int
    last: bytes
    has_numbers: bool
    started_at: datetime
    ended_at: datetime | None


class JournalRow(SQLModel, table=True):
    """Fact: what happened, in the verbs of `journal`, written in the transaction that did it."""

    __tablename__ = "journal"
    __table_args__ = (CLUSTERED,)

    forum_id: UUID = Field(primary_key=True, sa_type=Id)
    id: UUID = Field(primary_key=True, sa_type=Id)
    at: datetime
    verb: str
    subject_id: UUID | None = Field(sa_type=Id)
    detail: str


class RenderingRow(SQLModel, table=True):
    """Fact: one part of an issue for all who share range, end of period, form, zone and language; parts share an id.

    `outline` is path number to marker, for each thread, as JSON; `posts` the ids of the new posts, as JSON: their stored bytes
    are the parts of the form mime.
    """

    __tablename__ = "rendering"
    __table_args__ = (UniqueConstraint("forum_id", "from_number", "to_number", "until", "form", "zone", "language", "part"),)

    forum_id: UUID = Field(primary_key=True, sa_type=Id)
    id: UUID = Field(primary_key=True, sa_type=Id)
    part: int = Field(primary_key=True)
    from_number: int
    to_number: int
    until: datetime
    form: str
    zone: str
    language: str
    subject: str
    text: str = Field(sa_column=Column(Text, nullable=False))
    html: str = Field(sa_column=Column(Text, nullable=False))
    outline: str = Field(sa_column=Column(Text, nullable=False))
    posts: str = Field(sa_column=Column(Text, nullable=False))


class IssueRow(SQLModel, table=True):
    """Fact: the ledger. One issue for one member: publication numbers above `from_number` up to `to_number`."""

    __tablename__ = "issue"
    __table_args__ = (
        UniqueConstraint("forum_id", "member_id", "from_number"),
        UniqueConstraint("forum_id", "member_id", "period_id"),
        Index(None, "forum_id", "period_id"),
        Index(None, "forum_id", "to_number"),
    )

    forum_id: UUID = Field(primary_key=True, sa_type=Id)
    id: UUID = Field(primary_key=True, sa_type=Id)
    member_id: UUID = Field(sa_type=Id)
    period_id: str
    from_number: int
    to_number: int
    since: datetime
    until: datetime
    rendering_id: UUID = Field(sa_type=Id)
    msgid: str
    previous: str | None


class LetterRow(SQLModel, table=True):
    """Fact: the outbox. A letter is claimed under a lease with a fencing number, and ends sent, bounced or dropped.

    `kind` says what `subject_id` is: "digest": an issue, of which this brings `part`; "copy": a post; "docket": a
    docket; "notice": nothing, `text` is the whole letter, its Subject in the first line. `member_id` is None for letters to no
    member. A claim moves `due_at` to the end of the lease, so that one index finds what is due among any number of rows.
    """

    __tablename__ = "letter"
    __table_args__ = (Index(None, "state", "due_at", "id"), Index(None, "forum_id", "member_id", "subject_id"))

    forum_id: UUID = Field(primary_key=True, sa_type=Id)
    id: UUID = Field(primary_key=True, sa_type=Id)
    kind: str
    subject_id: UUID | None = Field(sa_type=Id)
    part: int
    text: str = Field(sa_column=Column(Text, nullable=False))
    member_id: UUID | None = Field(sa_type=Id)
    recipient: str
    state: str
    due_at: datetime
    lease_until: datetime | None
    fence: int
    attempts: int
    last_reply: str
    at: datetime


class HaltRow(SQLModel, table=True):
    """Fact: something that must not go on until an operator says so, and why. "outbox": after a restore no letter goes out.

    "way out" keeps nothing back: it tells what the relay said when it failed last.
    """

    __tablename__ = "halt"

    name: str = Field(primary_key=True)
    at: datetime
    why: str
