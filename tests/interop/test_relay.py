"""The relay courier and Postfix's smtp-sink: a digest goes out, with an envelope of its own for each reader."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.bench.servers import gateway
from tests.conftest import need_program
from tests.interop.conftest import TOWN
from tests.interop.screen import wait_until

pytestmark = pytest.mark.interop

READERS = ("ann@example.net", "bob@example.net", "cleo@example.net")


@contextmanager
def sink(folder: Path, *words: str) -> Iterator[int]:
    """A sink that writes each mail to a file in `folder`; its port."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = int(free.getsockname()[1])
    folder.mkdir()
    # It must not run as root, and writes into its folder as somebody else.
    folder.chmod(0o777)
    open_way(folder)
    command = [need_program("smtp-sink"), "-u", "nobody", *words, "-R", str(folder), "-d", "mail.%s.", f"127.0.0.1:{port}", "100"]
    with subprocess.Popen(command) as process:
        try:
            wait_until(lambda: is_listening(port), "smtp-sink does not start")
            yield port
        finally:
            process.terminate()


def open_way(folder: Path) -> None:
    """Lets other users through to `folder`: each process of the tests has a folder that is closed to them."""
    for parent in (folder, *folder.parents):
        mode = parent.stat().st_mode
        if mode & 0o011 != 0o011:
            parent.chmod(mode | 0o011)


def is_listening(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
        return True
    return False


def relay(port: int) -> dict[str, str]:
    return {"GATEWAY_SEND__COURIER": "relay", "GATEWAY_SEND__RELAY_PORT": str(port)}


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with a forum, three readers and the seed page, of which nobody has been told."""
    folder = tmp_path_factory.mktemp("town")
    gateway(folder, "forum", "add", TOWN, "--posting", "open", "--title", "Town Talk")
    (folder / "members.csv").write_text("address\n" + "\n".join(READERS) + "\n")
    gateway(folder, "member", "import", "members.csv")
    gateway(folder, "import", "seed")
    return folder


@pytest.fixture
def town(fresh: Path, tmp_path: Path) -> Path:
    return shutil.copytree(fresh, tmp_path / "town")


def test_letters_go_out(town: Path, tmp_path: Path) -> None:
    dump = tmp_path / "dump"
    with sink(dump) as port:
        assert gateway(town, "digest", "send", **relay(port)) == "3 queued, 3 sent\n"
        assert "nothing new" in gateway(town, "digest", "send", **relay(port))
    mails = [path.read_text(encoding="utf-8") for path in dump.iterdir()]
    found = sorted(re.findall(r"^X-Rcpt-Args: <(.*?)>", "\n".join(mails), re.MULTILINE))
    assert found == sorted(READERS)
    for mail in mails:
        assert re.search(r"^X-Mail-Args: <town-bounces\+[a-z2-7]{37}@example\.org>", mail, re.MULTILINE)
        assert "\nSubject: Town Talk Digest, Issue 1: 42 new\n" in mail


def test_what_the_relay_defers_waits(town: Path, tmp_path: Path) -> None:
    with sink(tmp_path / "dump", "-r", "RCPT") as port:
        assert gateway(town, "digest", "send", **relay(port)) == "3 queued, 0 sent, 3 wait to be tried again\n"
