"""Forms of requests (RFC 9110, WHATWG URL, RFC 7578): read in memory, within limits of size and time."""

from __future__ import annotations

import asyncio
from typing import Final

from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.requests import ClientDisconnect, Request
from starlette.types import Message

BODY_SECONDS: Final = 10
FIELDS_MAX: Final = 4


async def read_form(request: Request, most: int) -> dict[str, str]:
    """The fields of either kind of form, of at most `most` bytes; empty when the body is none. Raises HTTPException."""
    body = await _body(request, most)

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    try:
        async with Request(request.scope, receive).form(max_files=0, max_fields=FIELDS_MAX) as form:
            return {name: value for name, value in form.items() if isinstance(value, str)}
    except (HTTPException, MultiPartException, ValueError):
        return {}


async def _body(request: Request, most: int) -> bytes:
    """The whole body, in memory; HTTPException when it is large or slow."""
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for piece in request.stream():
                body += piece
                if len(body) > most:
                    raise HTTPException(413, "Too much.", {"Connection": "close"})
    except (TimeoutError, ClientDisconnect):
        raise HTTPException(408, "Too slow.", {"Connection": "close"}) from None
    return bytes(body)
