"""An answer that is nothing but a vote (design 7): "+1" or "-1". In: the spans of a mail. Out: the vote. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from gateway.mail.message import Span, SpanKind

_UP = re.compile(r"(?:\+ ?1|👍)[.!]?\Z")
_DOWN = re.compile(r"(?:[-\u2212\u2013] ?1|👎)[.!]?\Z")
_SKIN = re.compile("[\U0001f3fb-\U0001f3ff\ufe0f]")


def vote_in(spans: Sequence[Span]) -> int:
    """+1 or -1 when the author's own words are nothing else, 0 otherwise."""
    words = "\n".join(span.text for span in spans if span.kind in (SpanKind.TEXT, SpanKind.FORWARD)).strip()
    if not words or len(words) > 8:
        return 0
    words = _SKIN.sub("", words)
    return 1 if _UP.match(words) else -1 if _DOWN.match(words) else 0
