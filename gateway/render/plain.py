"""Rows as text for mail and terminal: 72 columns, RFC 1153.

In: the rows of a thread. Out: enclosed messages (Date, From, Subject in the order of RFC 1153; a blank line; the body,
indented by its level) for `thread.txt.j2`, which puts the lines of hyphens between them. What was in an earlier issue,
and what has not arrived, is one line at the start of the next message. The Message-ID is left out: nobody can read it;
the marker stands in the subject, and the link at the end carries the id.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from gateway.render.blocks import Block, Cleaned
from gateway.render.rows import Row
from gateway.render.wording import Wording
from gateway.render.wrap import clip, columns, set_lines, wrap

WIDTH = 72
INDENT = 2
_SEPARATOR = re.compile(r"^-(?=-{29,}$)", re.MULTILINE)


class Enclosed(NamedTuple):
    """One message of a digest; `fields` are whole lines."""

    fields: str
    body: Cleaned


def enclose(rows: list[Row], words: Wording) -> list[Enclosed]:
    """The messages of one thread."""
    messages: list[Enclosed] = []
    earlier: list[str] = []
    for row in rows:
        if row.entry.depth and not row.entry.is_told:
            earlier.append(_mention(row, words))
            continue
        messages.append(Enclosed(_fields(row), _body(row, earlier, words)))
        earlier = []
    if earlier:
        messages.append(Enclosed(fold_subject(words.word("Earlier in this thread")), Cleaned("\n".join(earlier))))
    return messages


def fold_subject(text: str) -> str:
    """A Subject field of a digest, folded to 72 columns (RFC 5322 section 2.2.3)."""
    line = f"Subject: {text}"
    return line if len(line) * 2 <= WIDTH or columns(line) <= WIDTH else "\n ".join(wrap(line, WIDTH - 1))


def _fields(row: Row) -> str:
    lines = [f"Date: {row.field_date}"] if row.date else []
    if row.author:
        badge = f" ({row.badge[:1].lower()}{row.badge[1:]})" if row.badge else ""
        lines.append(_folded(f"From: {row.author}{badge}{' ' * bool(row.icon)}{row.icon}"))
    title = row.title if row.entry.depth else row.label
    answers = f"(re {row.answers})" if row.answers else ""
    edited = f"({row.edited})" if row.edited else ""
    lines.append(fold_subject(" ".join(filter(None, (row.entry.number, title, answers, edited, row.marker)))))
    if row.score:
        lines.append(f"Votes: {row.score}")
    return "\n".join(lines)


def _folded(line: str) -> str:
    return line if len(line) * 2 <= WIDTH or columns(line) <= WIDTH else "\n ".join(wrap(line, WIDTH - 1))


def _body(row: Row, earlier: list[str], words: Wording) -> Cleaned:
    pad = " " * (INDENT * row.level)
    paragraphs = ["\n".join(earlier)] if earlier else []
    if not row.entry.is_told and not row.entry.is_stub:
        paragraphs.append(words.word("In an earlier issue."))
    if row.warning:
        paragraphs.append(pad + row.warning)
    paragraphs += [_set_block(block, pad) for block in row.blocks]
    if row.files:
        paragraphs.append(
            "\n".join(pad + line for file in row.files for line in wrap(f"{words.word('File')}: {file}", WIDTH - len(pad)))
        )
    body = "\n\n".join(paragraphs)
    # RFC 1153: a line of hyphens in a body may not look like ours.
    return Cleaned(_SEPARATOR.sub(" ", body) if "-----------------------------" in body else body)


def _set_block(block: Block, pad: str) -> str:
    depth, is_prose, lines = block
    prefix = f"{pad}{'>' * depth} " if depth else pad
    return prefix + ("\n" + prefix).join(set_lines(lines, WIDTH - len(prefix), may_flow=is_prose))


def _mention(row: Row, words: Wording) -> str:
    if row.entry.is_stub:
        return f"{row.entry.number} {row.label}".lstrip()
    start = f"{words.word('Earlier')}: {row.entry.number} "
    end = f"{row.author} {row.marker}".rstrip()
    return f"{start}{clip(row.label, max(WIDTH - columns(start + end) - 2, 8))}, {end}" if row.label else start + end
