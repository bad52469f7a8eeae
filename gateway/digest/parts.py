"""An issue that is too much for one mail as several, parted between threads (design 8.1). Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gateway.digest.issue import Entry, ThreadPart

# What the page needs besides the texts, in characters: for itself (styles, masthead, foot), for a thread (its title, and
# its rows of the contents), around each entry (heading, links with tokens).
PAGE = 9_000
AROUND_THREAD = 300
AROUND = 1_400
LINK_TO_PAGE = 200
AROUND_EARLIER = 350


@dataclass(frozen=True, slots=True, kw_only=True)
class Caps:
    """The most that one mail brings: new posts, and characters of its page. Gmail cuts a mail off after about 102 kB."""

    posts: int = 150
    size: int = 92_000


def part_threads(threads: Sequence[ThreadPart], caps: Caps, *, has_pages: bool = False) -> list[tuple[ThreadPart, ...]]:
    """The threads of each part, in their order; a thread that is too much by itself is a part by itself.

    `has_pages`: each entry has a link to a page of its own too.
    """
    around = AROUND + LINK_TO_PAGE * has_pages
    parts: list[list[ThreadPart]] = []
    posts, size = 0, PAGE
    for thread in threads:
        its_size = AROUND_THREAD + sum(_size(entry, around) for entry in thread.entries)
        if not parts or posts + thread.new > caps.posts or size + its_size > caps.size:
            parts.append([])
            posts, size = 0, PAGE
        parts[-1].append(thread)
        posts += thread.new
        size += its_size
    return [tuple(part) for part in parts]


def _size(entry: Entry, around: int) -> int:
    if entry.is_ghost or not entry.is_new:
        return AROUND_EARLIER
    # Paragraphs, links and what must be escaped.
    return around + sum(len(span.text) for span in entry.spans) * 6 // 5
