"""Whether a program wrote a mail: bounces, responders, notices (RFC 3462, RFC 3834, RFC 5965).

In: what was read of a mail. Out: how sure we are. Auto-Submitted and the null reverse-path, which say so themselves, are for
`admit`; here are the marks of the many programs that say it in their own way.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from gateway.mail.address import Address
from gateway.mail.message import Automation
from gateway.parse.content import Content, parse_content
from gateway.parse.header import Header

_REPORTS: Final = frozenset({"message/delivery-status", "message/feedback-report", "message/disposition-notification"})
_CERTAIN_FIELDS: Final = (b"x-failed-recipients", b"x-autoreply", b"x-autorespond", b"x-apple-action", b"x-mdaemon-deliver-to")
_LIKELY_FIELDS: Final = (b"x-mlserver", b"mailing-list", b"x-amz-sns-message-id", b"x-hmxmroriginalrecipient")
_DAEMONS: Final = frozenset({"mailer-daemon", "mail-daemon", "mailer_daemon", "mdaemon", "maildaemon"})
_LIKELY_LOCALS: Final = ("postmaster", "postoffice", "no-reply", "noreply", "do-not-reply", "donotreply", "bounce", "autoreply")
_LIKELY_NAMES: Final = ("mail delivery", "mailer-daemon", "delivery subsystem", "mail administrator", "postmaster")
_LIKELY_SUBJECTS: Final = (
    "auto reply", "auto-reply", "autoreply", "automatic reply", "auto response", "out of office", "out of the office",
    "abwesenheit", "automatische antwort", "réponse automatique", "respuesta automática", "risposta automatica",
    "resposta automática", "automatisch antwoord", "autosvar", "automatiskt svar", "automaattinen vastaus",
    "automatyczna odpowiedź", "автоответ", "自动回复", "自動回覆", "自動返信", "자동 회신", "undelivered mail", "undeliverable:",
    "delivery status notification", "mail delivery failed", "returned mail:", "failure notice", "read: ", "not read: ",
)  # fmt: skip


def automation_of(header: Header, author: Address | None, name: str, subject: str) -> Automation:
    """What the header says."""
    fields = header.fields
    if any(field in fields for field in _CERTAIN_FIELDS) or header.first(b"precedence").strip().lower() == b"auto_reply":
        return Automation.CERTAIN
    if b"report" in header.first(b"content-type", 64).lower() and parse_content(header).type == "multipart/report":
        return Automation.CERTAIN
    local = author.local.lower() if author is not None else ""
    if local in _DAEMONS:
        return Automation.CERTAIN
    is_likely = (
        local.startswith(_LIKELY_LOCALS)
        or any(field in fields for field in _LIKELY_FIELDS)
        or subject.lower().startswith(_LIKELY_SUBJECTS)
        or any(word in name.lower() for word in _LIKELY_NAMES)
    )
    return Automation.LIKELY if is_likely else Automation.NONE


def automation_in(contents: Iterable[Content], *, has_words: bool) -> Automation:
    """What the parts say; a mail without a word around another mail is a complaint more often than a letter."""
    types = [content.type for content in contents]
    if not _REPORTS.isdisjoint(types):
        return Automation.CERTAIN
    return Automation.LIKELY if not has_words and "message/rfc822" in types else Automation.NONE
