"""Mail programs for the terminal that answer a digest: neomutt by way of msmtp, s-nail, Alpine."""

from __future__ import annotations

from pathlib import Path

from tests.conftest import need_program
from tests.interop.answering import READER, TITLE, Town, editor
from tests.interop.screen import Screen


def neomutt(town: Town, folder: Path, kind: str) -> None:
    """`r` in the index, the editor, `y`; it hands the mail to msmtp."""
    submit = f"{need_program('msmtp')} --file=/dev/null --host=127.0.0.1 --port={town.gate.port} --from={READER}"
    sending = ["set realname=London", f'set from="{READER}"', "set use_from", "set copy=no", f'set sendmail="{submit} --"']
    answering = [f'set editor="{editor(folder, kind)}"', "set include=yes", "set reply_to=yes", "set fast_reply", "set autoedit"]
    settings = folder / "neomuttrc"
    settings.write_text("\n".join([f'set folder="{folder}"', *sending, *answering, ""]))
    box = town.write_mbox(folder / "digests")
    command = [need_program("neomutt"), "-n", "-F", str(settings), "-f", str(box), "-e", "push <reply>"]
    with Screen(folder, command) as screen:
        screen.wait_for("y:Send")
        screen.type("y")
        # The index again; that the mail was sent is told for a moment only.
        screen.wait_for("d:Del  u:Undel")


def s_nail(town: Town, folder: Path, kind: str) -> None:
    """`reply 1` with a quote, `~e` for the editor, `~.`."""
    settings = [
        *("v15-compat=yes", f"mta=smtp://127.0.0.1:{town.gate.port}", "smtp-auth=none", "hostname=client.example.net"),
        *(f"from={READER}", "quote", "indentprefix=> ", "reply-to-honour=yes", "sendwait", f"EDITOR={editor(folder, kind)}"),
    ]
    words = [word for setting in settings for word in ("-S", setting)]
    box = town.write_mbox(folder / "digests")
    with Screen(folder, [need_program("s-nail"), "-:/", "-R", *words, "-f", str(box)]) as screen:
        screen.wait_for(TITLE)
        screen.type("reply 1", "Enter")
        screen.wait_for("End of Town Talk Digest")
        screen.type("~e", "Enter")
        screen.wait_for("(continue)")
        screen.type("~.", "Enter", "exit", "Enter")
        screen.wait_for("ended with 0")


def alpine(town: Town, folder: Path, kind: str) -> None:
    """`r`, the editor, Ctrl-X."""
    settings = folder / "pinerc"
    settings.write_text(
        "\n".join(
            [
                "personal-name=London",
                f"smtp-server=127.0.0.1:{town.gate.port}",
                f"customized-hdrs=From: London <{READER}>",
                "user-domain=example.org",
                'default-fcc=""',
                f"editor={editor(folder, kind)}",
                "feature-list=enable-alternate-editor-cmd,enable-alternate-editor-implicitly,include-text-in-reply,"
                "reply-always-uses-reply-to,send-without-confirm",
                "last-version-used=99.99",
                "",
            ]
        )
    )
    box = town.write_mbox(folder / "digests")
    with Screen(folder, [need_program("alpine"), "-p", str(settings), "-i", "-f", str(box)]) as screen:
        screen.wait_for(TITLE)
        screen.type("r")
        screen.wait_for("Reply to all recipients?")
        screen.type("n")
        screen.wait_for("Alternate editor done")
        screen.type("C-x")
        screen.wait_for("MESSAGE INDEX")
