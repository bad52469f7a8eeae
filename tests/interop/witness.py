"""Stands between a client and the server, passes all bytes on, and writes down which mails were answered with 250.

For clients that do not tell: smtp-source counts a mail when it has sent it, before the reply.
"""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_MSGID = re.compile(rb"^Message-Id: <([^>]+)>", re.MULTILINE | re.IGNORECASE)


@contextmanager
def _ending(sock: socket.socket) -> Iterator[None]:
    """Tells the other side that nothing more comes, also when we were cut off ourselves."""
    try:
        yield
    finally:
        with suppress(OSError):
            sock.shutdown(socket.SHUT_WR)


class Witness:
    """Listens at `port`; `acknowledged` are the msgids whose final dot got its 250."""

    def __init__(self, server: int) -> None:
        self.acknowledged: set[str] = set()
        self._server = server
        self._change = threading.Condition()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=100)
        self.port = int(self._listener.getsockname()[1])
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def wait_for(self, count: int) -> None:
        """Waits until so many mails are acknowledged."""
        with self._change:
            if not self._change.wait_for(lambda: len(self.acknowledged) >= count, 60):
                raise TimeoutError(f"{len(self.acknowledged)} of {count} acknowledged")

    def close(self) -> None:
        """Ends when both sides of every connection are gone."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._server))
                said = bytearray()
                ways = ((self._pass_mail, client, server, said), (self._pass_replies, server, client, said))
                for target, *arguments in ways:
                    thread = threading.Thread(target=target, args=arguments)
                    self._threads.append(thread)
                    thread.start()

    def _pass_mail(self, client: socket.socket, server: socket.socket, said: bytearray) -> None:
        with client, _ending(server), suppress(OSError):
            while piece := client.recv(65536):
                said += piece
                server.sendall(piece)

    def _pass_replies(self, server: socket.socket, client: socket.socket, said: bytearray) -> None:
        is_in_data = False
        with server, _ending(client), suppress(OSError):
            while piece := server.recv(65536):
                # One reply at a time: the client waits for each before it goes on.
                if is_in_data and piece.startswith(b"250"):
                    self._note(bytes(said))
                is_in_data = piece.startswith(b"354")
                if is_in_data:
                    said.clear()
                client.sendall(piece)

    def _note(self, said: bytes) -> None:
        found = _MSGID.search(said)
        assert found is not None
        with self._change:
            self.acknowledged.add(found[1].decode())
            self._change.notify_all()
