"""HTML that is made in Python: the only module that may call text safe.

In: blocks and other plain text of strangers, and styles of ours. Out: `Markup` in which every stranger's character went
through `escape`; links are made for bare http and https addresses only.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from markupsafe import Markup, escape

from gateway.render.blocks import Block, is_code
from gateway.render.styles import Styles
from gateway.render.wrap import wrap

# Lines of the page, so that mail can carry it as it stands (RFC 5322 section 2.1.1).
SOURCE_LINE = 400
_LINK = re.compile(r"https?://[^\s<>\"\x00-\x20]+", re.IGNORECASE)
_LEADING = re.compile(r"^ +", re.MULTILINE)
_TRAILING = ".,;:!?'*_]}"


class Typesetter:
    """Sets blocks as paragraphs and quotes, in the styles of one sheet."""

    def __init__(self, styles: Styles) -> None:
        self._paragraph = f"<p{_attribute(styles.of('p'))}>"
        self._code = f'<p class="code"{_attribute(styles.of("p", "code"))}>'
        self._quote = f'<blockquote class="quote"{_attribute(styles.of("blockquote", "quote"))}>'
        self._link = f'<a class="link"{_attribute(styles.of("a", "link"))} href="'
        self.sheet = style_sheet(styles.sheet)

    def body(self, blocks: Sequence[Block]) -> Markup:
        """Paragraphs, with quotes nested as deep as they were."""
        texts = [_source(lines) if is_prose else "\n".join(lines) for _, is_prose, lines in blocks]
        escaped = escape_all(texts) if texts else []
        pieces: list[str] = []
        open_quotes = 0
        for (depth, is_prose, lines), text, html in zip(blocks, texts, escaped, strict=True):
            if depth != open_quotes:
                pieces.append("</blockquote>" * (open_quotes - depth) + self._quote * (depth - open_quotes))
                open_quotes = depth
            linked = self._linked(text) if "://" in text else html
            if is_prose:
                pieces += (self._paragraph, linked, "</p>\n")
            else:
                pieces += (self._code if is_code(lines) else self._paragraph, _kept(linked), "</p>\n")
        pieces.append("</blockquote>" * open_quotes)
        return Markup("".join(pieces))

    def _linked(self, text: str) -> str:
        pieces: list[str] = []
        end = 0
        for match in _LINK.finditer(text):
            url = _trim(match[0])
            safe = str(escape(url))
            pieces += (str(escape(text[end : match.start()])), self._link, safe, '">', safe, "</a>")
            end = match.start() + len(url)
        pieces.append(str(escape(text[end:])))
        return "".join(pieces)


def escape_all(texts: Sequence[str]) -> list[str]:
    """Each of `texts` escaped, in one call: ValueError for a text with a NUL, which none has that was cleaned."""
    escaped = str(escape("\0".join(texts))).split("\0")
    if len(escaped) != len(texts):
        raise ValueError("a text with a NUL")
    return escaped


def _source(lines: list[str]) -> str:
    text = "\n".join(lines)
    if len(text) <= SOURCE_LINE or max(map(len, lines)) <= SOURCE_LINE:
        return text
    return "\n".join(wrap(" ".join(lines), SOURCE_LINE))


def _kept(html: str) -> str:
    """Lines that stay as they are, with their margins and columns."""
    if "\n " in html or html.startswith(" "):
        html = _LEADING.sub(lambda spaces: "\u00a0" * len(spaces[0]), html)
    if "  " in html:
        # Columns of a table stay columns.
        html = html.replace("  ", "\u00a0 ")
    return html.replace("\n", "<br>\n")


def style_sheet(css: str) -> Markup:
    """A style sheet of ours, or of the operator, as a style element takes it: there CSS is not escaped."""
    return Markup(css)


def _trim(url: str) -> str:
    # "(see http://a.example/b)." ends before the bracket; "http://a.example/b_(c)" does not.
    return url.rstrip(_TRAILING if "(" in url else _TRAILING + ")")


def _attribute(style: str) -> str:
    return f' style="{style}"' if style else ""
