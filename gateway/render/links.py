"""mailto links (RFC 6068): how a reader answers one comment from a digest, and how List-* fields name addresses.

In: one of our own addresses and text that strangers wrote. Out: an ASCII link in which nothing but unreserved
characters (RFC 3986 section 2.3) is bare, so that no title can add a second field or a second recipient.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from string import ascii_letters, digits

from gateway.mail.address import Address
from gateway.render.places import ENTRY, PAGE, token_place

_UNRESERVED = frozenset(f"{ascii_letters}{digits}-._~")
_BYTES = [chr(byte) if chr(byte) in _UNRESERVED else f"%{byte:02X}" for byte in range(256)]
_RESERVED = re.compile(r"[^A-Za-z0-9._~-]")


def mailto(address: Address, *, subject: str = "", in_reply_to: str = "", body: str = "") -> str:
    """The link that opens a new mail to `address`; `in_reply_to` is a msgid without angle brackets. Empty fields are left out."""
    return _link("".join(_halves(address)), subject, in_reply_to, body)


def mailto_entry(address: Address, word: str, marker: str, *, subject: str = "", in_reply_to: str = "") -> str:
    """The link to what `word` means for the post with that marker: NAME+WORD-TOKEN@DOMAIN, the token filled in at sending."""
    local, domain = _halves(address)
    return _link(f"{local}%2B{word}-{token_place(ENTRY, marker)}{domain}", subject, in_reply_to, "")


def mailto_votes(address: Address, votes: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """What stands before and behind `token_place` in such links, for each word and its Subject: a page has thousands of them."""
    mark = token_place(ENTRY, "")
    halves = [mailto_entry(address, word, "", subject=subject).partition(mark) for word, subject in votes]
    return [(before, behind) for before, _, behind in halves]


def page_of_entry(pages: str, marker: str) -> str:
    """The link to the page of that post below the address `pages`, the token filled in at sending."""
    return f"{pages}{token_place(PAGE, marker)}"


def _link(target: str, subject: str, in_reply_to: str, body: str) -> str:
    link = target
    mark = "?"
    if in_reply_to:
        link += f"{mark}In-Reply-To=%3C{percent(in_reply_to)}%3E"
        mark = "&"
    if subject:
        link += f"{mark}Subject={_subject(subject)}"
        mark = "&"
    if body:
        link += f"{mark}Body={percent(body.replace(chr(10), chr(13) + chr(10)))}"
    return link


# All answers of a digest go to one address, and most comments of a thread share a subject.
@lru_cache(maxsize=64)
def _halves(address: Address) -> tuple[str, str]:
    return f"mailto:{percent(address.local)}", f"@{percent(address.domain)}"


@lru_cache(maxsize=256)
def _subject(text: str) -> str:
    return percent(text)


def percent(text: str) -> str:
    """`text` percent-encoded as UTF-8; a lone surrogate becomes a question mark."""
    if text.isascii():
        return _RESERVED.sub(lambda match: _BYTES[ord(match[0])], text)
    return "".join([_BYTES[byte] for byte in text.encode("utf-8", "replace")])
