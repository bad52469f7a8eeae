"""Replies of many programs and languages: what is new in each is found, and none of the author's words is lost."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from gateway.mail.message import Span, SpanKind
from gateway.parse.message import parse_message
from gateway.parse.quotes import divider_of, header_block_at
from gateway.parse.spans import split_spans

CASES, EMBEDDED, PLAIN, HTML = 64, 10, 12, 9
# Where we differ from that project's taste, and why ours is better for readers.
OTHERWISE = {
    "delimiters": "lines of signs at the end of a mail may be the author's: they stay",
    "embedded_email_7": "a lone quote above the answer and lines marked 'C>' are not told from the author's own; nothing is lost",
}
# An older mail further down in a chain of answers is part of one quote.
CHAINED = {"embedded_email_10"}
NOT_OURS = (SpanKind.QUOTE, SpanKind.ATTRIBUTION)


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace").replace("\r\n", "\n") if path.exists() else ""


def _plain(text: str) -> str:
    """Without blanks at line ends and without runs of blank lines."""
    return re.sub(r"\n{3,}", "\n\n", "\n".join(line.rstrip() for line in text.split("\n"))).strip()


def _of_kind(spans: Sequence[Span], *kinds: SpanKind) -> str:
    return "\n".join(span.text for span in spans if span.kind in kinds)


def _content(spans: Sequence[Span]) -> str:
    """New text, and forwarded mail without the lines that announce it."""
    lines: list[str] = []
    for span in spans:
        if span.kind is SpanKind.TEXT:
            lines += span.text.split("\n")
        elif span.kind is SpanKind.FORWARD:
            mail = span.text.split("\n")
            start = int(bool(divider_of(mail[0])))
            lines += mail[start + header_block_at(mail, start) :]
    return "\n".join(lines)


def _with_context(spans: Sequence[Span]) -> str:
    """New text with the quotes that have an answer under them, marked again."""
    last = max((index for index, span in enumerate(spans) if span.kind is SpanKind.TEXT and span.text.strip()), default=-1)
    lines = []
    for span in spans[: last + 1]:
        if span.kind is SpanKind.QUOTE:
            lines += [f"{'>' * span.depth} {line}" for line in span.text.split("\n")]
        elif span.kind is SpanKind.TEXT:
            lines += span.text.split("\n")
    return "\n".join(lines)


def _bare(text: str) -> str:
    return re.sub(r"[\s>]+", "", text)


@pytest.fixture
def trimmer(corpora: Path) -> Path:
    return corpora / "d" / "email-reply-trimmer"


def test_new_text_is_what_the_trimmer_says(trimmer: Path) -> None:
    files = sorted((trimmer / "emails").glob("*.txt"))
    assert len(files) == CASES
    different = set()
    for file in files:
        spans, wanted = split_spans(_read(file)), _read(trimmer / "trimmed" / file.name)
        if _plain(_content(spans)) != _plain(wanted) and _bare(_with_context(spans)) != _bare(wanted):
            different.add(file.stem)
    assert different == set(OTHERWISE)


def test_no_word_of_an_author_is_lost(trimmer: Path) -> None:
    for file in sorted((trimmer / "emails").glob("*.txt")):
        spans = split_spans(_read(file))
        dropped = {line.strip() for span in spans if span.kind in NOT_OURS for line in span.text.split("\n")}
        ours = {line.strip() for span in spans if span.kind not in NOT_OURS for line in span.text.split("\n")}
        for line in _read(trimmer / "trimmed" / file.name).split("\n"):
            bare = line.strip()
            if bare and not bare.startswith(">"):
                # A sentence of the author's may stand on the attribution's own line.
                assert bare in ours or bare not in dropped, (file.stem, bare)


def test_mail_within_a_mail(trimmer: Path) -> None:
    """What stands above a header block or a forwarding divider is one thing, what stands below another."""
    files = sorted((trimmer / "embedded").glob("*.txt"))
    assert len(files) == EMBEDDED
    for file in files:
        spans = split_spans(_read(trimmer / "emails" / file.name))
        inner = _bare(_of_kind(spans, SpanKind.FORWARD, *NOT_OURS))
        assert inner.endswith(_bare(_read(file))), file.stem
        if file.stem not in CHAINED:
            assert _bare(_of_kind(spans, SpanKind.TEXT)) == _bare(_read(trimmer / "before" / file.name)), file.stem


def test_replies_of_mail_programs(corpora: Path) -> None:
    folder = corpora / "d" / "talon"
    cases = json.loads((folder / "expected.json").read_text(encoding="utf-8"))["cases"]
    assert len(cases) == PLAIN
    for case in cases:
        spans = parse_message((folder / case["file"]).read_bytes()).spans
        # Signatures and "Sent from ..." count as new text there; here they have kinds of their own.
        ours = _of_kind(spans, SpanKind.TEXT, SpanKind.SIGNATURE, SpanKind.CLIENT_FOOTER)
        assert _bare(ours) == _bare(case["reply_text"]), case["file"]


def test_html_replies_of_mail_programs(corpora: Path) -> None:
    files = sorted((corpora / "d" / "talon" / "html_replies").glob("*.html"))
    assert len(files) == HTML
    for file in files:
        raw = b"From: a@b.example\nMIME-Version: 1.0\nContent-Type: text/html; charset=utf-8\n\n" + file.read_bytes()
        spans = parse_message(raw).spans
        assert _bare(_of_kind(spans, SpanKind.TEXT)) == "Hi.Iamfine.Thanks,Alex", file.name
