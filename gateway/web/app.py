"""The pages as an ASGI application: /leave/LIST-ID/TOKEN (RFC 8058), /entry/LIST-ID/TOKEN, and nothing else.

In: requests of readers, of mail providers that act for them, and of programs that only look at links. GET and HEAD change
nothing, only a POST acts. Leaving has the same answer for every token, so that nobody learns from it who is a member. No
cookies, no scripts, no log of requests: their paths hold tokens.
"""

from __future__ import annotations

import asyncio
from typing import Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from gateway.flow.leave import leave_by_click
from gateway.mail.forum import Forum
from gateway.render.leaving import render_leave_page
from gateway.render.wording import best_language
from gateway.store.engine import Store
from gateway.store.roster import list_forums
from gateway.web.entry import make_entry
from gateway.web.forms import read_form
from gateway.web.pages import Headers, Pages, respond, trouble

# The form has 26 bytes, or some hundred as multipart/form-data.
BODY_MAX: Final = 4096
FIELD, ONE_CLICK = "List-Unsubscribe", "One-Click"


def make_app(pages: Pages) -> Starlette:
    """The application."""

    async def leave(request: Request) -> Response:
        list_id, token = request.path_params["list_id"], request.path_params["token"]
        is_post = request.method == "POST"
        if is_post and (await read_form(request, BODY_MAX)).get(FIELD) != ONE_CLICK:
            raise HTTPException(400, f"The form must say {FIELD}={ONE_CLICK}.")
        try:
            desk = pages.desk()
            if is_post:
                await asyncio.to_thread(leave_by_click, desk.store, desk.key, list_id, token, desk.now, desk.new_id)
            forum = await asyncio.to_thread(_find_forum, desk.store, list_id)
        except Exception:  # noqa: BLE001 - see `trouble`
            raise trouble() from None
        language = best_language(request.headers.get("accept-language", ""))
        return respond(render_leave_page(forum, language, is_done=is_post))

    app = Starlette(
        routes=[
            Route("/leave/{list_id}/{token}", leave, methods=["GET", "POST"]),
            Route("/entry/{list_id}/{token}", make_entry(pages), methods=["GET", "POST"]),
        ],
        middleware=[Middleware(Headers)],
        exception_handlers={HTTPException: _refuse},
    )
    # A mail provider does not follow (RFC 8058 section 3.1).
    app.router.redirect_slashes = False
    return app


def _refuse(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return PlainTextResponse(f"{error.detail}\n", error.status_code, error.headers)


def _find_forum(store: Store, list_id: str) -> Forum | None:
    return next((forum for forum in list_forums(store) if forum.list_id == list_id), None)
