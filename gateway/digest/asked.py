"""The nouns of answers to a digest: what could be answered, and what each piece of an answer answers (design 8.4). Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from gateway.mail.message import Span


class Evidence(StrEnum):
    """Why a piece belongs where it is put.

    MARKER: the nearest marker in the quote; TYPED: a marker that the author put in front of his words; NUMBER: the same with
    a path number; HEADING: a heading without its marker; WORDS: quoted words; ONLY: the only comment that the issue told;
    THREAD: nothing was quoted, and the issue has one thread; UNKNOWN: it cannot be told.
    """

    MARKER = "marker"
    TYPED = "typed"
    NUMBER = "number"
    HEADING = "heading"
    WORDS = "words"
    ONLY = "only"
    THREAD = "thread"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One entry of an issue that could be answered.

    `number` is the path as the issue had it ("3.1.2"; "" for the article), `thread` the place of its thread among those of the
    issue (of all issues that are asked about), `spans` the text as shown. `is_shown_in_full`: it was new; else it had one line.
    """

    marker: str
    number: str = ""
    title: str = ""
    author: str = ""
    spans: tuple[Span, ...] = ()
    thread: int = 0
    is_shown_in_full: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A part of an answer.

    `marker` is the entry that it answers, None when that cannot be told: then `candidates` are markers of entries, the
    likely ones first. `spans` are the quote as context, then the author's words. `unknown_markers` stand above it in the
    quote, or in front of its words, nearest first, and are none of the entries': another issue may have them. `detail` is
    one sentence for `gateway explain`.
    """

    marker: str | None
    spans: tuple[Span, ...]
    evidence: Evidence
    candidates: tuple[str, ...] = ()
    unknown_markers: tuple[str, ...] = ()
    detail: str = ""
