"""Thunderbird on a display of its own: replies in its editor, with keys, and sends.

In: a digest and the way of answering. Out: a mail that went to the gateway by SMTP. A script inside the program puts the caret
or selects, as the mouse would; what changes the text are keys.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.conftest import need_program
from tests.interop.answering import READER, SAID, TITLE, Said, Town
from tests.interop.display import display
from tests.interop.marionette import Marionette

_COMPOSING = 'Services.wm.getMostRecentWindow("msgcompose")'
_READING = 'Services.wm.getMostRecentWindow("mail:messageWindow")'
_BODY = f"{_COMPOSING}?.gMsgCompose?.editor?.document?.body"
# `select` is the drag of a mouse over the reply, `body` its text; the quote is what stands in the blockquote or span of one.
_SELECT = f"""
const body = {_BODY}
const selection = body.ownerDocument.getSelection()
const quote = body.querySelector("blockquote, span[_moz_quote]")
function place(words, isEnd) {{
  const walker = body.ownerDocument.createTreeWalker(body, NodeFilter.SHOW_TEXT)
  while (walker.nextNode()) {{
    const at = walker.currentNode.data.indexOf(words)
    if (at >= 0) return [walker.currentNode, at + (isEnd ? words.length : 0)]
  }}
  throw Error("not in the reply: " + words)
}}
function select(from, to) {{
  selection.setBaseAndExtent(...from, ...to)
}}
"""
_FIND_HEADING = """
// Where a sentence begins; in a text the mark in front of it stays.
function line(node, at) {
  return [node, node.data.startsWith(">") ? 0 : at]
}
// Where the heading of an entry begins: in a page its block, in a text two lines above the one with the marker.
function heading(node) {
  const entry = node.parentElement.closest(".entry")
  if (entry) return [entry, 0]
  const walker = body.ownerDocument.createTreeWalker(quote, NodeFilter.SHOW_TEXT)
  walker.currentNode = node
  while (walker.previousNode()?.data.includes("[#") === false);
  walker.previousNode()
  walker.previousNode()
  return [walker.currentNode, 0]
}
"""


def _preferences(port: int) -> str:
    """One account, whose mail goes to that port; nothing is fetched, nothing asked."""
    account = {
        "mail.accountmanager.accounts": "account1",
        "mail.accountmanager.defaultaccount": "account1",
        "mail.account.account1.server": "server1",
        "mail.account.account1.identities": "id1",
        "mail.server.server1.type": "pop3",
        "mail.server.server1.hostname": "127.0.0.1",
        "mail.server.server1.userName": "london",
        "mail.server.server1.check_new_mail": False,
        "mail.server.server1.login_at_startup": False,
        "mail.identity.id1.fullName": "London",
        "mail.identity.id1.useremail": READER,
        "mail.identity.id1.smtpServer": "smtp1",
        "mail.identity.id1.fcc": False,
        "mail.identity.id1.reply_on_top": 1,
        "mail.smtpservers": "smtp1",
        "mail.smtp.defaultserver": "smtp1",
        "mail.smtpserver.smtp1.hostname": "127.0.0.1",
        "mail.smtpserver.smtp1.port": port,
        "mail.smtpserver.smtp1.authMethod": 1,
        "mail.smtpserver.smtp1.try_ssl": 0,
    }
    quiet = {
        "mailnews.start_page.enabled": False,
        "mailnews.start_page_override.mstone": "ignore",
        "mail.shell.checkDefaultClient": False,
        "mail.provider.suppress_dialog_on_startup": True,
        "mail.warn_on_send_accel_key": False,
        "mail.SpellCheckBeforeSend": False,
        "mail.spellcheck.inline": False,
        "datareporting.policy.dataSubmissionEnabled": False,
        "app.update.auto": False,
        "extensions.update.enabled": False,
        "app.donation.eoy.version.viewed": 999,
        "marionette.port": 0,
    }
    return "".join(f"user_pref({json.dumps(name)}, {json.dumps(value)});\n" for name, value in {**account, **quiet}.items())


class Thunderbird:
    """A running Thunderbird with the digest in a window."""

    def __init__(self, inside: Marionette, surroundings: dict[str, str]) -> None:
        self._inside = inside
        self._surroundings = surroundings

    def answer(self, kind: str, *, is_html: bool) -> None:
        """Ctrl-R, the editor, Ctrl-Enter."""
        self._inside.run(f'Services.prefs.setBoolPref("mail.identity.id1.compose_html", {json.dumps(is_html)})')
        self._inside.run(f'{_READING}.goDoCommand("cmd_reply")')
        self._inside.wait(
            f'{_BODY}?.textContent.includes("You get this digest")||{_BODY}?.textContent.includes("End of Town Talk")'
        )
        self._focus()
        if kind == "interleaved":
            for said in SAID[kind]:
                self._select(f"select(place({json.dumps(said.last)}, true), place({json.dumps(said.last)}, true))")
                self._keys("Return")
                self._type(said.words)
        else:
            [said] = SAID[kind]
            self._cut(kind, said)
            self._type(said.words)
        self._keys("ctrl+Return")
        self._inside.wait(f"!{_COMPOSING}")

    def _cut(self, kind: str, said: Said) -> None:
        """Deletes all of the quote but one comment or one sentence, and leaves the caret where the words go."""
        first, last = json.dumps(said.first), json.dumps(said.last)
        self._select(f"select(place({last}, true), [quote, quote.childNodes.length])")
        self._keys("Delete")
        start = "heading" if kind == "above" else "line"
        self._select(f"select([quote, 0], {start}(...place({first}, false)))")
        self._keys("Delete")
        if kind == "above":
            self._select("select([body, 0], [body, 0])")
        elif self._inside.run(f"return {_COMPOSING}.gMsgCompose.composeHTML"):
            self._select(f"select(place({last}, true), place({last}, true))")
            self._keys("Return")
        else:
            # Below the quote; an empty line at the end of a text shows nothing to click at.
            self._xdotool("key", "ctrl+End")
            self._keys("Return")

    def _select(self, script: str) -> None:
        self._inside.run(f"{_SELECT}\n{_FIND_HEADING}\n{script}")

    def _type(self, words: str) -> None:
        self._xdotool("type", words)
        self._inside.wait(f"{_BODY}.textContent.includes(arguments[0])", words)

    def _keys(self, key: str) -> None:
        """A key, and what it does: the text is another one then."""
        before = "" if key == "ctrl+Return" else self._inside.run(f"return {_BODY}.innerHTML")
        self._xdotool("key", key)
        if before:
            self._inside.wait(f"{_BODY}.innerHTML != arguments[0]", before)

    def _focus(self) -> None:
        """The keys go to the newest window that writes: there is no window manager."""
        found = self._xdotool("search", "--sync", "--name", "^Write:").split()
        self._xdotool("windowfocus", "--sync", found[-1])
        self._inside.run(f'{_COMPOSING}.document.getElementById("messageEditor").focus()')
        self._inside.wait(f"{_BODY}.ownerDocument.hasFocus()")

    def _xdotool(self, *words: str) -> str:
        command = [need_program("xdotool"), *words]
        done = subprocess.run(command, env=self._surroundings, check=True, capture_output=True, text=True, timeout=30)
        return done.stdout


@contextmanager
def thunderbird(town: Town, folder: Path) -> Iterator[Thunderbird]:
    """Starts it on the town's digest."""
    profile = folder / "profile"
    profile.mkdir()
    (profile / "user.js").write_text(_preferences(town.gate.port))
    mail = folder / "digest.eml"
    mail.write_bytes(town.digest)
    with display(folder) as name:
        surroundings = {**os.environ, "DISPLAY": name, "HOME": str(folder), "MOZ_CRASHREPORTER_DISABLE": "1"}
        command = [need_program("thunderbird"), "--profile", str(profile), "--new-instance", "--marionette"]
        command += ["--remote-allow-system-access", str(mail)]
        with (
            (folder / "thunderbird.log").open("w") as log,
            subprocess.Popen(command, env=surroundings, stdout=log, stderr=log) as process,
        ):
            try:
                with Marionette(profile) as inside:
                    inside.wait(f'{_READING}?.document.title.startsWith("{TITLE}")')
                    yield Thunderbird(inside, surroundings)
            finally:
                process.kill()
