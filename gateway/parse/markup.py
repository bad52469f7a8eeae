"""Clean HTML of a mail to the few elements that a layout in text knows: one walk over the tags, nothing recurses.

In: what the sanitiser of `parse.html` wrote: well-formed, attributes in double quotes. Out: HTML of blocks, lists, grids,
`pre` and text. Links carry their target, images are their alternative text, quotes stand between two marks, hidden text is
gone, and tables that only place things on a page are taken apart.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape, unescape
from typing import Final, NamedTuple

from gateway.parse.grids import find_grids

# Where a quote begins and ends, on its way through the layout: characters that stand for nothing, each on a line of its own.
QUOTE_OPEN: Final = "\ue000"
QUOTE_CLOSE: Final = "\ue001"
# A no-break space, which the layout would take for a blank like others.
HARD_BLANK: Final = "\ue002"
RULE: Final = "_" * 32

_TOKEN = re.compile(r'<(/?)([a-z0-9]+)((?: [a-z:-]+="[^"]*")*)>|([^<]+)')
_ATTRIBUTE = re.compile(r' ([a-z:-]+)="([^"]*)"')
_AS_THEY_ARE: Final = frozenset({"br", "dd", "h1", "h2", "h3", "h4", "h5", "h6", "li", "ol", "p", "pre", "q", "ul"})
_BLOCKS: Final = frozenset(
    {"address", "article", "aside", "caption", "center", "details", "div", "dl", "dt", "figcaption", "figure", "footer"}
    | {"header", "main", "nav", "section", "summary", "table", "tr", "td", "th"}
)
_IN_GRIDS: Final = frozenset(["table", "tr", "td", "th"])
_EMPTY: Final = frozenset(["br", "hr", "img"])

_HIDDEN = re.compile(r"(?:display:none|visibility:hidden|(?:max-height|opacity):0(?:px)?(?:[;!]|\Z))")
_NO_MARGIN = re.compile(r"(?:\A|;)margin:0(?![.1-9])")
_PREFORMATTED = re.compile(r"white-space:(?:pre|break-spaces)")
_INDENT_ONLY = re.compile(r"border(?:-left)?:(?:medium)?none")
_BULLETS: Final = frozenset("·•§Øov●○■□▪–-")
_SCHEME = re.compile(r"\A(?:https?://|mailto:)?(?:www\.)?")
_STYLE_MAX: Final = 2_000
_NUMBER_MAX: Final = 6


class Tag(NamedTuple):
    """One token: a start tag (`name`, `attributes`), an end tag (`is_end`) or, without a name, `text` (still escaped)."""

    name: str = ""
    is_end: bool = False
    attributes: str = ""
    text: str = ""


class _Frame(NamedTuple):
    name: str
    end: str
    target: str
    is_bullet: bool
    written: int
    said: int


def simplify(html: str, *, has_hidden: bool = False) -> str:
    """The simple form of clean `html`; `has_hidden` keeps what its style hides."""
    tokens = [Tag(name, bool(end), attributes, text) for end, name, attributes, text in _TOKEN.findall(html)]
    is_grid = find_grids(_plain_tags(tokens)) if "<table" in html else []
    walk = _Walk(is_grid, has_hidden=has_hidden)
    for token in tokens:
        walk.take(token)
    return "".join(walk.written)


def _plain_tags(tokens: list[Tag]) -> Iterator[tuple[str, bool, str]]:
    for token in tokens:
        yield token.name, token.is_end, token.text


class _Walk:
    """What is open, what was written, and what was said: the text alone, to know what a link or a bullet holds."""

    def __init__(self, is_grid: list[bool], *, has_hidden: bool) -> None:
        self.written: list[str] = []
        self._said: list[str] = []
        self._open: list[_Frame] = []
        self._is_grid = is_grid
        self._tables: list[bool] = []
        self._table_count = 0
        self._has_hidden = has_hidden
        self._hidden_from = -1
        self._numbers: list[int] = []

    def take(self, token: Tag) -> None:
        if not token.name:
            if self._hidden_from < 0:
                self._say(token.text)
        elif token.is_end:
            self._end(token.name)
        elif token.name in _EMPTY:
            if self._hidden_from < 0:
                self._empty(token)
        else:
            self._start(token)

    def _say(self, text: str) -> None:
        self.written.append(text)
        self._said.append(text)

    def _empty(self, token: Tag) -> None:
        if token.name == "br":
            self._said.append(" ")
            self.written.append("<br>")
        elif token.name == "hr":
            self.written.append(f"<div>{RULE}</div>")
        else:
            text = " ".join(unescape(_attributes(token).get("alt", "")).split())
            if text:
                # An emoji that a program made a picture of is itself.
                self._say(escape(f"[{text}]" if any(char.isalnum() for char in text) else text))

    def _start(self, token: Tag) -> None:
        name, attributes = token.name, _attributes(token)
        style = attributes.get("style", "")[:_STYLE_MAX].replace(" ", "").lower()
        if self._hidden_from < 0 and not self._has_hidden and ("hidden" in attributes or _HIDDEN.search(style)):
            self._hidden_from = len(self._open)
        if name == "table":
            self._tables.append(self._table_count < len(self._is_grid) and self._is_grid[self._table_count])
            self._table_count += 1
        begin, end = self._tags(name, attributes, style)
        target = unescape(attributes.get("href", "")) if name == "a" else ""
        self._open.append(_Frame(name, end, target, "mso-list:ignore" in style, len(self.written), len(self._said)))
        if begin and self._hidden_from < 0:
            self.written.append(begin)

    def _tags(self, name: str, attributes: dict[str, str], style: str) -> tuple[str, str]:
        """What is written where this element begins and ends."""
        if name in _IN_GRIDS and self._tables and self._tables[-1]:
            return f"<{name}>", f"</{name}>"
        if name == "blockquote":
            if _INDENT_ONLY.search(style):
                return "<div>", "</div>"
            return f"<div>{QUOTE_OPEN}</div>", f"<p>{QUOTE_CLOSE}</p>"
        if name in ("p", "div") and _PREFORMATTED.search(style):
            name = "pre"
        elif name == "p" and (attributes.get("class", "").startswith("Mso") or _NO_MARGIN.search(style)):
            name = "div"
        if name == "li":
            return f"<li{self._numbered(attributes)}>", "</li>"
        if name in ("ol", "ul"):
            self._numbers.append(_number(attributes.get("start", "")) if name == "ol" else 0)
        if name in _AS_THEY_ARE:
            return f"<{name}>", f"</{name}>"
        return ("<div>", "</div>") if name in _BLOCKS else ("", "")

    def _numbered(self, attributes: dict[str, str]) -> str:
        """The number that a list item was given, by itself or by its list."""
        number = _number(attributes.get("value", ""))
        if self._numbers and self._numbers[-1]:
            number, self._numbers[-1] = number or self._numbers[-1], 0
        return f' value="{number}"' if number else ""

    def _end(self, name: str) -> None:
        if not self._open or self._open[-1].name != name:
            return
        frame = self._open.pop()
        if name == "table":
            self._tables.pop()
        elif name in ("ol", "ul") and self._numbers:
            self._numbers.pop()
        if self._hidden_from >= 0:
            if self._hidden_from == len(self._open):
                self._hidden_from = -1
            return
        if frame.target:
            self._say(escape(_shown_target(unescape("".join(self._said[frame.said :])).strip(), frame.target)))
        elif frame.is_bullet:
            # Word writes its lists as paragraphs, with a bullet from a font of symbols.
            mark = unescape("".join(self._said[frame.said :])).strip(f" \n{HARD_BLANK}")
            del self.written[frame.written :]
            self._say("* " if mark in _BULLETS else escape(mark) + " ")
        if frame.end:
            self.written.append(frame.end)


def _shown_target(text: str, target: str) -> str:
    """What follows the text of a link: nothing when the text is the target already, or when there is no text."""
    if target.startswith("mailto:"):
        address = target[7:].partition("?")[0]
        return f" <{address}>" if text and "@" not in text and address else ""
    if not text or _bare(text) == _bare(target):
        return ""
    return f" <{target}>"


def _bare(address: str) -> str:
    return _SCHEME.sub("", address.casefold()).rstrip("/")


def _attributes(token: Tag) -> dict[str, str]:
    return dict(_ATTRIBUTE.findall(token.attributes)) if token.attributes else {}


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _NUMBER_MAX else 0
