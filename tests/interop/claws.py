"""Claws Mail on a display of its own, with an editor outside of it: replies, and sends by SMTP.

In: a digest in an MH folder, and the way of answering. Out: a mail that went to the gateway.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from tests.conftest import need_program
from tests.interop.answering import READER, TITLE, Town, editor
from tests.interop.display import display, windows
from tests.interop.screen import wait_until

_BOX = "#mh/Mailbox"
_FOLDERS = ("inbox", "sent", "draft", "queue", "trash")


def answer(town: Town, folder: Path, kind: str) -> None:
    """Ctrl-R on the digest, the editor, Ctrl-Return."""
    home = folder / "claws"
    home.mkdir()
    _set_up(home, town, editor(folder, kind))
    with display(folder) as name:
        surroundings = {**os.environ, "DISPLAY": name, "HOME": str(folder), "LC_ALL": "C.UTF-8", "NO_AT_BRIDGE": "1"}
        command = [need_program("claws-mail"), "--alternate-config-dir", str(home), "--select", f"{_BOX}/inbox/1"]
        with (
            (folder / "claws.log").open("w") as log,
            subprocess.Popen(command, env=surroundings, stdout=log, stderr=log) as process,
        ):
            try:
                _drive(surroundings, folder / "claws.log")
            finally:
                process.kill()


def _drive(surroundings: dict[str, str], log: Path) -> None:
    def focus(name: str) -> None:
        _xdotool(surroundings, "windowfocus", "--sync", _xdotool(surroundings, "search", "--sync", "--name", name).split()[-1])

    def is_composing() -> bool:
        return f"Re: {TITLE}" in windows(surroundings)

    def is_sent() -> bool:
        """The key does nothing as long as the editor is open."""
        if is_composing():
            _xdotool(surroundings, "key", "ctrl+Return")
        return not is_composing()

    wait_until(lambda: "selecting message 1" in log.read_text(), "the digest is not opened", 30)
    focus("London - Claws Mail")
    _xdotool(surroundings, "key", "ctrl+r")
    wait_until(is_composing, "no window to write in")
    focus(f"Re: {TITLE}")
    wait_until(is_sent, "it does not go out", 30)


def _xdotool(surroundings: dict[str, str], *words: str) -> str:
    command = [need_program("xdotool"), *words]
    return subprocess.run(command, env=surroundings, check=True, capture_output=True, text=True, timeout=30).stdout


def _set_up(home: Path, town: Town, script: Path) -> None:
    """An account, an MH folder with the digest, and the editor."""
    box = home / "Mail"
    for name in _FOLDERS:
        (box / name).mkdir(parents=True)
    (box / "inbox" / "1").write_bytes(town.digest)
    items = "".join(f'<folderitem type="{name}" name="{name}" path="{name}"></folderitem>' for name in _FOLDERS)
    (home / "folderlist.xml").write_text(
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<folderlist><folder type="mh" name="Mailbox" path="{box}">{items}</folder></folderlist>\n'
    )
    (home / "accountrc").write_text(
        "[Account: 1]\naccount_name=London\nis_default=1\nname=London\n"
        f"address={READER}\nprotocol=0\nreceive_server=127.0.0.1\nuser_id=london\n"
        f"smtp_server=127.0.0.1\nset_smtpport=1\nsmtp_port={town.gate.port}\nsave_copy_to_folder=0\n"
    )
    (home / "clawsrc").write_text(
        f"[Common]\next_editor_command={script} %s\nauto_ext_editor=1\nsend_dialog_invisible=1\nreceive_at_startup=0\n"
        "check_on_startup=0\nenable_aspell=0\n"
    )
