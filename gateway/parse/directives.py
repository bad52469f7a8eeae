"""What the first lines of a text ask for (design 6): `Anonymous: yes`, `Icon: beer`, `Title: ...`, in any order.

In: the spans of a body. Out: what was asked for, and the spans without those lines. They count only as the first lines of
the author's own words; the first line that is none ends them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from gateway.mail.message import Span, SpanKind

_LINE = re.compile(r"[ \t]*(anonymous|icon|title)[ \t]*:[ \t]*(\S.{0,200}?)[ \t]*\Z", re.IGNORECASE)
_ICON = re.compile(r"[\w-]{1,30}\Z")
_YES = frozenset({"yes", "y", "true", "1", "on", "ja", "oui", "si", "sí"})


@dataclass(frozen=True, slots=True)
class Directives:
    """`icon` and `title` are "" when none was asked for."""

    is_anonymous: bool = False
    icon: str = ""
    title: str = ""


NONE = Directives()


def read_directives(spans: Sequence[Span]) -> tuple[Directives, tuple[Span, ...]]:
    """What the text asks for, and what is left of it."""
    at = next((index for index, span in enumerate(spans) if span.text.strip()), None)
    if at is None or spans[at].kind is not SpanKind.TEXT:
        return NONE, tuple(spans)
    lines = spans[at].text.lstrip("\n").split("\n")
    found: dict[str, str] = {}
    while lines and (match := _LINE.match(lines[0])) and _is_good(name := match[1].lower(), match[2]):
        found.setdefault(name, match[2])
        del lines[0]
    if not found:
        return NONE, tuple(spans)
    rest = "\n".join(lines).lstrip("\n")
    kept = (*spans[:at], *((Span(SpanKind.TEXT, rest),) if rest.strip() else ()), *spans[at + 1 :])
    return Directives("anonymous" in found, found.get("icon", "").lower(), found.get("title", "")), kept


def is_icon(name: str) -> bool:
    """Whether an icon may be called so."""
    return _ICON.match(name) is not None


def _is_good(name: str, value: str) -> bool:
    """A value that cannot be meant so is text: "Icon: what a nice one!"."""
    if name == "anonymous":
        return value.lower() in _YES
    return name == "title" or is_icon(value)
