"""A `gateway serve` under test: started, killed, started again, and its store read from outside."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from gateway.store.engine import Store
from gateway.store.roster import list_forums
from gateway.store.shelf import Post, find_post, iterate_mails, raw_of
from tests.bench.servers import Serving, gateway
from tests.interop.screen import wait_until


class Kept(NamedTuple):
    """One mail in the store."""

    forum: str
    msgid: str
    verdict: str
    reverse_path: str | None
    raw: bytes


class Gate:
    """One data folder and the server in it."""

    def __init__(self, folder: Path, *words: str, **environment: str) -> None:
        self.folder = folder
        self._words = words
        # Nobody who waits for the gateway waits longer than needed.
        self._environment = {"GATEWAY_DIGEST__TICK": "0.5"} | environment
        self.server = self._start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        assert self.stop() == 0

    def _start(self) -> Serving:
        # The line that tells the ports is looked for from the start of the log.
        (self.folder / "log").unlink(missing_ok=True)
        return Serving(self.folder, *self._words, **self._environment)

    @property
    def is_shared(self) -> bool:
        """Whether other processes than the main one receive."""
        return "--receivers" in self._words

    @property
    def port(self) -> int:
        return self.server.port

    @property
    def lmtp_port(self) -> int:
        return int(self.server.listening["lmtp"])

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text(encoding="utf-8")

    def kill(self) -> None:
        """kill -9."""
        self.server.kill()

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        return self.server.stop()

    def start(self) -> None:
        self.server = self._start()

    def send_digests(self, letters: int) -> None:
        """Until so many letters are in the Maildir: the server carries what the command does not claim first."""
        gateway(self.folder, "digest", "send")
        wait_until(lambda: len(self.letters()) >= letters, "no digest")

    def letters(self) -> list[bytes]:
        """What has been delivered to the Maildir."""
        box = self.folder / "Maildir" / "new"
        return [path.read_bytes() for path in box.iterdir()] if box.is_dir() else []

    def kept(self) -> list[Kept]:
        """Every mail in the store, once for each forum, with its bytes."""
        store = self._store()
        try:
            found = []
            for forum in list_forums(store):
                with store.read() as db:
                    for mail in list(iterate_mails(db, forum.id)):
                        raw = raw_of(db, forum.id, mail.id)
                        found.append(Kept(forum.name, mail.msgid, mail.verdict, mail.reverse_path, raw))
            return found
        finally:
            store.close()

    def find(self, msgid: str) -> list[Kept]:
        """The mails with that msgid."""
        return [one for one in self.kept() if one.msgid == msgid]

    def post(self, forum: str, name: str) -> Post:
        """The post with that msgid or marker, which must be there."""
        store = self._store()
        try:
            [town] = [one for one in list_forums(store) if one.name == forum]
            with store.read() as db:
                post = find_post(db, town.id, name)
            assert post is not None, name
            return post
        finally:
            store.close()

    def _store(self) -> Store:
        return Store(f"sqlite:///{self.folder / 'gateway.db'}")
