"""Issues to answer: the seed page, all of it and a part of it, and threads of invented texts, rendered as readers get them.

Nothing here knows how answers are taken apart: sections are found in the rendered digest by its own lines.
"""

from __future__ import annotations

import hashlib
import random
import re
from base64 import b32encode
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from uuid import UUID
from zoneinfo import ZoneInfo

import lxml.html

from gateway.digest.answers import Asked
from gateway.digest.issue import Issue, ThreadPart
from gateway.digest.outline import Telling, outline_part
from gateway.exchange.seed import read_seed, seed_mails
from gateway.mail.forum import Forum
from gateway.mail.message import Message, SpanKind
from gateway.parse.html import html_to_text
from gateway.parse.message import parse_message
from gateway.people.handles import Byline
from gateway.render.digest import render_issue
from gateway.render.places import TOKEN, TOKEN_PLACE, shown
from gateway.thread.weave import Row, weave
from tests.conftest import ROOT

START = datetime(2026, 11, 20, 8, tzinfo=UTC)
FORUM = Forum(id=UUID(int=1), name="forum", domain="lists.example", title="Forum")
_SIGNS = "0123456789abcdefghjkmnpqrstvwxyz"
_RULE = re.compile(r"-{30}\Z|-{70}\Z")
# fmt: off
_VOCABULARY = [
    "camera", "letter", "company", "market", "law", "people", "question", "answer", "street", "city", "window",
    "minister", "report", "number", "evidence", "reason", "country", "price", "honest", "never", "always", "sometimes",
    "between", "against", "without", "quite", "rather", "simply", "because", "although", "therefore", "sell", "buy",
    "watch", "read", "write", "think", "believe", "doubt", "know", "ask", "tell", "build", "break", "open", "close",
    "carry", "remove", "replace", "public", "private",
]
# fmt: on
_REPEATED = (
    "I could not agree more with what was said above.",
    "Citation needed, as always in this discussion.",
    "Me too.",
    "No.",
    "This has been said many times before, and it is still not true at all.",
)
_FOREIGN = (
    "Die Kameras stehen überall, und niemand weiß, wer sie eigentlich aufgestellt hat.",
    "Je ne crois pas que l’entreprise dise toute la vérité à ce sujet, loin de là.",
    "監視カメラの数は年々増えているが、誰がその映像を見ているのかは明らかにされていない。",
    "我认为这家公司的说法并不可信，因为他们从来没有公开过任何数据。",
    "¿Quién vigila a los que nos vigilan? Nadie, según parece, y así seguirá.",
)


@dataclass(frozen=True)
class Section:
    """One entry as the digest has it: heading and body of the text, its part of the page, its own paragraphs."""

    marker: str
    heading: tuple[str, ...]
    body: tuple[str, ...]
    html: str
    own: tuple[str, ...]


@dataclass(frozen=True)
class Shown:
    """An issue as its readers got it; the chunks are all of it in order, each with the marker of an entry or ""."""

    name: str
    entries: tuple[Asked, ...]
    frame: tuple[str, ...]
    subject: str
    sections: dict[str, Section]
    text_chunks: tuple[tuple[str, tuple[str, ...]], ...]
    html_chunks: tuple[tuple[str, str], ...]
    threads: int

    @property
    def told(self) -> list[str]:
        return list(self.sections)


def marker_of(msgid: str) -> str:
    number = int.from_bytes(hashlib.sha256(msgid.encode()).digest()[:5], "big")
    return "".join(_SIGNS[number >> (5 * at) & 31] for at in range(8))


def _part(messages: list[Message], new: set[str] | None) -> ThreadPart:
    rows = [Row(one.msgid, next(iter(one.ancestors), None), one.date or START, id=one.msgid) for one in messages]
    tellings = {
        one.msgid: Telling(
            marker=marker_of(one.msgid),
            msgid=one.msgid,
            subject=one.subject,
            byline=Byline(one.author_name, "Silver badge" if len(one.author_name) % 3 == 0 else ""),
            date=one.date or START,
            is_imposter=False,
            spans=one.spans,
            attachments=(),
        )
        for one in messages
    }
    return outline_part(weave(rows), tellings, (), new)


def _seed() -> list[Message]:
    page = next((ROOT / "seeds").glob("*.txt")).read_text(encoding="utf-8")
    return [parse_message(bytes(mail)) for mail in seed_mails(read_seed(page), "forum@lists.example", START)]


def _invented(thread: int, size: int, rng: random.Random) -> list[Message]:
    """A thread of invented texts: long and short, foreign, with quotes of what they answer, and with phrases that come again."""
    mails: list[tuple[str, str, list[str], str]] = []
    for at in range(size):
        above = rng.randrange(max(0, at - 4), at) if at else -1
        sentences = [_sentence(rng) for _ in range(rng.choice([1, 2, 3, 6, 10]))]
        kind = rng.random()
        if kind < 0.15:
            sentences = [rng.choice(_REPEATED)]
        elif kind < 0.3:
            sentences.insert(rng.randrange(len(sentences) + 1), rng.choice(_REPEATED))
        elif kind < 0.5:
            sentences.append(rng.choice(_FOREIGN) + f" {at}")
        half = len(sentences) // 2
        body = "\n\n".join(filter(None, (" ".join(sentences[:half]), " ".join(sentences[half:]))))
        if above > 0 and rng.random() < 0.5:
            quote = mails[above][2][0]
            body = f"> {quote}\n>\n> {mails[above][2][-1]}\n\n{body}"
        subject = f"Thread {thread}: {rng.choice(_VOCABULARY)}" if at == 0 or rng.random() < 0.2 else f"Re: {mails[above][3]}"
        mails.append((f"Author {rng.randrange(12)}", body, sentences, subject.replace("Re: Re: ", "Re: ")))
        mails[-1] = (*mails[-1][:2], sentences, mails[-1][3])
        parents = getattr(rng, "parents", {})
        parents[thread, at] = above
        rng.parents = parents  # type: ignore[attr-defined]
    return [
        parse_message(
            (
                f"From: {author} <a{at}@example.org>\nTo: forum@lists.example\nSubject: {subject}\n"
                f"Message-ID: <{thread}.{at}@x.example>\n"
                + (f"In-Reply-To: <{thread}.{parents[thread, at]}@x.example>\n" if at else "")
                + f"Date: {(START + timedelta(minutes=7 * at)):%a, %d %b %Y %H:%M:%S} +0000\n"
                + f"MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n{body}\n"
            ).encode()
        )
        for at, (author, body, _, subject) in enumerate(mails)
    ]


def _sentence(rng: random.Random) -> str:
    words = [rng.choice(_VOCABULARY) for _ in range(rng.randrange(4, 18))]
    return " ".join(words).capitalize() + rng.choice([".", ".", "!", "?"])


@cache
def issues() -> tuple[Shown, ...]:
    seed = _seed()
    rng = random.Random(6)
    threads = [_invented(thread, size, rng) for thread, size in ((1, 14), (2, 6), (3, 25), (4, 2))]
    late = {one.msgid for one in seed[-9:]} | {seed[4].msgid}
    return (
        _shown("seed", [_part(seed, None)], "en"),
        _shown("seed, partly new", [_part(seed, late)], "de"),
        _shown("four threads", [_part(one, None) for one in threads], "en"),
        _shown("four threads, partly new", [_part(one, {each.msgid for each in one[1::3]}) for one in threads], "en"),
        _shown("one new comment", [_part(seed, {seed[9].msgid})], "en"),
    )


def _shown(name: str, parts: list[ThreadPart], language: str) -> Shown:
    issue = Issue(forum=FORUM, number=12, since=START, until=START + timedelta(days=1), threads=tuple(parts))
    web = "https://forum.example" if len(parts) == 1 else ""
    rendering = render_issue(issue, zone=ZoneInfo("Europe/Berlin"), language=language, web=web)
    text, html = _sent(rendering.text), _sent(rendering.html)
    entries = tuple(
        Asked(
            marker=one.marker,
            number=one.number,
            title=one.title,
            author=one.author,
            spans=one.spans if one.is_told else (),
            thread=thread,
            is_shown_in_full=one.is_told,
        )
        for thread, part in enumerate(parts)
        for one in part.entries
        if one.marker
    )
    chunks = _text_chunks(text, {one.marker for one in entries if one.is_shown_in_full})
    elements, html_chunks = _html_chunks(html)
    sections = {}
    for marker, lines in chunks:
        if marker:
            blank = lines.index("") if "" in lines else len(lines)
            spans = next(one.spans for one in entries if one.marker == marker)
            own = " ".join(" ".join(span.text for span in spans if span.kind is SpanKind.TEXT).split())
            paragraphs = [" ".join(one.split()) for one in "\n".join(lines[blank:]).split("\n\n")]
            mine = tuple(one for one in paragraphs if one and one in own)
            sections[marker] = Section(marker, lines[:blank], lines[blank + 1 :], elements[marker], mine)
    frame = (shown(rendering.text), html_to_text(shown(rendering.html)) or "")
    return Shown(name, entries, frame, rendering.subject, sections, chunks, html_chunks, len(parts))


def _sent(text: str) -> str:
    """A rendering with its personal parts filled in."""
    return shown(TOKEN_PLACE.sub(lambda place: _token(place[1]), text))


def _token(name: str) -> str:
    return b32encode(hashlib.sha256(name.encode()).digest()).decode().lower()[:TOKEN]


def _text_chunks(text: str, told: set[str]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """All lines, cut behind each rule; a message whose Subject has the marker of an entry is that entry."""
    chunks: list[tuple[str, tuple[str, ...]]] = []
    lines: list[str] = []
    for line in [*text.split("\n"), "-" * 30]:
        lines.append(line)
        if _RULE.match(line):
            heading = " ".join("\n".join(lines).strip("\n").split("\n\n")[0].split("\n"))
            found = re.findall(r"\[#(\w+)\]", heading) if "Subject:" in heading else []
            marker = found[-1] if found and found[-1] in told else ""
            body = lines[:-1]
            while body and not body[0]:
                body = body[1:]
            chunks += [(marker, tuple(body)), ("", ("", line, ""))]
            lines = []
    return tuple(chunks[:-1])


def _html_chunks(page: str) -> tuple[dict[str, str], tuple[tuple[str, str], ...]]:
    """The page as pieces of HTML in order: an entry each, and what stands between them."""
    root = lxml.html.document_fromstring(page)
    elements: dict[str, str] = {}
    chunks: list[tuple[str, str]] = []
    for one in root.xpath(
        "//header|//nav|//h2[@class='headline']|//p[@class='context']|//div[@class='entry' or @class='article']|//footer"
    ):
        source = lxml.html.tostring(one, encoding="unicode", with_tail=False)
        marker = (one.get("id") or "").removeprefix("c-") if one.tag == "div" else ""
        if marker:
            elements[marker] = source
        if not (one.tag == "p" and one.getparent().tag == "div" and "entry" in (one.getparent().get("class") or "")):
            chunks.append((marker, source))
    return elements, tuple(chunks)


def union(*shown_issues: Shown) -> Shown:
    """Two issues that one answer quotes."""
    first = shown_issues[0]
    offset = 0
    entries: list[Asked] = []
    for one in shown_issues:
        entries += [replace(asked, thread=asked.thread + offset) for asked in one.entries]
        offset += one.threads
    sections = {marker: section for one in reversed(shown_issues) for marker, section in one.sections.items()}
    frames = tuple(frame for one in shown_issues for frame in one.frame)
    return replace(first, name="two issues", entries=tuple(entries), frame=frames, sections=sections, threads=offset)
