"""Traces of the author in an anonymous text (design 7): his addresses and names, and what mail programs write around it. Pure.

In: what is known of him, and the spans of his mail. Out: spans that hold his words and what he quotes. Signature, footers and
attributions go: these are written by his mail program, in his language and time zone. In a quote of a post that everybody can
read, names stay as they are: to take one name out of it would tell whose it is. Addresses go there too, whosever they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from gateway.mail.address import Address
from gateway.mail.message import Span, SpanKind
from gateway.parse.quotes import divider_of, header_block_at

# What stands in the place of a name, and of an address.
NO_NAME: Final = "[name]"
NO_ADDRESS: Final = "[address]"
FORWARDED: Final = "---------- Forwarded message ----------"
_DROPPED: Final = frozenset({SpanKind.ATTRIBUTION, SpanKind.SIGNATURE, SpanKind.CLIENT_FOOTER, SpanKind.LIST_FOOTER})
_CLOSING_LINES: Final = 4
_CLOSING_WORDS: Final = 3
_ADDRESS: Final = re.compile(r"[^\s<>()\[\],;:\"'@]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}")
# What holds a token of ours (`mail.token`) leads to who got it.
_TOKEN: Final = re.compile(r"[^\s<>\"]{0,300}(?<![a-z2-7])[a-z2-7]{37}(?![a-z2-7])[^\s<>\"]{0,300}", re.IGNORECASE)
_BLANKS: Final = re.compile(r"\n{4,}")
_UNSPACED: Final = "\u2e80"
_NEVER: Final = re.compile(r"(?!)")


@dataclass(frozen=True, slots=True)
class Traces:
    """Patterns: of own addresses, of whole names, of single words of names as they are written, of these however written."""

    addresses: re.Pattern[str]
    names: re.Pattern[str]
    words: re.Pattern[str]
    closing: re.Pattern[str]


def traces_of(names: Iterable[str], addresses: Iterable[Address]) -> Traces:
    """What to look for. `names` are those that the author shows: in his mail, in the forum."""
    known = list(dict.fromkeys(addresses))
    whole = {" ".join(name.split()) for name in names}
    whole |= {address.local.partition("+")[0] for address in known if _is_telling(address.local.partition("+")[0])}
    whole = {name for name in whole if len(name) > 1}
    parts = {part for name in whole for part in re.split(r"[\s.,_\"'()-]+", name) if len(part) > 2 or part[:1] >= _UNSPACED}
    cased = {form for part in parts for form in (part, part.title(), part.upper()) if not form.islower() or part[:1] >= _UNSPACED}
    spaced = {name for name in whole if name not in parts or _is_telling(name)}
    return Traces(
        addresses=_one_of((_spelled(address) for address in known), re.IGNORECASE),
        names=_one_of(map(_flexible, spaced), re.IGNORECASE),
        words=_one_of(map(_flexible, cased)),
        closing=_one_of(map(_flexible, parts | whole), re.IGNORECASE),
    )


def _is_telling(local: str) -> bool:
    """Whether a word is no common one: "ann.example", "x77", "annabel"; "me" and "info" are."""
    return len(local) > 4 or (len(local) > 2 and not local.isalpha())


def _flexible(name: str) -> str:
    """A name as a pattern: over line ends, and as a whole word, where its script has words."""
    before = r"(?<!\w)" if name[0] < _UNSPACED else ""
    after = r"(?!\w)" if name[-1] < _UNSPACED else ""
    return before + r"\s+".join(map(re.escape, name.split())) + after


def _spelled(address: Address) -> str:
    """An address as a pattern, with a sub-address or without, and as people write it for people."""
    local = re.escape(address.local.partition("+")[0])
    domain = r"\s{0,2}(?:\.|[(\[{ ]dot[)\]} ])\s{0,2}".join(map(re.escape, address.domain.split(".")))
    return rf"(?<!\w){local}(?:\+[\w.+-]{{1,64}})?\s{{0,2}}(?:@|[(\[{{ ]at[)\]}} ])\s{{0,2}}{domain}(?!\w)"


def _one_of(patterns: Iterable[str], flags: int = 0) -> re.Pattern[str]:
    found = sorted(set(patterns), key=lambda one: (-len(one), one))
    return re.compile("|".join(found), flags) if found else _NEVER


def without_traces(text: str, traces: Traces) -> str:
    """One text of the author's own, such as the Subject."""
    text = _TOKEN.sub(NO_ADDRESS, text)
    text = traces.addresses.sub(NO_ADDRESS, text)
    return traces.words.sub(NO_NAME, traces.names.sub(NO_NAME, text))


def scrub(spans: Sequence[Span], traces: Traces, *, quotes_a_post: bool) -> str:
    """The text that is kept, with ">" before what is quoted; "" when nothing is left."""
    kept = [span for span in spans if span.kind not in _DROPPED]
    own = [index for index, span in enumerate(kept) if span.kind is SpanKind.TEXT]
    texts: list[str] = []
    for index, span in enumerate(kept):
        if span.kind is SpanKind.QUOTE:
            text = _ADDRESS.sub(NO_ADDRESS, _TOKEN.sub(NO_ADDRESS, span.text))
            text = text if quotes_a_post else without_traces(text, traces)
            marks = ">" * max(span.depth, 1)
            texts.append("\n".join([f"{marks} {line}".rstrip() for line in text.split("\n")]))
        elif span.kind is SpanKind.FORWARD:
            text = _ADDRESS.sub(NO_ADDRESS, without_traces(_without_head(span.text), traces))
            texts.append(f"{FORWARDED}\n\n{text}")
        else:
            text = without_traces(span.text, traces)
            texts.append(_without_closing(text, traces) if own and index == own[-1] else text)
    lines = [line.rstrip() for line in "\n".join(texts).split("\n")]
    return _BLANKS.sub("\n\n\n", "\n".join(lines)).strip("\n")


def _without_closing(text: str, traces: Traces) -> str:
    """The last short lines, where people write their names as they please: "cheers, ann"."""
    lines = text.split("\n")
    seen = 0
    for at in range(len(lines) - 1, -1, -1):
        if not lines[at].strip():
            continue
        seen += 1
        if seen > _CLOSING_LINES or len(lines[at].split()) > _CLOSING_WORDS:
            break
        lines[at] = traces.closing.sub(NO_NAME, lines[at])
    return "\n".join(lines)


def _without_head(text: str) -> str:
    """A mail that is passed on, without what the mail program wrote above it: who sent it to whom, and when."""
    lines = text.split("\n")
    at = 0
    while at < len(lines) and (not lines[at].strip() or divider_of(lines[at])):
        at += 1
    size = header_block_at(lines, at) if at < len(lines) else 0
    return "\n".join(lines[at + size :]).strip("\n")
