"""Titles as displayed (design 5, the paragraph on titles): from Subjects as written, given the parent's and the article's.

The base subject (RFC 5256 section 2.1 in spirit) is for comparing only; nothing is ever filed by it here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

# Reply prefixes of mail programs, with what stands between them and the colon: "Re[2]:", "RE :", full-width colons.
# de nl aw antw; sv da no et sv vs; fi vs; it r rif; pl cs odp; tr ynt yan; pt es res; el απ σχετ; ru отв; uk від; hu vá; zh 回复;
# ja 返信; ko 회신 답장; he תשובה השב; ar رد.
_WORDS = "re|aw|antw|antwort|sv|vs|ref|rif|r|odp|ynt|yan|res|απ|σχετ|отв|ответ|від|vá|回复|答复|回覆|返信|회신|답장|תשובה|השב|رد"
_PREFIX = re.compile(rf"\s*(?:{_WORDS})\s*(?:\[\d{{1,4}}\]|\(\d{{1,4}}\)|\^\d{{1,4}})?\s*[:\uff1a]", re.IGNORECASE)
_TAG = re.compile(r"\s*\[[^\[\]]{1,60}\]\s*")
_LIMIT = 50


# Most comments of a thread share a subject, and each is compared with the article's.
@lru_cache(maxsize=256)
def split_prefixes(subject: str) -> tuple[str, str]:
    """The reply prefixes at the front of `subject` as typed, and the rest, stripped."""
    at = 0
    for _ in range(_LIMIT):
        match = _PREFIX.match(subject, at)
        if not match:
            break
        at = match.end()
    return subject[:at].strip(), subject[at:].strip()


def without_tag(subject: str, *tags: str) -> str:
    """`subject` without the tags ("[name]") of the forum and of lists that it mirrors, wherever they stand among the prefixes."""
    marks = [f"[{tag}]".casefold() for tag in tags]
    prefix, base = split_prefixes(subject)
    for _ in range(_LIMIT):
        mark = next((mark for mark in marks if base.casefold().startswith(mark)), "")
        if not mark:
            break
        more, base = split_prefixes(base[len(mark) :])
        prefix = " ".join(part for part in (prefix, more) if part)
    return f"{prefix} {base}".strip()


@lru_cache(maxsize=256)
def base_subject(subject: str) -> str:
    """What two Subjects share: no prefixes, blanks folded, case folded."""
    return " ".join(split_prefixes(_prefixes_first(subject))[1].split()).casefold()


def _prefixes_first(subject: str) -> str:
    """`subject` with the prefixes that stand behind a list's tag in front of it: lists put theirs before "Re:"."""
    tag = _TAG.match(subject)
    if not tag:
        return subject
    prefix, rest = split_prefixes(subject[tag.end() :])
    return f"{prefix} {tag.group().strip()} {rest}" if prefix and rest else subject


def subject_key(subject: str) -> tuple[str, bool]:
    """The base subject by which a reply without ids finds its article, and whether `subject` is a reply's (design 5.5).

    Tags in brackets are left out wherever they stand among the prefixes, unless nothing else is there.
    """
    is_reply = False
    rest = subject
    for _ in range(_LIMIT):
        prefix, bare = split_prefixes(rest)
        is_reply = is_reply or bool(prefix)
        tag = _TAG.match(bare)
        if not tag or tag.end() == len(bare):
            rest = bare
            break
        rest = bare[tag.end() :]
    return " ".join(rest.split()).casefold(), is_reply


def display_title(subject: str, *, parent: str | None, article: str | None, is_top_level: bool) -> str:
    """The title of a comment from Subjects without the forum's tag.

    `parent` and `article` are None when nobody has them (a ghost). An article keeps its Subject as written.
    """
    if article is None and parent is None:
        return subject
    prefix, base = split_prefixes(_prefixes_first(subject))
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


_FORWARD = re.compile(r"\s*(?:fwd?|wg|tr|rv|i|enc|转发|轉寄|転送)\s*[:\uff1a]", re.IGNORECASE)
_WAS = re.compile(r"\s*[(\[](?:was|war|était|era|wurde)\s*[:\uff1a]?\s*([^()\[\]]*)[)\]]?\s*\Z", re.IGNORECASE)
# A clipped Subject of ours is ours, if so much of it is left.
_CLIPPED_MIN = 12


def title_of(subject: str, issue_subjects: Iterable[str]) -> str:
    """The Subject of an answer to a digest when its author changed it, "" when it is that of the issue, and so no title.

    `issue_subjects` are the Subjects of our letters that it may answer. "New words (was: Forum Digest, Issue 7: 3 new)" is
    "New words". Prefixes, tags, blanks and a clipped end change nothing.
    """
    ours = [_letters(each) for each in issue_subjects]
    if (was := _WAS.search(subject)) is not None and _is_ours(was[1], ours):
        subject = subject[: was.start()].strip()
    return "" if _is_ours(subject, ours) else subject.strip()


def _is_ours(subject: str, ours: Iterable[str]) -> bool:
    mine = _letters(subject)
    if not mine or mine in ours:
        return True
    return len(mine) >= _CLIPPED_MIN and any(each.startswith(mine) for each in ours)


def _letters(subject: str) -> str:
    """Letters and digits of a Subject without prefixes and tags."""
    rest = subject_key(subject)[0]
    for _ in range(_LIMIT):
        match = _FORWARD.match(rest)
        if not match:
            break
        rest = subject_key(rest[match.end() :])[0]
    return "".join(filter(str.isalnum, rest))
