"""An issue rendered, whatever is in it (design 8.6): what fails is named in the log, and the rest goes out.

Two things may fail: a template of the operator, then the shipped ones are used; and a comment of a kind that nobody foresaw,
then it is parked: the digest says so in its place.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from gateway.digest.issue import Entry, Issue, ThreadPart
from gateway.digest.parts import Caps, part_threads
from gateway.journal import log
from gateway.mail.forum import Member
from gateway.mail.message import Span, SpanKind
from gateway.render.digest import Rendering, render_issue
from gateway.render.wording import wording

Render = Callable[[Issue], Rendering]


def render_parts(
    issue: Issue, member: Member, caps: Caps, override: Path | None = None, *, form: str = "", web: str = ""
) -> list[tuple[Issue, Rendering]]:
    """Each part of an issue, and how it looks to who shares the member's form (or has `form`), zone and language.

    `override` is an operator's folder of templates; `web` is where our pages are.
    """
    form = form or member.form

    def shipped(part: Issue) -> Rendering:
        return render_issue(part, form=form, zone=member.zone, language=member.language, web=web)

    def theirs(part: Issue) -> Rendering:
        return render_issue(part, form=form, zone=member.zone, language=member.language, override=override, web=web)

    parts = part_threads(issue.threads, caps, has_pages=bool(web))
    found = []
    for number, threads in enumerate(parts, 1):
        part = replace(issue, threads=threads, part=number, parts=len(parts))
        found.append((part, _by_theirs(part, theirs) if override else None))
    return [(part, rendering or _without_poison(part, shipped, member.language)) for part, rendering in found]


def _by_theirs(part: Issue, render: Render) -> Rendering | None:
    try:
        return render(part)
    except Exception as error:  # noqa: BLE001 - a template may fail in any way, and its operator is told where
        log.error("template failed, the shipped ones are used", where=where(error), why=f"{type(error).__name__}: {error}")
        return None


def where(error: Exception) -> str:
    """File and line of the template in which an error came up; "" when it was none."""
    file, line = getattr(error, "filename", None), getattr(error, "lineno", None)
    if file and line:
        return f"{file}:{line}"
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename.endswith((".j2", ".css"))]
    return f"{frames[-1].filename}:{frames[-1].lineno}" if frames else ""


def _without_poison(part: Issue, render: Render, language: str) -> Rendering:
    try:
        return render(part)
    except Exception:  # noqa: BLE001 - whatever it is, the others' comments go out
        log.error("an issue cannot be rendered, looking for the comment", forum=part.forum.name, exc_info=True)
    return render(replace(part, threads=tuple(_parked(part, thread, render, language) for thread in part.threads)))


def _parked(part: Issue, thread: ThreadPart, render: Render, language: str) -> ThreadPart:
    """The thread with a line in the place of each comment that cannot be rendered by itself."""

    def is_good(entry: Entry) -> bool:
        alone = replace(thread, entries=(entry,), title="")
        try:
            render(replace(part, threads=(alone,)))
        except Exception:  # noqa: BLE001 - that is the question
            return False
        return True

    entries = []
    for entry in thread.entries:
        if not is_good(entry):
            log.error("comment parked", forum=part.forum.name, marker=entry.marker)
            text = wording(language).word("This comment cannot be shown here.")
            entry = entry._replace(title="", author="", badge="", attachments=(), spans=(Span(SpanKind.TEXT, text),))
        entries.append(entry)
    return replace(thread, entries=tuple(entries))
