"""Addresses in what people quote (design 7): "NAME <a@b> wrote" is cut to the name. Pure.

In: the spans of a post. Out: the same without the addresses that mail programs wrote into attributions and header blocks,
wherever these stand, and without those in brackets in what is quoted. An address that stands alone is cut to what comes before
its "@". What an author wrote into a text of his own stays: he meant it to be read. Links to pages of ours with a token in them go
wherever they stand: whoever opens one acts in the name of the member whose digest it is from.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from gateway.mail.message import Span, SpanKind
from gateway.parse.quotes import attribution_at, header_block_at, label_of

_AT = "[@\uff20\ufe6b]"
_LOCAL = '[^\\s<>()\\[\\]@\uff20\ufe6b",;:]{1,64}'
_BRACKETED = re.compile(
    rf"(\s*)[<(\[](?:mailto:)?({_LOCAL}){_AT}[^<>()\[\]@]{{1,255}}?(?:[<\[](?:mailto:)?[^<>\[\]]{{1,330}}[>\]])?[>)\]]",
    re.IGNORECASE,
)
_BARE = re.compile(rf"(?:mailto:)?({_LOCAL}){_AT}[^\s<>()\[\]@,;:\"]{{1,255}}", re.IGNORECASE)
# "ann at example.org", as archives write it.
_SPELT = re.compile(r"\b([\w.+-]{1,64}) (?:at|\(at\)|\[at\]) [\w-]{1,63}(?:\.[\w-]{1,63}){1,8}\b")
_HAS_SPELT = re.compile(r"(?:at|\(at\)|\[at\]) [\w-]{1,63}\.[\w-]")
# A program may have broken it, and put quote marks before the rest.
_PAGE = re.compile(
    r"[ \t]?<?https?://[^\s<>]{1,300}/(?:entry|leave)/[^\s<>/]{1,300}/(?:\n[> ]*)?(?:[a-z2-7](?:\n[> ]*)?){37}>?", re.IGNORECASE
)
_MAY_BE_PAGE = ("/entry/", "/leave/")
_CLOSES = frozenset("\"')]»”*_.")
_COLONS = (":", "：")


def without_addresses(spans: Sequence[Span]) -> tuple[Span, ...]:
    """The spans as they may be shown; the very same ones where nothing has to go."""
    return tuple([_shown(_without_pages(span)) if _has_address(span.text) or names_page(span.text) else span for span in spans])


def _has_address(text: str) -> bool:
    """Whether anything can be cut: most texts have no address, and one expression for all signs took ten times as long."""
    return _has_at(text) or (_has_sign(text) and _HAS_SPELT.search(text) is not None)


def _has_at(text: str) -> bool:
    return "@" in text or (not text.isascii() and ("\uff20" in text or "\ufe6b" in text))


def _has_sign(text: str) -> bool:
    return _has_at(text) or " at " in text or "(at)" in text or "[at]" in text


def names_page(text: str) -> bool:
    """Whether a link to a page of ours, with a token in it, stands in `text`."""
    return any(word in text for word in _MAY_BE_PAGE) and _PAGE.search(text) is not None


def _without_pages(span: Span) -> Span:
    return replace(span, text=_PAGE.sub("", span.text)) if names_page(span.text) else span


def _shown(span: Span) -> Span:
    if span.kind is SpanKind.ATTRIBUTION:
        text = _cut(span.text, is_all=True)
    else:
        text = _cut_lines(span.text, in_quote=span.kind is SpanKind.QUOTE)
    return span if text == span.text else replace(span, text=text)


def _cut_lines(text: str, *, in_quote: bool) -> str:
    """Cuts lines that a program wrote; in a quote also what stands in brackets in any other."""
    lines = text.split("\n")
    runs: list[tuple[int, int]] = []
    for index, line in enumerate(lines):
        is_announced = (":" in line or "：" in line) and (bool(label_of(line)) or line.rstrip().endswith(_COLONS))
        if not is_announced and not _has_sign(line):
            continue
        if count := attribution_at(lines, index):
            runs.append((index - count + 1, index + 1))
        elif count := header_block_at(lines, index):
            runs.append((index, index + count))
        elif in_quote and is_announced:
            runs.append((index, index + 1))
    parts: list[str] = []
    done = 0
    for start, end in sorted(runs):
        if end <= done:
            continue
        start = max(start, done)
        parts += [_cut(line, is_all=False) if in_quote else line for line in lines[done:start]]
        parts.append(_cut("\n".join(lines[start:end]), is_all=True))
        done = end
    parts += [_cut(line, is_all=False) if in_quote else line for line in lines[done:]]
    return "\n".join(parts)


def _cut(text: str, *, is_all: bool) -> str:
    """`text` without addresses in brackets, and, when `is_all`, without any."""

    def name(match: re.Match[str]) -> str:
        before = text[: match.start()].rstrip()[-1:]
        # A name stands in front of it; else the address is all that there is.
        return "" if before.isalnum() or (before and before in _CLOSES) else f"{match[1]}{match[2]}"

    if _has_at(text):
        text = _BRACKETED.sub(name, text)
        text = _BARE.sub(r"\1", text) if is_all else text
    return _SPELT.sub(r"\1", text) if is_all else text
