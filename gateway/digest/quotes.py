"""What of a post a reader of the whole thread still needs: each text once (design 6, 8.2). Pure.

In: the spans of a post, and the posts it may quote: its parent first, then what stands further up. Out: the spans to show.
The author's own words and forwarded mail stay as they are. A quote without an answer under it goes, with its attribution; a
quote of a whole post that the reader has becomes a pointer to it; a part of one stays as context, cut when it is long. When
the parent has not arrived, the quote of it is all that the reader has, wherever it stands.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Final

from gateway.mail.message import Span, SpanKind
from gateway.parse.quotes import attribution_at, divider_of, header_block_at, is_client_footer, list_footer_at

# A quote of so much of a post, or of so many lines, is no selection: it is the post.
WHOLE: Final = 0.8
LINES_MAX: Final = 8
# A quote that was changed a little is compared in pieces of so many characters; of a short one nothing is assumed.
PIECE: Final = 30
MOST: Final = 0.7
PIECES_MIN, PIECES_MAX = 6, 200
_HEAD, _TAIL = 4, 2
MISSING_LINES: Final = 12
PARAGRAPHS_MAX: Final = 500
_BLANK = re.compile(r"\n[ \t]*\n")
# So many characters of a post in an unmarked end are no coincidence.
UNMARKED_MIN: Final = 60
# What some programs make of plain quotes and dashes.
_TYPOGRAPHY = (("’", "'"), ("‘", "'"), ("“", '"'), ("”", '"'), ("„", '"'), ("–", "-"), ("—", "-"))
_OURS = (SpanKind.TEXT, SpanKind.FORWARD)
_AROUND = (SpanKind.ATTRIBUTION, SpanKind.QUOTE)
_ADDRESS = re.compile(r"\s*[<(\[]{0,2}(?:mailto:)?[^\s<>()\[\]@]{1,64}@[^\s<>()\[\]@]{1,255}[>)\]]{0,2}")


@dataclass(frozen=True)
class Quotable:
    """A post that may be quoted: its path number, its author's name, its spans."""

    number: str
    author: str
    spans: tuple[Span, ...]

    @cached_property
    def _bares(self) -> list[str]:
        return [_bare_lines(span.text) for span in self.spans]

    @cached_property
    def text(self) -> str:
        """Its own words without white space, so that a quote that was wrapped anew is found."""
        ours = [bare for span, bare in zip(self.spans, self._bares, strict=True) if span.kind in _OURS]
        return "".join(ours).replace("\n", "")

    @cached_property
    def everything(self) -> str:
        """The same with what it quotes."""
        return "".join(self._bares).replace("\n", "")

    @cached_property
    def _lines(self) -> str:
        """Each line of it, without white space, between two line ends."""
        return "\n".join(["", *self._bares, ""])

    def has_line(self, bare: str) -> bool:
        """Whether that is a whole line of it, by itself."""
        return f"\n{bare}\n" in self._lines

    @property
    def pointer(self) -> str:
        return f"[{', '.join(filter(None, (self.number, self.author)))}]"


def shown_spans(spans: Sequence[Span], above: Sequence[Quotable], *, is_parent_missing: bool = False) -> tuple[Span, ...]:
    """The spans to show of a post; a post of nothing but quotes keeps them.

    `above[0]` is its parent, or whom the missing parent answers.
    """
    if len(spans) == 1 and spans[0].kind is SpanKind.TEXT and not above:
        return tuple(spans)
    shown = [span for span in spans if span.kind in _OURS or span.kind in _AROUND]
    last = max((index for index, span in enumerate(shown) if span.kind in _OURS and span.text.strip()), default=-1)
    if last < 0:
        return tuple(shown)
    rest = shown[last + 1 :]
    told = _quote_of_missing if is_parent_missing else _words_among
    end = told(rest, above)
    shown = shown[: last + 1]
    if above and not is_parent_missing:
        if shown[last].kind is SpanKind.TEXT:
            shown[last] = Span(SpanKind.TEXT, _without_repeated_end(shown[last].text, above[0]))
        shown = _with_marks_mended(shown, above[0])
    return (*_told(shown, above), *end)


def _quote_of_missing(run: Sequence[Span], above: Sequence[Quotable]) -> tuple[Span, ...]:
    """What the quote at the end of an answer tells of a parent that has not arrived: its words, not what it quoted itself."""
    quotes = [span for span in run if span.kind is SpanKind.QUOTE and span.text.strip()]
    if not quotes:
        return ()
    depth = min(span.depth for span in quotes)
    lines = "\n\n".join(span.text.strip("\n") for span in quotes if span.depth == depth).split("\n")
    older = (at for at in range(len(lines)) if attribution_at(lines, at) or header_block_at(lines, at))
    lines = "\n".join(lines[: next(older, len(lines))]).strip("\n").split("\n")
    lines = lines[: list_footer_at(lines)]
    quoted = _bare("\n".join(lines))
    if not quoted or any(quoted in post.text or _is_mostly_of(quoted, post.text) for post in above):
        return ()
    if len(lines) > MISSING_LINES:
        lines = [*lines[: MISSING_LINES - 1], "[...]"]
    return (Span(SpanKind.QUOTE, "\n\n".join([*filter(None, [_attribution(run)]), "\n".join(lines)]), 1),)


def _words_among(run: Sequence[Span], above: Sequence[Quotable]) -> tuple[Span, ...]:
    """The author's own paragraphs between those of an unmarked quote of the parent, each below the one it follows.

    Some programs put no marks before a quote; who answers in the middle of it is not told from it but by the parent's text.
    """
    if not run or not above or run[0].kind is not SpanKind.ATTRIBUTION or not _announces_unmarked(run[0].text):
        return ()
    parent = above[0].everything
    paragraphs = [one for one in _BLANK.split("\n\n".join(span.text for span in run[1:])) if _bare(one)][:PARAGRAPHS_MAX]
    known = [_stands_in(_bare(one), parent) for one in paragraphs]
    size = sum(len(one) for one in paragraphs)
    if sum(len(one) for one, is_known in zip(paragraphs, known, strict=True) if is_known) < size / 2:
        return ()
    end = next((at for at, one in enumerate(paragraphs) if _is_older(one)), len(paragraphs))
    # What stands above all of it is a warning of somebody's mail server, or the header of another mail.
    first = next((at for at, one in enumerate(paragraphs) if known[at] and len(_bare(one)) >= PIECE), end)
    told: list[Span] = []
    for at in range(first, end):
        if known[at] or all(is_client_footer(line) for line in paragraphs[at].split("\n")):
            continue
        if known[at - 1]:
            told.append(Span(SpanKind.QUOTE, "\n".join(_shortened(paragraphs[at - 1].strip("\n").split("\n"))), 1))
        told.append(Span(SpanKind.TEXT, paragraphs[at].strip("\n")))
    return tuple(told)


def _announces_unmarked(attribution: str) -> bool:
    lines = attribution.split("\n")
    return any(divider_of(line) == "original" or header_block_at(lines, at) for at, line in enumerate(lines))


def _is_older(paragraph: str) -> bool:
    lines = paragraph.split("\n")
    return any(header_block_at(lines, at) or attribution_at(lines, at) for at in range(len(lines)))


def _stands_in(bare: str, text: str) -> bool:
    """Whether it, or any piece of it, stands in `text`."""
    if bare in text:
        return True
    pieces = range(0, min(len(bare), PIECES_MAX * PIECE) - PIECE + 1, PIECE)
    return any(bare[at : at + PIECE] in text for at in pieces)


def _with_marks_mended(shown: Sequence[Span], parent: Quotable) -> list[Span]:
    """A line right above a quote that goes on in it: some programs break a long line and mark its second half alone."""
    mended: list[Span] = list(shown)
    for at in range(len(mended) - 1):
        text, quote = mended[at], mended[at + 1]
        if text.kind is not SpanKind.TEXT or quote.kind is not SpanKind.QUOTE:
            continue
        before, _, line = text.text.rpartition("\n")
        broken = _bare(line + quote.text.partition("\n")[0])
        if line.strip() and len(broken) >= PIECE and len(_bare(line)) < len(broken) and broken in parent.text:
            mended[at : at + 2] = [Span(SpanKind.TEXT, before), Span(SpanKind.QUOTE, f"{line}\n{quote.text}", quote.depth)]
    return mended


def _told(shown: Sequence[Span], above: Sequence[Quotable]) -> Iterator[Span]:
    index = 0
    while index < len(shown):
        end = index
        while end < len(shown) and shown[end].kind in _AROUND:
            end += 1
        if end == index:
            yield shown[index]
            index += 1
            continue
        yield from _context(shown[index:end], above)
        index = end


def _context(run: Sequence[Span], above: Sequence[Quotable]) -> Iterator[Span]:
    """What stays of a quote that is answered below: a pointer, or its outermost level with a word on whose it is."""
    quotes = [span for span in run if span.kind is SpanKind.QUOTE and span.text.strip()]
    if not quotes:
        return
    depth = min(span.depth for span in quotes)
    lines = _without_attributions("\n\n".join(span.text.strip("\n") for span in quotes if span.depth == depth).split("\n"))
    quoted = _bare("\n".join(lines))
    if not quoted:
        # Nothing but who said what older posts say.
        return
    source = (
        next((post for post in above if quoted in post.text), None)
        or next((post for post in above if _is_mostly_of(quoted, post.text)), None)
        or next((post for post in above[:1] if _is_mostly_of(quoted, post.everything)), None)
    )
    # A program without marks for older quotes has a whole post, and what that quoted, in one quote.
    whole = next((post for post in above if _is_mostly_of(post.text, quoted)), None)
    source = source or whole
    if source is not None and (source is whole or len(quoted) >= WHOLE * len(source.text)) and len(lines) > 2:
        if source is not above[0]:
            yield Span(SpanKind.QUOTE, source.pointer, 1)
        return
    who = "" if source is not None and source is above[0] else source.pointer if source is not None else _attribution(run)
    yield Span(SpanKind.QUOTE, "\n\n".join([*filter(None, [who]), "\n".join(_shortened(lines))]), 1)


def _is_mostly_of(quoted: str, text: str) -> bool:
    """Whether most pieces of a long quote stand in `text`: programs change a sign here and there ("10th" to "10^th")."""
    pieces = range(0, min(len(quoted), PIECES_MAX * PIECE), PIECE)
    # What is too short for so many pieces, the last of which may be a rest, needs no look.
    if len(pieces) < PIECES_MIN or len(text) < PIECE * (MOST * len(pieces) - 1):
        return False
    missing = (at for at in pieces if quoted[at : at + PIECE] not in text)
    # One more than may be missing is enough to know.
    return next(islice(missing, int(len(pieces) - MOST * len(pieces)), None), None) is None


def _without_attributions(lines: list[str]) -> list[str]:
    """Lines of a quote without those that announced the older quotes inside it, and without a list's footer at its end."""
    kept = lines[: list_footer_at(lines)]
    for index in range(len(kept) - 1, -1, -1):
        if lines[index].endswith((":", "：")) and (count := attribution_at(lines, index)):
            del kept[index - count + 1 : index + 1]
    return "\n".join(kept).strip("\n").split("\n")


def _attribution(run: Sequence[Span]) -> str:
    """Who is said to have written it, without the address."""
    text = next((span.text for span in run if span.kind is SpanKind.ATTRIBUTION), "")
    return _ADDRESS.sub("", " ".join(text.split())).strip() if len(text) <= 400 else ""


def _shortened(lines: list[str]) -> list[str]:
    return lines if len(lines) <= LINES_MAX else [*lines[:_HEAD], "[...]", *lines[-_TAIL:]]


def _without_repeated_end(text: str, parent: Quotable) -> str:
    """`text` without an end that repeats the parent and lacks the marks of a quote."""
    lines = text.split("\n")
    last = _bare(lines[-1])
    if not parent.has_line(last):
        return text
    start, size = len(lines), 0
    while start > 0 and (not (bare := _bare(lines[start - 1])) or parent.has_line(bare)):
        start -= 1
        size += len(bare)
    # A post that does nothing but repeat is shown: somebody wanted it said again.
    return "\n".join(lines[:start]).rstrip() if size >= UNMARKED_MIN and any(map(str.strip, lines[:start])) else text


def _bare(text: str) -> str:
    """`text` without white space, and with plain quotes and dashes."""
    bare = text.replace(" ", "").replace("\n", "")
    if not bare.isprintable():
        # Other white space, if anything.
        bare = "".join(bare.split())
    return _plain(bare)


def _bare_lines(text: str) -> str:
    """The same line by line."""
    bare = text.replace(" ", "")
    if not bare.replace("\n", "").isprintable():
        bare = "\n".join(["".join(line.split()) for line in bare.split("\n")])
    return _plain(bare)


def _plain(bare: str) -> str:
    if not bare.isascii():
        # Four times as fast as str.translate.
        for fine, plain in _TYPOGRAPHY:
            bare = bare.replace(fine, plain)
    return bare
