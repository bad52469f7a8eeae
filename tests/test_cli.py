"""The command line: what each command does, says and returns; wrong input is one clear line and no traceback."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import structlog
import typer.main

import gateway.cli
from gateway.cli import app, main
from gateway.house import House
from gateway.settings import BadSettings, Settings
from tests.test_store import mail_bytes


@dataclass
class Said:
    code: int
    out: str
    err: str

    def json(self) -> Any:
        return json.loads(self.out)


Run = Callable[..., Said]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Run]:
    """The program, in an empty folder; a traceback fails the test."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GATEWAY_CONFIG", raising=False)

    def call(*arguments: str) -> Said:
        monkeypatch.setattr(sys, "argv", ["gateway", *map(str, arguments)])
        code = 0
        try:
            main()
        except SystemExit as end:
            code = int(end.code or 0)
        said = capsys.readouterr()
        assert "Traceback" not in said.err
        return Said(code, said.out, said.err)

    yield call
    structlog.reset_defaults()


@pytest.fixture
def town(run: Run) -> Run:
    assert run("forum", "add", "town@example.org", "--title", "Town talk").code == 0
    return run


def commands(group: Any = None, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    group = group or typer.main.get_command(app)
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name)


@pytest.mark.parametrize("command", list(commands()), ids=" ".join)
def test_every_command_has_help_with_an_example(run: Run, command: tuple[str, ...]) -> None:
    said = run(*command, "--help")
    assert said.code == 0
    assert "Example:" in said.out
    assert f"gateway {' '.join(command)}" in said.out.partition("Example:")[2].replace("--config /etc/gateway.toml ", "")


def test_the_commands_are_those_of_the_design() -> None:
    assert {" ".join(command) for command in commands()} >= {
        *("serve", "demo", "reindex", "config check", "forum add", "forum list", "member add", "member list", "member import"),
        *("thread list", "thread show", "held list", "held show", "held release", "held discard"),
        *("digest preview", "digest send", "import mbox", "import maildir", "import seed"),
    }


def test_forums(run: Run) -> None:
    assert "no forum yet" in run("forum", "list").out
    assert run("forum", "list", "--json").json() == []
    said = run("forum", "add", "Town@Example.org", "--title", "Town talk", "--mirror", "<Dev.lists.example>")
    assert said.code == 0
    assert said.out == (
        "forum town@example.org made: mail of members is posted when they prove that it is theirs; other mail is held\n"
        "add members: gateway member add ADDRESS --forum town, or gateway member import FILE --forum town\n"
    )
    [town] = run("forum", "list", "--json").json()
    assert (town["address"], town["title"], town["mirrors"]) == ("town@example.org", "Town talk", ["dev.lists.example"])
    assert "town@example.org" in run("forum", "list").out


def test_members(town: Run) -> None:
    assert "no member yet" in town("member", "list").out
    assert town("member", "add", "ann@example.org", "--handle", "Ann", "--zone", "Europe/Paris", "--hour", "6").code == 0
    assert town("member", "add", "bob@example.org", "--no-digest", "--badge", "Gold badge").code == 0
    ann, bob = town("member", "list", "--json").json()
    assert ann == {
        "address": "ann@example.org",
        "handle": "Ann",
        "badge": "",
        "role": "member",
        "standing": "trusted",
        "zone": "Europe/Paris",
        "hour": "06:00",
        "form": "html",
        "digest": "daily",
        "paused_until": "",
        "bounces": "",
        "bounce_score": 0.0,
        "paused_by_bounces_at": None,
    }
    assert (bob["handle"], bob["badge"], bob["digest"]) == ("bob", "Gold badge", "off")


def test_members_from_a_file(town: Run, tmp_path: Path) -> None:
    file = tmp_path / "members.csv"
    file.write_text(
        "\ufeffaddress,handle,hour,digest\nann@example.org,Ann,8,no\nbob@example.org,,,\nANN@example.org,x,,\n", encoding="utf-8"
    )
    said = town("member", "import", str(file))
    assert (said.code, said.out) == (0, "2 added to town@example.org, 1 there already: ANN@example.org\n")
    found = {row["address"]: row for row in town("member", "list", "--json").json()}
    assert (found["ann@example.org"]["hour"], found["ann@example.org"]["digest"]) == ("08:00", "off")
    assert (found["bob@example.org"]["hour"], found["bob@example.org"]["handle"]) == ("07:00", "bob")


BAD_MEMBERS = [
    (b"name\nx\n", ":1: the first line must name columns"),
    (b"", ":1: the first line must name columns"),
    (b"address\nann@example.org\nnobody\n", ":3: 'nobody' is not an address"),
    (b"address,zone\nann@example.org,Mars/Base\n", ":2: 'Mars/Base' is not a time zone"),
    (b"address,hour\nann@example.org,x\n", ":2: hour 'x' is not a number"),
    (b"address,hour\nann@example.org,24\n", ":2: hour 24 is not within 0 to 23"),
    (b"address,form\nann@example.org,braille\n", ":2: form 'braille' is none of html, plain"),
    (b"address,handle\nann@example.org,a@b\n", ":2: the handle 'a@b' holds"),
    (b"address\n\xff\xfe\n", ": not a CSV file in UTF-8"),
    (b"address,handle\n" + b"a" * 200_000 + b"\n", ": not a CSV file in UTF-8"),
]


@pytest.mark.parametrize(("data", "reason"), BAD_MEMBERS, ids=range(len(BAD_MEMBERS)))
def test_a_file_with_a_wrong_line_adds_nobody(town: Run, tmp_path: Path, data: bytes, reason: str) -> None:
    file = tmp_path / "members.csv"
    file.write_bytes(data)
    said = town("member", "import", str(file))
    assert said.code == 2
    assert said.err.startswith(f"gateway: {file}{reason}")
    assert town("member", "list", "--json").json() == []


WRONG = [
    (("forum", "add", "town"), 2, "'town' is not an address"),
    (("forum", "add", "a_b@example.org"), 2, "may hold a-z"),
    (("forum", "add", "postmaster@example.org"), 2, "is reserved"),
    (("forum", "add", f"{'a' * 19}@example.org"), 2, "more than 18"),
    (("forum", "add", "TOWN@example.org"), 1, "the forum town@example.org exists already"),
    (("member", "add", "nobody"), 2, "is not an address"),
    (("member", "add", "a@b", "--zone", "Nowhere"), 2, "is not a time zone"),
    (("member", "add", "a@b", "--zone", "../etc/passwd"), 2, "is not a time zone"),
    (("member", "add", "a@b", "--hour", "24"), 2, "hour 24"),
    (("member", "add", "a@b", "--form", "x"), 2, "form 'x'"),
    (("member", "add", "a@b", "--handle", "a@b"), 2, "the handle"),
    (("member", "list", "--forum", "hall"), 2, "no forum 'hall'. There are: town@example.org"),
    (("member", "import", "none.csv"), 1, "none.csv: No such file or directory"),
    (("thread", "show", "none"), 1, "no post 'none' in town@example.org"),
    (("held", "show", "none"), 1, "no held mail 'none'"),
    (("held", "release", "none"), 1, "gateway held list"),
    (("held", "discard", "none"), 1, "no held mail"),
    (("digest", "preview", "none@example.org"), 1, "is no member of town@example.org"),
    (("import", "mbox", "none.mbox"), 1, "none.mbox: No such file or directory"),
    (("import", "mbox", "."), 1, "Is a directory"),
    (("import", "mbox", "page.txt"), 1, "page.txt: line 1: an mbox begins with"),
    (("import", "maildir", "."), 1, "neither cur nor new"),
    (("import", "seed", "page.txt"), 1, "page.txt: line 1: expected"),
    (("import", "seed", "bytes.txt"), 1, "bytes.txt: is not UTF-8 text"),
    (("--config", "none.toml", "forum", "list"), 1, "none.toml: No such file or directory"),
    (("--config", "bad.toml", "config", "check"), 1, "bad.toml:2: smtp.prot: there is no such key"),
    (("--config", "url.toml", "forum", "list"), 1, "not a database URL"),
]


@pytest.mark.parametrize(
    ("arguments", "code", "reason"), WRONG, ids=lambda value: " ".join(value) if isinstance(value, tuple) else ""
)
def test_wrong_input_is_one_clear_line(town: Run, tmp_path: Path, arguments: tuple[str, ...], code: int, reason: str) -> None:
    (tmp_path / "page.txt").write_text("no page\n")
    (tmp_path / "bytes.txt").write_bytes(b"\xff\xfe")
    (tmp_path / "bad.toml").write_text("[smtp]\nprot = 1\n")
    (tmp_path / "url.toml").write_text('[store]\nurl = "nowhere"\n')
    said = town(*arguments)
    assert said.code == code
    assert reason in said.err
    assert said.err.startswith("gateway: ")
    assert said.err.count("\n") == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ("nonsense",),
        ("forum", "nonsense"),
        ("forum", "add"),
        ("thread", "list", "--limit", "0"),
        ("thread", "list", "--limit", "x"),
    ],
)
def test_wrong_usage_is_code_2(town: Run, arguments: tuple[str, ...]) -> None:
    said = town(*arguments)
    assert said.code == 2
    assert "Usage: gateway" in said.err


def test_without_a_forum_it_says_how_to_make_one(run: Run) -> None:
    said = run("member", "list")
    assert (said.code, said.err) == (1, "gateway: there is no forum yet: gateway forum add NAME@DOMAIN --title TITLE\n")


def test_with_two_forums_one_must_be_named(town: Run) -> None:
    town("forum", "add", "hall@example.org")
    assert "which forum?" in town("member", "list").err
    assert town("member", "list", "--forum", "hall").code == 0
    assert town("member", "list", "--forum", "Town@Example.org").code == 0


def test_the_seed_page_from_door_to_digest(town: Run, tmp_path: Path) -> None:
    town("member", "add", "ann@example.org", "--handle", "Ann", "--zone", "Europe/London")
    assert "42 mails for town@example.org: 42 posted" in town("import", "seed").out
    assert "42 duplicate" not in town("thread", "list").out
    [thread] = town("thread", "list", "--json").json()
    assert thread["posts"] == 42
    tree = town("thread", "show", thread["marker"]).out
    assert "3.1.1.1 Re: An Easy Equation" in tree
    part = town("thread", "show", thread["marker"], "--json").json()
    assert [entry["number"] for entry in part["entries"]][:3] == ["", "1", "2"]
    html = tmp_path / "digest.html"
    shown = town("digest", "preview", "ANN@example.org", "--html", str(html))
    assert shown.out.startswith("Subject: Town talk Digest, Issue 1: 42 new\n\n")
    assert html.read_text(encoding="utf-8").startswith("<!")
    assert town("digest", "send").out == "1 queued, 1 sent\n"
    assert town("digest", "send").out == "nothing new in town@example.org for anybody\n"
    assert town("digest", "preview", "ann@example.org").out == "nothing new for ann@example.org\n"
    assert len(list((tmp_path / "var" / "Maildir" / "new").iterdir())) == 1
    assert town("reindex").out == "nothing to change\n"


def test_a_member_changes_when_digests_come(town: Run) -> None:
    town("member", "add", "ann@example.org", "--handle", "Ann")
    said = town("member", "set", "ann@example.org", "digest=weekly", "day=fri", "hour=17:30", "zone=Europe/Paris", "form=plain")
    assert said.out == "ann@example.org: weekly digest on Friday at 17:30 Europe/Paris, plain, en, member, trusted\n"
    assert town("member", "set", "ann@example.org", "pause=2030-01-01").out.endswith(
        ", paused until 2030-01-01, plain, en, member, trusted\n"
    )
    [ann] = town("member", "list", "--json").json()
    assert (ann["digest"], ann["hour"], ann["zone"], ann["paused_until"]) == ("weekly", "17:30", "Europe/Paris", "2030-01-01")
    town("import", "seed")
    assert town("digest", "send").out == "nothing new in town@example.org for anybody\n"
    town("member", "set", "ann@example.org", "pause=off")
    assert town("digest", "send").out == "1 queued, 1 sent\n"
    assert town("member", "set", "ann@example.org", "digest=never").code == 2
    assert (
        town("member", "set", "bob@example.org", "digest=off").err
        == "gateway: bob@example.org is no member of town@example.org\n"
    )


def test_archives_and_what_is_held(town: Run, tmp_path: Path) -> None:
    good = mail_bytes("1@x", "Good").replace(b"\r\n", b"\n")
    deep = b"Content-Type: multipart/mixed; boundary=b\n\n" + b"".join(
        b"--b%d\nContent-Type: multipart/mixed; boundary=b%d\n\n" % (n, n + 1) for n in range(30)
    )
    bad = (
        mail_bytes("2@x", "Bad").replace(b"\r\n", b"\n").partition(b"\n\n")[0]
        + b"\n"
        + deep.replace(b"boundary=b\n", b"boundary=b0\n")
    )
    box = tmp_path / "a.mbox"
    box.write_bytes(b"".join(b"From a Thu Jan  1 12:30:00 2026\n" + mail + b"\n" for mail in (good, bad, good)))
    said = town("import", "mbox", str(box))
    assert said.code == 0
    assert "3 mails for town@example.org: 1 posted, 1 could not be read, 1 duplicate" in said.out
    [held] = town("held", "list", "--json").json()
    assert (held["msgid"], held["reason"]) == ("2@x", "could not be read")
    shown = town("held", "show", held["marker"]).out
    assert "Held: could not be read, 2026-01-01 12:30 UTC" in shown
    assert "Subject: Bad" in shown
    assert town("held", "release", held["marker"]).out == f"{held['marker']} posted to town@example.org\n"
    assert town("held", "list").out == "no mail for town@example.org is held\n"
    assert town("held", "release", held["marker"]).code == 1
    assert len(town("thread", "list", "--json").json()) == 2
    maildir = tmp_path / "Maildir" / "new"
    maildir.mkdir(parents=True)
    (maildir / "1").write_bytes(good)
    assert "1 mails for town@example.org: 1 duplicate" in town("import", "maildir", str(maildir.parent)).out


def test_attachments_are_saved_under_safe_names(town: Run, tmp_path: Path) -> None:
    body = "".join(
        f'--b\r\nContent-Type: application/octet-stream\r\nContent-Disposition: attachment; filename="{name}"\r\n\r\n{data}\r\n'
        for name, data in (("../../up.txt", "one"), ("a.bin", "two"), ("a.bin", "three"), ("a.bin", "two"), ("..", "dots"))
    )
    mail = mail_bytes("1@x", body=f"--b\r\n\r\nHi\r\n{body}--b--", Content_Type="multipart/mixed; boundary=b")
    (tmp_path / "a.mbox").write_bytes(b"From a Thu Jan  1 12:30:00 2026\n" + mail)
    town("import", "mbox", "a.mbox")
    folder = tmp_path / "saved" / "here"
    said = town("thread", "show", "1@x", "--save", str(folder))
    assert said.code == 0
    assert "4 attachments" in said.err  # a file that is attached twice is saved once
    assert {file.read_bytes().strip() for file in folder.iterdir()} == {b"one", b"two", b"three", b"dots"}
    assert [path.name for path in (tmp_path / "saved").iterdir()] == ["here"]


def test_config_check(run: Run, tmp_path: Path) -> None:
    assert run("config", "check").out == "built-in defaults: good; mail at 127.0.0.1:2525\n"
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "gateway.toml").write_text("[smtp]\nport = 1025\n")
    assert run("config", "check").out == "config/gateway.toml: good; mail at 127.0.0.1:1025\n"


def test_demo(run: Run, tmp_path: Path) -> None:
    said = run("demo", "--keep", str(tmp_path / "d"), "--no-text")
    assert said.code == 0
    assert "Filed as 1 thread with 42 posts." in said.out
    assert len(list((tmp_path / "d" / "Maildir" / "new").iterdir())) == 3
    assert "color-scheme" in (tmp_path / "d" / "digest.html").read_text(encoding="utf-8")
    again = run("demo", "--keep", str(tmp_path / "d"))
    assert (again.code, again.err.count("\n")) == (2, 1)


def test_as_a_module_and_into_a_closed_pipe(tmp_path: Path) -> None:
    command = f"{sys.executable} -m gateway --help | head -n 1"
    done = subprocess.run(["bash", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "Usage" in done.stdout + done.stderr or done.stdout
    assert "Traceback" not in done.stderr


def test_the_secret_is_made_once_and_for_us_alone(tmp_path: Path) -> None:
    house = House(Settings(data=tmp_path))
    try:
        key = house.key()
        assert len(key) == 32
        assert house.key() == key
        path = tmp_path / "secrets"
        assert path.stat().st_mode & 0o777 == 0o600
        for broken in ("", "00", "x" * 64, "00" * 31):
            path.write_text(broken)
            with pytest.raises(BadSettings, match="does not hold a key"):
                house.key()
    finally:
        house.close()
    assert not list(tmp_path.glob(".secrets-*"))


def test_a_log_of_trouble_shows_no_variables(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    """structlog's own tracebacks would print other people's mail."""
    gateway.cli.common.quiet()
    log = structlog.get_logger()
    secret = "somebody's words"
    try:
        raise OSError("disk")
    except OSError:
        log.error("mail not kept", exc_info=True)
    assert secret
    said = capsys.readouterr().err
    assert "OSError: disk" in said
    assert "somebody" not in said.replace('secret = "somebody\'s words"', "")


def test_a_thread_is_repaired_and_explained(town: Run) -> None:
    assert town("import", "seed").code == 0
    [thread] = town("thread", "list", "--json").json()
    entries = town("thread", "show", thread["marker"], "--json").json()["entries"]
    one, other = (next(entry["marker"] for entry in entries if entry["number"] == number) for number in ("3.1.1", "4.1"))
    assert "-> reference: " in town("explain", one).out
    assert town("thread", "move", other, one).code == 0
    [told] = town("explain", other, "--json").json()
    assert (told["number"][:6], told["steps"][0]["has_decided"]) == ("3.1.1.", True)
    assert "hangs below it" in town("thread", "move", one, other).err
    assert town("thread", "split", other).code == 0
    assert len(town("thread", "list", "--json").json()) == 2
    assert "moved" in town("thread", "merge", other, one).out
    assert len(town("thread", "list", "--json").json()) == 1
    assert town("reindex").out.strip() == "nothing to change"
    assert town("thread", "undo", other).code == 0
    assert town("explain", other, "--json").json()[0]["number"] == "4.1"
    assert "nobody has moved" in town("thread", "undo", other).err
    assert town("explain", "nothing@x").code == 1
