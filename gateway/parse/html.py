"""HTML mail to readable text: guard, allow list, layout, in this order.

In: the decoded text of a text/html part. Out: text, or None when the guard refuses. nh3, lxml and inscriptis all have
quadratic corners and run in C, where no signal reaches them: nothing may get there that is deep, huge or dense. They are
imported when first needed, since most mail has a plain part.
"""

from __future__ import annotations

import re
from functools import cache
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
    clean = _cleaner().clean(html)
    if not clean.strip():
        return ""
    import inscriptis
    from inscriptis.model.config import ParserConfig

    try:
        text = inscriptis.get_text(clean, ParserConfig(display_links=True))
    except (ValueError, LookupError, ArithmeticError, RecursionError, TypeError, AttributeError):
        return None
    lines = "\n".join(line.rstrip() for line in str(text).split("\n"))
    return _LINK_TO_ITSELF.sub(r"\1", lines)


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
