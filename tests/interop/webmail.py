"""Replies written in a browser: Chromium quotes the digest's page as web mailers do, edits the quote, and gives the HTML back.

In: the digest, and the way of answering. Out: a mail, sent by smtplib; what the mailers put around a quote is modelled on them.
"""

from __future__ import annotations

import email
import json
import re
import smtplib
from base64 import b64decode
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Final, NamedTuple

from tests.interop.answering import READER, SAID, Town
from tests.interop.display import chromium

_LINE: Final = "On Mon, Nov 23, 2026 at 1:00 PM Town Talk &lt;<a href='mailto:town@example.org'>town@example.org</a>&gt; wrote:"


class Mailer(NamedTuple):
    """What stands around the quote, "%" for it; `own` is the element of a line that is typed."""

    around: str
    own: str = "<div dir='ltr'>%</div>"
    has_text: bool = False


MAILERS: Final = {
    "gmail": Mailer(
        "<div class='gmail_quote gmail_quote_container'><div dir='ltr' class='gmail_attr'>" + _LINE + "<br></div>"
        "<blockquote class='gmail_quote' style='margin:0px 0px 0px 0.8ex;border-left:1px solid rgb(204,204,204)'>"
        "%</blockquote></div>",
        has_text=True,
    ),
    "cite": Mailer(f"<div>{_LINE}<br></div><blockquote type='cite'>%</blockquote>", own="<p>%</p>"),
    "outlook": Mailer(
        "<hr tabindex='-1' style='display:inline-block; width:98vw'><div id='divRplyFwdMsg' dir='ltr'><font face='Calibri'>"
        "<b>From:</b> Town Talk &lt;town@example.org&gt;<br><b>Sent:</b> Monday, November 23, 2026 1:00 PM<br>"
        "<b>To:</b> reader.london@example.org &lt;reader.london@example.org&gt;<br>"
        "<b>Subject:</b> Town Talk Digest, Issue 1: 42 new</font><div>&nbsp;</div></div><div>%</div>",
        own="<div style='font-family:Aptos; font-size:12pt'>%</div>",
    ),
}

# Quotes what is selected in the mail, or all of it, and writes below or above it; a person would click where `put` does.
_SCRIPT: Final = """addEventListener("load", () => {
  const {kind, said, around, own} = JSON.parse(document.getElementById("task").textContent)
  const mail = document.getElementById("mail"), reply = document.getElementById("reply")
  function place(root, words, atEnd) {
    const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT)
    while (walker.nextNode()) {
      const at = walker.currentNode.data.indexOf(words)
      if (at >= 0) return [walker.currentNode, at + (atEnd ? words.length : 0)]
    }
    throw Error("not in the page: " + words)
  }
  function selected({first, last}) {
    const range = document.createRange()
    range.setStart(...place(mail, first, false))
    range.setEnd(...place(mail, last, true))
    if (kind == "above") range.setStartBefore(range.startContainer.parentElement.closest(".entry"))
    const box = document.createElement("div")
    box.append(range.cloneContents())
    return box.innerHTML
  }
  const quoted = kind == "interleaved" ? mail.innerHTML : selected(said[0])
  reply.innerHTML = around.replace("%", () => quoted)
  function put({last, words}) {
    const line = document.createElement("div")
    line.innerHTML = own.replace("%", () => words) + "<div><br></div>"
    if (kind == "above") return reply.prepend(line)
    const range = document.createRange(), [node, at] = place(reply, last, true)
    const quote = node.parentElement.closest("blockquote, #divRplyFwdMsg ~ div")
    range.setStart(node, at)
    range.setEndAfter(quote.tagName == "BLOCKQUOTE" ? quote : node.parentElement)
    const rest = range.extractContents()
    ;(quote.tagName == "BLOCKQUOTE" ? quote : node.parentElement).after(line, rest)
  }
  said.forEach(put)
  function text(node) {
    if (node.tagName == "BLOCKQUOTE") return node.innerText.trim().split("\\n").map(line => "> " + line).join("\\n")
    if (!node.querySelector || !node.querySelector("blockquote")) return node.innerText ?? node.data
    return [...node.childNodes].map(text).join("\\n")
  }
  const told = document.createElement("output")
  const bytes = new TextEncoder().encode(JSON.stringify([reply.innerHTML, text(reply)]))
  told.textContent = "told|" + btoa(Array.from(bytes, one => String.fromCharCode(one)).join("")) + "|"
  document.body.append(told)
})"""


def answer(town: Town, folder: Path, kind: str, name: str) -> None:
    """Answers in that way as that mailer does."""
    digest = email.message_from_bytes(town.digest, policy=default)
    html, text = _written(digest, folder, kind, MAILERS[name])
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = f"London <{READER}>", digest["Reply-To"], f"Re: {digest['Subject']}"
    mail["Date"], mail["Message-ID"] = digest["Date"], f"<{kind}.{name}@example.org>"
    mail["In-Reply-To"] = mail["References"] = digest["Message-ID"]
    if MAILERS[name].has_text:
        mail.set_content(text)
        mail.add_alternative(html, subtype="html")
    else:
        mail.set_content(html, subtype="html")
    with smtplib.SMTP("127.0.0.1", town.gate.port) as smtp:
        smtp.send_message(mail)


def _written(digest: EmailMessage, folder: Path, kind: str, mailer: Mailer) -> tuple[str, str]:
    """The reply's HTML, and its text."""
    body = digest.get_body(("html",))
    assert body is not None
    found = re.search(r"<body[^>]*>(.*)</body>", str(body.get_content()), re.DOTALL)
    assert found is not None
    task = {"kind": kind, "said": [one._asdict() for one in SAID[kind]], "around": mailer.around, "own": mailer.own}
    page = folder / "reply.html"
    page.write_text(
        f"<!DOCTYPE html><meta charset=utf-8><script type='application/json' id=task>{json.dumps(task)}</script>"
        f"<script>{_SCRIPT}</script><div id=mail>{found[1]}</div><div id=reply contenteditable></div>",
        encoding="utf-8",
    )
    told = re.search(r"told\|([\w+/=]+)\|", chromium(folder, "--dump-dom", page.as_uri()))
    assert told is not None
    html, text = json.loads(b64decode(told[1]))
    return html, text
