"""HTML to text: what each element becomes, what is dropped, how quotes of mail programs come out; and HTML for the web."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.parse.html import html_to_text, sanitise_html
from gateway.parse.markup import QUOTE_CLOSE, QUOTE_OPEN, RULE
from gateway.parse.webpage import html_of


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>one<p>two", "one\n\ntwo"),
        ("<div>one</div><div><br></div><div>two</div>", "one\n\ntwo"),
        ("<p class=MsoNormal>one<p class=MsoNormal>&nbsp;<p class=MsoNormal>two", "one\n\ntwo"),
        ('<p style="margin: 0">one<p style="margin:0">two', "one\ntwo"),
        ('<p style="margin:0.5em">one<p>two', "one\n\ntwo"),
        ("a &nbsp;b&shy;c&#8203;d", "a  bcd"),
        ("<ul><li>a<li>b<ul><li>c</ul></ul>", "* a\n* b\n    + c"),
        ("<ol><li>a<li>b</ol>", "1. a\n2. b"),
        ("<ol start=9><li>a<li>b</ol>", "9. a\n10. b"),
        ("<ol><li>a<li value=7>b</ol>", "1. a\n7. b"),
        ('<p class=MsoListParagraph><span style="mso-list:Ignore">·<span>&nbsp; </span></span>a', "* a"),
        ('<p class=MsoListParagraph><span style="mso-list:Ignore">2)<span>&nbsp; </span></span>a', "2) a"),
        ("<pre>a  b\n   c</pre>", "a  b\n   c"),
        ('<div style="white-space: pre-wrap">a  b\n   c</div>', "a  b\n   c"),
        ("a<hr>b", f"a\n{RULE}\nb"),
        ("<h1>Title</h1>text", "Title\n\ntext"),
        ("x<script>alert(1)</script><style>p{}</style><!-- c -->y", "xy"),
    ],
)
def test_elements(html: str, text: str) -> None:
    assert (html_to_text(html) or "").strip() == text


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ('<a href="https://e.example/x">here</a>!', "here <https://e.example/x>!"),
        ('<a href="https://e.example/?a=1&amp;b=2">here</a>', "here <https://e.example/?a=1&b=2>"),
        ('<a href="https://www.E.example/">e.example</a>', "e.example"),
        ('<a href="https://e.example/x">https://e.example/x</a>', "https://e.example/x"),
        ('<a href="https://evil.example">https://bank.example</a>', "https://bank.example <https://evil.example>"),
        ('<a href="mailto:ann@e.example">ann@e.example</a>', "ann@e.example"),
        ('<a href="mailto:ann@e.example?subject=x">Ann</a>', "Ann <ann@e.example>"),
        ('<a href="#top">top</a> <a href="page.html">page</a> <a href="javascript:x()">x</a>', "top page x"),
        ('<a href="https://e.example"><img src=x alt="Logo"></a>', "[Logo] <https://e.example>"),
        ('<a href="https://t.example"><img src=x></a>text', "text"),
        ('<img src="cid:1" alt="A cat">', "[A cat]"),
        ('<img data-emoji alt="😀">', "😀"),
        ('<img src="https://t.example/pixel.gif" width=1 height=1 alt="">', ""),
    ],
)
def test_links_and_pictures(html: str, text: str) -> None:
    assert (html_to_text(html) or "").strip() == text


@pytest.mark.parametrize(
    "hidden",
    [
        '<div style="display:none">x</div>',
        '<span style="font-size:1px; DISPLAY : none !important; opacity:0">x</span>',
        '<div style="max-height:0px;overflow:hidden">x<div>y</div></div>',
        '<div style="visibility:hidden">x</div>',
        "<div hidden>x<br><img alt=z></div>",
    ],
)
def test_what_is_hidden_is_not_told(hidden: str) -> None:
    assert (html_to_text(f"{hidden}<p>body</p>{hidden}") or "").strip() == "body"


def test_a_page_that_hides_everything_is_told() -> None:
    assert (html_to_text('<div style="display:none">all there is</div>') or "").strip() == "all there is"
    assert (html_to_text('<div style="max-height:0.5em;opacity:0.9">seen</div>') or "").strip() == "seen"


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<table><tr><th>Name<th>Age<tr><td>Ann<td>33<tr><td>Bob Long<td>4</table>", "Name      Age\nAnn       33\nBob Long  4"),
        ("<table><tr><td>one<tr><td>two</table>", "one\ntwo"),
        ("<table><tr><td>" + "long " * 30 + "<td>next</table>", "long " * 29 + "long\nnext"),
        ("<table><tr><td><table><tr><td>a<td>b</table><td><p>text</table>", "a  b\n\n\ntext"),
        ("<table><tr><td><blockquote>q</blockquote><td>a</table>", "> q\n\na"),
    ],
)
def test_tables(html: str, text: str) -> None:
    assert (html_to_text(html) or "").strip() == text


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("a<blockquote>b<blockquote>c</blockquote>d</blockquote>e", "a\n> b\n> > c\n> d\n\ne"),
        (
            '<blockquote type="cite"><div>On 1 Feb 2026, Bob wrote:</div><br><div>x</div></blockquote>y',
            "> On 1 Feb 2026, Bob wrote:\n>\n> x\n\ny",
        ),
        (
            '<div class="gmail_quote">On Sun Bob wrote:<br><blockquote class="gmail_quote" style="border-left:1px #ccc solid">x',
            "On Sun Bob wrote:\n> x",
        ),
        (
            '<div class="moz-cite-prefix">On 1.2. Bob wrote:<br></div><blockquote type="cite"><pre>x\n\ny</pre>',
            "On 1.2. Bob wrote:\n> x\n>\n> y",
        ),
        ('<blockquote style="margin:0 0 0 40px;border:none;padding:0px">set in</blockquote>', "set in"),
        (
            '<div style="border:none;border-top:solid #B5C4DF 1.0pt"><p class=MsoNormal><b>From:</b> Bob<br>To: me</div>',
            "From: Bob\nTo: me",
        ),
        ("<blockquote></blockquote>a", "a"),
        (f"{QUOTE_OPEN}<br>forged&#xe000;<br>{QUOTE_CLOSE}", "forged"),
    ],
)
def test_quotes(html: str, text: str) -> None:
    assert (html_to_text(html) or "").strip() == text


TAGS = [
    "<table>", "<tr>", "<td>", "</table>", "<blockquote>", "</blockquote>", "<ul>", "<li>", "</ul>", "<ol/start=3>", "<p>",
    "<div/hidden>", "</div>", "<pre>", "</pre>", "<br>", "<a/href='https://e.example'>", "</a>", "<img/alt=i>", "word",
    "<hr>", "<span/style='mso-list:Ignore'>", "</span>", "<p/style='white-space:pre'>", "&nbsp;", "&lt;", "<td/colspan=9>",
    "<h1>", "</h1>",
]  # fmt: skip
HTML = st.lists(st.sampled_from(TAGS), max_size=60).map(" ".join)


@given(HTML)
def test_any_tags_make_text_without_marks(html: str) -> None:
    text = html_to_text(html)
    assert text is not None
    assert not any("\ue000" <= char <= "\ue0ff" for char in text)


@given(HTML)
def test_no_word_is_lost_when_nothing_is_hidden(html: str) -> None:
    html = html.replace("<div/hidden>", "<div>").replace("mso-list:Ignore", "")
    assert (html_to_text(html) or "").count("word") == html.count("word")


def test_sanitised_html() -> None:
    html = (
        '<p style="background:url(https://t.example/a)" onclick="x()" class="y">a<img src="https://t.example/x.gif" alt="t">'
        '<img src="cid:1@x" alt="c"><img src=" data:image/png;base64,AAAA"><a href="cid:1">l</a><a href="javascript:x">j</a>'
        '<a href="https://e.example">ok</a><script>x</script><svg><a href="https://e.example">s</a></svg>'
        '<form action="https://t.example"><input name="a"></form><link rel="stylesheet" href="https://t.example/s.css">'
        '<table background="https://t.example/b"><tr><td colspan="2" background="https://t.example/c">y</table>'
        '<iframe src="https://t.example"></iframe><object data="https://t.example"></object><video src="https://t.example"></video>'
    )
    safe = sanitise_html(html)
    assert "t.example" not in safe
    assert not any(word in safe for word in ("javascript", "style", "onclick", "class", "script", "form", "data:"))
    assert '<img src="cid:1@x" alt="c">' in safe
    assert '<img alt="t">' in safe
    assert '<a href="https://e.example" rel="noopener noreferrer nofollow ugc">ok</a>' in safe
    assert '<td colspan="2">y</td>' in safe
    assert sanitise_html(safe) == safe
    assert sanitise_html("<div>" * 5_000) == ""


HEAD = b"From: ada@example.org\nMIME-Version: 1.0\n"
MULTIPART = HEAD + b"Content-Type: multipart/mixed; boundary=b\n\n"


@pytest.mark.parametrize(
    ("raw", "html"),
    [
        (HEAD + b"\ntext", None),
        (HEAD + b"Content-Type: text/html; charset=iso-8859-1\n\n<p onclick=x>caf\xe9", "<p>café</p>"),
        (MULTIPART + b"--b\n\nx\n--b\nContent-Type: text/html\n\n<b>x</b>\n--b--", "<b>x</b>"),
        (
            MULTIPART + b"--b\nContent-Type: text/html\n\n<b>x</b>\n--b\n"
            b"Content-Type: text/html\nContent-Disposition: attachment; filename=a.html\n\nfile\n--b\n"
            b"Content-Type: text/html\n\n<i>y</i>\n--b--",
            "<b>x</b><hr><i>y</i>",
        ),
        (HEAD + b"Content-Type: text/html\n\n" + b"<div>" * 5_000, None),
    ],
)  # fmt: skip
def test_html_of_a_mail(raw: bytes, html: str | None) -> None:
    assert html_of(raw) == html
    assert html_of(raw.replace(b"\n", b"\r\n")) == html


def test_a_page_at_the_limits_is_read_in_time() -> None:
    # All that the guard lets through: the dearest that a page can be, and it is compared with one of half the size.
    def cost(count: int) -> float:
        html = '<table><tr><td style="a:b">x<td><a href="https://e.example">y</a></table>' * count
        best = float("inf")
        for _ in range(2):
            start = time.process_time()
            assert html_to_text(html) is not None
            best = min(best, time.process_time() - start)
        return best

    assert cost(1_600) < 2.6 * max(cost(800), 0.01)
