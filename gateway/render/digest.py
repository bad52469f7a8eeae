"""The digest: an issue as text and as HTML (design 8; RFC 1153 for the text).

In: an `Issue`, a form, a zone and a language. Out: a `Rendering` that all readers of that form, zone and language share;
for what is personal it holds placeholders. The clock, the reader and the network are not asked.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

from gateway.digest.activity import activity
from gateway.digest.issue import Issue, ThreadPart
from gateway.mail.address import Address
from gateway.render.blocks import clean, one_line
from gateway.render.dates import reading_date
from gateway.render.links import mailto
from gateway.render.markup import Typesetter
from gateway.render.page import anchor, list_bars, list_cells
from gateway.render.places import Placeholder
from gateway.render.plain import WIDTH, enclose
from gateway.render.rows import Row, contents, list_rows
from gateway.render.templates import html_environment, text_environment
from gateway.render.wording import Wording, wording
from gateway.render.wrap import clip, columns, wrap

# More lines than this and the contents are longer than one wants to read: then threads only.
CONTENTS_MAX = 40
PREHEADER_MAX = 140
NUMBER_MAX = 12
# What a form is made of: the whole text, or only what there is; and a page.
TEMPLATES = {"html": "digest.txt.j2", "plain": "digest.txt.j2", "mime": "index.txt.j2", "index": "index.txt.j2"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendering:
    """One part of an issue, ready to be put into letters; `html` is "" but for the form html. Lines end with LF."""

    subject: str
    text: str
    html: str


def render_issue(
    issue: Issue, *, form: str = "html", zone: ZoneInfo, language: str = "en", override: Path | None = None, web: str = ""
) -> Rendering:
    """An issue in that form: "html" (text and HTML), "plain", "mime" (the text before the mails themselves) or "index".

    `override` is an operator's folder of templates. A template that cannot be read raises jinja2.TemplateError. `web` is where
    our pages are ("https://example.org"); "" when there are none.
    """
    words = wording(language)
    rows = [list_rows(part, zone, issue.address, words) for part in issue.threads]
    shared = _shared(issue, zone, words)
    return Rendering(
        subject=_subject(issue, words),
        text=_render_text(issue, rows, shared, words, TEMPLATES[form], override),
        html=_render_html(issue, rows, shared, zone, words, override, web) if form == "html" else "",
    )


def render_thread_text(part: ThreadPart, zone: ZoneInfo, *, language: str = "en", override: Path | None = None) -> str:
    """One thread as the text part of a digest shows it, without links: what `gateway thread show` prints."""
    words = wording(language)
    messages = enclose(list_rows(part, zone, None, words), words)
    return text_environment(override).get_template("thread.txt.j2").render(messages=messages)


def _shared(issue: Issue, zone: ZoneInfo, words: Wording) -> dict[str, object]:
    """What both templates are given."""
    count = len(issue.threads)
    posts = words.plural("{count} new post", "{count} new posts", issue.new).format(count=issue.new)
    threads = words.plural("in {count} thread", "in {count} threads", count).format(count=count)
    since, until = (reading_date(at, zone, words) for at in (issue.since, issue.until))
    return {
        "_": words.word,
        "name": _name(issue),
        "issue": _issue(issue, words),
        "language": words.language,
        "address": str(issue.address),
        "counts": ", ".join(filter(None, (f"{posts} {threads}", _changed(issue, words)))),
        "period": words.word("{since} to {until}").format(since=since, until=until),
        "request": f"{issue.forum.name}-request@{issue.forum.domain}",
        "leave": Placeholder("leave"),
        "leave_at": Placeholder("leave_at"),
        "start_link": mailto(issue.address),
    }


def _changed(issue: Issue, words: Wording) -> str:
    """How much of what was told before is not the same any more."""
    if not issue.changed:
        return ""
    return words.plural("{count} changed since", "{count} changed since", issue.changed).format(count=issue.changed)


def _name(issue: Issue) -> str:
    return one_line(issue.forum.title) or issue.forum.name


def _issue(issue: Issue, words: Wording) -> str:
    text = words.word("Issue {number}").format(number=issue.number)
    part = words.word("part {part} of {parts}").format(part=issue.part, parts=issue.parts)
    return f"{text}, {part}" if issue.parts > 1 else text


def _subject(issue: Issue, words: Wording) -> str:
    title = words.word("{name} Digest").format(name=_name(issue))
    return f"{title}, {_issue(issue, words)}: {words.word('{count} new').format(count=issue.new)}"


def _render_text(
    issue: Issue, rows: list[list[Row]], shared: dict[str, object], words: Wording, template: str, override: Path | None
) -> str:
    is_index = template == "index.txt.j2"
    # RFC 1153, whatever the language: the trailer is one line, and a line of asterisks as long.
    rest = f" Digest, Issue {issue.number}" + (f", part {issue.part}" if issue.parts > 1 else "")
    end = f"End of {clip(_name(issue), WIDTH - len(rest) - len('End of '))}{rest}"
    masthead = f"{words.word('{name} Digest').format(name=_name(issue))}, {_issue(issue, words)}"
    return (
        text_environment(override)
        .get_template(template)
        .render(
            shared,
            masthead="\n".join(wrap(masthead, WIDTH)),
            topics=[_topic(part, each, words, is_index) for part, each in zip(issue.threads, rows, strict=True)],
            messages=[] if is_index else [message for each in rows for message in enclose(each, words)],
            answers=[] if is_index else [line for each in rows for line in _answer_lines(each)],
            trailer=end,
            stars="*" * columns(end),
        )
    )


def _topic(part: ThreadPart, rows: list[Row], words: Wording, is_index: bool) -> str:
    count = words.word("{new} new of {total}").format(new=part.new, total=part.total)
    lines = wrap(f"{_title(part, words)} ({count})", WIDTH)
    listed = _every_new(rows) if is_index else list(contents(rows, CONTENTS_MAX))
    size = min(max((len(row.entry.number) for row in listed), default=0), NUMBER_MAX)
    for row in listed:
        start = f"  {row.entry.number:<{max(size, 3)}} "
        end = f"  {row.author}" + (f"  {row.marker}" if is_index else "")
        lines.append(start + clip(row.label, max(WIDTH - len(start) - len(end), 20)) + end if row.label else start + end.lstrip())
    return "\n".join(clip(line, WIDTH) for line in lines)


def _every_new(rows: Iterable[Row]) -> list[Row]:
    return [row for row in rows if row.entry.is_told]


def _title(part: ThreadPart, words: Wording) -> str:
    return one_line(part.title) or words.word("Without a title")


def _answer_lines(rows: Iterable[Row]) -> Iterable[str]:
    for row in rows:
        if row.link and row.entry.is_told:
            head = clip(" ".join(filter(None, (row.entry.number, row.author))), WIDTH - 20)
            yield Placeholder.around(f"{clean(head)} {row.marker}\n{row.link}")


def _render_html(
    issue: Issue,
    rows: list[list[Row]],
    shared: dict[str, object],
    zone: ZoneInfo,
    words: Wording,
    override: Path | None,
    web: str,
) -> str:
    pages = f"{web}/entry/{issue.forum.list_id}/" if web else ""
    environment = html_environment(override)
    typesetter = Typesetter(environment.styles)  # type: ignore[attr-defined]
    threads = [
        {
            "title": _title(part, words),
            "count": words.word("{new} new of {total}").format(new=part.new, total=part.total).replace(" ", "\u00a0"),
            "anchor": f"t-{place}",
            "topics": [(anchor(row), row.entry.number, row.label, row.author) for row in contents(each, CONTENTS_MAX)],
            "entries": list_cells(each, typesetter, words, pages),
            "closes": "-" * (each[-1].level if each else 0),
        }
        for place, (part, each) in enumerate(zip(issue.threads, rows, strict=True), 1)
    ]
    request = Address(f"{issue.forum.name}-request", issue.forum.domain)
    dates = [entry.at for part in issue.threads for entry in part.entries if entry.is_new and entry.at]
    titles = "; ".join(_title(part, words) for part in issue.threads)
    return environment.get_template("digest.html.j2").render(
        shared,
        threads=threads,
        sheet=typesetter.sheet,
        preheader=clip(f"{shared['counts']}: {titles}", PREHEADER_MAX),
        bars=list_bars(activity(dates, issue.since, issue.until, zone), words),
        rules_link=mailto(request, subject="rules"),
        settings_link=mailto(request, subject="set"),
    )
