"""Letters: header and body as the bytes that a courier carries (RFC 5322, RFC 2369, RFC 3834, RFC 8058).

In: a forum, a `Body`, and what is personal. Out: CRLF bytes, the same for the same arguments. `stamp` makes the header of
every letter of ours; `check_letter` reads the finished bytes again, so that nothing that a stranger wrote can have become
a field of its own. Return-Path is not written here: it is the envelope's reverse-path, which the last courier adds (RFC
5321 section 4.4).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from gateway.mail.address import Address
from gateway.mail.forum import Forum
from gateway.mail.loop import FIELD
from gateway.render.blocks import one_line
from gateway.render.body import LINE_MAX, Body, has_long_line
from gateway.render.dates import field_date
from gateway.render.fields import Field, address_field, id_field, link_field, phrase, text_field
from gateway.render.links import mailto

REFERENCES_MAX = 20
SUBJECT_MAX = 200
_UTC = ZoneInfo("UTC")


class BadLetter(Exception):
    """The bytes of a letter are not what was asked for; it must not be sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Personal:
    """What one member's letter has for itself. `one_click` is the https address that unsubscribes; "" without a web address.

    `entry` makes a token of an entry from its purpose and the marker.
    `loop_marks` are what we, and those before us, know the letter by when it comes back (`mail.loop`).
    """

    to: Address
    leave: Address
    one_click: str = ""
    entry: Callable[[str, str], str] | None = None
    loop_marks: tuple[str, ...] = ()

    @property
    def values(self) -> Mapping[str, str]:
        """For the placeholders of a body: where a click leads, what one reads, and the token of each entry."""
        leave = {"leave": self.one_click or mailto(self.leave), "leave_at": self.one_click or str(self.leave)}
        return _Values(leave, self.entry) if self.entry is not None else leave


class _Values(dict[str, str]):
    """Makes a token of an entry when it is first asked for: text and page have the same."""

    def __init__(self, known: Mapping[str, str], entry: Callable[[str, str], str]) -> None:
        super().__init__(known)
        self._entry = entry

    def __missing__(self, name: str) -> str:
        purpose, _, marker = name.partition(":")
        if not marker:
            raise KeyError(name)
        value = self[name] = self._entry(purpose, marker)
        return value


def compose(
    body: Body,
    *,
    forum: Forum,
    personal: Personal,
    subject: str,
    msgid: str,
    reply_to: Address,
    date: datetime,
    references: tuple[str, ...] = (),
    kind: str,
) -> bytes:
    """A letter of ours. Raises BadLetter, and BadField for a value that no field may hold."""
    header = [
        address_field("From", forum.address, one_line(forum.title)),
        address_field("To", personal.to),
        text_field("Subject", one_line(subject)[:SUBJECT_MAX].strip() or forum.name),
        Field("Date", (field_date(date.astimezone(UTC), _UTC),)),
        id_field("Message-ID", (msgid,)),
        *([id_field("References", references[-REFERENCES_MAX:])] if references else ()),
        address_field("Reply-To", reply_to),
        *stamp(forum, personal, kind),
        Field("Auto-Submitted", ("auto-generated",)),
        Field("MIME-Version", ("1.0",)),
        *body.fields,
    ]
    return seal(header, body.filled(personal.values))


def stamp(forum: Forum, personal: Personal, kind: str) -> list[Field]:
    """The fields that every mail of ours has, digests and single posts alike: polite to lists, responders and bounce handlers.

    `kind` is a word of ours for Feedback-ID. One-click (RFC 8058) is offered when there is a web address. Raises BadField.
    """
    leave = [f"<{personal.one_click}>,"] if personal.one_click else []
    return [
        Field("List-Id", tuple(filter(None, (phrase(one_line(forum.title)), f"<{forum.list_id}>")))),
        link_field("List-Post", mailto(forum.address)),
        link_field("List-Help", mailto(_command(forum, "request"), subject="help")),
        link_field("List-Subscribe", mailto(_command(forum, "join"))),
        Field("List-Unsubscribe", (*leave, f"<{mailto(personal.leave)}>")),
        *([Field("List-Unsubscribe-Post", ("List-Unsubscribe=One-Click",))] if personal.one_click else ()),
        link_field("List-Owner", mailto(_command(forum, "owner"))),
        Field("Precedence", ("list",)),
        Field("X-Auto-Response-Suppress", ("All",)),
        *([Field(FIELD, personal.loop_marks)] if personal.loop_marks else ()),
        Field("Feedback-ID", (f"{forum.name}:{kind}:{forum.domain}:gateway",)),
    ]


def seal(header: list[Field], body: bytes) -> bytes:
    """Header and body as one mail, checked. Raises BadLetter."""
    raw = b"".join((*(field.serialise() for field in header), b"\r\n", body))
    check_letter(raw, [field.name for field in header])
    return raw


def check_letter(raw: bytes, names: list[str]) -> None:
    """BadLetter unless the header holds exactly these fields in this order, and the rest is safe to put on the wire."""
    end = raw.find(b"\r\n\r\n")
    if end < 0:
        raise BadLetter("the header does not end")
    header = raw[:end]
    found = [line.partition(b":")[0].decode("ascii", "replace") for line in header.split(b"\r\n") if line[:1] not in b" \t"]
    if found != names or len(set(map(str.lower, names))) != len(names):
        raise BadLetter("the header fields are not those that were asked for")
    if len(raw.translate(None, b"\r\n\0")) != len(raw) - 2 * raw.count(b"\r\n"):
        raise BadLetter("a bare CR, LF or NUL")
    if has_long_line(raw, LINE_MAX + 1):
        raise BadLetter(f"a line of more than {LINE_MAX} octets")


def _command(forum: Forum, word: str) -> Address:
    return Address(f"{forum.name}-{word}", forum.domain)
