"""Who may do what: options of `gateway forum`, ranks of members, passwords."""

from __future__ import annotations

from pathlib import Path

from tests.test_cli import Run, run, town  # noqa: F401 - fixtures


def test_a_new_forum_wants_proof_unless_it_is_said(run: Run) -> None:  # noqa: F811
    run("forum", "add", "town@example.org", "--title", "Town talk")
    [listed] = run("forum", "list", "--json").json()
    assert listed == {
        "address": "town@example.org",
        "title": "Town talk",
        "mirrors": [],
        "owners": [],
        "posting": "proved",
        "start": "anyone",
        "comment": "anyone",
        "vote": "members",
        "read": "anyone",
        "newcomers": 5,
        "edit_minutes": 5,
        "lock_days": 0,
        "house_rules": "",
    }
    said = run("forum", "add", "hall@example.org", "--posting", "open")
    assert said.out == "forum hall@example.org made: mail from anybody is posted\n"
    [hall] = run("forum", "show", "--forum", "hall", "--json").json()
    assert (hall["posting"], hall["newcomers"], hall["edit_minutes"]) == ("open", 0, 0)


def test_what_is_allowed_in_a_forum_changes(town: Run, tmp_path: Path) -> None:  # noqa: F811
    rules = tmp_path / "rules.txt"
    rules.write_text("Be kind.\n", encoding="utf-8")
    words = ("--posting", "members", "--start", "editors", "--comment", "members", "--vote", "owners", "--read", "members")
    numbers = ("--newcomers", "2", "--edit-minutes", "0", "--lock-days", "30")
    said = town("forum", "set", *words, *numbers, "--house-rules", str(rules))
    assert said.out.endswith(
        "posting members: mail is posted that has a member's address in From; anybody can forge that\n"
        "may start threads: editors; comment: members; vote: owners; read: members\n"
        "held of a new member: 2 posts; may be edited for: 0 minutes\nlocked after: 30 days\n\nBe kind.\n"
    )
    assert town("forum", "show").out == said.out
    assert town("forum", "set", "--lock-days", "0").out == said.out.replace("locked after: 30 days", "never locked by age")
    [listed] = town("forum", "list", "--json").json()
    assert (listed["start"], listed["newcomers"], listed["house_rules"]) == ("editors", 2, "Be kind.")
    rules.write_bytes(b"\xff")
    for words, reason in (
        ((), "nothing to change: gateway forum set --help"),
        (("--flood", "on"), "--flood 'on' is not off"),
        (("--posting", "closed"), "--posting 'closed' is none of open, members, proved"),
        (("--read", "nobody"), "--read 'nobody' is none of anyone, members, editors, owners"),
        (("--house-rules", str(rules)), f"{rules}: not a text in UTF-8"),
    ):
        said = town("forum", "set", *words)
        assert (said.code, said.err) == (2, f"gateway: {reason}\n")


def test_roles_standings_and_passwords(town: Run, tmp_path: Path) -> None:  # noqa: F811
    assert town("member", "add", "ann@example.org").code == 0
    assert town("member", "add", "bob@example.org", "--new").code == 0
    file = tmp_path / "members.csv"
    file.write_text("address\ncleo@example.org\n", encoding="utf-8")
    assert town("member", "import", str(file)).code == 0
    file.write_text("address\ndave@example.org\n", encoding="utf-8")
    assert town("member", "import", str(file), "--new").code == 0
    found = {row["address"].partition("@")[0]: row for row in town("member", "list", "--json").json()}
    assert {name: row["standing"] for name, row in found.items()} == {
        "ann": "trusted",
        "bob": "new",
        "cleo": "trusted",
        "dave": "new",
    }
    assert {row["role"] for row in found.values()} == {"member"}
    said = town("member", "set", "ann@example.org", "role=Moderator", "standing=probation", "hour=8")
    assert said.out == "ann@example.org: daily digest at 08:00 UTC, html, en, moderator, probation\n"
    for word, reason in (("role=king", "role 'king' is none of member"), ("standing=lying", "standing 'lying' is none of new")):
        said = town("member", "set", "ann@example.org", word)
        assert said.code == 2
        assert reason in said.err
    first, second = (town("member", "password", "Ann@example.org").out for _ in range(2))
    assert first != second
    assert (len(first), first.count("-")) == (30, 4)
    said = town("member", "password", "eve@example.org")
    assert (said.code, said.err) == (1, "gateway: eve@example.org is no member of any forum\n")
