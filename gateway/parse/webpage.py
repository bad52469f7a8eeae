"""The HTML of a mail for a page of ours, made from raw when somebody asks for it: nothing is kept twice.

In: raw. Out: sanitised HTML of the parts that a mail program would show, or None when the mail has none.
"""

from __future__ import annotations

import re
from html import unescape
from typing import Final

from gateway.parse.body import is_shown, part_text
from gateway.parse.header import split_header
from gateway.parse.html import sanitise_html
from gateway.parse.limits import HTML_MAX
from gateway.parse.lines import split_lines
from gateway.parse.mime import split_parts

_BETWEEN: Final = "<hr>"
_ADDRESS = re.compile(r"[\w.+-]@\w[\w-]{0,62}\.\w")
# A page of ours with a token: who opens it acts as the one whose digest it is from.
_PAGE = re.compile(r"/(?:entry|leave)/[^\s<>/\"]{1,300}/[a-z2-7]{37}", re.IGNORECASE)


def html_of(raw: bytes) -> str | None:
    """Sanitised HTML of the mail, or None: it has no HTML, or HTML that is refused (too large, too deep, too dense)."""
    data = split_lines(raw).data
    parts, _ = split_parts(data, split_header(data))
    pages: list[str] = []
    room = HTML_MAX
    for part in parts:
        if not part.is_open and part.content.type == "text/html" and is_shown(part):
            html = part_text(data, part)
            room -= len(html) + 1
            if room < 0:
                break
            pages.append(sanitise_html(html))
    return _BETWEEN.join(page for page in pages if page) or None


def has_address_in_html(raw: bytes) -> bool:
    """Whether the HTML of a mail names an address anywhere, which nobody can tell from one in a quote."""
    return _is_in_html(raw, _ADDRESS)


def has_page_in_html(raw: bytes) -> bool:
    """Whether the HTML of a mail leads to a page of ours with somebody's token."""
    return _is_in_html(raw, _PAGE)


def _is_in_html(raw: bytes, what: re.Pattern[str]) -> bool:
    if b"text/html" not in raw.lower():
        return False
    data = split_lines(raw).data
    parts, _ = split_parts(data, split_header(data))
    pages = (part_text(data, part) for part in parts if not part.is_open and part.content.type == "text/html")
    return any(what.search(unescape(page)) is not None for page in pages)
