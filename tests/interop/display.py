"""Graphical programs without a screen: Chromium without a window, and an X server for the others."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.conftest import need_program


def chromium(tmp_path: Path, *words: str) -> str:
    quiet = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
    quiet += ["--disable-component-update", "--disable-sync", "--hide-scrollbars", f"--user-data-dir={tmp_path / 'profile'}"]
    command = [need_program("chromium"), *quiet, *words]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout


@contextmanager
def display(folder: Path) -> Iterator[str]:
    """An X server without a screen; its name."""
    reading, writing = os.pipe()
    command = [need_program("Xvfb"), "-displayfd", str(writing), "-screen", "0", "1200x900x24", "-nolisten", "tcp"]
    with (folder / "xvfb.log").open("w") as log, subprocess.Popen(command, pass_fds=[writing], stderr=log) as server:
        os.close(writing)
        try:
            with open(reading, encoding="ascii") as told:
                yield f":{told.readline().strip()}"
        finally:
            server.terminate()


def windows(surroundings: dict[str, str]) -> str:
    """The names of all windows."""
    command = [need_program("xdotool"), "search", "--name", ".", "getwindowname", "%@"]
    return subprocess.run(command, env=surroundings, capture_output=True, text=True).stdout
