"""Answers as people write them: what they quote of an issue, where they write, and what their program makes of it.

In: issues and a source of chance. Out: `Answer`s, each with what its author meant: which of his words answer which entry.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from functools import cache
from html import escape

import lxml.html

from tests.answers.clients import (
    CLIENTS,
    FOOTERS,
    WROTE,
    Client,
    Item,
    alternative,
    html_body,
    mail,
    page_as_text,
    takes_html,
    text_body,
)
from tests.answers.damage import MARKER, TEXT_DAMAGES, damaged, html_damaged, without_markers
from tests.answers.issues import Section, Shown, union

KINDS = (
    *["one"] * 5,
    *["top over one"] * 2,
    *["several"] * 6,
    "pair",
    *["whole, between"] * 4,
    "whole, above",
    "whole, below",
    "many, below",
    "none",
    "nothing new",
    *["two issues"] * 2,
)
SELECTIONS = ("entry", "entry", "without marker", "body", "fragment", "fragment", "shortened", "short")
LONG = 40
# fmt: off
WORDS = [
    "I", "think", "that", "this", "is", "not", "so", "and", "you", "know", "it", "better", "than", "me", "why", "do",
    "we", "have", "to", "say", "yes", "or", "no", "well",
]
# fmt: on


@dataclass(frozen=True)
class Wish:
    """Words of the author's and whom they answer: "" for nobody in particular. `quoted`: so many characters of it are quoted.

    `can_be_told`: a reader of the mail would know; else the right thing is to ask.
    """

    tokens: tuple[str, ...]
    marker: str
    has_marker: bool = False
    quoted: int = 0
    is_repeated: bool = False
    can_be_told: bool = True


@dataclass(frozen=True)
class Answer:
    """A mail and what it means."""

    raw: bytes
    shown: Shown
    wishes: tuple[Wish, ...]
    kind: str
    client: str
    damage: str


@dataclass(frozen=True)
class _Quote:
    content: str
    has_marker: bool
    quoted: int
    is_repeated: bool


class Writer:
    """One answer being written."""

    def __init__(self, shown: Shown, rng: random.Random, serial: int) -> None:
        self.shown, self.rng, self.serial = shown, rng, serial
        self.client: Client = rng.choice(CLIENTS)
        self.damage = rng.choice(TEXT_DAMAGES)
        self.is_html = takes_html(self.client)
        # Some programs that write text make it of the page.
        self.has_page_text = rng.random() < 0.35
        self.said = 0
        self.items: list[Item] = []
        self.wishes: list[Wish] = []

    def own(self, least: int = 1, most: int = 30) -> tuple[str, tuple[str, ...]]:
        """Words of the author's, every third of them like no other."""
        self.said += 1
        tokens: list[str] = []
        lines: list[str] = []
        for line in range(self.rng.choice([1, 1, 1, 2, 3])):
            words = [self.rng.choice(WORDS) for _ in range(self.rng.randrange(least, most))]
            for at in range(0, len(words), 3):
                token = f"zq{self.serial}x{self.said}x{line}x{at}z"
                tokens.append(token)
                words[at] = token
            lines.append(" ".join(words))
        return self.rng.choice(["\n", "\n\n"]).join(lines), tuple(tokens)

    def say(self, marker: str, quote: _Quote | None = None, *, can_be_told: bool = True, most: int = 30) -> None:
        text, tokens = self.own(most=most)
        self.items.append(("own", text))
        quoted = (quote.has_marker, quote.quoted, quote.is_repeated) if quote else (False, 0, False)
        self.wishes.append(Wish(tokens, marker, *quoted, can_be_told=can_be_told))

    def quote(self, marker: str, how: str = "") -> _Quote:
        how = how or self.rng.choice(SELECTIONS)
        section = self.shown.sections[marker]
        quote = self._selected(section, how)
        content = html_damaged(quote.content, self.damage) if self.is_html else damaged(quote.content, self.damage, self.rng)
        self.items.append(("quote", content))
        return quote

    def _selected(self, section: Section, how: str) -> _Quote:
        if how in ("fragment", "short", "shortened") and (found := self._fragment(section, how)):
            return _Quote(
                escape(found).join(("<p>", "</p>")) if self.is_html else found,
                False,
                len(found),
                self._is_repeated(section, found),
            )
        own = " ".join(section.own)
        is_repeated = self._is_repeated(section, own)
        has_marker = how == "entry" or not own
        if self.is_html or self.has_page_text:
            source = section.html
            if how == "body" and own:
                source = lxml.html.tostring(
                    lxml.html.fragment_fromstring(source).xpath(".//div[@class='text']")[0], encoding="unicode", with_tail=False
                )
            elif not has_marker:
                source = without_markers(source)
            return _Quote(source if self.is_html else page_as_text(source), has_marker, len(own), is_repeated)
        lines = section.body if how == "body" and own else (*section.heading, "", *section.body)
        text = "\n".join(lines).strip("\n")
        return _Quote(text if has_marker else without_markers(text), has_marker, len(own), is_repeated)

    def _fragment(self, section: Section, how: str) -> str:
        """Some words on end of one paragraph; as text wrapped as the digest was."""
        if not section.own:
            return ""
        words = self.rng.choice(section.own).split(" ")
        start = self.rng.randrange(len(words)) if self.rng.random() < 0.5 else 0
        if how == "short":
            return " ".join(words[start : start + self.rng.randrange(1, 6)])[: LONG - 1]
        size = self.rng.randrange(LONG, 3 * LONG)
        found = ""
        for end in range(start + 1, len(words) + 1):
            found = " ".join(words[start:end])
            if len(found) >= size:
                break
        if how == "shortened" and len(words) > 24:
            found = f"{' '.join(words[:10])} [...] {' '.join(words[-10:])}"
        return found

    def _is_repeated(self, section: Section, words: str) -> bool:
        """Whether other entries have these words too, so that nobody could tell."""
        wanted = _squeezed(words.split("[...]")[0])
        others = (other for other in self.shown.sections.values() if other is not section)
        return any(wanted in _squeezed("\n".join((*other.heading, *other.body))) for other in others)

    def mail(self) -> bytes:
        rng = self.rng
        subject, language = self.shown.subject, rng.choice(list(WROTE))
        ending = self.client.last or rng.choice(["", "", "-- \nAnn Example\nannexample.org"])
        encoding = rng.choice(["8bit", "quoted-printable", "base64"])
        if self.is_html:
            html = html_body(self.client, self.items, language, subject, ending)
            has_text = rng.random() < 0.5
            text = alternative(self.client, self.items, language, subject, ending, rng) if has_text else ""
            return mail(text, html, subject, encoding)
        text = text_body(self.client, self.items, language, subject, ending, rng)
        if rng.random() < 0.25:
            text += "\n" + rng.choice(FOOTERS)
        return mail(text, "", subject, encoding, is_flowed=self.client.is_flowed)


@cache
def _squeezed(text: str) -> str:
    return "".join(char for char in text.lower() if char.isalnum())


def answer(shown_issues: tuple[Shown, ...], rng: random.Random, serial: int) -> Answer:
    """One answer."""
    kind = rng.choice(KINDS)
    shown = union(shown_issues[0], shown_issues[2]) if kind == "two issues" else rng.choice(shown_issues)
    writer = Writer(shown, rng, serial)
    _write(writer, kind)
    return Answer(writer.mail(), shown, tuple(writer.wishes), kind, writer.client.name, writer.damage)


def _write(writer: Writer, kind: str) -> None:
    rng, told = writer.rng, writer.shown.told
    target = rng.choice(told)
    match kind:
        case "one":
            writer.say(target, writer.quote(target))
        case "top over one":
            writer.say(target)
            quote = writer.quote(target)
            writer.wishes[0] = Wish(writer.wishes[0].tokens, target, quote.has_marker, quote.quoted, quote.is_repeated)
        case "several" | "two issues":
            _several(writer, rng.sample(told, min(len(told), rng.randrange(2, 5))))
        case "pair":
            at = rng.randrange(len(told))
            if at:
                writer.quote(told[at - 1], "entry")
            writer.say(told[at], writer.quote(told[at], "entry"))
        case "many, below":
            many = rng.sample(told, min(len(told), 10))
            for one in many:
                writer.quote(one, rng.choice(["entry", "body"]))
            writer.say(rng.choice(many), can_be_told=len(told) == 1, most=2)
        case "nothing new":
            writer.quote(target)
        case "none":
            is_clear = len(told) == 1 or writer.shown.threads == 1
            article = next(one.marker for one in writer.shown.entries if not one.number)
            writer.say(target if len(told) == 1 else article if is_clear else target, can_be_told=is_clear)
        case _:
            _whole(writer, kind, target)


def _several(writer: Writer, targets: list[str]) -> None:
    opening = writer.rng.random() < 0.25
    if opening:
        writer.say(targets[0], can_be_told=False)
    for target in targets:
        writer.say(target, writer.quote(target))
    if writer.rng.random() < 0.15:
        writer.say("", most=4)


def _whole(writer: Writer, kind: str, target: str) -> None:
    """The whole digest is quoted, and answered above, below or between its lines."""
    rng = writer.rng
    if kind == "whole, above" or (kind == "whole, between" and rng.random() < 0.2):
        writer.say(target, can_be_told=False)
    targets = set(rng.sample(writer.shown.told, min(3, len(writer.shown.told)))) if kind == "whole, between" else set()
    is_stripped = rng.random() < 0.4
    if writer.is_html or writer.has_page_text:
        chunks = [(marker, html if writer.is_html else page_as_text(html)) for marker, html in writer.shown.html_chunks]
    else:
        chunks = [(marker, "\n".join(lines)) for marker, lines in writer.shown.text_chunks]
    run: list[str] = []
    first = len(writer.wishes)
    for marker, content in chunks:
        content = without_markers(content) if is_stripped and marker and MARKER.search(content) else content
        head, tail = _halved(writer, content) if marker in targets and rng.random() < 0.4 else (content, "")
        run.append(head)
        if marker in targets:
            _flush(writer, run)
            section = writer.shown.sections[marker]
            own = " ".join(section.own)
            size = len(own) if not tail else 0
            writer.say(marker, _Quote("", not is_stripped, size, writer._is_repeated(section, own)))
            run = [tail] if tail else []
    _flush(writer, run)
    if first and len(writer.wishes) > 1:
        # What stands above all belongs to the first piece.
        writer.wishes[0] = Wish(writer.wishes[0].tokens, writer.wishes[1].marker, can_be_told=False)
    if kind == "whole, below":
        writer.say(target, can_be_told=False)
    elif kind == "whole, between" and rng.random() < 0.15:
        writer.say("", most=4)


def _halved(writer: Writer, content: str) -> tuple[str, str]:
    """An entry cut between two paragraphs of its text."""
    sign = "</p>\n<p" if writer.is_html else "\n\n"
    places = [at for at in range(len(content)) if content.startswith(sign, at)]
    later = places[1 if writer.is_html else 2 :]
    if not later:
        return content, ""
    at = writer.rng.choice(later) + (4 if writer.is_html else 2)
    return content[:at], content[at:]


def _flush(writer: Writer, run: list[str]) -> None:
    text = "\n".join(run)
    if text.strip():
        writer.items.append(
            ("quote", html_damaged(text, writer.damage) if writer.is_html else damaged(text, writer.damage, writer.rng))
        )
