"""The tables about people (design 7, 10): further addresses, what waits for an answer, votes, reports, cases. `tables` has the
rest and says how.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import Column, Index, LargeBinary, Text
from sqlmodel import Field, SQLModel

from gateway.store.tables import Id


class AddressRow(SQLModel, table=True):
    """Fact: a further verified address of a member."""

    __tablename__ = "address"
    __table_args__ = (Index(None, "forum_id", "member_id"),)

    forum_id: UUID = Field(primary_key=True, sa_type=Id)
    address_key: str = Field(primary_key=True)
    member_id: UUID = Field(sa_type=Id)
    address: str
    at: datetime


class PendingRow(SQLModel, table=True):
    """Fact: what waits for somebody's answer, once, until `expires_at`: to join, to own an address, to have a mail posted, to say
    which comment was meant. A token names it by the end of its id. `words` is what was asked for.
    """

    __tablename__ = "pending"
    __table_args__ = (Index(None, "forum_id", "address_key"), Index(None, "forum_id", "mail_id"))

    forum_id: UUID = Field(primary_key=True, sa_type=Id)
    id: UUID = Field(primary_key=True, sa_type=Id)
    kind: str
    address: str
    address_key: str
    member_id: UUID | None = Field(sa_type=Id)
    mail_id: UUID | None = Field(sa_type=Id)
    words: str = Field(sa_column=Column(Text, nullable=False))
    at: datetime
    expires_at: datetime
    used_at: datetime | None


class AllowanceRow(SQLModel, table=True):
    """Fact, for a day: a letter that somebody was allowed, by kind; `subject` is a keyed hash of an address or network."""

    __tablename__ = "allowance"
    __table_args__ = (Index(None, "kind", "at"), Index(None, "at"))

    kind: str = Field(primary_key=True)
    subject: bytes = Field(sa_column=Column(LargeBinary, primary_key=True))
    id: UUID = Field(primary_key=True, sa_type=Id)
    at: datetime


class VoteRow(SQLModel, table=True):
    """Fact: a member's vote on a post, +1 or -1; a later one takes its place."""

    __tablename__ = "vote"

    forum_id: UUID = Field(primary_key=True, sa_type=Id)
    marker: str = Field(primary_key=True)
    member_id: UUID = Field(primary_key=True, sa_type=Id)
    value: int
    at: datetime


class ReportRow(SQLModel, table=True):
    """Fact: a member reported a post. `outcome` is what the moderators found: "", "upheld" or "dismissed"."""

    __tablename__ = "report"
    __table_args__ = (Index(None, "forum_id", "marker"), Index(None, "forum_id", "member_id"))

    forum_id: UUID = Field(primary_key=True, sa_type=Id)
    id: UUID = Field(primary_key=True, sa_type=Id)
    marker: str
    member_id: UUID = Field(sa_type=Id)
    reason: str = Field(sa_column=Column(Text, nullable=False))
    at: datetime
    outcome: str = ""


class CaseRow(SQLModel, table=True):
    """Fact: something that moderators decide on: a held mail or a reported post. `outcome` "" while it is open."""

    __tablename__ = "moderation"
    __table_args__ = (Index(None, "forum_id", "outcome", "opened_at"), Index(None, "forum_id", "mail_id"))

    forum_id: UUID = Field(primary_key=True, sa_type=Id)
    id: UUID = Field(primary_key=True, sa_type=Id)
    kind: str
    mail_id: UUID | None = Field(sa_type=Id)
    marker: str
    opened_at: datetime
    closed_at: datetime | None
    outcome: str
    reason: str = Field(sa_column=Column(Text, nullable=False))
    decided_by: str


class DocketRow(SQLModel, table=True):
    """Fact: one letter to one moderator with numbered cases, as JSON list of their ids. A token names it by the end of its id."""

    __tablename__ = "docket"
    __table_args__ = (Index(None, "forum_id", "address_key", "at"),)

    forum_id: UUID = Field(primary_key=True, sa_type=Id)
    id: UUID = Field(primary_key=True, sa_type=Id)
    address_key: str
    cases: str = Field(sa_column=Column(Text, nullable=False))
    at: datetime


class LockRow(SQLModel, table=True):
    """Fact: a thread, by the msgid of its head, was locked, or opened again; the last row counts."""

    __tablename__ = "lock"
    __table_args__ = (Index(None, "forum_id", "msgid"),)

    forum_id: UUID = Field(primary_key=True, sa_type=Id)
    id: UUID = Field(primary_key=True, sa_type=Id)
    msgid: str
    is_undone: bool
    at: datetime


class InterestRow(SQLModel, table=True):
    """Fact: a member follows or mutes a thread, by the msgid of its head."""

    __tablename__ = "interest"

    forum_id: UUID = Field(primary_key=True, sa_type=Id)
    member_id: UUID = Field(primary_key=True, sa_type=Id)
    msgid: str = Field(primary_key=True)
    kind: str
    at: datetime


class IconRow(SQLModel, table=True):
    """Fact: an icon that members may set on a post: its name, its text form, its picture (PNG, may be empty)."""

    __tablename__ = "icon"

    forum_id: UUID = Field(primary_key=True, sa_type=Id)
    name: str = Field(primary_key=True)
    text: str
    png: bytes = Field(sa_column=Column(LargeBinary, nullable=False))


class BadgeRow(SQLModel, table=True):
    """Derived: the badge that a member earned by the rules of badges. What owners gave stands with the member."""

    __tablename__ = "badge"

    forum_id: UUID = Field(primary_key=True, sa_type=Id)
    member_id: UUID = Field(primary_key=True, sa_type=Id)
    name: str


class PieceRow(SQLModel, table=True):
    """Fact: what one piece of a mail answers, where that does not stand in the mail's header: a token of ours, or what the mail
    quotes, said so. `spans` is what of the body belongs to it, as JSON; "" for all of it. `answers` is the msgid of a post, None
    for the start of a thread.
    """

    __tablename__ = "piece"

    forum_id: UUID = Field(primary_key=True, sa_type=Id)
    mail_id: UUID = Field(primary_key=True, sa_type=Id)
    piece: int = Field(primary_key=True)
    answers: str | None
    title: str
    evidence: str
    spans: str = Field(sa_column=Column(Text, nullable=False))
