"""The demo's digest in programs for the terminal: neomutt reads it and answers one comment, w3m shows the HTML part."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import need_program
from tests.interop.gate import Gate
from tests.interop.screen import Screen

pytestmark = pytest.mark.interop

TITLE = "UK's Surveillance Camera Commissioner grills Hikvision on China human rights abuses"
READER = "reader.london@example.org"
"""Whose digest the demo keeps as text: with the tokens in its links, nobody else proves anything."""
SUBJECT = "Town Talk Digest, Issue 1: 42 new"


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    """An empty neomuttrc with what a person would set."""
    file = tmp_path / "neomuttrc"
    sending = ["set realname=London", f'set from="{READER}"', "set use_from", "set copy=no", "set ssl_force_tls=no"]
    reading = [f'set folder="{tmp_path}"', "ignore *", "unignore from to subject date"]
    file.write_text("\n".join([*sending, *reading, "set fast_reply", "set autoedit", ""]))
    return file


def test_neomutt_shows_the_digest(demo: Path, tmp_path: Path, settings: Path) -> None:
    maildir = tmp_path / "Maildir"
    shutil.copytree(demo / "Maildir", maildir)
    command = [need_program("neomutt"), "-n", "-F", str(settings), "-f", str(maildir)]
    with Screen(tmp_path, command) as screen:
        assert screen.wait_for(SUBJECT).count(SUBJECT) == 3
    # Keys that are typed while it draws get lost, so that it pushes them itself.
    with Screen(tmp_path, [*command, "-e", "push <display-message>"]) as screen:
        shown = screen.wait_for("Contents")
        assert f"Subject: {SUBJECT}" in shown
        assert "  1   When did you stop beating your wife?  sitta_europea" in shown
    with Screen(tmp_path, [*command, "-e", "push '<display-message>/Subject: 3.1.1.1<enter>'"]) as screen:
        assert "    Cos those florists give me sneezes designed to make the chemists" in screen.wait_for("florists give")


@pytest.mark.parametrize("number", ["3.1.1", "4.1.3", ""])
def test_neomutt_answers_one_comment(demo: Path, tmp_path: Path, settings: Path, number: str) -> None:
    """The terminal opens the link of the text with neomutt; its token proves the reader; the answer lands under the comment."""
    data = tmp_path / "data"
    shutil.copytree(demo, data)
    link, marker = answer_link((demo / "digest.txt").read_text(encoding="utf-8"), number)
    editor = tmp_path / "editor"
    editor.write_text('#!/bin/sh\necho "Written in neomutt." >>"$1"\n')
    editor.chmod(0o755)
    with Gate(data) as gate:
        with settings.open("a") as file:
            file.write(f'set smtp_url="smtp://127.0.0.1:{gate.port}"\nset editor="{editor}"\n')
        with Screen(tmp_path, [need_program("neomutt"), "-n", "-F", str(settings), link]) as screen:
            screen.wait_for("y:Send")
            screen.type("y")
            screen.wait_for("ended with 0")
        [kept] = [one for one in gate.kept() if b"Written in neomutt." in one.raw]
        assert kept.verdict == "accept"
        assert gate.post("town", kept.msgid).parent == gate.post("town", marker).msgid


def answer_link(text: str, number: str) -> tuple[str, str]:
    """The mailto link under "Answer" of the comment with that number ("": the article), and its marker."""
    pattern = rf"^{re.escape(number)} \S.* \[#(\w+)\]\n(mailto:\S+)$" if number else r"^editor \[#(\w+)\]\n(mailto:\S+)$"
    [(marker, link)] = re.findall(pattern, text, re.MULTILINE)
    return link, marker


def test_w3m_shows_the_html_part(demo: Path) -> None:
    command = [need_program("w3m"), "-dump", "-cols", "80", "-T", "text/html", str(demo / "digest.html")]
    shown = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    # Preheader, contents, headline.
    assert " ".join(shown.split()).count(TITLE) == 3
    numbers = re.findall(r"^ *((?:\d+\.)*\d+)  \S", shown, re.MULTILINE)
    listed = re.findall(r"^Subject: ((?:\d+\.)*\d+) ", (demo / "digest.txt").read_text(encoding="utf-8"), re.MULTILINE)
    assert numbers[-41:] == listed
    assert len(listed) == 41
