"""The pages as an ASGI application: /leave/LIST-ID/TOKEN (RFC 8058), and nothing else.

In: requests of readers, of mail providers that act for them, and of programs that only look at links. GET and HEAD change
nothing; POST with List-Unsubscribe=One-Click acts at once. Out: the same status and the same page for every token, so that
nobody learns from it who is a member. No cookies, no scripts, no log of requests: their paths hold tokens.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.flow.leave import leave_by_click
from gateway.journal import log
from gateway.mail.forum import Forum
from gateway.render.leaving import render_leave_page
from gateway.render.wording import best_language
from gateway.store.engine import Store
from gateway.store.roster import list_forums

# The form has 26 bytes, or some hundred as multipart/form-data.
BODY_MAX: Final = 4096
BODY_SECONDS: Final = 10
FIELDS_MAX: Final = 4
FIELD, ONE_CLICK = "List-Unsubscribe", "One-Click"
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
    """What pages are made from; `key` checks tokens."""

    store: Store
    key: bytes
    now: Callable[[], datetime]
    new_id: Callable[[], UUID]


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


def make_app(pages: Pages) -> Starlette:
    """The application."""

    async def leave(request: Request) -> Response:
        list_id, token = request.path_params["list_id"], request.path_params["token"]
        is_post = request.method == "POST"
        if is_post and await _form_value(request) != ONE_CLICK:
            raise HTTPException(400, f"The form must say {FIELD}={ONE_CLICK}.")
        try:
            if is_post:
                await asyncio.to_thread(leave_by_click, pages.store, pages.key, list_id, token, pages.now(), pages.new_id)
            forum = await asyncio.to_thread(_find_forum, pages.store, list_id)
        except Exception:  # noqa: BLE001 - whatever it was, it is ours, and may be mended when he comes again
            log.error("page failed", exc_info=True)
            raise HTTPException(503, "Trouble on our side, try again later.", {"Retry-After": "60"}) from None
        return _page(request, forum, is_done=is_post)

    app = Starlette(
        routes=[Route("/leave/{list_id}/{token}", leave, methods=["GET", "POST"])],
        middleware=[Middleware(Headers)],
        exception_handlers={HTTPException: _refuse},
    )
    # A mail provider does not follow (RFC 8058 section 3.1).
    app.router.redirect_slashes = False
    return app


def _page(request: Request, forum: Forum | None, *, is_done: bool) -> Response:
    language = best_language(request.headers.get("accept-language", ""))
    page = render_leave_page(forum, language, is_done=is_done)
    policy = _NOTHING.replace("form-action 'none'", "form-action 'self'") + f"; style-src {page.style_hash}"
    headers = {"Content-Security-Policy": policy, "Content-Language": page.language, "Vary": "Accept-Language"}
    return HTMLResponse(page.html, headers=headers)


def _refuse(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return PlainTextResponse(f"{error.detail}\n", error.status_code, error.headers)


def _find_forum(store: Store, list_id: str) -> Forum | None:
    return next((forum for forum in list_forums(store) if forum.list_id == list_id), None)


async def _form_value(request: Request) -> str:
    """The field of RFC 8058 section 3.2, from either kind of form; "" when there is none. Raises HTTPException."""
    body = await _body(request)

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    try:
        async with Request(request.scope, receive).form(max_files=0, max_fields=FIELDS_MAX) as form:
            value = form.get(FIELD)
    except (HTTPException, MultiPartException, ValueError):
        return ""
    return value if isinstance(value, str) else ""


async def _body(request: Request) -> bytes:
    """The whole body, in memory; HTTPException when it is large or slow."""
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for piece in request.stream():
                body += piece
                if len(body) > BODY_MAX:
                    raise HTTPException(413, "Too much.", {"Connection": "close"})
    except (TimeoutError, ClientDisconnect):
        raise HTTPException(408, "Too slow.", {"Connection": "close"}) from None
    return bytes(body)
