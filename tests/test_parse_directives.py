"""What the first lines of a text ask for, and what is left of it."""

from __future__ import annotations

import pytest

from gateway.mail.message import Span, SpanKind
from gateway.parse.directives import Directives, read_directives
from gateway.parse.message import parse_message

CASES = [
    ("Anonymous: yes\n\nHello", Directives(is_anonymous=True), "Hello"),
    ("anonymous : JA\nicon: Beer\nHello", Directives(True, "beer"), "Hello"),
    ("Title: A new day\n\nHello\nIcon: beer", Directives(title="A new day"), "Hello\nIcon: beer"),
    ("\nIcon: beer\nIcon: tea", Directives(icon="beer"), ""),
    ("Anonymous: no\nHello", Directives(), "Anonymous: no\nHello"),
    ("Icon: what a nice one!\nHello", Directives(), "Icon: what a nice one!\nHello"),
    ("Hello\nAnonymous: yes", Directives(), "Hello\nAnonymous: yes"),
    ("Title:\nHello", Directives(), "Title:\nHello"),
]


@pytest.mark.parametrize(("text", "asked", "left"), CASES)
def test_directives(text: str, asked: Directives, left: str) -> None:
    found, spans = read_directives((Span(SpanKind.TEXT, text),))
    assert (found, "".join(span.text for span in spans)) == (asked, left)


def test_in_a_quote_they_do_nothing() -> None:
    spans = (Span(SpanKind.QUOTE, "Anonymous: yes", 1), Span(SpanKind.TEXT, "Anonymous: yes"))
    assert read_directives(spans) == (Directives(), spans)


def test_in_a_mail() -> None:
    raw = b"From: ann@example.org\r\nSubject: Re: digest\r\n\r\nTitle: Trial\r\nIcon: beer\r\nAnonymous: yes\r\n\r\nText\r\n"
    message = parse_message(raw)
    assert (message.subject, message.icon, message.wants_anonymity) == ("Trial", "beer", True)
    assert [span.text for span in message.spans] == ["Text"]
