"""Addresses in what people quote (design 7): "NAME <a@b> wrote" is cut to the name. Pure.

In: the spans of a post. Out: the same without the addresses that mail programs wrote into attributions and header blocks,
wherever these stand, and without those in brackets in what is quoted. An address that stands alone is cut to what comes before
its "@". What an author wrote into a text of his own stays: he meant it to be read. Links of ours with a token in them go wherever
they stand: whoever follows one acts in the name of the member whose digest it is from.
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
_SPELT_AT = (" at ", " (at) ", " [at] ")
_DOMAIN = re.compile(r"[\w-]{1,63}\.[\w-]")
# A program may have broken a token, and put quote marks before the rest.
_BREAK = r"(?:\n[> ]*)?"
_TOKEN = rf"(?:[a-z2-7]{_BREAK}){{36}}[a-z2-7](?![a-z2-7])"
_OF_ADDRESS = rf"(?:[-+]|%2B)[a-z]{{1,8}}[-+]{_BREAK}{_TOKEN}"
# Links of ours with a token: those of an entry, as they stand after the words of a page, and those of a foot.
_TOKEN_ADDRESS = re.compile(
    rf"[ \t]?<?(?<![^\s<>()\[\]])(?:mailto:)?[^\s<>()\[\]@]{{1,64}}?{_OF_ADDRESS}"
    rf"(?:{_BREAK}@{_BREAK}[\w.-]{{0,255}}\w(?:\?[^\s<>]{{0,2000}})?)?>?",
    re.IGNORECASE,
)
_TOKEN_PAGE = re.compile(
    rf"[ \t]?<?https?://[^\s<>]{{1,300}}/(?:entry|leave)/[^\s<>/]{{1,300}}/{_BREAK}{_TOKEN}>?", re.IGNORECASE
)
_TOKEN_ALONE = re.compile(rf"{_OF_ADDRESS}|(?<=/){_BREAK}{_TOKEN}", re.IGNORECASE)
_CLOSES = frozenset("\"')]»”*_.")
_COLONS = (":", "：")


def without_addresses(spans: Sequence[Span]) -> tuple[Span, ...]:
    """The spans as they may be shown; the very same ones where nothing has to go."""
    return tuple([_shown(span) if _has_address(span.text) else span for span in spans])


def as_sent_to_all(text: str) -> str:
    """A quote of an issue without what was personal in its links, which stay: NAME@DOMAIN, the page of an entry."""
    return _TOKEN_ALONE.sub("", text) if _has_at(text) or _may_name_page(text) else text


def _without_tokens(text: str) -> str:
    text = _TOKEN_ADDRESS.sub("", text) if _has_at(text) else text
    return _TOKEN_PAGE.sub("", text) if _may_name_page(text) else text


def _has_address(text: str) -> bool:
    """Whether anything can be cut: most texts have no address, and one expression for all signs took ten times as long."""
    return _has_at(text) or _may_name_page(text) or _has_spelt(text)


def _has_at(text: str) -> bool:
    return "@" in text or (not text.isascii() and ("\uff20" in text or "\ufe6b" in text))


def _has_sign(text: str) -> bool:
    return _has_at(text) or " at " in text or "(at)" in text or "[at]" in text


def _has_spelt(text: str) -> bool:
    """Whether "ann at example.org" may stand in it: looked for where its "at" is, which is far quicker than everywhere."""
    for sign in _SPELT_AT:
        at = text.find(sign)
        while at >= 0:
            if _DOMAIN.match(text, at + len(sign)):
                return True
            at = text.find(sign, at + 1)
    return False


def _may_name_page(text: str) -> bool:
    return "/entry/" in text or "/leave/" in text


def _shown(span: Span) -> Span:
    text = _without_tokens(span.text)
    if span.kind is SpanKind.ATTRIBUTION:
        text = _cut(text, is_all=True)
    else:
        text = _cut_lines(text, in_quote=span.kind is SpanKind.QUOTE)
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
