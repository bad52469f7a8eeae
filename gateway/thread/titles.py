"""Titles as displayed (design 5, the paragraph on titles): from Subjects as written, given the parent's and the article's.

The base subject (RFC 5256 section 2.1 in spirit) is for comparing only; nothing is ever filed by it here.
"""

from __future__ import annotations

import re

# Reply prefixes of mail programs, with what stands between them and the colon: "Re[2]:", "RE :", full-width colons.
_PREFIX = re.compile(
    r"\s*(?:re|aw|antw|antwort|sv|vs|ref|rif|回复|答复|回覆)\s*(?:\[\d{1,4}\]|\(\d{1,4}\))?\s*[:\uff1a]", re.IGNORECASE
)
_LIMIT = 50


def split_prefixes(subject: str) -> tuple[str, str]:
    """The reply prefixes at the front of `subject` as typed, and the rest, stripped."""
    at = 0
    for _ in range(_LIMIT):
        match = _PREFIX.match(subject, at)
        if not match:
            break
        at = match.end()
    return subject[:at].strip(), subject[at:].strip()


def without_tag(subject: str, tag: str) -> str:
    """`subject` without the forum's tag "[name]", wherever it stands among the prefixes."""
    mark = f"[{tag}]".casefold()
    prefix, base = split_prefixes(subject)
    for _ in range(_LIMIT):
        if not base.casefold().startswith(mark):
            break
        more, base = split_prefixes(base[len(mark) :])
        prefix = " ".join(part for part in (prefix, more) if part)
    return f"{prefix} {base}".strip()


def base_subject(subject: str) -> str:
    """What two Subjects share: no prefixes, blanks folded, case folded."""
    return " ".join(split_prefixes(subject)[1].split()).casefold()


def display_title(subject: str, *, parent: str | None, article: str | None, is_top_level: bool) -> str:
    """The title of a comment from Subjects without the forum's tag.

    `parent` and `article` are None when nobody has them (a ghost). An article keeps its Subject as written.
    """
    prefix, base = split_prefixes(subject)
    if article is None and parent is None:
        return subject
    mine = base_subject(subject)
    if is_top_level and article is not None and mine == base_subject(article):
        return ""
    if not prefix:
        return base
    if parent is not None and mine == base_subject(parent):
        return f"Re: {base}" if base else ""
    return f"{_last(prefix)} {base}".strip()


def _last(prefix: str) -> str:
    """Of stacked prefixes the one that was typed last, which stands first."""
    match = _PREFIX.match(prefix)
    return match.group().strip() if match else prefix
