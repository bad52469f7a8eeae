"""The digest as readers see it: golden text, columns, RFC 1153, levels, ghosts, and what hostile text may not do."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gateway.render
from gateway.digest.issue import Entry, Issue, ThreadPart
from gateway.mail.forum import Forum
from gateway.mail.message import Attachment, Span, SpanKind
from gateway.render.digest import Rendering, render_issue, render_thread_text
from gateway.render.markup import escape_all
from gateway.render.page import Cell
from gateway.render.places import shown
from gateway.render.plain import WIDTH
from gateway.render.rows import LEVEL_MAX, Levels
from gateway.render.wrap import columns, wrap

GOLDEN = Path(__file__).parent / "golden"
LONDON = ZoneInfo("Europe/London")
NOON = datetime(2021, 9, 10, 12, 0, tzinfo=UTC)
FORUM = Forum(id=UUID(int=1), name="wombats", domain="forum.example", title="Wombats & Friends")
HOSTILE = [
    "{{ 7*7 }}{% raw %}{{ config }}",
    "<script>alert(1)</script>",
    '"><img src=http://evil.example/x onerror=alert(1)>',
    "a\r\nBcc: victim@example.org\r\n\r\nbody",
    "\x1b[31mred\x07\x00\x9b",
    "\u202egnp.exe\u2028\u2029\u2066",
    "-" * 30,
    "https://evil.example/\"onmouseover='x'<b>",
    "</style><script>x</script>",
    "javascript:alert(1)",
    "\ud800",
]


def text(*paragraphs: str) -> tuple[Span, ...]:
    return (Span(SpanKind.TEXT, "\n\n".join(paragraphs)),)


def comment(number: str, **more: object) -> Entry:
    values: dict[str, object] = {
        "number": number,
        "depth": number.count(".") + 1,
        "marker": f"m{number.replace('.', ''):0>7}",
        "msgid": f"{number}@mail.example",
        "author": "Paul",
        "at": NOON + timedelta(minutes=len(number)),
    }
    return Entry(**(values | more))  # type: ignore[arg-type]


def issue_of(*entries: Entry, title: str = "Trial by wombat") -> Issue:
    part = ThreadPart(title=title, entries=entries, new=sum(e.is_new for e in entries), total=len(entries))
    return Issue(forum=FORUM, number=12, since=NOON - timedelta(days=1), until=NOON, threads=(part,))


def model_issue() -> Issue:
    """Every kind of entry that a page can hold, small."""
    return issue_of(
        comment("", depth=0, marker="art00001", title="Trial by wombat", author="The Editor", spans=text("A teaser. " * 12)),
        comment("1", title="When did you stop?", badge="silver"),
        comment("2", author="", badge="Gold badge", spans=text("Neither a title nor a name.")),
        comment("3", author="DJV", title="Hop off", is_new=False, spans=text("Seen before.")),
        comment(
            "3.1",
            title="Re: Hop off",
            spans=(
                Span(SpanKind.QUOTE, "Hop off, and take the others\nwith you.", 1),
                Span(SpanKind.TEXT, "See https://a.example/b_(c)?x=1&y=2, then:\n\n  The wombat lives\n  across the seas."),
                Span(SpanKind.SIGNATURE, "-- \nPaul"),
            ),
            attachments=(Attachment(sha256="0", name="wombat.png", type="image/png", size=23456, start=0, end=1),),
        ),
        comment("3.2", is_ghost=True, author="", title="", msgid="", marker=""),
        comment("3.2.1", author="李雷", title="Re: Hop off", has_siblings=False, spans=text("袋熊不可爱。" * 20)),
        comment("4", title="> first sign", is_imposter=True, spans=text("-" * 30, "From here on.")),
    )


class Page(HTMLParser):
    """What a browser would find: elements and their attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in {"br", "meta"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def render(issue: Issue) -> Rendering:
    rendering = render_issue(issue, zone=LONDON)
    return replace(rendering, text=shown(rendering.text), html=shown(rendering.html))


def render_in(language: str, form: str = "html", issue: Issue | None = None) -> Rendering:
    rendering = render_issue(issue or model_issue(), form=form, zone=LONDON, language=language)
    return replace(rendering, text=shown(rendering.text), html=shown(rendering.html))


def enclosed(digest: str) -> Iterator[tuple[dict[str, str], str]]:
    """An undigester that knows RFC 1153 and nothing of ours."""
    _, _, rest = digest.partition(f"\n{'-' * 70}\n\n")
    *messages, trailer = rest.split(f"\n{'-' * 30}\n\n")
    assert re.fullmatch(r"End of .* Digest, Issue \d+\n\*+\n", trailer)
    for message in messages:
        header, _, body = f"{message}\n".partition("\n\n")
        unfolded = header.replace("\n ", " ").split("\n")
        yield dict(line.split(": ", 1) for line in unfolded), body


def test_text_is_golden() -> None:
    assert render(model_issue()).text == (GOLDEN / "digest.txt").read_text()


def test_text_is_rfc_1153() -> None:
    messages = list(enclosed(render(model_issue()).text))
    assert [fields.get("Subject", "").partition(" ")[0] for fields, _ in messages] == [
        "Trial",
        "1",
        "2",
        "3.1",
        "3.2.1",
        "4",
        "Answer;",
    ]
    assert [list(fields) for fields, _ in messages[:-1]] == [["Date", "From", "Subject"]] * 6
    assert messages[1][0]["Date"] == "Fri, 10 Sep 2021 13:01:00 +0100"
    assert messages[2][0]["From"] == "(no name) (gold badge)"
    assert "[#m0000031]" in messages[3][0]["Subject"]


def test_text_keeps_to_the_columns() -> None:
    wide = [line for line in render(model_issue()).text.split("\n") if columns(line) > WIDTH]
    assert all(line.startswith("mailto:") for line in wide)


def test_thread_text_has_no_links() -> None:
    shown = render_thread_text(model_issue().threads[0], LONDON)
    assert "mailto:" not in shown
    assert "Subject: 3.1 Re: Hop off [#m0000031]" in shown


def test_html_is_self_contained() -> None:
    html = render(model_issue()).html
    page = Page(html)
    assert not page.open
    assert not {"script", "img", "table", "link", "iframe", "form", "base", "object"} & {tag for tag, _ in page.tags}
    assert not re.search(r"url\(|@import|@font-face|src=", html)
    assert {a["lang"] for tag, a in page.tags if tag == "html"} == {"en"}
    assert "prefers-color-scheme: dark" in html
    assert "#24221e" in next(a["style"] or "" for tag, a in page.tags if tag == "body")
    anchors = {a["id"] for _, a in page.tags if "id" in a}
    jumps = {(a["href"] or "")[1:] for tag, a in page.tags if tag == "a" and (a["href"] or "").startswith("#")}
    assert jumps
    assert jumps <= anchors


def test_links_in_text_become_links() -> None:
    page = Page(render(model_issue()).html)
    assert "https://a.example/b_(c)?x=1&y=2" in {a.get("href") for tag, a in page.tags if tag == "a"}


def test_answer_links_name_the_comment() -> None:
    rendering = render(model_issue())
    links = [a["href"] or "" for tag, a in Page(rendering.html).tags if tag == "a" and "In-Reply-To" in (a["href"] or "")]
    fields = [parse_qs(urlsplit(link).query, strict_parsing=True) for link in links]
    assert {unquote(urlsplit(link).path) for link in links} == {"wombats@forum.example"}
    assert [field["In-Reply-To"] for field in fields] == [[f"<{n}@mail.example>"] for n in ("", "1", "2", "3.1", "3.2.1", "4")]
    assert fields[2]["Subject"] == ["Re: Trial by wombat"]
    assert all(link in rendering.text for link in links)


def test_page_of_the_model_stays_under_the_clip() -> None:
    body = text(*["A paragraph of some length, as people write them when they are awake. " * 4] * 2)
    entries = [comment(f"{n}", title=f"A title of some length, number {n}", badge="silver", spans=body) for n in range(1, 42)]
    assert len(render(issue_of(*entries)).html.encode()) < 100_000


def test_levels_follow_branches_and_end_at_six() -> None:
    levels = Levels()
    chain = [levels.next(comment(".".join("1" * depth), has_siblings=False)) for depth in range(1, 6)]
    assert chain == [(0, False)] * 5
    branch = [levels.next(comment(".".join("1" * depth), has_siblings=True)) for depth in range(1, 10)]
    assert branch == [(min(d, LEVEL_MAX), d > LEVEL_MAX) for d in range(9)]
    assert levels.next(comment("1.2")) == (1, False)


def test_past_six_levels_it_says_whom_it_answers() -> None:
    deep = [comment(".".join("1" * depth), parent_author="NoneSuch", spans=text("x")) for depth in range(1, 10)]
    rendering = render(issue_of(*deep))
    assert "Subject: 1.1.1.1.1.1.1.1 (re NoneSuch) [#m1" in rendering.text
    assert rendering.html.count("re NoneSuch") == 2


def test_ten_thousand_levels() -> None:
    deep = [comment(str(depth), depth=depth, has_siblings=depth % 2 == 0, spans=text("x")) for depth in range(1, 10_001)]
    assert not Page(render(issue_of(*deep)).html).open


def test_prose_flows_and_verse_does_not() -> None:
    prose = "\n".join(f"{word} line that a mail program broke near the seventieth column or so" for word in ("A", "Some", "Her"))
    html = render(issue_of(comment("1", spans=text(prose)), comment("2", spans=text("But I would not\nengage the wombat")))).html
    assert "But I would not<br>" in html
    assert (
        html.count("<br>")
        == render(issue_of(comment("1", spans=text("x")), comment("2", spans=text("y")))).html.count("<br>") + 1
    )


@pytest.mark.parametrize("evil", HOSTILE)
def test_hostile_text_in_every_field(evil: str) -> None:
    def entries(word: str) -> tuple[Entry, ...]:
        file = Attachment(sha256="0", name=word, type=word, size=1, start=0, end=1)
        spans = (Span(SpanKind.TEXT, word), Span(SpanKind.QUOTE, word, 2))
        names = {"title": word, "author": word, "badge": word, "marker": word, "msgid": word, "parent_author": word}
        return (
            comment("", depth=0, spans=spans, attachments=(file,), **names),
            comment("1", is_new=False, **names),
            comment("2", spans=spans, **names),
        )

    forum = Forum(id=UUID(int=1), name="wombats", domain="forum.example", title=evil)
    evil_issue = issue_of(*entries(evil), title=evil)
    evil_issue = Issue(forum=forum, number=1, since=NOON, until=NOON, threads=evil_issue.threads)
    rendering, tame = render(evil_issue), render(issue_of(*entries("word"), title="word"))
    assert_safe(rendering)
    flowing = {"a", "br", "span", "p", "blockquote"}
    kinds = [[tag for tag, _ in Page(html).tags if tag not in flowing] for html in (rendering.html, tame.html)]
    assert kinds[0] == kinds[1]
    assert "49" not in rendering.subject


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=300), st.text(max_size=40))
def test_any_text_stays_text(body: str, word: str) -> None:
    assert_safe(render(issue_of(comment("1", title=word, author=word, badge=word, marker=word, spans=text(body)), title=word)))


def assert_safe(rendering: Rendering) -> None:
    for part in (rendering.subject, rendering.text, rendering.html):
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\ud800-\udfff]", part)
    assert "\n" not in rendering.subject
    page = Page(rendering.html)
    assert not page.open
    for tag, attributes in page.tags:
        assert tag not in {"script", "img", "b"}
        assert set(attributes) <= {"class", "style", "href", "id", "lang", "charset", "name", "content", "aria-label"}
        assert (attributes.get("href") or "#").startswith(("#", "mailto:wombats", "http://", "https://", "<leave>"))
    list(enclosed(rendering.text))


@given(st.text(alphabet="ab 袋é ", max_size=300), st.integers(4, 30))
def test_wrapped_lines_fit_and_lose_nothing(line: str, width: int) -> None:
    lines = wrap(line, width)
    assert all(columns(each) <= width for each in lines)
    assert "".join(lines).replace(" ", "") == line.replace(" ", "")


def test_a_link_is_never_broken() -> None:
    link = f"https://a.example/{'x' * 200}"
    assert wrap(f"see {link} there", 40) == ["see", link, "there"]


def test_operators_folder_comes_first(tmp_path: Path) -> None:
    (tmp_path / "thread.txt.j2").write_text("{% for fields, body in messages %}* {{ fields }}\n{% endfor %}")
    assert render_thread_text(model_issue().threads[0], LONDON, override=tmp_path).startswith("* Date: ")


def test_texts_escaped_at_once_stay_apart() -> None:
    assert escape_all(["<a>", "", "b & c", '"']) == ["&lt;a&gt;", "", "b &amp; c", "&#34;"]
    with pytest.raises(ValueError, match="NUL"):
        escape_all(["a\0b", "c"])


def test_only_one_module_calls_text_safe() -> None:
    folder = Path(gateway.render.__file__).parent
    calls = {
        path.name
        for path in folder.glob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Markup"
    }
    assert calls == {"markup.py"}
    templates = folder.parent.parent / "templates"
    texts = {path.name: path.read_text() for path in templates.rglob("*.*")}
    assert not any(re.search(r"\|\s*safe\b", text) for text in texts.values())
    # One loop gets what was escaped beforehand, and puts out nothing else.
    assert {name for name, text in texts.items() if "autoescape" in text} == {"digest.html.j2"}
    _, inside, rest = re.split(r"{% (?:autoescape false|endautoescape) %}", texts["digest.html.j2"])
    assert "autoescape" not in rest
    put_out = {found[1] for found in re.finditer(r"{{ *(\w+)", inside)}
    assert put_out <= {*Cell._fields, "earlier", "re", "report", "web", "file"}
    for word in ("earlier", "re", "Report", "Web"):
        assert f"_('{word}') | e" in texts["digest.html.j2"]
