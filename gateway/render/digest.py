"""The digest: an issue as text and as HTML (design 8; RFC 1153 for the text).

In: an `Issue`, a zone and a language. Out: a `Rendering` that all readers of one form, zone and language share; nothing
in it is personal. The clock, the reader and the network are not asked.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

from gateway.digest.issue import Issue, ThreadPart
from gateway.mail.address import Address
from gateway.render.blocks import one_line
from gateway.render.dates import reading_date
from gateway.render.links import mailto
from gateway.render.markup import Typesetter
from gateway.render.page import anchor, list_cells
from gateway.render.plain import WIDTH, enclose
from gateway.render.rows import Row, contents, list_rows
from gateway.render.templates import html_environment, text_environment
from gateway.render.wrap import clip, columns, wrap

# More lines than this and the contents are longer than one wants to read: then threads only.
CONTENTS_MAX = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendering:
    """One issue, ready to be put into letters. Lines end with LF."""

    subject: str
    text: str
    html: str


def render_issue(issue: Issue, *, zone: ZoneInfo, language: str = "en", override: Path | None = None) -> Rendering:
    """Both forms of an issue. `language` is the tag of the page (the words are English until a folder of templates in
    another language is given as `override`). A template that cannot be read raises jinja2.TemplateError."""
    name = one_line(issue.forum.title) or issue.forum.name
    rows = [list_rows(part, zone, issue.address) for part in issue.threads]
    subject = f"{name} Digest, Issue {issue.number}: {issue.new} new"
    shared: dict[str, object] = {
        "name": name,
        "number": issue.number,
        "language": language,
        "address": str(issue.address),
        "new": issue.new,
        "thread_count": len(issue.threads),
        "period": _period(issue, zone),
        "request": f"{issue.forum.name}-request@{issue.forum.domain}",
        "leave": f"{issue.forum.name}-leave@{issue.forum.domain}",
    }
    return Rendering(
        subject=subject,
        text=_render_text(issue, rows, shared, override),
        html=_render_html(issue, rows, shared, override),
    )


def render_thread_text(part: ThreadPart, zone: ZoneInfo, *, override: Path | None = None) -> str:
    """One thread as the text part of a digest shows it, without links: what `gateway thread show` prints."""
    messages = enclose(list_rows(part, zone, None))
    return text_environment(override).get_template("thread.txt.j2").render(messages=messages)


def _render_text(issue: Issue, rows: list[list[Row]], shared: dict[str, object], override: Path | None) -> str:
    name, issue_number = str(shared["name"]), f" Digest, Issue {issue.number}"
    # RFC 1153: the trailer is one line, and a line of asterisks as long.
    end = f"End of {clip(name, WIDTH - len(issue_number) - len('End of '))}{issue_number}"
    return (
        text_environment(override)
        .get_template("digest.txt.j2")
        .render(
            shared,
            masthead="\n".join(wrap(name + issue_number, WIDTH)),
            topics=[_topic(part, each) for part, each in zip(issue.threads, rows, strict=True)],
            messages=[message for each in rows for message in enclose(each)],
            answers=[line for each in rows for line in _answer_lines(each)],
            start_link=mailto(issue.address),
            trailer=end,
            stars="*" * columns(end),
        )
    )


def _topic(part: ThreadPart, rows: list[Row]) -> str:
    lines = wrap(f"{one_line(part.title) or 'Without a title'} ({part.new} new of {part.total})", WIDTH)
    for row in contents(rows, CONTENTS_MAX):
        start, end = f"  {row.entry.number:<3} ", f"  {row.author}"
        lines.append(start + clip(row.label, max(WIDTH - len(start) - len(end), 20)) + end if row.label else start + row.author)
    return "\n".join(clip(line, WIDTH) for line in lines)


def _answer_lines(rows: Iterable[Row]) -> Iterable[str]:
    for row in rows:
        if row.link and row.entry.is_new:
            yield f"{clip(' '.join(filter(None, (row.entry.number, row.author))), WIDTH - 20)} {row.marker}\n{row.link}"


def _render_html(issue: Issue, rows: list[list[Row]], shared: dict[str, object], override: Path | None) -> str:
    environment = html_environment(override)
    typesetter = Typesetter(environment.styles)  # type: ignore[attr-defined]
    threads = [
        {
            "title": one_line(part.title) or "Without a title",
            "new": part.new,
            "total": part.total,
            "anchor": f"t-{place}",
            "topics": [(anchor(row), row.entry.number, row.label, row.author) for row in contents(each, CONTENTS_MAX)],
            "entries": list_cells(each, typesetter),
            "closes": "-" * (each[-1].level if each else 0),
        }
        for place, (part, each) in enumerate(zip(issue.threads, rows, strict=True), 1)
    ]
    request = Address(f"{issue.forum.name}-request", issue.forum.domain)
    return environment.get_template("digest.html.j2").render(
        shared,
        threads=threads,
        sheet=typesetter.sheet,
        start_link=mailto(issue.address),
        rules_link=mailto(request, subject="rules"),
        settings_link=mailto(request, subject="set"),
        leave_link=mailto(Address(f"{issue.forum.name}-leave", issue.forum.domain)),
    )


def _period(issue: Issue, zone: ZoneInfo) -> str:
    return f"{reading_date(issue.since, zone)} to {reading_date(issue.until, zone)}"
