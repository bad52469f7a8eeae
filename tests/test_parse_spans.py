"""What stands around quotes: every language's attribution, header block, dividers and footers; hostile bodies; no line lost."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.mail.message import SpanKind
from gateway.parse.languages import LANGUAGES, Language
from gateway.parse.spans import split_spans

ATTRIBUTIONS = {
    "en": "On Mon, 2 Feb 2026 at 10:00, Ann Example <ann@example.org> wrote:",
    "de": "Am 02.02.2026 um 10:00 schrieb Ann Example:",
    "fr": "Le lun. 2 févr. 2026 à 10:00, Ann Example <ann@example.org> a écrit :",
    "es": "El lun, 2 feb 2026 a las 10:00, Ann Example (<ann@example.org>) escribió:",
    "it": "Il giorno lun 2 feb 2026 alle ore 10:00 Ann Example <ann@example.org> ha scritto:",
    "pt": "Em seg., 2 de fev. de 2026 às 10:00, Ann Example <ann@example.org> escreveu:",
    "nl": "Op ma 2 feb 2026 om 10:00 schreef Ann Example <ann@example.org>:",
    "sv": "Den mån 2 feb. 2026 kl 10:00 skrev Ann Example <ann@example.org>:",
    "da": "Den man. 2. feb. 2026 kl. 10.00 skrev Ann Example <ann@example.org>:",
    "no": "man. 2. feb. 2026 kl. 10:00 skrev Ann Example <ann@example.org>:",
    "fi": "ma 2. helmik. 2026 klo 10.00 Ann Example (ann@example.org) kirjoitti:",
    "pl": "pon., 2 lut 2026 o 10:00 Ann Example <ann@example.org> napisał(a):",
    "ru": "пн, 2 февр. 2026 г. в 10:00, Ann Example <ann@example.org>:",
    "uk": "пн, 2 лют. 2026 р. о 10:00 Ann Example <ann@example.org> пише:",
    "cs": "po 2. 2. 2026 v 10:00 odesílatel Ann Example <ann@example.org> napsal:",
    "tr": "Ann Example <ann@example.org>, 2 Şub 2026 Pzt, 10:00 tarihinde şunu yazdı:",
    "zh": "Ann Example <ann@example.org> 于2026年2月2日周一 10:00写道：",
    "ja": "2026年2月2日(月) 10:00 Ann Example <ann@example.org>のメッセージ:",
    "ko": "2026년 2월 2일 (월) 오전 10:00, Ann Example <ann@example.org>님이 작성:",
    "he": "בתאריך יום ב׳, 2 בפבר׳ 2026 ב-10:00 מאת Ann Example <ann@example.org>:",
    "ar": "في الاثنين، 2 فبراير 2026 10:00 Ann Example <ann@example.org> كتب:",
}


def kinds(text: str) -> list[str]:
    return [span.kind.value for span in split_spans(text) if span.text.strip()]


def by_language(languages: tuple[Language, ...] = LANGUAGES) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("language", languages, ids=lambda language: language.code)


@by_language()
def test_an_attribution_above_a_quote(language: Language) -> None:
    assert kinds(f"New words.\n\n{ATTRIBUTIONS[language.code]}\n\n> old\n> words") == ["text", "attribution", "quote"]
    assert kinds(f"{ATTRIBUTIONS[language.code]}\n> old\n> words\n\nNew words.") == ["attribution", "quote", "text"]


@by_language()
def test_a_header_block_and_all_below_it(language: Language) -> None:
    labels = [language.sender[0], language.others[0], language.others[2], language.subject[0]]
    block = "\n".join(f"{label.title()}: something" for label in labels)
    assert kinds(f"New words.\n\n{block}\n\nOld words.\n\nMore.") == ["text", "attribution", "quote"]
    assert kinds(f"{block}\n\nPassed on.") == ["forward"]


@by_language()
def test_dividers(language: Language) -> None:
    assert kinds(f"New.\n\n-----{language.original[0].title()}-----\nold") == ["text", "attribution", "quote"]
    assert kinds(f"See below.\n\n---------- {language.forwarded[0].title()} ----------\nother") == ["text", "forward"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Yes.\n\nSent from my iPhone", ["text", "client_footer"]),
        ("Ja.\n\nVon meinem iPhone gesendet\n\nAm 02.02.2026 schrieb A:\n> x", ["text", "client_footer", "attribution", "quote"]),
        ("はい\n\niPhoneから送信", ["text", "client_footer"]),
        ("Yes.\n\n* Ann Example <ann@example.org> [260202 10:00]:\n> x", ["text", "attribution", "quote"]),
        ("It may be prejudice\nfrom my side.\n\nOn 2 Feb 2026, A wrote:\n> x", ["text", "attribution", "quote"]),
        ("Sent from my garden, with love.\nIt grows.", ["text"]),
        ("Sent from my iPhone", ["text"]),
        ("Text\n" + "_" * 47 + "\ntown mailing list\ntown@lists.example.org", ["text", "list_footer"]),
        ("Text\n-- \nYou received this message because you are subscribed to it.", ["text", "list_footer"]),
        ("Text\n-- \nAnn", ["text", "signature"]),
        ("On Monday I wrote:\nDear town,\nthis is a poem.", ["text"]),
        ("One thing:\nFrom: here\nTo: there\nit is far.", ["text"]),
        ("Of course. On Mon, 2 Feb 2026, Ann wrote:\n> why\n> not", ["text", "attribution", "quote"]),
        ("a\n\n> old\n> words\n\nb\n\n> more\n> old", ["text", "quote", "text", "quote"]),
        ("On Mon, 2 Feb 2026 at 10:00, Ann\nExample <ann@example.org>\nwrote:\n\n> old", ["attribution", "quote"]),
        ("Am 02.02.2026 um 10:00 schrieb \"Ann\" <ann@example.org\n>:\n\n> old\n> words", ["attribution", "quote"]),
        ("Look:\n> Begin forwarded message:\n>\n> From: Ann\n> words", ["text", "forward"]),
        ("diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -1 +1 @@\n-old\n+new", ["text"]),
        ("Groups:\n- one\n- two\n---\nmore", ["text"]),
    ],
)  # fmt: skip
def test_what_is_what(text: str, found: list[str]) -> None:
    assert kinds(text) == found


LINES = [
    "> a", ">> b", "c", "", "-- ", "--", ">", "x wrote:", ">From f", "From: a", "Subject: b", "Date: c", "To: d", "____",
    "-----Original Message-----", "--- Forwarded message ---", "On 2 Feb 2026, a <b@c.example> wrote:", "> wrote:", "<",
    "Sent from my iPhone", "_" * 30, "unsubscribe", "Yes. On 2 Feb 2026 a wrote:",
]  # fmt: skip


@given(st.lists(st.sampled_from(LINES), max_size=30))
def test_no_line_is_lost(lines: list[str]) -> None:
    spans = split_spans("\n".join(lines))
    found = "".join(span.text for span in spans)

    def bare(text: str) -> str:
        return "".join(text.split()).replace(">", "")

    assert bare(found) == bare("".join(lines))
    assert all(span.depth >= 0 for span in spans if span.kind is SpanKind.QUOTE)


HOSTILE = [
    "\n", "On a ", "On a\n", "Am schrieb ", "Le a a\n", "From: a\n", "> ", ">\n", ">" * 50 + "\n", "--\n", "-- \n", "-", "_",
    "_" * 30 + "\n", "a wrote:\n", "On 2026 a@b wrote:\n", "Sent from my \n", "-----Original Message-----\n", "<\n", "On 1 ",
    "2026-02-02 10:00 GMT+01:00 ", " On 1 x wrote:\n", "From: a\nTo: b\n", "\t", ": ", "*\n", "写道：\n",
]  # fmt: skip


def test_twice_as_long_takes_twice_as_long() -> None:
    """Of each seed 50 kB and 100 kB: the sum of times tells a quadratic one, whose time would be hundredfold."""

    def cpu(size: int) -> float:
        begun = time.process_time()
        for seed in HOSTILE:
            split_spans("text\n" + seed * (size // len(seed)))
        return time.process_time() - begun

    assert cpu(100_000) < 2.6 * cpu(50_000) + 0.1
