"""CSS into style attributes, once for each kind of element and not once for each comment.

In: `digest.css` and the source of an HTML template. Out: the same source in which every fixed `class="..."` is followed
by the style that css-inline gives it, and the rules that cannot be inlined (media queries) for the style element. A
page of ten thousand comments then costs no more than its text. Only selectors by class or element name can be used,
for a sample has no neighbours; and no rule may need the network: css-inline is told not to load anything.
"""

from __future__ import annotations

import re
from html import unescape

from css_inline import CSSInliner
from jinja2 import Environment
from jinja2.ext import Extension

_CLASSED = re.compile(r'<([a-z][a-z0-9]*)((?:\s[^<>{}]*?)?\sclass="([^"{}<>]+)")')
_STYLE = re.compile(r'style="([^"]*)"')
_SHEET = re.compile(r"<style[^>]*>(.*?)</style>", re.DOTALL)


class Styles:
    """What a style sheet says about single elements."""

    def __init__(self, css: str) -> None:
        self._css = css
        self._inliner = CSSInliner(keep_at_rules=True, load_remote_stylesheets=False)
        self._known: dict[tuple[str, str], str] = {}
        self.sheet = self._find_sheet()

    def of(self, tag: str, names: str = "") -> str:
        """The declarations for `<tag class="names">`, ready to stand in a style attribute; "" when there are none."""
        key = (tag, names)
        if key not in self._known:
            sample = f'<{tag} class="{names}">x</{tag}>' if names else f"<{tag}>x</{tag}>"
            # A parser leaves out a cell that stands in no table.
            page = self._inline(f"<table><tr>{sample}</tr></table>" if tag == "td" else sample)
            first = re.search(rf"<{tag}\b([^>]*)>", page[page.index("<body") :])
            found = _STYLE.search(first[1]) if first else None
            self._known[key] = _tighten(unescape(found[1])) if found else ""
        return self._known[key]

    def _find_sheet(self) -> str:
        kept = _SHEET.search(self._inline("<p>x</p>"))
        return _squeeze(kept[1]) if kept else ""

    def _inline(self, sample: str) -> str:
        body = sample if sample.startswith("<body") else f"<body>{sample}</body>"
        return str(self._inliner.inline(f"<!DOCTYPE html><html><head><style>{self._css}</style></head>{body}</html>"))


class InlineStyles(Extension):
    """Writes the styles into a template while it is compiled; wants the environment's `styles`."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        environment.extend(styles=Styles(""))

    def preprocess(self, source: str, name: str | None, filename: str | None = None) -> str:
        """The template's source with a style attribute after each fixed class attribute."""
        return _CLASSED.sub(self._add, source)

    def _add(self, match: re.Match[str]) -> str:
        styles: Styles = self.environment.styles  # type: ignore[attr-defined]
        style = styles.of(match[1], match[3])
        return f'{match[0]} style="{style}"' if style else match[0]


def _tighten(style: str) -> str:
    # A double quote would end the attribute; single quotes mean the same in CSS.
    return re.sub(r"\s*([:;,])\s*", r"\1", style.replace('"', "'")).strip("; ")


def _squeeze(sheet: str) -> str:
    return re.sub(r"\s+", " ", sheet).strip().replace("} ", "}\n")
