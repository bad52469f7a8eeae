"""How mail programs write an answer: what they put around a quote, in six languages, as text and as HTML.

In: items in order, ("own", text) and ("quote", lines or HTML). Out: the bytes of a mail. Nothing here knows how answers are read.
"""

from __future__ import annotations

import base64
import quopri
import random
import re
from dataclasses import dataclass
from html import escape, unescape

import lxml.html

from tests.answers.damage import wrapped

Item = tuple[str, str]

WROTE = {
    "en": "On Sat, 21 Nov 2026 at 07:00, Forum <forum@lists.example> wrote:",
    "de": "Am 21.11.2026 um 07:00 schrieb Forum <forum@lists.example>:",
    "fr": "Le sam. 21 nov. 2026 à 07:00, Forum <forum@lists.example> a écrit :",
    "es": "El sáb, 21 nov 2026 a las 7:00, Forum (<forum@lists.example>) escribió:",
    "ja": "2026年11月21日(土) 7:00 Forum <forum@lists.example>:",
    "zh": "Forum <forum@lists.example> 于2026年11月21日周六 07:00写道：",
}
LABELS = {
    "en": ("From", "Sent", "To", "Subject", "Original Message"),
    "de": ("Von", "Gesendet", "An", "Betreff", "Ursprüngliche Nachricht"),
    "fr": ("De", "Envoyé", "À", "Objet", "Message d'origine"),
    "es": ("De", "Enviado", "Para", "Asunto", "Mensaje original"),
    "ja": ("差出人", "送信日時", "宛先", "件名", "Original Message"),
    "zh": ("发件人", "发送时间", "收件人", "主题", "Original Message"),
}
FOOTERS = (
    f"{'_' * 47}\nForum mailing list\nForum@lists.example\nhttps://lists.example/mailman/listinfo/forum",
    f"{'_' * 47}\nForum mailing list -- forum@lists.example\nTo unsubscribe send an email to forum-leave@lists.example",
    f"{'-' * 60}\nGroups.io Links: You receive all messages sent to this group.\nUnsubscribe: https://groups.io/g/forum/unsub",
)


@dataclass(frozen=True)
class Client:
    """`shape` is "marks" (text, with ">"), "block" (text, nothing but a header block), "blockquote" or "bare" (HTML)."""

    name: str
    shape: str
    around: str = "wrote"
    is_flowed: bool = False
    last: str = ""


CLIENTS = (
    Client("Gmail web, text part", "marks"),
    Client("Gmail app", "blockquote", "gmail"),
    Client("Gmail web", "blockquote", "gmail"),
    Client("Outlook desktop", "bare", "border"),
    Client("Outlook desktop, text", "block", "original"),
    Client("Outlook web", "bare", "divider"),
    Client("Outlook mobile", "block", "underscores", last="Get Outlook for iOS<https://aka.ms/o0ukef>"),
    Client("Apple Mail", "blockquote", "cite"),
    Client("Apple Mail, text", "marks"),
    Client("iOS", "marks", last="Sent from my iPhone"),
    Client("Thunderbird", "marks", is_flowed=True),
    Client("Thunderbird, HTML", "blockquote", "cite"),
    Client("mutt", "marks"),
    Client("Gnus", "marks", "gnus"),
    Client("K-9", "marks"),
    Client("K-9, HTML", "blockquote", "gmail"),
    Client("Yahoo", "bare", "yahoo"),
    Client("Yahoo, text", "marks"),
    Client("GMX", "block", "gmx"),
    Client("GMX, HTML", "blockquote", "border"),
)


# What the same programs put into the text part beside the page; Gmail wraps it.
_ALTERNATIVES = {
    "gmail": Client("text part", "marks"),
    "cite": Client("text part", "marks"),
    "border": Client("text part", "block", "gmx"),
    "divider": Client("text part", "block", "underscores"),
    "yahoo": Client("text part", "block"),
}


def alternative(client: Client, items: list[Item], language: str, subject: str, ending: str, rng: random.Random) -> str:
    """The text part beside the page of a program that writes HTML."""
    width = 76 if client.around == "gmail" else 0
    plain: list[Item] = []
    for kind, text in items:
        shown = page_as_text(text) if kind == "quote" else text
        plain.append((kind, wrapped(shown, width) if width else shown))
    return text_body(_ALTERNATIVES[client.around], plain, language, subject, ending, rng)


def takes_html(client: Client) -> bool:
    return client.shape in ("blockquote", "bare")


def _block(language: str, subject: str, *, bold: bool = False) -> list[str]:
    sender, sent, to, about, _ = LABELS[language]
    rows = (
        (sender, "Forum <forum@lists.example>"),
        (sent, "Saturday, 21 November 2026 07:00"),
        (to, "ann@example.org"),
        (about, subject),
    )
    return [f"{label}: {value}" for label, value in rows]


def around(client: Client, language: str, subject: str) -> list[str]:
    """The lines above the first quote."""
    match client.around:
        case "original":
            return [f"-----{LABELS[language][4]}-----", *_block(language, subject), ""]
        case "underscores":
            return ["_" * 32, *_block(language, subject), ""]
        case "gmx":
            return ["", *_block(language, subject), ""]
        case "gnus":
            return ["Forum <forum@lists.example> writes:", ""]
    return [WROTE[language]]


def text_body(client: Client, items: list[Item], language: str, subject: str, ending: str, rng: random.Random) -> str:
    lines: list[str] = []
    has_quote = False
    for kind, text in items:
        if kind == "quote" and not has_quote:
            lines += ["", *around(client, language, subject)] if lines else around(client, language, subject)
            has_quote = True
        if kind == "quote":
            lines += text.split("\n") if client.shape == "block" else _marked(text)
        else:
            # Who writes below a quote without marks leaves a line free, most of the time.
            gap = [""] if client.shape == "block" or rng.random() < 0.7 else []
            lines += [*(gap if lines else []), *text.split("\n"), *gap]
    return "\n".join([*lines, *(["", ending] if ending else [])])


def _marked(text: str) -> list[str]:
    # A line whose mark was lost has a sign of its own, which the damage put there.
    return [
        line[1:] if line[:1] == "\x01" else f">{line}" if line[:1] == ">" else f"> {line}".rstrip() for line in text.split("\n")
    ]


def html_body(client: Client, items: list[Item], language: str, subject: str, ending: str) -> str:
    pieces: list[str] = []
    has_quote = False
    for kind, text in items:
        if kind == "quote":
            if not has_quote:
                pieces.append(_html_around(client, language, subject))
                has_quote = True
            pieces.append(_html_quote(client, text))
        else:
            tag = 'p class="MsoNormal"' if client.around == "border" else "div"
            end = tag.partition(" ")[0]
            pieces += [f"<{tag}>{escape(line) or '<br>'}</{end}>" for line in text.split("\n")]
    if ending:
        pieces.append(f"<div><br></div>{''.join(f'<div>{escape(line)}</div>' for line in ending.split(chr(10)))}")
    body = "\n".join(pieces)
    return f'<html><head><meta charset="utf-8"></head><body dir="auto">{body}</body></html>'


def _html_around(client: Client, language: str, subject: str) -> str:
    wrote = escape(WROTE[language])
    labelled = "<br>".join("<b>{}:</b>{}".format(*escape(row).split(":", 1)) for row in _block(language, subject))
    return {
        "gmail": f'<br><div class="gmail_quote"><div dir="ltr" class="gmail_attr">{wrote}<br></div></div>',
        "cite": f'<div class="moz-cite-prefix">{wrote}<br></div>',
        "yahoo": f'<div class="yahoo_quoted"><div>{wrote}</div><div><br></div></div>',
        "border": f'<div style="border:none;border-top:solid #E1E1E1 1.0pt"><p class="MsoNormal">{labelled}</p></div>'
        '<p class="MsoNormal"></p>',
        "divider": '<div id="appendonsend"></div><hr style="display:inline-block;width:98%">'
        f'<div id="divRplyFwdMsg">{labelled}<div></div></div>',
    }[client.around]


def _html_quote(client: Client, html: str) -> str:
    if client.shape == "bare":
        return f"<div>{html}</div>"
    if client.around == "gmail":
        style = "margin:0 0 0 .8ex;border-left:1px #ccc solid;padding-left:1ex"
        return f'<blockquote class="gmail_quote" style="{style}">{html}</blockquote>'
    return f'<blockquote type="cite">{html}</blockquote>'


_BLOCKS = {"p", "div", "h1", "h2", "h3", "header", "nav", "footer", "blockquote", "section", "main", "table", "tr"}


def page_as_text(html: str) -> str:
    """What a program that answers in plain text makes of HTML: a crude reading, links with their targets."""
    out: list[str] = []

    def walk(node: lxml.html.HtmlElement) -> None:
        is_block = node.tag in _BLOCKS
        if is_block:
            out.append("\n")
        out.append(re.sub(r"\s+", " ", node.text or ""))
        for child in node:
            if isinstance(child.tag, str):
                walk(child)
            out.append(re.sub(r"\s+", " ", child.tail or ""))
        if node.tag == "br":
            out.append("\n")
        if node.tag == "a" and (node.get("href") or "").startswith("mailto:"):
            out.append(f" <{node.get('href')}>")
        if is_block:
            out.append("\n\n" if node.tag in ("p", "h1", "h2", "h3") else "\n")

    walk(lxml.html.fragment_fromstring(html, create_parent="div"))
    lines = [line.strip() for line in "".join(out).split("\n")]
    return unescape(re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip("\n"))


def mail(text: str, html: str, subject: str, encoding: str, *, is_flowed: bool = False) -> bytes:
    """The bytes of an answer; both parts when both are there."""
    head = f"From: Ann <ann@example.org>\nTo: forum@lists.example\nSubject: Re: {subject}\n"
    head += "Message-ID: <a@x.example>\nMIME-Version: 1.0\n"
    flowed = "; format=flowed" if is_flowed else ""
    parts = [
        _leaf(kind, content, encoding)
        for kind, content in ((f"plain; charset=utf-8{flowed}", text), ("html; charset=utf-8", html))
        if content
    ]
    if len(parts) == 1:
        return head.encode() + parts[0]
    middle = b"".join(b"--=_b\n" + part + b"\n" for part in parts)
    return head.encode() + b'Content-Type: multipart/alternative; boundary="=_b"\n\n' + middle + b"--=_b--\n"


def _leaf(kind: str, content: str, encoding: str) -> bytes:
    raw = content.encode()
    if encoding == "quoted-printable":
        raw = quopri.encodestring(raw)
    elif encoding == "base64":
        raw = base64.encodebytes(raw)
    return f"Content-Type: text/{kind}\nContent-Transfer-Encoding: {encoding}\n\n".encode() + raw
