"""From an outline to rows: what each entry says, as ready strings, before text or HTML is made of it.

In: a `ThreadPart` (digest). Out: one `Row` for each entry, in order, with the level at which it is drawn (design 8.2:
one level more only where the thread branches, at most six; deeper ones say whom they answer), its blocks, its date in
the reader's zone and the link that answers it. Templates get strings only, so that their loops stay short.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple
from zoneinfo import ZoneInfo

from gateway.digest.issue import Entry, ThreadPart
from gateway.mail.address import Address
from gateway.mail.message import Attachment, SpanKind
from gateway.mail.token import is_marker
from gateway.render.blocks import Block, one_line, split_blocks
from gateway.render.dates import both_dates
from gateway.render.links import mailto, mailto_entry, mailto_votes
from gateway.render.places import ENTRY, token_place
from gateway.render.wording import Wording
from gateway.render.wrap import clip

LEVEL_MAX = 6
TITLE_MAX = 76
EXCERPT = 60
# Where the links to vote and to report lead, and with which Subject.
_VOTES = (("up", "+1"), ("down", "-1"), ("report", "Report"))
_METALS = ("gold", "silver", "bronze")
_UNITS = ("bytes", "KB", "MB", "GB", "TB")


class Row(NamedTuple):
    """One entry. `label` is what contents and context lines call it: the title, or the first words;
    `metal` is the look of the badge; `votes` are the links to vote for it, against it, and to report it."""

    entry: Entry
    level: int
    title: str
    label: str
    author: str
    badge: str
    metal: str
    marker: str
    date: str
    field_date: str
    answers: str
    blocks: list[Block]
    files: list[str]
    link: str
    warning: str
    edited: str
    icon: str
    score: str
    votes: tuple[str, ...]


def list_rows(part: ThreadPart, zone: ZoneInfo, address: Address | None, words: Wording) -> list[Row]:
    """The rows of a thread; without an `address` nothing can be answered and there are no links."""
    no_name = words.word("(no name)")
    rows: list[Row] = []
    head = one_line(part.title)
    levels = Levels()
    votes = mailto_votes(address, _VOTES) if address is not None else []
    for entry in part.entries:
        level, is_capped = levels.next(entry)
        title = one_line(entry.title)
        is_told = entry.is_told
        field_date, date = both_dates(entry.at, zone, words) if entry.at else ("", "")
        badge, metal = _badge(entry.badge, words) if entry.badge else ("", "")
        rows.append(
            Row(
                entry=entry,
                level=level,
                title=title,
                label=title or _label(entry, head, words),
                author=one_line(entry.author) or ("" if entry.is_stub else no_name),
                badge=badge,
                metal=metal,
                marker=f"[#{one_line(entry.marker)}]" if entry.marker else "",
                date=date,
                field_date=field_date,
                answers=_answers(entry, no_name) if is_capped else "",
                blocks=split_blocks(entry.spans) if is_told else [],
                files=[_file(file, words) for file in entry.attachments] if is_told else [],
                link=_link(entry, title or head, address),
                warning=words.word("Another text under a Message-ID that was used before.") if entry.is_imposter else "",
                edited=words.word("edited") if entry.is_edited and is_told else "",
                icon=one_line(entry.icon) if entry.icon else "",
                score=_score(entry, words) if entry.up or entry.down else "",
                votes=_votes(entry.marker, votes) if is_told else (),
            )
        )
    return rows


class Levels:
    """Where each entry is drawn, given in order: the level of its parent, and one more where the thread branches."""

    def __init__(self) -> None:
        self._open: list[int] = []

    def next(self, entry: Entry) -> tuple[int, bool]:
        """Its level, and whether it would have been deeper than we draw."""
        depth = entry.depth
        if depth <= 1:
            self._open = [0] * (depth + 1)
            return 0, False
        del self._open[depth:]
        wanted = (self._open[-1] if self._open else 0) + entry.has_siblings
        self._open += [wanted] * (depth + 1 - len(self._open))
        return min(wanted, LEVEL_MAX), wanted > LEVEL_MAX


def contents(rows: list[Row], most: int) -> Iterator[Row]:
    """What the table of contents lists of a thread: its new top-level comments, unless they are more than `most`."""
    top = [row for row in rows if row.entry.depth == 1 and not row.entry.is_stub]
    return iter(top if len(top) <= most else ())


def _label(entry: Entry, head: str, words: Wording) -> str:
    if entry.is_withdrawn:
        return words.word("a comment withdrawn by its author" if entry.depth else "an article withdrawn by its author")
    if entry.is_removed:
        return words.word("a comment that was removed" if entry.depth else "an article that was removed")
    if entry.is_ghost:
        return words.word("a comment that has not arrived" if entry.depth else "an article that has not arrived")
    if not entry.depth:
        return head
    if entry.depth > 1 and entry.is_told:
        return ""
    for span in entry.spans:
        if span.kind is SpanKind.TEXT and (start := one_line(span.text[: 8 * EXCERPT])):
            return clip(start, EXCERPT)
    return ""


def _badge(text: str, words: Wording) -> tuple[str, str]:
    badge = one_line(text)
    metal = badge.partition(" ")[0].lower()
    return (words.word(f"{metal.capitalize()} badge"), metal) if metal in _METALS else (badge, "")


def _answers(entry: Entry, no_name: str) -> str:
    return one_line(entry.parent_author) or one_line(entry.parent_number) or no_name


def _link(entry: Entry, title: str, address: Address | None) -> str:
    if address is None or entry.is_stub or not entry.msgid:
        return ""
    subject = answer_subject(title)
    if not is_marker(entry.marker):
        return mailto(address, subject=subject, in_reply_to=one_line(entry.msgid))
    return mailto_entry(address, "c", entry.marker, subject=subject, in_reply_to=one_line(entry.msgid))


def answer_subject(title: str) -> str:
    """The Subject of an answer to what has that title."""
    return clip(title if title[:3].lower() == "re:" else f"Re: {title}", TITLE_MAX)


def _votes(marker: str, halves: list[tuple[str, str]]) -> tuple[str, ...]:
    if not halves or not is_marker(marker):
        return ()
    place = token_place(ENTRY, marker)
    return tuple([before + place + behind for before, behind in halves])


def _score(entry: Entry, words: Wording) -> str:
    """In words, since a screen reader makes nothing of "+4 -1"."""
    up = words.plural("{count} up", "{count} up", entry.up).format(count=entry.up) if entry.up else ""
    down = words.plural("{count} down", "{count} down", entry.down).format(count=entry.down) if entry.down else ""
    return ", ".join(filter(None, (up, down)))


def _file(file: Attachment, words: Wording) -> str:
    size = float(max(file.size, 0))
    unit = 0
    while size >= 999.5 and unit < len(_UNITS) - 1:
        size /= 1000
        unit += 1
    return f"{one_line(file.name) or words.word('file without a name')} ({one_line(file.type)}, {size:.3g} {_UNITS[unit]})"
