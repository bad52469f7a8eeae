"""An answer to a digest, cut into pieces by what it quotes, each with the entry that it answers (design 8.4). Pure.

In: the spans of the answer, and the entries of the issue (of all issues that it quotes). Out: `Piece`s in the order of the
mail; together they have every word of the author's. To file a piece wrongly is the worst that can happen, to ask is not bad:

* A piece answers what stands nearest above it in the quote: the entry whose marker or heading is the last, unless the words in
  between are clearly another's, whose heading was cut away; without heading, the entry that has the words. Words that several
  entries have are told apart by those above them, or not at all.
* Words before the first quote belong to the first piece. Where they stand alone they answer what is quoted below, if that is one
  entry; else the only comment that the issue told; else, when nothing at all was quoted, the article of its only thread. Below a
  whole issue, or below three entries and more with nothing said between them, nobody can tell.
* What was found by a marker holds until the next marker or heading. Masthead, contents and foot are no evidence.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from gateway.digest.answered import read_lines
from gateway.digest.asked import Asked as Asked
from gateway.digest.asked import Evidence as Evidence
from gateway.digest.asked import Piece as Piece
from gateway.digest.blocks import Block, Verdict, cut_blocks, said_spans
from gateway.digest.evidence import Known
from gateway.digest.evidence import know as know
from gateway.digest.nearest import Nearest
from gateway.digest.shingles import bare
from gateway.mail.message import Span, SpanKind
from gateway.people.discretion import as_sent_to_all

# A mail that falls into more pieces is asked about as a whole.
PIECES_MAX: Final = 100
_SIGN_OFF_MAX: Final = 80
_VOTES = re.compile(r"\s?·[ \t]*(?:\+1|[\u2212-]1|Report|Melden|Web)\b(?:\s*<[^\s<>]{1,400}>)?[ \t]*(?=\n|·|\Z)")


def split_answer(spans: Sequence[Span], entries: Sequence[Asked] | Known, frame: Sequence[str] = ()) -> tuple[Piece, ...]:
    """The pieces of an answer to an issue; none where the author said nothing.

    `frame` are the texts of the issue as it was sent, its page as text too: with them a quote without marks is told from the
    author's words whatever the language, and what stands around the entries is known. Who reads many answers to an issue
    gives what `know(entries, frame)` made of it, once.
    """
    known = entries if isinstance(entries, Known) else know(entries, frame)
    spans = [replace(span, text=_without_links(span.text)) for span in spans]
    found = _split(spans, known.fresh())
    return _split(spans, known.fresh(), has_gaps=False) or () if found is None else found


def _split(spans: Sequence[Span], known: Known, *, has_gaps: bool = True) -> tuple[Piece, ...] | None:
    """The pieces; None where something in a gap may say more."""
    lines, whole = read_lines(spans, known.texts, has_gaps=has_gaps)
    blocks = cut_blocks(lines, known)
    if not any(block.has_words for block in blocks):
        return ()
    if sum(block.has_words for block in blocks) > PIECES_MAX:
        said = said_spans([line for block in blocks for line in block.own])
        return (Piece(marker=None, spans=said, evidence=Evidence.UNKNOWN, detail="too many pieces"),)
    nearest = Nearest(known, lines, whole)
    verdicts = _verdicts(blocks, known, nearest)
    if nearest.has_missed:
        return None
    new = [(block, verdict) for block, verdict in verdicts if not _is_entry_itself(block, verdict, known)]
    return _joined([_piece(block, verdict, known) for block, verdict in new], known)


def _without_links(text: str) -> str:
    """`text` without the links to vote and to report below each entry of a page, which name nothing, and without tokens."""
    text = as_sent_to_all(text)
    return _VOTES.sub("", text) if "·" in text else text


@dataclass(frozen=True, slots=True)
class _Part:
    marker: str | None
    context: tuple[Span, ...]
    words: tuple[Span, ...]
    verdict: Verdict


def _verdicts(blocks: Sequence[Block], known: Known, nearest: Nearest) -> list[tuple[Block, Verdict]]:
    """A verdict for each block in which the author says something."""
    found: list[tuple[Block, Verdict]] = []
    said = [block for block in blocks if block.has_words]
    new = sum(block.is_new for block in said)
    opening = said[0] if not said[0].quote and not said[0].address(known) else None
    # What looks like a mail passed on may be the quote that nobody knows.
    has_quote = any(line.says for block in blocks for line in block.quote)
    has_quote = has_quote or any(line.kind is SpanKind.FORWARD for block in blocks for line in block.own)
    end = max(at for at, block in enumerate(blocks) if block.is_new or block.quote or at == 0)
    for at, block in enumerate(blocks):
        is_last = block is blocks[-1]
        verdict = nearest.above(block, is_alone=at >= end and new - (opening is not None) <= 1)
        if not block.has_words:
            continue
        if block is opening:
            verdict = Verdict() if new > 1 else _alone(blocks, known, nearest, has_quote=has_quote)
        elif (
            verdict.entry is None
            and is_last
            and found
            # What is not new may be a quote that nobody knows: whose it is says nothing about a last word.
            and found[-1][0].is_new
            and _is_sign_off(block)
            and not block.is_doubtful
            and nearest.is_below_foot(block)
        ):
            verdict = replace(found[-1][1], detail="a last word", start=len(block.quote))
        found.append((block, verdict))
    if opening is not None and new > 1:
        found[0] = (opening, next(verdict for block, verdict in found[1:] if block.is_new))
    return found


def _is_entry_itself(block: Block, verdict: Verdict, known: Known) -> bool:
    """Whether what looks like new words below a heading, in a mail passed on without marks, is all that the entry says: "Me too."

    Where the entry's words stand above them too, somebody said the same again.
    """
    own = [line for line in block.own if line.says]
    if verdict.entry is None or not own or any(line.kind is not SpanKind.FORWARD for line in own):
        return False
    text = bare(" ".join(span.text for span in known.entries[verdict.entry].spans if span.kind is SpanKind.TEXT))
    return bare(" ".join(line.text for line in own)) == text and text not in bare(" ".join(line.text for line in block.quote))


def _is_sign_off(block: Block) -> bool:
    return sum(len(line.text) for line in block.own) <= _SIGN_OFF_MAX


def _alone(blocks: Sequence[Block], known: Known, nearest: Nearest, *, has_quote: bool) -> Verdict:
    """Words above everything that is quoted."""
    if has_quote:
        verdict = nearest.below(blocks)
        if verdict.entry is not None:
            return verdict
    else:
        verdict = Verdict()
    told = [at for at, asked in enumerate(known.entries) if asked.is_shown_in_full]
    markers = {known.entries[at].marker for at in told}
    # What looks like a mail passed on is not sure to be said about the issue.
    is_foreign = any(line.kind is SpanKind.FORWARD for block in blocks for line in block.own)
    if len(markers) == 1 and not verdict.unknown and not is_foreign:
        return Verdict(told[0], Evidence.ONLY, detail="the only comment that the issue tells")
    articles = [at for at, asked in enumerate(known.entries) if not asked.number]
    threads = {asked.thread for asked in known.entries}
    if not has_quote and len(threads) == 1 and len({known.entries[at].marker for at in articles}) == 1:
        return Verdict(articles[0], Evidence.THREAD, detail="nothing is quoted, and the issue has one thread")
    candidates = verdict.candidates or tuple(articles)
    return replace(verdict, candidates=candidates, detail=verdict.detail or "nothing is quoted")


def _piece(block: Block, verdict: Verdict, known: Known) -> _Part:
    marker = known.entries[verdict.entry].marker if verdict.entry is not None else None
    return _Part(marker, block.context(verdict), said_spans(block.own), verdict)


def _joined(parts: Sequence[_Part], known: Known) -> tuple[Piece, ...]:
    """Pieces; neighbours of one entry are one."""
    pieces: list[Piece] = []
    last: _Part | None = None
    for part in parts:
        spans = (*part.context, *part.words)
        verdict = part.verdict
        if last is not None and (part.marker, verdict.candidates) == (last.marker, last.verdict.candidates):
            before = pieces[-1]
            unknown = tuple(dict.fromkeys((*before.unknown_markers, *verdict.unknown)))
            pieces[-1] = replace(before, spans=_together(before.spans, spans), unknown_markers=unknown)
            continue
        pieces.append(
            Piece(
                marker=part.marker,
                spans=spans,
                evidence=verdict.evidence,
                candidates=tuple(known.entries[entry].marker for entry in verdict.candidates),
                unknown_markers=tuple(dict.fromkeys(verdict.unknown)),
                detail=verdict.detail,
            )
        )
        last = part
    return tuple(pieces)


def _together(one: tuple[Span, ...], other: tuple[Span, ...]) -> tuple[Span, ...]:
    """Texts that meet are kept apart by a blank line."""
    if one and other and one[-1].kind is other[0].kind is SpanKind.TEXT:
        return (*one[:-1], Span(SpanKind.TEXT, f"{one[-1].text}\n\n{other[0].text}"), *other[1:])
    return (*one, *other)
