"""The forms of a digest in real programs: neomutt takes a multipart/digest apart and answers one mail of it, s-nail reads it;
copies of posts thread in neomutt; the nights when the clock changes, on a server whose clock runs fast."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tests.bench.servers import gateway
from tests.conftest import need_program
from tests.interop.conftest import TOWN
from tests.interop.gate import Gate
from tests.interop.screen import Screen, wait_until
from tests.interop.test_terminal import settings  # noqa: F401 - a fixture

pytestmark = pytest.mark.interop

MAILS = (
    ("one@x", "", "The mill", "Shall we mend the mill?"),
    ("two@x", "one@x", "Re: The mill", "Yes, in spring."),
    ("three@x", "two@x", "Re: The mill", "Who pays?"),
)


def write_mbox(folder: Path) -> Path:
    path = folder / "mails.mbox"
    pieces = []
    for number, (msgid, parent, title, text) in enumerate(MAILS):
        answers = f"In-Reply-To: <{parent}>\nReferences: <{parent}>\n" if parent else ""
        header = (
            f"From: Ann <ann@example.net>\nSubject: {title}\nMessage-ID: <{msgid}>\nDate: Mon, 2 Mar 2026 1{number}:00:00 +0000\n"
        )
        pieces.append(f"From a Mon Mar  2 10:00:00 2026\n{header}{answers}\n{text}\n\n")
    path.write_text("".join(pieces))
    return path


@pytest.fixture
def town(tmp_path: Path) -> Path:
    """A data folder with a forum, one reader for each form, and three posts that are new to them."""
    folder = tmp_path / "data"
    folder.mkdir()
    gateway(folder, "forum", "add", TOWN, "--posting", "open", "--title", "Town Talk")
    for name, word in (("mime", "form=mime"), ("each", "digest=immediate")):
        gateway(folder, "member", "add", f"{name}@example.org")
        gateway(folder, "member", "set", f"{name}@example.org", word)
    gateway(folder, "import", "mbox", str(write_mbox(tmp_path)), "--news")
    return folder


def letters_to(folder: Path, name: str) -> list[Path]:
    return [path for path in (folder / "Maildir" / "new").iterdir() if f"Delivered-To: {name}@".encode() in path.read_bytes()]


def test_neomutt_answers_one_mail_of_a_digest(town: Path, tmp_path: Path, settings: Path) -> None:  # noqa: F811
    gateway(town, "digest", "send")
    [letter] = letters_to(town, "mime")
    box = tmp_path / "box"
    for name in ("new", "cur", "tmp"):
        (box / name).mkdir(parents=True)
    shutil.copy(letter, box / "new")
    editor = tmp_path / "editor"
    editor.write_text('#!/bin/sh\necho "Nobody pays." >>"$1"\n')
    editor.chmod(0o755)
    with Gate(town) as gate:
        with settings.open("a") as file:
            file.write(f'set smtp_url="smtp://127.0.0.1:{gate.port}"\nset editor="{editor}"\nunset digest_collapse\n')
        command = [need_program("neomutt"), "-n", "-F", str(settings), "-f", str(box)]
        with Screen(tmp_path, [*command, "-e", "push <view-attachments>"]) as screen:
            shown = screen.wait_for("message/rfc822")
            assert shown.count("message/rfc822") == 3
            lines = [line for line in shown.splitlines() if line[:8].strip()[:1] == "I"]
            place = next(index for index, line in enumerate(lines) if line.count("The mill") and "rfc822" in line) + 1
            screen.type(*["j"] * place, "r")
            screen.wait_for("y:Send")
            screen.type("y")
            wait_until(lambda: any(b"Nobody pays." in one.raw for one in gate.kept()), "the answer does not come")
        [kept] = [one for one in gate.kept() if b"Nobody pays." in one.raw]
        assert kept.verdict == "accept"
        assert gate.post("town", kept.msgid).parent in {msgid for msgid, *_ in MAILS}


def test_s_nail_reads_every_mail_of_a_digest(town: Path, tmp_path: Path) -> None:
    gateway(town, "digest", "send")
    [letter] = letters_to(town, "mime")
    box = tmp_path / "one.mbox"
    box.write_bytes(b"From a Mon Mar  2 10:00:00 2026\n" + letter.read_bytes() + b"\n")
    command = [need_program("s-nail"), "-n", "-R", "-S", "crt=0", "-f", str(box)]
    shown = subprocess.run(command, input="type 1\nexit\n", capture_output=True, text=True, timeout=30).stdout
    for msgid, _, _, text in MAILS:
        assert text in shown
        assert f"<{msgid}>" in letter.read_text()


def test_copies_thread_in_neomutt(town: Path, tmp_path: Path, settings: Path) -> None:  # noqa: F811
    with Gate(town) as gate:
        wait_until(lambda: len(letters_to(town, "each")) == 3, "no copies")
        assert gate.kept()
    box = tmp_path / "box"
    for name in ("new", "cur", "tmp"):
        (box / name).mkdir(parents=True)
    for letter in letters_to(town, "each"):
        shutil.copy(letter, box / "new")
    with settings.open("a") as file:
        file.write("set sort=threads\nset ascii_chars\n")
    with Screen(tmp_path, [need_program("neomutt"), "-n", "-F", str(settings), "-f", str(box)]) as screen:
        shown = screen.wait_for("The mill")
        assert "`->Re: The mill" in shown or "`->" in shown
        assert "Ann via Town Ta" in shown


NIGHTS = [("2026-10-24 22:30:00", "2026-10-25"), ("2027-03-27 23:00:00", "2027-03-28")]


@pytest.mark.timeout(180)
@pytest.mark.parametrize(("start", "day"), NIGHTS, ids=["autumn", "spring"])
def test_a_night_when_the_clock_changes(tmp_path: Path, start: str, day: str) -> None:
    """An hour in four seconds, mail all the while: who reads at 02:30 in Berlin gets one digest, even when that comes twice."""
    faketime = need_program("faketime")
    gateway(tmp_path, "forum", "add", TOWN, "--posting", "open")
    gateway(tmp_path, "member", "add", "berlin@example.org", "--zone", "Europe/Berlin")
    gateway(tmp_path, "member", "set", "berlin@example.org", "hour=02:30")
    library = subprocess.run([faketime, "-m", start, "printenv", "LD_PRELOAD"], check=True, capture_output=True, text=True)
    clock = {
        "LD_PRELOAD": library.stdout.strip(),
        "FAKETIME": f"@{start} x900",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "GATEWAY_DIGEST__TICK": "0.1",
        # However many mails come meanwhile, the digest comes in one part.
        "GATEWAY_DIGEST__MAX_SIZE": "1000000",
        "TZ": "UTC",
    }
    with Gate(tmp_path, **clock) as gate:
        for count in range(1, 61):
            swaks = [need_program("swaks"), "-s", f"127.0.0.1:{gate.port}", "-f", "ann@example.net", "-t", TOWN, "--silent", "3"]
            subprocess.run([*swaks, "--header", f"Message-ID: <{count}@x>", "--body", f"Mail {count}"], check=True)
            if (tmp_path / "Maildir").exists() and len(letters_to(tmp_path, "berlin")) and count > 20:
                break
        wait_until(lambda: bool(letters_to(tmp_path, "berlin")), "no digest in that night", patience=30)
    letters = json.loads(gateway(tmp_path, "outbox", "list", "--json"))
    assert [letter["period"] for letter in letters] == [day]
    assert Counter(letter["state"] for letter in letters) == {"sent": 1}
    # 02:30 of the first, summer time, in autumn; what is left of it after the jump, 03:30, in spring. It comes within the hour.
    due = datetime.fromisoformat({"2026-10-25": "2026-10-25T00:30Z", "2027-03-28": "2027-03-28T01:30Z"}[day])
    assert timedelta() <= datetime.fromisoformat(letters[0]["queued"]) - due < timedelta(hours=1)
