"""HTML mail to readable text, and to HTML that is safe to show: guard, allow list, layout, in this order.

In: the decoded text of a text/html part. Out: text with quotes marked as in plain mail, or None when the guard refuses.
nh3, lxml and inscriptis all have quadratic corners and run in C, where no signal reaches them: nothing may get there that is
deep, huge or dense. They are imported when first needed, since most mail has a plain part.
"""

from __future__ import annotations

import re
from functools import cache
from textwrap import dedent
from typing import TYPE_CHECKING, Final

from gateway.parse.limits import HTML_ATTRIBUTES_MAX, HTML_DEPTH_MAX, HTML_MAX, HTML_TAGS_MAX
from gateway.parse.markup import HARD_BLANK, QUOTE_CLOSE, QUOTE_OPEN, simplify

if TYPE_CHECKING:
    import nh3


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9:]{0,20})")
# A tag with too many attributes, each of which the parser compares with all before it. Possessive, so that nothing is read in
# two ways; and a name or a bare value ends where another tag may begin, so that no two looks go over the same stretch.
_INNER = r"(?:[^\s/>=<]|<(?![a-zA-Z]))"
_CROWDED = re.compile(
    rf"<[a-zA-Z]{_INNER}*+(?>[\s/]*+(?:[^\s/><]|<(?![a-zA-Z])){_INNER}*+"
    r"(?:\s*+=\s*+(?:\"[^\"]*+\"|'[^']*+'|(?:[^\s>\"'<]|<(?![a-zA-Z]))(?:[^\s><]|<(?![a-zA-Z]))*+)?+)?+)"
    rf"{{{HTML_ATTRIBUTES_MAX}}}"
)
# Elements that are empty, or whose end tag real mail leaves out.
_NEED_NO_END: Final = _words(
    "area base br col embed hr img input link meta param source track wbr p li dt dd td th tr thead tbody tfoot "
    "option colgroup html head body o:p"
)
_TAGS: Final = _words(
    "a abbr address article aside b big blockquote br caption center cite code dd del details dfn div dl dt em figcaption "
    "figure font footer h1 h2 h3 h4 h5 h6 header hr i img ins kbd li main mark nav ol p pre q s samp section small span "
    "strike strong sub summary sup table tbody td tfoot th thead tr tt u ul var"
)
_DROPPED: Final = frozenset({"script", "style", "title", "svg", "math", "template", "xml"})
_SPANS: Final = {"colspan", "rowspan"}
_QUOTE_DEPTH_MAX: Final = 20
_BLANK_LINES = re.compile(r"\n{4,}")
_WORD = re.compile(r"\w")
# A soft hyphen and a blank of no width are nothing.
_AFTER_LAYOUT: Final = {ord(HARD_BLANK): " ", 0xA0: " ", 0xAD: None, 0x200B: None, 0xFEFF: None}
_BEFORE_LAYOUT: Final = {ord(QUOTE_OPEN): None, ord(QUOTE_CLOSE): None, ord(HARD_BLANK): None}


def is_simple_enough(html: str) -> bool:
    """Whether size, depth and the numbers of tags and attributes are those of a letter; two linear looks."""
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
    return not _CROWDED.search(html)


def html_to_text(html: str) -> str | None:
    """Readable text of `html`, or None when it is not simple enough or could not be read."""
    if not is_simple_enough(html):
        return None
    clean = _reader().clean(html).translate(_BEFORE_LAYOUT).replace("&nbsp;", HARD_BLANK)
    text = _laid_out(simplify(clean))
    if text is not None and not _WORD.search(text):
        # A page that hides all it has to say is a mistake, not a preheader.
        text = _laid_out(simplify(clean, has_hidden=True))
    return text


def sanitise_html(html: str) -> str:
    """`html` fit for a page of ours: an allow list, no style, nothing that loads from elsewhere; "" when it is too complex.

    Pictures of the mail itself stay as references (`cid:`, RFC 2392), others are their alternative text.
    """
    return _sanitiser().clean(html) if is_simple_enough(html) else ""


def _laid_out(simple: str) -> str | None:
    if not simple.strip():
        return ""
    import inscriptis
    from inscriptis.css_profiles import STRICT_CSS_PROFILE
    from inscriptis.model.config import ParserConfig

    try:
        text = str(inscriptis.get_text(simple, ParserConfig(css=STRICT_CSS_PROFILE)))
    except (ValueError, LookupError, ArithmeticError, RecursionError, TypeError, AttributeError):
        return None
    return _BLANK_LINES.sub("\n\n\n", _with_marks(text.translate(_AFTER_LAYOUT).split("\n")))


def _with_marks(lines: list[str]) -> str:
    """Quotes as in plain text, with a ">" for each level; what the layout indents as a whole is not indented."""
    found: list[str] = []
    run: list[str] = []
    depth = 0
    for line in [*lines, QUOTE_CLOSE]:
        mark = line.strip()
        if mark not in (QUOTE_OPEN, QUOTE_CLOSE):
            run.append(line.rstrip().replace(QUOTE_OPEN, "").replace(QUOTE_CLOSE, ""))
            continue
        if depth and run:
            # Blank lines around a quote are the layout's.
            run = "\n".join(run).strip("\n").split("\n")
        marks = "> " * min(depth, _QUOTE_DEPTH_MAX)
        if run and (not depth or any(run)):
            found += [f"{marks}{line}".rstrip() for line in dedent("\n".join(run)).split("\n")]
        run = []
        depth = max(0, depth + (1 if mark == QUOTE_OPEN else -1))
    return "\n".join(found)


@cache
def _reader() -> nh3.Cleaner:
    import nh3

    return nh3.Cleaner(
        tags=set(_TAGS),
        attributes={
            "*": {"style", "hidden"},
            "p": {"class"},
            "a": {"href"},
            "img": {"alt"},
            "ol": {"start"},
            "li": {"value"},
        },
        url_schemes={"http", "https", "mailto"},
        url_relative="deny",
        clean_content_tags=set(_DROPPED),
        link_rel=None,
    )


@cache
def _sanitiser() -> nh3.Cleaner:
    import nh3

    return nh3.Cleaner(
        tags=set(_TAGS),
        attributes={"a": {"href"}, "img": {"src", "alt"}, "td": _SPANS, "th": _SPANS, "ol": {"start"}, "li": {"value"}},
        attribute_filter=_local_only,
        url_schemes={"http", "https", "mailto", "cid"},
        url_relative="deny",
        clean_content_tags=set(_DROPPED),
        link_rel="noopener noreferrer nofollow ugc",
    )


def _local_only(element: str, name: str, value: str) -> str | None:
    if name in ("src", "href"):
        is_inside = value.lstrip().lower().startswith("cid:")
        return value if is_inside == (element == "img") else None
    return value
