"""The body of a mail: its text as spans, everything else as attachments (RFC 2046, RFC 2183).

In: the parts of a mail. Out: `Body`. Of alternatives the plain one is shown if it has a word in it; text parts that follow
one another are shown in their order; a text that came as a named attachment, and all that is no text, is listed. Nothing is
unpacked or rendered, and no more than 1 MiB of text is shown.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Final

from gateway.mail.message import Attachment, Span, SpanKind
from gateway.parse.charsets import decode_bytes
from gateway.parse.content import safe_name
from gateway.parse.flowed import unfold_flowed
from gateway.parse.header import split_header
from gateway.parse.html import html_to_text
from gateway.parse.limits import ATTACHMENTS_MAX, SUBJECT_MAX, TEXT_MAX
from gateway.parse.mime import Part
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
_FILE_TYPES: Final = frozenset({"text/calendar", "text/vcard", "text/x-vcard", "text/directory", "text/rfc822-headers"})
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
    return Body(spans=spans, attachments=reading.attachments(files), defects=tuple(dict.fromkeys(reading.defects)))


class _Reading:
    """One body being read: remembers the text of each part, since choosing an alternative reads it too."""

    def __init__(self, data: bytes, parts: list[Part]) -> None:
        self.data = data
        self.parts = parts
        self.defects: list[str] = []
        self._texts: dict[int, str] = {}
        self._refused: list[int] = []
        self._is_crowded = False

    def choose(self) -> tuple[list[int], list[int]]:
        """Indexes of the parts to show and of those to list, each in the order of the mail."""
        if len(self.parts) == 1:
            return ([0], []) if _is_shown(self.parts[0]) else ([], [0])
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
                (shown if _is_shown(part) else files)[index].append(index)
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
        """The text of these parts, at most 1 MiB of it, with a note for what is missing."""
        found: list[tuple[Span, ...]] = []
        room = TEXT_MAX
        for index in shown:
            if room <= 0:
                break
            text = self._text(index)
            kept = cut_bytes(text, room)
            # One byte for each part, so that a thousand empty ones end too.
            room -= len(kept.encode("utf-8", "replace")) + 1 if len(shown) > 1 else 0
            found.append(split_spans(kept))
            if len(kept) < len(text):
                room = 0
                found.append((Span(SpanKind.TEXT, TEXT_CUT),))
                self.defects.append(TEXT_TOO_LONG)
        return join_spans(found)

    def attachments(self, files: list[int]) -> tuple[Attachment, ...]:
        files = sorted({*files, *self._refused})
        if len(files) > ATTACHMENTS_MAX:
            self.defects.append(TOO_MANY_FILES)
        return tuple(self._attachment(self.parts[index]) for index in files[:ATTACHMENTS_MAX])

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
        part = self.parts[index]
        content = part.content
        encoded = self.data[part.start : part.end]
        # tests/mails/base64-that-is-none.eml: plain words under a wrong name would come out as noise.
        is_mislabelled = content.encoding == "base64" and encoded.count(b" ") * 20 > len(encoded)
        text = decode_bytes(encoded if is_mislabelled else decode_transfer(encoded, content.encoding), content.charset)
        if "\r" in text:
            text = text.replace("\r\n", "\n").replace("\r", "\n")
        if content.type == "text/html":
            plain = html_to_text(text)
            if plain is None:
                self.defects.append(HTML_NOT_SHOWN)
                self._refused.append(index)
                return HTML_REFUSED
            return clean_text(plain)
        # One character more than fits is enough to see that it was cut.
        text = text[: TEXT_MAX + 1]
        if content.is_flowed and content.type == "text/plain":
            text = unfold_flowed(text, is_delsp=content.is_delsp)
        return clean_text(text)

    def _attachment(self, part: Part) -> Attachment:
        content = part.content
        decoded = decode_transfer(self.data[part.start : part.end], content.encoding)
        name = content.name
        if not name and content.type.startswith("message/"):
            subject = split_header(self.data, part.start, is_part=True).first(b"subject")
            title = clean_line(decode_words(subject))[:SUBJECT_MAX]
            name = safe_name(re.sub(r"[/\\]", "_", title or UNNAMED) + ".eml")
        return Attachment(
            sha256=hashlib.sha256(decoded).hexdigest(),
            name=name or UNNAMED,
            type=content.type,
            size=len(decoded),
            start=part.start,
            end=part.end,
        )


def _is_shown(part: Part) -> bool:
    content = part.content
    if not content.type.startswith("text/") or content.type in _FILE_TYPES:
        return False
    return not (content.name and content.disposition == "attachment")
