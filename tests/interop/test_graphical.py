"""The demo's digest in graphical programs, without a screen: Chromium renders the HTML part, Thunderbird shows the mail."""

from __future__ import annotations

import email
import os
import re
import subprocess
from email.policy import default
from pathlib import Path

import pytest

from tests.conftest import need_program
from tests.interop.display import chromium, display, windows
from tests.interop.screen import wait_until

pytestmark = pytest.mark.interop

SUBJECT = "Town Talk Digest, Issue 1: 42 new"
# Widths in pixels: a window on a desk, a phone.
WIDTHS = (800, 390)
# What the page looks like to itself, written into its own text, which --dump-dom then prints.
PROBE = """<script>addEventListener("load", () => {
  const root = document.documentElement, wide = [...document.querySelectorAll("body *")]
    .filter(one => one.getBoundingClientRect().right > root.clientWidth + 1);
  const told = document.createElement("output");
  const colour = getComputedStyle(document.body).backgroundColor;
  told.textContent = ["probe", innerWidth, root.scrollWidth, wide.length, colour].join("|");
  document.body.append(told);
})</script>"""
LIGHT, DARK = "rgb(251, 250, 247)", "rgb(25, 24, 23)"


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize(("scheme", "background"), [("light", LIGHT), ("dark", DARK)])
def test_chromium_renders_the_html_part(demo: Path, tmp_path: Path, width: int, scheme: str, background: str) -> None:
    """Nothing is wider than the window, and the page wears the colours that the reader wants.

    A headless window cannot be narrower than 500 pixels, so that the page stands in a frame of the width in question.
    """
    page = tmp_path / "digest.html"
    page.write_text((demo / "digest.html").read_text(encoding="utf-8").replace("</body>", f"{PROBE}</body>"), encoding="utf-8")
    frame = tmp_path / "frame.html"
    frame.write_text(
        f'<iframe src="digest.html" style="width: {width}px; height: 900px; border: 0"></iframe><p id="told"></p>'
        "<script>addEventListener('load', () => { told.textContent ="
        " document.querySelector('iframe').contentDocument.querySelector('output').textContent })</script>"
    )
    scheme_words = ["--force-dark-mode"] if scheme == "dark" else []
    dumped = chromium(tmp_path, *scheme_words, "--allow-file-access-from-files", "--dump-dom", frame.as_uri())
    found = re.search(r"probe\|(\d+)\|(\d+)\|(\d+)\|([^<]*)", dumped)
    assert found is not None, dumped
    assert [int(found[place]) for place in (1, 2, 3)] == [width, width, 0]
    assert found[4] == background


@pytest.mark.timeout(240)
def test_thunderbird_shows_the_digest(demo: Path, tmp_path: Path) -> None:
    """It opens the mail in a window that is called by the subject."""
    [letter] = [path for path in (demo / "Maildir" / "new").iterdir() if "london" in delivered_to(path)]
    mail = tmp_path / "digest.eml"
    mail.write_bytes(letter.read_bytes())
    # Now and then its first start on a new profile hangs, whatever it is to show; a second one does not.
    assert any(thunderbird_shows(mail, tmp_path / f"start{number}") for number in range(3)), "no window shows the digest"


def thunderbird_shows(mail: Path, folder: Path) -> bool:
    """Whether a window called by the subject comes up, on a display and a profile of its own."""
    profile = folder / "profile"
    profile.mkdir(parents=True)
    with display(folder) as name:
        surroundings = {**os.environ, "DISPLAY": name, "HOME": str(folder), "MOZ_CRASHREPORTER_DISABLE": "1"}
        command = [need_program("thunderbird"), "--profile", str(profile), "--new-instance", str(mail)]
        with subprocess.Popen(command, env=surroundings, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            try:
                wait_until(lambda: SUBJECT in windows(surroundings), "no window shows the digest", patience=60)
            except AssertionError:
                return False
            else:
                return True
            finally:
                process.kill()


def delivered_to(path: Path) -> str:
    return str(email.message_from_bytes(path.read_bytes(), policy=default)["Delivered-To"])
