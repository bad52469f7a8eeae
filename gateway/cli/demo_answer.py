"""gateway demo --answer: one reader answers three comments of his digest in one mail, as somebody at Thunderbird does.

In: a house whose digests lie in its Maildir. Out: the mail that goes in by SMTP, and the next digest, with each answer under
its comment.
"""

from __future__ import annotations

import email
import re
import textwrap
from email.message import EmailMessage
from email.policy import default
from pathlib import Path

ANSWERS = (
    ("3.1.1.1", "That verse deserves a better market than it will ever get."),
    ("4.1.2", "The wombats were not asked. They never are."),
    ("11", "Looking closer to home is what the camera over my door does all day."),
)


def digests_of(maildir: Path, reader: str) -> list[EmailMessage]:
    """The digests that went to that reader, the oldest first."""
    found = [email.message_from_bytes(file.read_bytes(), policy=default) for file in (maildir / "new").iterdir()]
    mine = [mail for mail in found if isinstance(mail, EmailMessage) and reader in str(mail["Delivered-To"])]
    return sorted(
        (mail for mail in mine if "Digest" in str(mail["Subject"])), key=lambda mail: mail["Date"].datetime, reverse=False
    )


def text_of(mail: EmailMessage) -> str:
    """The text part, with LF ends."""
    body = mail.get_body(("plain",))
    return str(body.get_content()).replace("\r\n", "\n") if body is not None else ""


def answer_to(digest: EmailMessage) -> EmailMessage:
    """The reply: each entry cut out of the quoted digest, with an answer below it."""
    entries = text_of(digest).split(f"\n{'-' * 30}\n")
    answer = EmailMessage()
    answer["From"] = digest["Delivered-To"]
    answer["To"] = digest["Reply-To"]
    answer["Subject"] = f"Re: {digest['Subject']}"
    answer["Date"] = digest["Date"]
    answer["Message-ID"] = "<three-answers@example.org>"
    answer["In-Reply-To"] = digest["Message-ID"]
    answer["References"] = digest["Message-ID"]
    pieces = [f"On {digest['Date'].datetime:%d/%m/%Y %H:%M}, Town Talk wrote:"]
    for number, words in ANSWERS:
        entry = next(one for one in entries if re.search(rf"^Subject: {re.escape(number)} ", one, re.MULTILINE))
        pieces += [textwrap.indent(entry.strip("\n"), "> ", lambda _: True).replace("> \n", ">\n"), "", words, ""]
    answer.set_content("\n".join(pieces))
    return answer


def places_in(digest: EmailMessage) -> list[tuple[str, str]]:
    """Where the answers stand in a digest: the path number of each, and its words."""
    found = []
    for entry in text_of(digest).split(f"\n{'-' * 30}\n"):
        subject = re.search(r"^Subject: ([\d.]+) ", entry, re.MULTILINE)
        words = next((words for _, words in ANSWERS if " ".join(words.split()) in " ".join(entry.split())), "")
        if subject is not None and words:
            found.append((subject[1], words))
    return found
