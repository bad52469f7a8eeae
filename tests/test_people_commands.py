"""The grammar of commands: what is one, what is none, and where something was not understood."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.mail.message import Span, SpanKind
from gateway.people.commands import COMMANDS_MAX, read_request
from gateway.people.request import Command, Misread, Request, Trouble
from gateway.people.vocabulary import USAGE, WORDS, Order

K = SpanKind
M = "k3f9x2ma"


def text(body: str) -> list[Span]:
    return [Span(K.TEXT, body)] if body else []


def read(subject: str = "", body: str = "", *, is_reply: bool = False, in_issue: bool = False) -> Request:
    return read_request(subject, text(body), is_reply=is_reply, in_issue=in_issue)


ONE: list[tuple[str, Order, str, tuple[str, ...], str]] = [
    ("help", Order.HELP, "", (), ""),
    ("HELP!", Order.HELP, "", (), ""),
    ("?", Order.HELP, "", (), ""),
    ("help me please, I am lost", Order.HELP, "", (), ""),
    ("leave", Order.LEAVE, "", (), ""),
    ("Unsubscribe me please", Order.LEAVE, "", (), ""),
    ("abmelden", Order.LEAVE, "", (), ""),
    ("Désabonner", Order.LEAVE, "", (), ""),
    ("join", Order.JOIN, "", (), ""),
    ("subscribe digest=weekly day=fri", Order.JOIN, "", ("digest=weekly", "day=fri"), ""),
    ("join daily", Order.JOIN, "", ("digest=daily",), ""),
    ("confirm " + "a" * 37, Order.CONFIRM, "", ("a" * 37,), ""),
    ("set", Order.SET, "", (), ""),
    ("set digest=off", Order.SET, "", ("digest=off",), ""),
    ("set digest weekly", Order.SET, "", ("digest=weekly",), ""),
    ("set hour: 7:30", Order.SET, "", ("hour=7:30",), ""),
    ("set Digest = Daily", Order.SET, "", ("digest=Daily",), ""),
    ("einstellen sprache=de", Order.SET, "", ("language=de",), ""),
    ("set receipts=on cases=daily", Order.SET, "", ("receipts=on", "cases=daily"), ""),
    ("pause 2026-12-24", Order.PAUSE, "", ("2026-12-24",), ""),
    ("pause until 2026-12-24.", Order.PAUSE, "", ("2026-12-24",), ""),
    ("pause 2 weeks", Order.PAUSE, "", ("+14",), ""),
    ("Pause für 10 Tage", Order.PAUSE, "", ("+10",), ""),
    ("pause 3 jours", Order.PAUSE, "", ("+3",), ""),
    ("resume", Order.RESUME, "", (), ""),
    (f"get {M}", Order.GET, M, (), ""),
    ("get [#K3F9X2MA]", Order.GET, M, (), ""),
    ("get #k3f9x2mo", Order.GET, "k3f9x2m0", (), ""),
    (f"get thread {M}", Order.THREAD, M, (), ""),
    (f"thread {M}", Order.THREAD, M, (), ""),
    ("get since 2026-01-02", Order.SINCE, "", ("2026-01-02",), ""),
    (f"vote +1 {M}", Order.VOTE, M, ("+1",), ""),
    (f"vote {M} down", Order.VOTE, M, ("-1",), ""),
    (f"+1 {M}", Order.VOTE, M, ("+1",), ""),
    (f"report {M} is spam", Order.REPORT, M, (), "is spam"),
    ("rules", Order.RULES, "", (), ""),
    ("Regeln", Order.RULES, "", (), ""),
    (f"follow {M}", Order.FOLLOW, M, (), ""),
    (f"mute {M}", Order.MUTE, M, (), ""),
    (f"unmute {M}", Order.UNFOLLOW, M, (), ""),
    (f"withdraw {M}", Order.WITHDRAW, M, (), ""),
    ("my posts", Order.POSTS, "", (), ""),
    ("meine Beiträge", Order.POSTS, "", (), ""),
    ("handle Ann of York", Order.HANDLE, "", (), "Ann of York"),
    ('handle "李雷"', Order.HANDLE, "", (), "李雷"),
    ("forget me", Order.FORGET, "", (), ""),
    ("export me", Order.EXPORT, "", (), ""),
    (f"move {M} k3f9x2mb", Order.MOVE, M, ("k3f9x2mb",), ""),
]


@pytest.mark.parametrize(("line", "order", "target", "words", "more"), ONE, ids=[one[0] for one in ONE])
def test_a_command_in_subject_or_body(line: str, order: Order, target: str, words: tuple[str, ...], more: str) -> None:
    expected = Command(order=order, target=target, words=words, text=more)
    assert read(line).commands == (expected,)
    assert read("a question", line) == Request((Command(order=order, place=1, target=target, words=words, text=more),))
    assert read(line, is_reply=True).commands == (expected,)


WRONG: list[tuple[str, Trouble, Order | None, str]] = [
    ("frobnicate", Trouble.UNKNOWN, None, ""),
    ("hlep", Trouble.NEAR, Order.HELP, ""),
    ("unsubscibe", Trouble.NEAR, Order.LEAVE, ""),
    ("forgt me", Trouble.NEAR, Order.FORGET, ""),
    ("get", Trouble.MISSING, Order.GET, ""),
    ("get it", Trouble.NO_MARKER, Order.GET, ""),
    ("get 3.1.2", Trouble.NUMBER, Order.GET, ""),
    (f"get {M} {M}", Trouble.EXTRA, Order.GET, ""),
    ("leave town@example.org ann@example.org", Trouble.EXTRA, Order.LEAVE, ""),
    ("set digest=daily digest=off", Trouble.TWICE, Order.SET, "digest"),
    ("set digest=sometimes", Trouble.NO_VALUE, Order.SET, "digest"),
    ("set hour=25", Trouble.NO_VALUE, Order.SET, "hour"),
    ("set zone=../../etc/passwd", Trouble.NO_VALUE, Order.SET, "zone"),
    ("set role=owner", Trouble.NO_KEY, Order.SET, ""),
    ("set badge=gold standing=trusted", Trouble.NO_KEY, Order.SET, ""),
    ("set bounces=0", Trouble.NO_KEY, Order.SET, ""),
    ("pause", Trouble.MISSING, Order.PAUSE, ""),
    ("pause tomorrow", Trouble.NO_DATE, Order.PAUSE, ""),
    ("pause 2026-02-30", Trouble.NO_DATE, Order.PAUSE, ""),
    ("pause 999 weeks", Trouble.NO_DATE, Order.PAUSE, ""),
    ("since yesterday", Trouble.NO_DATE, Order.SINCE, ""),
    ("vote +1", Trouble.MISSING, Order.VOTE, ""),
    (f"vote +2 {M}", Trouble.MISSING, Order.VOTE, ""),
    (f"report {M}", Trouble.MISSING, Order.REPORT, ""),
    ("handle", Trouble.MISSING, Order.HANDLE, ""),
    ("confirm letmein", Trouble.EXTRA, Order.CONFIRM, ""),
    ("'; DROP TABLE member; --", Trouble.UNKNOWN, None, ""),
    ("{{ 7*7 }}", Trouble.UNKNOWN, None, ""),
    ("помощь", Trouble.UNKNOWN, None, ""),
]


@pytest.mark.parametrize(("line", "trouble", "order", "key"), WRONG, ids=[one[0] for one in WRONG])
def test_what_is_no_command_is_told_by_its_place(line: str, trouble: Trouble, order: Order | None, key: str) -> None:
    assert read(line) == Request((), (Misread(0, trouble, order, key),))
    assert read("", "\n" + line).misread[:1] == (Misread(2, trouble, order, key),)
    assert read("", line).commands == ()


def test_the_first_line_that_is_no_command_ends_them() -> None:
    found = read("", "status\n\nset hour=9\nThank you, and all the best\nleave\n")
    assert [one.order for one in found.commands] == [Order.STATUS, Order.SET]
    assert found.misread == ()


def test_a_known_command_with_a_wrong_argument_does_not_end_them() -> None:
    found = read("", "pause tomorrow\nstatus\nstatsu\nresume")
    assert [one.order for one in found.commands] == [Order.STATUS, Order.RESUME]
    assert [(one.place, one.trouble) for one in found.misread] == [(1, Trouble.NO_DATE), (3, Trouble.NEAR)]
    assert [one.order for one in read("", "status\nend\nleave").commands] == [Order.STATUS]


def test_a_reply_prefix_makes_a_subject_no_command_unless_one_follows() -> None:
    assert read("Your letter of today", "status", is_reply=True) == read("", "status")
    assert read("Your letter", is_reply=True).is_empty
    assert read("leave", is_reply=True).commands[0].order is Order.LEAVE


@pytest.mark.parametrize("kind", [K.QUOTE, K.FORWARD, K.SIGNATURE, K.CLIENT_FOOTER, K.LIST_FOOTER, K.ATTRIBUTION])
def test_a_command_in_somebody_elses_words_does_nothing(kind: SpanKind) -> None:
    assert read_request("Re", [Span(kind, "leave")], is_reply=True).is_empty
    below = read_request("Re", [Span(K.TEXT, "status"), Span(kind, "leave")], is_reply=True)
    assert [one.order for one in below.commands] == [Order.STATUS]


def test_a_command_below_a_quote_and_none_below_a_forward() -> None:
    quote = [Span(K.ATTRIBUTION, "Town wrote:"), Span(K.QUOTE, "leave", 1), Span(K.TEXT, "status")]
    assert [one.order for one in read_request("x", quote, is_reply=True).commands] == [Order.STATUS]
    assert read_request("x", [Span(K.FORWARD, "leave"), Span(K.TEXT, "leave")], is_reply=True).is_empty


def test_edit_takes_the_rest_of_ones_own_words() -> None:
    spans = [Span(K.TEXT, f"edit {M}\nNew text\n\nset digest=off"), Span(K.QUOTE, "old", 1), Span(K.TEXT, "End.")]
    [command] = read_request("", [*spans, Span(K.SIGNATURE, "Ann")], is_reply=False).commands
    assert command.text == "New text\n\nset digest=off\n\nEnd."
    assert read(f"edit {M}", "New text").commands[0].text == "New text"


CONTRADICTIONS = [
    "set digest=daily\nset digest=off",
    "pause 2 weeks\nresume",
    "join\nleave",
    f"follow {M}\nmute {M}",
    f"+1 {M}\n-1 {M}",
    f"withdraw {M}\nedit {M}\nnew",
    "set pause=off\npause 3 days",
]


@pytest.mark.parametrize("body", CONTRADICTIONS)
def test_of_two_that_contradict_each_other_neither_is_done(body: str) -> None:
    found = read("", body)
    assert found.commands == ()
    assert [one.trouble for one in found.misread] == [Trouble.TWICE, Trouble.TWICE]
    assert read("status", body).commands == read("status").commands


def test_a_number_stands_for_a_comment_in_an_answer_to_an_issue_only() -> None:
    assert read("get 3.1.2", in_issue=True).commands[0].target == "3.1.2"
    assert read("get 3.1.2", in_issue=True).commands[0].has_number
    assert read("get 12", in_issue=True).commands[0].has_number
    assert not read("get 12345678", in_issue=True).commands[0].has_number


def test_no_more_than_so_many() -> None:
    found = read(body="\n".join(f"handle name{number}" for number in range(COMMANDS_MAX + 1)))
    assert len(found.commands) == COMMANDS_MAX
    assert [one.trouble for one in found.misread] == [Trouble.TOO_MANY]


def test_what_is_said_twice_is_meant_once() -> None:
    assert [one.order for one in read("status", "status\nrules\nstatus").commands] == [Order.STATUS, Order.RULES]
    [join] = read("join", "join digest=hourly").commands
    assert join.words == ("digest=hourly",)
    assert not read("vote +1 k3f9x2ma", "vote -1 k3f9x2ma").commands


def test_every_order_has_a_spelling_and_a_usage() -> None:
    assert set(WORDS.values()) == set(Order) == set(USAGE)
    for order in Order:
        line = USAGE[order].replace("#MARKER", M).replace("REASON", "spam").replace("NAME", "Ann").replace("TOKEN", "a" * 37)
        assert read(line).commands[0].order is order


WORD = st.sampled_from(
    [*WORDS, *"=:+-#[]?.>\n\t ", M, "3.1.2", "digest=daily", "pause", "2", "weeks", "\x00", "\u202e", "é" * 40]
)


@given(st.lists(WORD | st.text(max_size=8), max_size=60), st.text(max_size=80), st.booleans(), st.booleans())
def test_no_text_makes_it_raise(words: list[str], subject: str, is_reply: bool, in_issue: bool) -> None:
    body = " ".join(words)
    for kind in SpanKind:
        read_request(subject, [Span(kind, body), *text(body)], is_reply=is_reply, in_issue=in_issue)
    found = read(body[:200], body, is_reply=is_reply, in_issue=in_issue)
    assert len(found.commands) <= COMMANDS_MAX + 1


@pytest.mark.parametrize(
    "unit", ["status\n", "set digest=", "[", "(" * 5 + " ", "a=b ", "> ", "x" * 50, "\n", "pause 1 ", "= ", "é"]
)
def test_time_is_in_proportion_to_the_text(unit: str) -> None:
    def seconds(size: int) -> float:
        body = unit * (size // len(unit))
        started = time.process_time()
        read(body, body)
        return time.process_time() - started

    # A bound far above what is needed, and far below what anything that is not linear would take.
    assert min(seconds(2_000_000) for _ in range(3)) < 1.0
