"""What all pages share: what they are made from, strict headers, and how they go out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.flow.by_web import Door
from gateway.flow.desk import Desk
from gateway.journal import log
from gateway.render.pages import Page

_NOTHING: Final = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": _NOTHING,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "X-Robots-Tag": "noindex, nofollow",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Pages:
    """What pages are made from: a desk for each request, and who takes mail in."""

    desk: Callable[[], Desk]
    door: Door


class Headers:
    """Gives every response the headers that keep browsers strict, unless it has its own."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_strict(message: Message) -> None:
            if message["type"] == "http.response.start":
                known = {name.lower() for name, _ in message["headers"]}
                ours = [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]
                message["headers"] = [*message["headers"], *(one for one in ours if one[0] not in known)]
            await send(message)

        await self._app(scope, receive, send_strict)


def respond(page: Page, status: int = 200) -> Response:
    """A page that may send its forms to where it came from."""
    policy = _NOTHING.replace("form-action 'none'", "form-action 'self'") + f"; style-src {page.style_hash}"
    headers = {"Content-Security-Policy": policy, "Content-Language": page.language, "Vary": "Accept-Language"}
    return HTMLResponse(page.html, status, headers)


def trouble() -> HTTPException:
    """What to raise when anything failed: whatever it was, it is ours, and may be mended when he comes again."""
    log.error("page failed", exc_info=True)
    return HTTPException(503, "Trouble on our side, try again later.", {"Retry-After": "60"})
