"""gateway import, export and outbox as a user runs them."""

from __future__ import annotations

import json
from pathlib import Path

from tests.test_cli import Run, run, town  # noqa: F401 - fixtures
from tests.test_store import mail_bytes


def test_a_forum_may_leave_subjects_alone(run: Run, tmp_path: Path) -> None:  # noqa: F811
    separator = b"From a Thu Jan  1 12:30:00 2026\n"
    mails = (mail_bytes("1@x", "Soup"), mail_bytes("2@x", "Re: Soup").replace(b"11:00:00", b"11:30:00"))
    (tmp_path / "a.mbox").write_bytes(b"".join(separator + mail + b"\n" for mail in mails))
    for name, threads, options in (("town", 1, ()), ("village", 2, ("--no-subjects",))):
        run("forum", "add", f"{name}@example.org", *options)
        assert "2 posted" in run("import", "mbox", "a.mbox", "--forum", name).out
        assert len(run("thread", "list", "--json", "--forum", name).json()) == threads
        assert run("reindex", "--forum", name).out == "nothing to change\n"
    assert "does not follow subjects" in run("explain", "2@x", "--forum", "village").out


def test_an_archive_goes_out_and_comes_in(town: Run, tmp_path: Path) -> None:  # noqa: F811
    box = tmp_path / "a.mbox"
    odd = mail_bytes("3@x").replace(b"Date: Fri, 2 Jan 2026 11:00:00 +0000", b"Date: soon")
    separator = b"From a Thu Jan  1 12:30:00 2026\n"
    box.write_bytes(
        b"".join(separator + mail + b"\n" for mail in (mail_bytes("1@x"), mail_bytes("2@x", In_Reply_To="<1@x>"), odd))
    )
    said = town("import", "mbox", "a.mbox", "--report", "report.jsonl")
    assert said.out == "3 mails for town@example.org: 3 posted\n"
    assert said.err == "line 18: posted; no date that can be read\n"
    report = [json.loads(line) for line in (tmp_path / "report.jsonl").read_text().splitlines()]
    assert [(one["msgid"], one["result"]) for one in report] == [("1@x", "posted"), ("2@x", "posted"), ("3@x", "posted")]
    assert town("import", "mbox", "a.mbox", "--report", "report.jsonl").err == "gateway: report.jsonl: File exists\n"
    assert town("digest", "send").out == "nothing new in town@example.org for anybody\n"
    town("thread", "split", "2@x")
    assert "3 mails of town@example.org in out.mbox" in town("export", "mbox", "out.mbox").out
    assert "3 mails of town@example.org in out" in town("export", "maildir", "out").out
    assert town("export", "mbox", "out.mbox").err == "gateway: out.mbox.jsonl: is there already\n"
    before = town("thread", "list", "--json").json()
    for kind, path in (("mbox", "out.mbox"), ("maildir", "out")):
        town("forum", "add", f"{kind}@example.org", "--title", "Again")
        assert "3 posted" in town("import", kind, path, "--forum", kind).out
        assert town("thread", "list", "--json", "--forum", kind).json() == before


def test_letters_of_the_outbox(town: Run) -> None:  # noqa: F811
    town("member", "add", "ann@example.org", "--handle", "Ann")
    town("import", "seed")
    town("digest", "send")
    [letter] = town("outbox", "list", "--json").json()
    assert (letter["state"], letter["recipient"], letter["attempts"]) == ("sent", "ann@example.org", 1)
    assert town("outbox", "list", "--state", "ready").out == "no letters of town@example.org here\n"
    assert town("outbox", "show", letter["letter"], "--json").json()["subject"] == letter["subject"]
    said = town("outbox", "retry", letter["letter"])
    assert said.err == f"gateway: letter {letter['letter']} is sent, or is being carried at the moment: nothing was changed\n"
    assert town("outbox", "drop", "00000000").code == 1
    assert town("outbox", "list", "--state", "lost").code == 2


def test_what_was_removed_and_edited_stays_so_in_an_archive(town: Run, tmp_path: Path) -> None:  # noqa: F811
    separator = b"From a Thu Jan  1 12:30:00 2026\n"
    mails = (
        mail_bytes("1@x", "Soup"),
        mail_bytes("2@x", "Salt", In_Reply_To="<1@x>"),
        mail_bytes("3@x", "Pepper", In_Reply_To="<1@x>"),
    )
    (tmp_path / "a.mbox").write_bytes(b"".join(separator + mail + b"\n" for mail in mails))
    (tmp_path / "text").write_text("Less of it.\n")
    town("import", "mbox", "a.mbox")
    removed = town("post", "remove", "2@x")
    assert removed.out.endswith("removed\n")
    assert town("post", "remove", "2@x").err == "gateway: that post is removed already\n"
    assert town("post", "edit", "3@x", "text").out.endswith("edited\n")
    assert town("post", "edit", "9@x", "text").code == 1
    shown = town("thread", "show", "1@x").out
    assert "1 a comment that was removed" in shown
    assert "Less of it." in shown
    assert "Salt" not in shown
    town("export", "mbox", "out.mbox")
    town("forum", "add", "again@example.org")
    town("import", "mbox", "out.mbox", "--forum", "again")
    assert town("thread", "show", "1@x", "--forum", "again").out == shown
    assert town("reindex", "--forum", "again").out == "nothing to change\n"
    town("post", "restore", "2@x", "--forum", "again")
    assert "Salt" in town("thread", "show", "1@x", "--forum", "again").out
