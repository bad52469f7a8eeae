"""The page of an entry: GET and HEAD show it, a POST answers it, votes on it or reports it.

The token in the path is the authority, and there is no other. Who comes with one that is not good, or to what he may not see,
gets the same status and page, whatever the reason.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from gateway.flow.by_web import Door, Visit, answer, cast, complain, visit
from gateway.flow.desk import Desk
from gateway.flow.report import Heard
from gateway.journal import log
from gateway.mail.verdict import Decision, Reason, Verdict
from gateway.render.blocks import clean
from gateway.render.entry_page import NOTHING_YET, Outcome, Said, render_entry_page, render_gone_page
from gateway.render.notices import why_uncounted
from gateway.render.pages import Page
from gateway.render.wording import best_language
from gateway.web.forms import read_form
from gateway.web.pages import Pages, respond, trouble

# Of the form, in which a letter that is not ASCII has six bytes or nine.
BODY_MAX: Final = 64 << 10
# A mail is committed in much less.
TAKING_SECONDS: Final = 60
_VOTES: Final = {"up": 1, "down": -1}
ACTS: Final = ("answer", *_VOTES, "report")
_STATUS: Final = {
    Outcome.EMPTY: 400,
    Outcome.UNREADABLE: 400,
    Outcome.REFUSED: 403,
    Outcome.TOO_MANY: 429,
    Outcome.TROUBLE: 503,
}
_TAKEN_AS: Final = {Reason.VOTE: Outcome.TAKEN_AS_VOTE, Reason.REPORT: Outcome.TAKEN_AS_REPORT}
_UNREADABLE: Final = (Reason.LOOP, Reason.HEADER_TOO_LARGE, Reason.UNREADABLE)


def make_entry(pages: Pages) -> Callable[[Request], Awaitable[Response]]:
    """The function behind /entry/LIST-ID/TOKEN."""

    async def entry(request: Request) -> Response:
        form = await read_form(request, BODY_MAX) if request.method == "POST" else None
        if form is not None and form.get("act") not in ACTS:
            raise HTTPException(400, "The form does not say what to do.")
        try:
            desk = pages.desk()
            list_id, token = request.path_params["list_id"], request.path_params["token"]
            guest = await asyncio.to_thread(visit, desk, list_id, token)
            if guest is None:
                return respond(render_gone_page(best_language(request.headers.get("accept-language", ""))), 404)
            said = NOTHING_YET
            if form is not None:
                said = await _act(desk, pages.door, guest, form)
                # It shows the vote that has just been counted.
                guest = await asyncio.to_thread(visit, desk, list_id, token) or guest
            return respond(await asyncio.to_thread(_page, guest, desk.now, said), _STATUS.get(said.outcome, 200))
        except Exception:  # noqa: BLE001 - see `trouble`
            raise trouble() from None

    return entry


def _page(guest: Visit, now: datetime, said: Said) -> Page:
    return render_entry_page(guest.forum, guest.member, guest.part, now=now, may_vote=guest.may_vote, said=said)


async def _act(desk: Desk, door: Door, guest: Visit, form: Mapping[str, str]) -> Said:
    act = form["act"]
    if act == "answer":
        return await _answer(desk, door, guest, form)
    if act == "report":
        heard = await asyncio.to_thread(complain, desk, guest, form.get("reason", ""))
        return Said(outcome=Outcome.REPORTED if heard is Heard.TAKEN else Outcome.UNREPORTED, detail=heard)
    why = await asyncio.to_thread(cast, desk, guest, _VOTES[act])
    if why is not None:
        return Said(outcome=Outcome.UNCOUNTED, detail=why_uncounted(why, guest.member.language))
    return Said(outcome=Outcome.UP if act == "up" else Outcome.DOWN)


async def _answer(desk: Desk, door: Door, guest: Visit, form: Mapping[str, str]) -> Said:
    text = clean(form.get("text", "").replace("\r\n", "\n").replace("\r", "\n")).strip("\n")
    if not text.strip():
        return Said(outcome=Outcome.EMPTY)
    begun = _begun(form, desk.now)
    try:
        future = await asyncio.to_thread(answer, desk, door, guest, text, begun)
        async with asyncio.timeout(TAKING_SECONDS):
            # What was handed in is taken, whatever becomes of this request.
            [decision] = await asyncio.shield(asyncio.wrap_future(future))
    except Exception:  # noqa: BLE001 - he gets his text back, and may try again: it does not count twice
        log.error("answer not taken", exc_info=True)
        return Said(outcome=Outcome.TROUBLE, text=text, begun=begun)
    outcome = outcome_of(decision)
    return Said(outcome=outcome, text=text if outcome in _STATUS else "")


def outcome_of(decision: Decision) -> Outcome:
    """What became of an answer, as `smtp.replies` would tell a mail program."""
    match decision.verdict:
        case Verdict.ACCEPT:
            return Outcome.THERE if decision.reason is Reason.DUPLICATE else Outcome.POSTED
        case Verdict.HOLD:
            return _TAKEN_AS.get(decision.reason, Outcome.WAITS)
        case Verdict.DEFER:
            return Outcome.TOO_MANY if decision.reason is Reason.TOO_MANY else Outcome.TROUBLE
    return Outcome.UNREADABLE if decision.reason in _UNREADABLE else Outcome.REFUSED


def _begun(form: Mapping[str, str], now: datetime) -> datetime:
    """When the page with the form was made, as it says."""
    try:
        return datetime.fromtimestamp(int(form.get("begun", "")[:20]), UTC)
    except (ValueError, OverflowError, OSError):
        return now
