"""The body of a mail: its text as spans, everything else as attachments (RFC 2046, RFC 2183).

In: the parts of a mail. Out: `Body`. Of alternatives the plain one is shown if it has a word in it; text parts that follow
one another are shown in their order; a text that came as a named attachment, and all that is no text, is listed. Signatures
are not listed; an encrypted part and an invitation are told of in one line. Nothing is unpacked or rendered, and no more than
1 MiB of text is shown.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Final

from gateway.mail.message import Attachment, Span, SpanKind
from gateway.parse.armour import unwrap_armour
from gateway.parse.calendar import summarise_calendar
from gateway.parse.charsets import decode_bytes
from gateway.parse.content import safe_name
from gateway.parse.enriched import enriched_to_text
from gateway.parse.flowed import unfold_flowed
from gateway.parse.header import split_header
from gateway.parse.html import html_to_text
from gateway.parse.limits import ATTACHMENTS_MAX, HEADER_MAX, LINES_MAX, SUBJECT_MAX, TEXT_MAX
from gateway.parse.mime import Part
from gateway.parse.sealed import ENCRYPTED, MACHINERY, is_envelope, note_on_envelope
from gateway.parse.spans import join_spans, split_spans
from gateway.parse.text import clean_line, clean_text, cut_bytes
from gateway.parse.transfer import decode_transfer
from gateway.parse.words import decode_words

TEXT_CUT: Final = "[Cut here: the text is longer than can be shown. The mail is kept as it was received.]"
HTML_REFUSED: Final = "[Here is HTML that is too complex to be shown as text. The mail is kept as it was received.]"
FILES_LEFT_OUT: Final = "[More files came with this mail than are listed. The mail is kept as it was received.]"

HTML_NOT_SHOWN: Final = "html not shown"
TEXT_TOO_LONG: Final = "text cut"
TOO_MANY_FILES: Final = "attachments cut"

UNNAMED: Final = "unnamed"

# Text for programs, not for readers.
_CALENDARS: Final = frozenset({"text/calendar", "application/ics"})
_FILE_TYPES: Final = _CALENDARS | {
    "text/vcard",
    "text/x-vcard",
    "text/directory",
    "text/rfc822-headers",
    "text/rtf",
    "text/x-amp-html",
    "text/watch-html",
}
_RICH_TYPES: Final = frozenset({"text/enriched", "text/richtext"})
_NOTES_MAX: Final = 10
_WORD = re.compile(r"\w")


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """`attachments` have their place in the bytes with LF ends that were read."""

    spans: tuple[Span, ...]
    attachments: tuple[Attachment, ...]
    defects: tuple[str, ...]


def read_body(data: bytes, parts: list[Part]) -> Body:
    """Text and attachments of a mail with LF ends."""
    reading = _Reading(data, parts)
    shown, files = reading.choose()
    spans = reading.spans(shown)
    notes = reading.notes(files) if len(parts) > 1 or files else []
    if notes:
        spans = join_spans([spans, (Span(SpanKind.TEXT, "\n".join(notes)),)])
    return Body(spans=spans, attachments=reading.attachments(files), defects=tuple(dict.fromkeys(reading.defects)))


class _Reading:
    """One body being read: remembers the text of each part, since choosing an alternative reads it too."""

    def __init__(self, data: bytes, parts: list[Part]) -> None:
        self.data = data
        self.parts = parts
        self.defects: list[str] = []
        self._texts: dict[int, str] = {}
        self._refused: list[int] = []

    def choose(self) -> tuple[list[int], list[int]]:
        """Indexes of the parts to show and of those to list, each in the order of the mail."""
        if len(self.parts) == 1:
            return ([0], []) if is_shown(self.parts[0]) else ([], [0])
        children: list[list[int]] = [[] for _ in self.parts]
        for index, part in enumerate(self.parts):
            if part.parent >= 0:
                children[part.parent].append(index)
        shown: list[list[int]] = [[] for _ in self.parts]
        files: list[list[int]] = [[] for _ in self.parts]
        # Children come after their parents, so going backwards needs no recursion.
        for index in range(len(self.parts) - 1, -1, -1):
            part = self.parts[index]
            if not part.is_open:
                (shown if is_shown(part) else files)[index].append(index)
                continue
            for child in children[index]:
                files[index] += files[child]
            texts = [shown[child] for child in children[index] if shown[child]]
            if part.content.type == "multipart/alternative":
                texts = [self._best(texts)] if texts else []
            for text in texts:
                shown[index] += text
        return shown[0], sorted(files[0])

    def spans(self, shown: list[int]) -> tuple[Span, ...]:
        """The text of these parts, at most 1 MiB and 40,000 lines of it, with a note for what is missing."""
        found: list[tuple[Span, ...]] = []
        room, lines = TEXT_MAX, LINES_MAX
        for index in shown:
            if room <= 0 or lines <= 0:
                break
            text = self._text(index)
            kept = _cut_lines(cut_bytes(text, room), lines)
            # One byte for each part, so that a thousand empty ones end too.
            room -= len(kept.encode("utf-8", "replace")) + 1 if len(shown) > 1 else 0
            lines -= kept.count("\n") + 1 if len(shown) > 1 else 0
            found.append(split_spans(kept))
            if len(kept) < len(text):
                room = 0
                found.append((Span(SpanKind.TEXT, TEXT_CUT),))
                self.defects.append(TEXT_TOO_LONG)
        return join_spans(found)

    def notes(self, files: list[int]) -> list[str]:
        """What is told of parts that are no text: each line once."""
        found: dict[str, None] = {}
        if any(part.is_open and part.content.type == "multipart/encrypted" for part in self.parts):
            found[ENCRYPTED] = None
        told = 0
        for index in files:
            content = self.parts[index].content
            if content.type in _CALENDARS:
                note = summarise_calendar(part_text(self.data, self.parts[index])[:TEXT_MAX])
            elif is_envelope(content):
                note = note_on_envelope(content, self._decoded(self.parts[index]))
            else:
                continue
            told += 1
            if told > _NOTES_MAX:
                break
            if note:
                found[note] = None
        return list(found)

    def attachments(self, files: list[int]) -> tuple[Attachment, ...]:
        """The files that came with the mail, each once."""
        found: dict[str, Attachment] = {}
        for index in sorted({*files, *self._refused}):
            if self.parts[index].content.type not in MACHINERY:
                file = self._attachment(self.parts[index])
                found.setdefault(file.sha256, file)
        if len(found) > ATTACHMENTS_MAX:
            self.defects.append(TOO_MANY_FILES)
        return tuple(found.values())[:ATTACHMENTS_MAX]

    def _best(self, texts: list[list[int]]) -> list[int]:
        """Of alternatives, poorest first as the RFC has it: plain text that says anything, else the richest."""
        for text in texts:
            if all(self.parts[index].content.type != "text/html" for index in text) and self._has_word(text):
                return text
        return next((text for text in reversed(texts) if self._has_word(text)), texts[-1])

    def _has_word(self, text: list[int]) -> bool:
        return any(_WORD.search(self._text(index)) for index in text)

    def _text(self, index: int) -> str:
        if index not in self._texts:
            self._texts[index] = self._read_text(index)
        return self._texts[index]

    def _read_text(self, index: int) -> str:
        content = self.parts[index].content
        text = part_text(self.data, self.parts[index])
        if content.type == "text/html":
            plain = html_to_text(text)
            if plain is None:
                self.defects.append(HTML_NOT_SHOWN)
                self._refused.append(index)
                return HTML_REFUSED
            return clean_text(plain)
        # One character more than fits is enough to see that it was cut.
        text = text[: TEXT_MAX + 1]
        if content.type in _RICH_TYPES:
            text = enriched_to_text(text, is_richtext=content.type == "text/richtext")
        elif content.is_flowed and content.type == "text/plain":
            text = unfold_flowed(text, is_delsp=content.is_delsp)
        return clean_text(unwrap_armour(text))

    def _decoded(self, part: Part) -> bytes:
        return decode_transfer(self.data[part.start : part.end], part.content.encoding)

    def _attachment(self, part: Part) -> Attachment:
        content = part.content
        decoded = self._decoded(part)
        return Attachment(
            sha256=hashlib.sha256(decoded).hexdigest(),
            name=content.name or _name_of(content.type, decoded),
            type=content.type,
            size=len(decoded),
            start=part.start,
            end=part.end,
        )


def _name_of(kind: str, decoded: bytes) -> str:
    """A name for a file that came without one: a mail within the mail has its subject."""
    if kind in _CALENDARS:
        return "invite.ics"
    if not kind.startswith("message/"):
        return UNNAMED
    header = split_header(decoded[: 2 * HEADER_MAX].replace(b"\r\n", b"\n"), is_part=True)
    title = clean_line(decode_words(header.first(b"subject")))[:SUBJECT_MAX]
    return safe_name(re.sub(r"[/\\]", "_", title or UNNAMED) + ".eml")


def _cut_lines(text: str, limit: int) -> str:
    """The first `limit` lines of `text`."""
    if text.count("\n") < limit:
        return text
    return "\n".join(text.split("\n", limit)[:limit])


def part_text(data: bytes, part: Part) -> str:
    """The text of a leaf with LF ends, decoded by its encoding and charset, not cleaned."""
    encoded = data[part.start : part.end]
    # tests/mails/base64-that-is-none.eml: plain words under a wrong name would come out as noise.
    is_mislabelled = part.content.encoding == "base64" and encoded.count(b" ") * 20 > len(encoded)
    text = decode_bytes(encoded if is_mislabelled else decode_transfer(encoded, part.content.encoding), part.content.charset)
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def is_shown(part: Part) -> bool:
    """Whether a leaf is text for readers and came to be read, not to be kept as a file."""
    content = part.content
    if not content.type.startswith("text/") or content.type in _FILE_TYPES:
        return False
    return not (content.name and content.disposition == "attachment")
