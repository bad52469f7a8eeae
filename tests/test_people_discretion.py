"""Addresses in what people quote: cut to the name wherever a mail program wrote them, and kept where an author meant them."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.mail.message import Span, SpanKind
from gateway.parse.spans import split_spans
from gateway.people.discretion import without_addresses

K = SpanKind

ATTRIBUTIONS = [
    ("On Mon, 2 Mar 2026, Ann <ann@x.example> wrote:", "On Mon, 2 Mar 2026, Ann wrote:"),
    ('On Mon, 2 Mar 2026, "Ann B." <ann@x.example> wrote:', 'On Mon, 2 Mar 2026, "Ann B." wrote:'),
    ("On Mon, 2 Mar 2026, Ann B. <ann@x.example> wrote:", "On Mon, 2 Mar 2026, Ann B. wrote:"),
    ("ann@x.example wrote:", "ann wrote:"),
    ("<ann@x.example> wrote:", "ann wrote:"),
    ("On Mon, <ann@x.example> wrote:", "On Mon, ann wrote:"),
    ("Ann (ann@x.example) wrote:", "Ann wrote:"),
    ("Ann [mailto:ann@x.example] wrote:", "Ann wrote:"),
    ("Ann <mailto:ann@x.example> wrote:", "Ann wrote:"),
    ("Ann <ann@x.example<mailto:ann@x.example>> wrote:", "Ann wrote:"),
    ("Am 02.03.2026 schrieb Ann\n<ann@x.example>:", "Am 02.03.2026 schrieb Ann:"),
    ("Ann <ann@x.exam\nple> wrote:", "Ann wrote:"),
    ("On 2 Mar 2026, ann at x.example wrote:", "On 2 Mar 2026, ann wrote:"),
    ("Ann <ann＠x.example> wrote:", "Ann wrote:"),
    ("李雷 <lei@x.example> 写道：", "李雷 写道："),
    ("* Ann <ann@x.example> [2026-03-02 10:00]:", "* Ann [2026-03-02 10:00]:"),
    ("On Mon at 10:00, Ann wrote:", "On Mon at 10:00, Ann wrote:"),
]


@pytest.mark.parametrize(("line", "shown"), ATTRIBUTIONS, ids=[ascii(line) for line, _ in ATTRIBUTIONS])
def test_an_attribution_is_cut_to_the_name(line: str, shown: str) -> None:
    assert without_addresses([Span(K.ATTRIBUTION, line)])[0].text == shown
    within = without_addresses([Span(K.QUOTE, f"Older.\n{line}\n\nMore.", 1)])[0].text
    assert "x.example" not in within
    assert within.startswith("Older.\n")
    assert within.endswith("\nMore.")


HEADERS = """From: Ann <ann@x.example>
Sent: Monday, 2 March 2026 10:00
To: bob@y.example; Hanna <hanna@z.example>
Cc: "Team" <team@x.example>
Subject: Wombats

They dig."""
SHOWN = """From: Ann
Sent: Monday, 2 March 2026 10:00
To: bob; Hanna
Cc: "Team"
Subject: Wombats

They dig."""


@pytest.mark.parametrize("kind", [K.QUOTE, K.FORWARD, K.TEXT, K.ATTRIBUTION])
def test_a_header_block_is_cut_to_names_wherever_it_stands(kind: SpanKind) -> None:
    assert without_addresses([Span(kind, f"Look:\n\n{HEADERS}")])[0].text == f"Look:\n\n{SHOWN}"


def test_what_an_author_writes_stays_and_what_others_quote_of_it_is_cut_in_brackets() -> None:
    text = "Mail me at ann@x.example, or Ann <ann@y.example>. I am at home."
    assert without_addresses([Span(K.TEXT, text)])[0].text == text
    assert without_addresses([Span(K.QUOTE, text, 1)])[0].text == "Mail me at ann@x.example, or Ann. I am at home."
    assert without_addresses([Span(K.FORWARD, "Visit https://x.example/@ann")])[0].text == "Visit https://x.example/@ann"


def test_whole_mails_of_programs() -> None:
    bodies = [
        "Yes.\n\nOn Mon, 2 Mar 2026 at 10:00, Ann <ann@x.example> wrote:\n> Bob <bob@y.example> wrote:\n>> Dig.\n> No.",
        "Yes.\n\n----Original Message----\nFrom: Ann [mailto:ann@x.example]\nSent: Mon\nTo: B <b@y.example>\nSubject: W\n\nNo.",
        "Le lun. 2 mars 2026 à 10:00, Ann <ann@x.example> a\nécrit :\n\n> Non.\n\nSi.",
        "------- Forwarded message ------\nFrom: Ann <ann@x.example>\nDate: 2 Mar 2026\nSubject: W\nTo: <bob@y.example>\n\nNo.",
        "Ann schrieb am 02.03.2026 um 10:00:\n> Von: Bob <bob@y.example>\n> An: Ann <ann@x.example>\n> Betreff: W\n>\n> Nein",
    ]
    for body in bodies:
        shown = "\n".join(span.text for span in without_addresses(split_spans(body)))
        assert "example" not in shown, body
        assert "Ann" in shown


@given(st.text(alphabet="ab@<>()[]:\n ,.;\uff20mailto", max_size=300))
def test_no_text_makes_it_raise_or_longer(text: str) -> None:
    for kind in SpanKind:
        [span] = without_addresses([Span(kind, text)])
        assert len(span.text) <= len(text)


@pytest.mark.parametrize(
    "unit",
    [
        "<a@",
        "a@b ",
        "<" * 9,
        "From: <a@b>\n",
        " at ",
        "(at) a ",
        "a.",
        "[mailto:",
        "x:\n",
        "<a@b wrote:\n",
        " <",
        "-c-",
        "+c+a\n> ",
        "+c-" + "a" * 36 + "\n",
    ],
)
def test_time_is_in_proportion_to_the_text(unit: str) -> None:
    def seconds(size: int) -> float:
        span = Span(K.QUOTE, "@" + unit * (size // len(unit)), 1)
        started = time.process_time()
        without_addresses([span, Span(K.ATTRIBUTION, span.text)])
        return time.process_time() - started

    assert min(seconds(200_000) for _ in range(2)) < 3.0


TOKEN = "caanem6scvdqrdfyhufwpstylaalv6mdx3xsi"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"+1 · Web <https://forum.example.org/entry/town.example.org/{TOKEN}>", "+1 · Web"),
        (f"Leave <https://forum.example.org/leave/town.example.org/{TOKEN}> now", "Leave now"),
        (f"see https://forum.example.org/entry/town.example.org/{TOKEN.upper()}.", "see."),
        (f"Web <https://a.example/entry/town/{TOKEN[:9]}\n> {TOKEN[9:]}>", "Web"),
        (f"Answer 3.1 <town%2Bc-{TOKEN}@forum.example.org> · +1", "Answer 3.1 · +1"),
        (f"Answer 3.1<mailto:town%2Bc-{TOKEN}@forum.example.org?In-Reply-To=%3C1%40x%3E&Subject=Re%3A>", "Answer 3.1"),
        (f"to town-c+{TOKEN}@forum.example.org.", "to."),
        (f"town+d+{TOKEN.upper()}@forum.example.org", ""),
        (f"Report (mailto:town%2Breport-{TOKEN}@forum.example.org)", "Report ()"),
        (f"> town+c-{TOKEN[:9]}\n> {TOKEN[9:]}@forum.example.org wrote", "> wrote"),
        (f"https://a.example/entry/town/{TOKEN}a", f"https://a.example/entry/town/{TOKEN}a"),
        ("https://a.example/entry/town/short", "https://a.example/entry/town/short"),
        ("https://a.example/leave/2021/caanem6s", "https://a.example/leave/2021/caanem6s"),
    ],
)
@pytest.mark.parametrize("kind", [K.TEXT, K.QUOTE, K.FORWARD, K.ATTRIBUTION])
def test_nobody_shows_a_token(kind: K, text: str, shown: str) -> None:
    assert without_addresses([Span(kind, text, int(kind is K.QUOTE))])[0].text == shown
