"""An answer that is nothing but a vote ("+1" or "-1", design 7) or a report ("report: WHY", design 10).

In: the spans of a mail. Out: the vote, or why it is reported. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from gateway.mail.message import Span, SpanKind
from gateway.people.vocabulary import WORDS, Order

_UP = re.compile(r"(?:\+ ?1|👍)[.!]?\Z")
_DOWN = re.compile(r"(?:[-\u2212\u2013] ?1|👎)[.!]?\Z")
_SKIN = re.compile("[\U0001f3fb-\U0001f3ff\ufe0f]")


_REPORT_WORDS = "|".join(word for word, order in WORDS.items() if order is Order.REPORT)
# Without the colon it is the beginning of a sentence.
_REPORT = re.compile(rf"(?:{_REPORT_WORDS})(?:[.!]?|[ \t]*:(.*))\Z", re.IGNORECASE | re.DOTALL)
REPORT_MAX = 400


def report_in(spans: Sequence[Span]) -> str | None:
    """Why the author reports what he answers, when his own words are nothing else, perhaps ""; None when they are."""
    words = _own_words(spans)
    match = _REPORT.match(words) if len(words) <= REPORT_MAX and "\n\n" not in words else None
    return (match[1] or "").strip() if match is not None else None


def _own_words(spans: Sequence[Span]) -> str:
    return "\n".join(span.text for span in spans if span.kind in (SpanKind.TEXT, SpanKind.FORWARD)).strip()


def vote_in(spans: Sequence[Span]) -> int:
    """+1 or -1 when the author's own words are nothing else, 0 otherwise."""
    words = _own_words(spans)
    if not words or len(words) > 8:
        return 0
    words = _SKIN.sub("", words)
    return 1 if _UP.match(words) else -1 if _DOWN.match(words) else 0
