"""Three ways to answer a digest, and a town where the answers are looked for.

In: the text that a program quotes. Out: the text that a person makes of it, and the posts that the gateway made of the mail.
As a program, `python -m tests.interop.answering KIND FILE`, it is the editor that mail programs start.
"""

from __future__ import annotations

import email
import mailbox
import re
import sys
from email.policy import default
from pathlib import Path
from typing import NamedTuple

from gateway.mail.message import SpanKind
from gateway.store.engine import Store
from gateway.store.roster import list_forums
from gateway.store.shelf import Mail, Post, iterate_mails, posts_of_mail
from tests.conftest import ROOT
from tests.interop.gate import Gate
from tests.interop.screen import wait_until

READER = "reader.london@example.org"
TITLE = "Town Talk Digest, Issue 1"


class Said(NamedTuple):
    """One comment of the seed page by its number, a stretch that it begins with, one that it ends with, and what is answered."""

    number: str
    first: str
    last: str
    words: str


INTERLEAVED = (
    Said("3.1.1.1", "Cos those florists", "to stop them", "That verse deserves a better market than it will ever get."),
    Said("4.1.2", "Trial by AI would", "(thankfully).", "They never were asked, and never will be."),
    Said("11", "never worked out why", "likely to.", "My own camera does that all day."),
)
ABOVE = Said("8.1", "Well now that you", "sofa", "I could not have put it better myself.")
FRAGMENT = Said("7.1", "Failing that, at least", "sending stuff out", "Mine did that, and it still talks at night.")
SAID = {"interleaved": INTERLEAVED, "above": (ABOVE,), "fragment": (FRAGMENT,)}
KINDS = tuple(SAID)


def edit(kind: str, text: str) -> str:
    """The quoted digest as a person leaves it.

    interleaved: cut down to three comments, words below each; above: one comment, words above all; fragment: one sentence.
    """
    lines = text.split("\n")
    start = next(at for at, line in enumerate(lines) if line.startswith(">"))
    above = lines[:start]
    if kind == "interleaved":
        pieces = [[*_entry(lines, said), said.words, ""] for said in INTERLEAVED]
        return "\n".join([*above, *(line for piece in pieces for line in piece)])
    if kind == "above":
        return "\n".join([ABOVE.words, "", *above, *_entry(lines, ABOVE), ""])
    return "\n".join([*above, *_sentence(lines, FRAGMENT), FRAGMENT.words, ""])


def _find(lines: list[str], words: str, start: int = 0) -> int:
    return next(at for at in range(start, len(lines)) if words in lines[at])


def _entry(lines: list[str], said: Said) -> list[str]:
    """A comment with its heading, from two lines above the marker on, as far as it goes."""
    first = _find(lines, said.first)
    marker = next(at for at in range(first, -1, -1) if "[#" in lines[at])
    return lines[marker - 2 : _find(lines, said.last, first) + 1]


def _sentence(lines: list[str], said: Said) -> list[str]:
    """The lines of a sentence; what stands before and behind it on them is cut off, too."""
    first = _find(lines, said.first)
    last = _find(lines, said.last, first)
    found = lines[first : last + 1]
    found[-1] = found[-1][: found[-1].index(said.last) + len(said.last)]
    mark = re.match(r"[> ]*", found[0])
    found[0] = (mark[0] if mark else "") + found[0][found[0].index(said.first) :]
    return found


class Town:
    """A running gateway with the demo's discussion, and the digest of one reader."""

    def __init__(self, gate: Gate) -> None:
        self.gate = gate
        [self.digest] = [
            raw
            for raw in (path.read_bytes() for path in (gate.folder / "Maildir" / "new").iterdir())
            if email.message_from_bytes(raw, policy=default)["Delivered-To"] == READER
        ]
        self._seen = {mail.id for mail, _ in self._look()}

    def _look(self) -> list[tuple[Mail, list[Post]]]:
        store = Store(f"sqlite:///{self.gate.folder / 'gateway.db'}")
        try:
            [town] = list_forums(store)
            with store.read() as db:
                return [(mail, posts_of_mail(db, town.id, mail.id)) for mail in iterate_mails(db, town.id)]
        finally:
            store.close()

    def filed(self) -> list[tuple[str, str]]:
        """What the mail became that came in since the last look: for each post the number that it answers, and its own words.

        A mail that waits for its author to say what it answers is no post; the reason stands in its place. Of a mail that went
        to two addresses of the forum, one copy is posted.
        """
        found: list[tuple[Mail, list[Post]]] = []

        def is_filed() -> bool:
            found[:] = [(mail, posts) for mail, posts in self._look() if mail.id not in self._seen]
            return bool(found) and all(mail.reason != "answer to a digest" for mail, _ in found)

        wait_until(is_filed, "no answer is filed", patience=30)
        self._seen |= {mail.id for mail, _ in found}
        posted = [posts for _, posts in found if posts]
        return [_answer(post) for posts in posted for post in posts] or [("held", mail.reason) for mail, _ in found]

    def write_mbox(self, path: Path) -> Path:
        """A folder with the digest alone."""
        box = mailbox.mbox(path)
        box.add(self.digest)
        box.close()
        return path


def _answer(post: Post) -> tuple[str, str]:
    number = (post.parent or "").removesuffix(".seed@example.org")
    own = [span.text for span in post.spans if span.kind in (SpanKind.TEXT, SpanKind.FORWARD)]
    return number, " ".join(" ".join(own).split())


def expected(kind: str) -> list[tuple[str, str]]:
    """What `Town.filed` should tell."""
    return [(said.number, said.words) for said in SAID[kind]]


def editor(folder: Path, kind: str) -> Path:
    """An editor that makes an answer of that kind of the file that it is given."""
    path = folder / "editor"
    path.write_text(f'#!/bin/sh\ncd "{ROOT}" && exec "{sys.executable}" -m tests.interop.answering {kind} "$1"\n')
    path.chmod(0o755)
    return path


def main(kind: str, file: str) -> None:
    path = Path(file)
    path.write_text(edit(kind, path.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
