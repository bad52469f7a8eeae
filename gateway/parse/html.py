"""HTML mail to readable text: guard, allow list, layout, in this order.

In: the decoded text of a text/html part. Out: text, or None when the guard refuses. nh3, lxml and inscriptis all have
quadratic corners and run in C, where no signal reaches them: nothing may get there that is deep, huge or dense. They are
imported when first needed, since most mail has a plain part.
"""

from __future__ import annotations

import re
from functools import cache
from textwrap import dedent
from typing import TYPE_CHECKING, Final

from gateway.parse.limits import HTML_DEPTH_MAX, HTML_MAX, HTML_TAGS_MAX

if TYPE_CHECKING:
    import nh3


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9:]{0,20})")
# Elements that are empty, or whose end tag real mail leaves out.
_NEED_NO_END: Final = _words(
    "area base br col embed hr img input link meta param source track wbr p li dt dd td th tr thead tbody tfoot "
    "option colgroup html head body o:p"
)
_TAGS: Final = _words(
    "a abbr address article aside b big blockquote br caption center cite code dd del details dfn div dl dt em figcaption "
    "figure font footer h1 h2 h3 h4 h5 h6 header hr i ins kbd li main mark nav ol p pre q s samp section small span strike "
    "strong sub summary sup table tbody td tfoot th thead tr tt u ul var"
)
_DROPPED: Final = frozenset({"script", "style", "title"})
# Where a quote begins and ends, on its way through the layout: characters that stand for nothing, each on a line of its own.
_OPEN, _CLOSE = "\ue000", "\ue001"
_BLOCKQUOTE = re.compile(r"<(/?)blockquote>")
_QUOTE_DEPTH_MAX: Final = 20
_LINK_TO_ITSELF = re.compile(r"\[((?:https?://|mailto:)?([^\s\[\]()]{1,500}))\]\((?:https?://|mailto:)?\2/?\)")


def is_simple_enough(html: str) -> bool:
    """Whether size, number of tags and depth are those of a letter; one linear look."""
    if len(html) > HTML_MAX:
        return False
    depth = 0
    for count, tag in enumerate(_TAG.finditer(html)):
        if count >= HTML_TAGS_MAX:
            return False
        if tag[2].lower() not in _NEED_NO_END:
            depth = max(0, depth + (-1 if tag[1] else 1))
            if depth > HTML_DEPTH_MAX:
                return False
    return True


def html_to_text(html: str) -> str | None:
    """Readable text of `html`, or None when it is not simple enough or could not be read."""
    if not is_simple_enough(html):
        return None
    clean = _cleaner().clean(html.replace(_OPEN, "").replace(_CLOSE, ""))
    if not clean.strip():
        return ""
    if "<blockquote>" in clean:
        clean = _BLOCKQUOTE.sub(lambda tag: f"<p>{_CLOSE if tag[1] else _OPEN}</p>", clean)
    import inscriptis
    from inscriptis.model.config import ParserConfig

    try:
        text = inscriptis.get_text(clean, ParserConfig(display_links=True))
    except (ValueError, LookupError, ArithmeticError, RecursionError, TypeError, AttributeError):
        return None
    return _LINK_TO_ITSELF.sub(r"\1", _with_marks(str(text).split("\n")))


def _with_marks(lines: list[str]) -> str:
    """Quotes as in plain text, with a ">" for each level; what the layout indents as a whole is not indented."""
    found: list[str] = []
    run: list[str] = []
    depth = 0
    for line in [*lines, _CLOSE]:
        mark = line.strip()
        if mark not in (_OPEN, _CLOSE):
            run.append(line.rstrip())
            continue
        if depth and run:
            # Blank lines around a quote are the layout's.
            run = "\n".join(run).strip("\n").split("\n")
        prefix = ">" * min(depth, _QUOTE_DEPTH_MAX) + " " if depth else ""
        found += [f"{prefix}{line}".rstrip() for line in dedent("\n".join(run)).split("\n")]
        run = []
        depth = max(0, depth + (1 if mark == _OPEN else -1))
    return "\n".join(found)


@cache
def _cleaner() -> nh3.Cleaner:
    import nh3

    return nh3.Cleaner(
        tags=set(_TAGS),
        attributes={"a": {"href"}, "td": {"colspan", "rowspan"}, "th": {"colspan", "rowspan"}},
        url_schemes={"http", "https", "mailto"},
        clean_content_tags=set(_DROPPED),
        link_rel=None,
    )
