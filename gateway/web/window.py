"""The window open: an HTTP server for the pages on an event loop of the house.

In: an application and a socket that listens. Out: responses, until it is closed. What the process does with signals is for
the house to say. A proxy in front of it speaks HTTPS and holds slow clients off.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

# Connections at once; more get 503.
CONNECTIONS = 200
REQUEST_HEAD = 16 << 10
# Until the head of a request is there; between two of them, when nothing comes; until what goes on is cut at the end.
HEAD_SECONDS = 10
IDLE_SECONDS = 5
GRACE_SECONDS = 5
_BACKLOG = 256
_BAD_REQUEST = b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens; port 0 takes a free one. OSError when the place is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=_BACKLOG)


class _Guest(H11Protocol):
    """A connection that ends when no request comes: uvicorn would keep it, and enough of them would keep everybody else out."""

    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._expect_head()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        """Not by way of h11, which raises when the rubbish comes behind a request that is being answered."""
        if self.cycle is None or self.cycle.response_complete:
            self.transport.write(_BAD_REQUEST)
        self.transport.close()

    def _expect_head(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = self.loop.call_later(HEAD_SECONDS, self._give_up)

    def _give_up(self) -> None:
        # A request that is being answered has limits of its own.
        if (self.cycle is None or self.cycle.response_complete) and not self.transport.is_closing():
            self.transport.close()


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leaves them to the house."""
        yield


class Window:
    """Serves from `run` until `close`, which may be called from any thread."""

    def __init__(self, app: ASGIApp, sock: socket.socket) -> None:
        self._sock = sock
        # It warns of every body that is no form.
        logging.getLogger("python_multipart").setLevel(logging.ERROR)
        config = uvicorn.Config(
            app,
            http=_Guest,
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="error",
            # Paths hold tokens.
            access_log=False,
            server_header=False,
            proxy_headers=False,
            limit_concurrency=CONNECTIONS,
            h11_max_incomplete_event_size=REQUEST_HEAD,
            timeout_keep_alive=IDLE_SECONDS,
            timeout_graceful_shutdown=GRACE_SECONDS,
        )
        self._server = _Server(config)

    async def run(self) -> None:
        """Serves; requests that have come when it is closed are answered."""
        await self._server.serve(sockets=[self._sock])

    @contextmanager
    def in_thread(self) -> Iterator[None]:
        """Runs in a thread with a loop of its own until the end."""
        thread = threading.Thread(target=asyncio.run, args=(self.run(),), name="window")
        thread.start()
        try:
            yield
        finally:
            self.close()
            thread.join()

    def close(self) -> None:
        self._server.should_exit = True
