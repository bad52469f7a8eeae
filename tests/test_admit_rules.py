"""The operator's rules over header fields: five verbs, patterns, what a broken file is told; and the command that tests them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gateway.admit.chain import decide
from gateway.admit.rules import BadRules, HeaderRule, first_hit, read_rules
from gateway.cli import app
from gateway.mail.envelope import Via
from gateway.mail.forum import Purpose
from gateway.mail.verdict import Reason, Verdict
from gateway.parse.message import parse_message
from tests.test_admit import TOWN, case
from tests.test_store import mail_bytes

FILE = """
[[rule]]
verb = "allow"
header = "List-Id"
matches = "*<friends.example>"

[[rule]]
verb = "refuse"
header = "Subject"
matches = ["*casino*", "win ???? now"]
forum = "town"

[[rule]]
verb = "hold"
header = "X-Spam-Flag"
matches = "yes*"

[[rule]]
verb = "discard"
header = "x-spam-level"
matches = "[*][*][*]*"

[[rule]]
verb = "defer"
header = "From"
matches = "*@slow.example*"
"""
RULES = read_rules(FILE)


def hit(**fields: str) -> int:
    found = first_hit(RULES, TOWN, parse_message(mail_bytes(**{"subject": "Hello", **fields})).fields)
    return found.number if found is not None else 0


TABLE: list[tuple[dict[str, str], int]] = [
    ({}, 0),
    ({"List_Id": "Our friends <friends.example>"}, 1),
    ({"List_Id": "<friends.example>", "subject": "casino"}, 1),
    ({"subject": "Best CASINO ever"}, 2),
    ({"subject": "=?utf-8?b?QmVzdCBjYXNpbm8=?="}, 2),
    ({"subject": "Best\r\n casino"}, 2),
    ({"subject": "win 1000 now"}, 2),
    ({"subject": "win 10000 now"}, 0),
    ({"X_Spam_Flag": "YES, score=7"}, 3),
    ({"X_Spam_Flag": "No"}, 0),
    ({"X_Spam_Level": "***"}, 4),
    ({"X_Spam_Level": "**"}, 0),
    ({"From": "Ann <ann@slow.example>"}, 5),
    ({"X_Other": "casino"}, 0),
]


@pytest.mark.parametrize(("fields", "number"), TABLE)
def test_which_rule_hits(fields: dict[str, str], number: int) -> None:
    assert hit(**fields) == number


def test_a_rule_of_another_forum_does_not_hit() -> None:
    rule = HeaderRule(verb=RULES[1].verb, header="subject", matches=("*",), forum="village@gw.example")
    fields = parse_message(mail_bytes()).fields
    assert first_hit([rule], TOWN, fields) is None
    assert first_hit([rule], replace(TOWN, name="village"), fields) is not None


def decided(purpose: Purpose = Purpose.POST, via: Via = Via.SMTP, **fields: str) -> tuple[Verdict, Reason]:
    message = parse_message(mail_bytes(**{"subject": "Hello", **fields}))
    judged = replace(case(purpose=purpose, via=via), message=message)
    decision = decide(judged, RULES)
    return decision.verdict, decision.reason


def test_what_a_rule_decides() -> None:
    casino = {"subject": "casino"}
    assert decided(**casino) == (Verdict.REFUSE, Reason.RULE)
    assert decided(X_Spam_Flag="yes") == (Verdict.HOLD, Reason.RULE)
    assert decided(X_Spam_Level="****") == (Verdict.DISCARD, Reason.RULE)
    assert decided(From="a@slow.example") == (Verdict.DEFER, Reason.RULE)
    assert decided(List_Id="<friends.example>", Precedence="bulk") == (Verdict.ACCEPT, Reason.POSTED)
    assert decided(List_Id="<others.example>") == (Verdict.HOLD, Reason.OTHER_LIST)
    # Who runs the place stays reachable, loops and programs stay out, and imports take all.
    assert decided(Purpose.OWNER, **casino) == (Verdict.HOLD, Reason.FOR_OWNER)
    assert decided(Purpose.REQUEST, **casino) == (Verdict.HOLD, Reason.COMMAND)
    assert decided(Auto_Submitted="auto-replied", List_Id="<friends.example>") == (Verdict.DISCARD, Reason.AUTOMATIC)
    assert decided(via=Via.IMPORT, **casino) == (Verdict.ACCEPT, Reason.POSTED)


BROKEN = [
    ("[[rule]\n", "not TOML"),
    ("[[rules]]\n", "rules: there are only tables"),
    ("[[rule]]\nverb = 'kill'\n", "rule 1: verb: one of allow, hold, refuse, discard, defer"),
    ("[[rule]]\nverb = 'hold'\nheader = 'X-Other'\n", "rule 1: header: one of"),
    ("[[rule]]\nverb = 'hold'\nheader = 'Subject'\n", "rule 1: matches:"),
    ("[[rule]]\nverb = 'hold'\nheader = 'Subject'\nmatches = ''\n", "rule 1: matches:"),
    ("[[rule]]\nverb = 'hold'\nheader = 'Subject'\nmatches = 7\n", "rule 1: matches:"),
    ("[[rule]]\nverb = 'hold'\nheader = 'Subject'\nmatches = 'x'\nregex = 'y'\n", "rule 1: regex: there is no such key"),
    ("rule = 7\n", "there are only tables"),
    ("rule = [7]\n", "rule 1:"),
]


@pytest.mark.parametrize(("text", "why"), BROKEN)
def test_a_broken_file_is_told_where(text: str, why: str) -> None:
    with pytest.raises(BadRules, match=why.replace("[", "\\[")):
        read_rules(text)


def test_no_pattern_takes_long() -> None:
    [rule] = read_rules(f"[[rule]]\nverb = 'hold'\nheader = 'Subject'\nmatches = '{'*a' * 60}b'\n")
    assert first_hit([rule], TOWN, [(b"subject", b"a" * 998)]) is None


def test_the_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "rules.toml").write_text(FILE)
    monkeypatch.setenv("GATEWAY_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("GATEWAY_ADMIT__RULES", str(tmp_path / "rules.toml"))
    run = CliRunner()
    assert run.invoke(app, ["forum", "add", "town@gw.example"]).exit_code == 0
    assert "casino" in run.invoke(app, ["rules", "list"]).output
    told = run.invoke(app, ["rules", "test"], input=mail_bytes(subject="The casino")).output
    assert told == "rule 2: refuse, since subject matches '*casino*': The casino\n"
    assert "no rule hits, of 5" in run.invoke(app, ["rules", "test"], input=mail_bytes()).output
    assert "nothing was decided" in run.invoke(app, ["audit"]).output
    assert run.invoke(app, ["audit", "--since", "soon"]).exit_code == 2
    assert "posts go through" in run.invoke(app, ["forum", "set", "--flood", "off"]).output
    assert run.invoke(app, ["forum", "set"]).exit_code == 2
