"""Anonymous Coward, the pure part: marks, tags, ids, and what is taken out of a text."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from gateway.mail.address import Address
from gateway.mail.message import Span, SpanKind
from gateway.people.anonymity import BATCH, LOOK, blind_msgid, blind_start, blind_tag, end_of_month, month_of, publish_time
from gateway.people.traces import scrub, traces_of, without_traces

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
FORUM, OTHER, ANN, BOB = (UUID(int=number) for number in range(1, 5))
TRACES = traces_of(["Ann Example", "wombat77"], [Address("ann.x", "example.org"), Address("me", "home.example")])
TOKEN = "abcdefghijklmnopqrstuvwxyz234567abcde"


@pytest.mark.parametrize("minute", range(60))
def test_shown_at_a_quarter_five_minutes_later_at_least(minute: int) -> None:
    now = NOON + timedelta(minutes=minute, seconds=17)
    at = publish_time(now)
    assert (at.minute % 15, at.second, at.microsecond) == (0, 0, 0)
    assert LOOK <= at - now <= LOOK + BATCH


def test_the_time_to_edit_is_waited_for() -> None:
    assert publish_time(NOON, 60) == NOON + timedelta(hours=1)
    assert publish_time(NOON + timedelta(seconds=1), 60) == NOON + timedelta(minutes=75)


def test_a_tag_is_of_one_author_in_one_forum_and_month() -> None:
    tags = {blind_tag(key, forum, member) for key in (b"k" * 32, b"j" * 32) for forum in (FORUM, OTHER) for member in (ANN, BOB)}
    assert len(tags) == 8
    assert blind_tag(b"k" * 32, FORUM, ANN) in tags


def test_ids_are_the_same_again_and_tell_nothing() -> None:
    one = blind_msgid(b"k" * 32, "1@laptop.ann.example", b"h" * 32, "gw.example")
    assert one == blind_msgid(b"k" * 32, "1@laptop.ann.example", b"h" * 32, "gw.example")
    assert one.startswith(blind_start(b"k" * 32, "1@laptop.ann.example"))
    assert one != blind_msgid(b"k" * 32, "1@laptop.ann.example", b"i" * 32, "gw.example")
    assert "ann" not in one.replace("anonymous", "")


def test_months() -> None:
    assert (month_of(NOON), end_of_month(NOON)) == ("2026-01", datetime(2026, 2, 1, tzinfo=UTC))
    assert end_of_month(datetime(2026, 12, 31, 23, 59, tzinfo=UTC)) == datetime(2027, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("I am Ann Example, write to ann.x@example.org.", "I am [name], write to [address]."),
        ("ANN.X+list@EXAMPLE.org and ann.x at example dot org", "[address] and [address]"),
        ("ann.x [at] example [dot] org", "[address]"),
        ("me@home.example, not me", "[address], not me"),
        ("Ann\nExample ann example", "[name] [name]"),
        ("Example: an annual announcement, Anna", "[name]: an annual announcement, Anna"),
        ("for example", "for example"),
        ("Wombat77 wombat77s", "[name] wombat77s"),
        (f"https://gw.example/leave/town/{TOKEN} here", "[address] here"),
        (f"town+c-{TOKEN}@gw.example", "[address]"),
    ],
)
def test_traces_go_out_of_a_text(text: str, left: str) -> None:
    assert without_traces(text, TRACES) == left


def test_names_in_scripts_without_blanks() -> None:
    assert without_traces("我是王小明。", traces_of(["王小明"], [])) == "我是[name]。"


def test_nobody_known_changes_nothing() -> None:
    assert without_traces("Ann Example", traces_of([""], [])) == "Ann Example"


SPANS = (
    Span(SpanKind.TEXT, "Hello"),
    Span(SpanKind.ATTRIBUTION, "Am Fr., 2. Jan. 2026 um 13:00 +0100 schrieb Bob <bob@x.example>:"),
    Span(SpanKind.QUOTE, "Ann Example said so to bob@x.example", 1),
    Span(SpanKind.TEXT, "No, Ann never did.\n\n\n\n\ncheers,\nann"),
    Span(SpanKind.SIGNATURE, "-- \nAnn"),
    Span(SpanKind.CLIENT_FOOTER, "Sent from my phone"),
    Span(SpanKind.LIST_FOOTER, "list of Ann"),
)


def test_a_quote_of_a_post_keeps_names_and_no_address() -> None:
    kept = scrub(SPANS, TRACES, quotes_a_post=True)
    assert kept == "Hello\n> Ann Example said so to [address]\nNo, [name] never did.\n\n\ncheers,\n[name]"


def test_a_quote_of_anything_else_keeps_neither() -> None:
    assert "> [name] said so to [address]" in scrub(SPANS, TRACES, quotes_a_post=False)


def test_a_forwarded_mail_loses_its_head() -> None:
    head = "-------- Weitergeleitete Nachricht --------\nVon: Bob <bob@x.example>\nAn: Ann Example <ann.x@example.org>\n"
    text = f"{head}Datum: 2. Januar 2026\nBetreff: News\n\nDear Ann, call eve@x.example"
    kept = scrub([Span(SpanKind.FORWARD, text)], TRACES, quotes_a_post=True)
    assert kept == "---------- Forwarded message ----------\n\nDear [name], call [address]"
