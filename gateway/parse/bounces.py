"""What a mail to a bounce address says: failed for good, delayed, or no bounce at all (RFC 3464, RFC 3463, RFC 6533).

In: raw bytes of a mail whose address proved which letter it is about. Out: a `Report`, always. Whom the mail names is not
read, let alone believed. The machine-readable report counts first; where there is none, flufl.bounce knows the habits of
many mail servers, and a server that it does not know quotes the reply that it got. A letter that quotes a bounce looks like
one to flufl.bounce, so it must not see other mail than this.
"""

from __future__ import annotations

import email
import logging
import re
from collections.abc import Iterator
from typing import Final

from flufl.bounce import all_failures

from gateway.mail.bounce import NO_REPORT, Failure, Report
from gateway.parse.header import Header, split_header
from gateway.parse.limits import STRUCTURED_MAX
from gateway.parse.lines import split_lines
from gateway.parse.mime import Part, split_parts
from gateway.parse.transfer import decode_transfer

# Else Python prints to standard error what nobody listens to.
logging.getLogger("flufl.bounce").addHandler(logging.NullHandler())

# Of a longer mail the beginning counts; the rest is the letter that came back. Both bound the time that a mail can take:
# the standard library's parser is slow on what is made to be so.
TEXT_MAX: Final = 32 * 1024
_DELIMITERS_MAX: Final = 100
_STATUS_PARTS: Final = frozenset({"message/delivery-status", "message/global-delivery-status"})
# Complaints and receipts say that the mail arrived (RFC 5965, RFC 8098).
_OTHER_REPORTS: Final = frozenset({"message/feedback-report", "message/disposition-notification"})
_VACATION_FIELDS: Final = (b"x-autoreply", b"x-autorespond", b"x-auto-reply")
_VACATION_SUBJECTS: Final = (b"auto:", b"out of office", b"automatic reply", b"auto reply", b"auto-reply", b"autoreply")
_STATUS: Final = re.compile(rb"(?<![\d.])([245])\.(\d{1,3})\.(\d{1,3})(?![\d.])")
_CODE: Final = re.compile(rb"(?<![\d.])([45])\d\d(?![\d.])")
# What a mail server told another one, near the top of a text by a mail server.
_DAEMON: Final = re.compile(rb"\b(?:mailer-daemon|mailer daemon|postmaster)\b", re.IGNORECASE)
_REPLY: Final = re.compile(rb"(?<![\w.-])([45])[0-5]\d[ -](?:#?([45]\.\d{1,3}\.\d{1,3})\b)?")
_REPLY_WITHIN: Final = 4_000
_BY_CLASS: Final = {b"2": Failure.NONE, b"4": Failure.SOFT, b"5": Failure.HARD}
_GRAVITY: Final = {Failure.NONE: 0, Failure.SOFT: 1, Failure.HARD: 2}


def read_bounce(raw: bytes) -> Report:
    """What `raw` says of the letter that it is about; never raises."""
    try:
        return _read(split_lines(raw).data)
    except Exception:  # noqa: BLE001 - a report that cannot be read accuses nobody
        return NO_REPORT


def read_refusal(reply: str) -> Report:
    """What a server's refusal of a letter for good says: "550 5.1.1 no such user"."""
    found = _STATUS.search(reply.encode("utf-8", "replace"))
    return Report(Failure.HARD, found[0].decode() if found and found[1] == b"5" else "")


def _read(data: bytes) -> Report:
    header = split_header(data)
    parts, _ = split_parts(data, header)
    types = {part.content.type for part in parts}
    reports = [report for part in parts if part.content.type in _STATUS_PARTS for report in _read_status(data, part)]
    if reports:
        return max(reports, key=lambda report: _GRAVITY[report.failure])
    if not types.isdisjoint(_OTHER_REPORTS) or _is_vacation(header):
        return NO_REPORT
    return _recognise(data) or _find_reply(data, header) or NO_REPORT


def _read_status(data: bytes, part: Part) -> Iterator[Report]:
    """A report for each block about a recipient; the first block is about the letter (RFC 3464 section 2.1)."""
    text = split_lines(decode_transfer(data[part.start : part.end][:TEXT_MAX], part.content.encoding)).data
    for block in re.split(rb"\n[ \t]*\n", text):
        fields = split_header(block.lstrip(b"\n") + b"\n\n")
        action = fields.first(b"action").strip().lower()
        status = _STATUS.search(fields.first(b"status"))
        if action or status:
            yield _judge(action, status, _CODE.search(fields.first(b"diagnostic-code")))


def _judge(action: bytes, status: re.Match[bytes] | None, code: re.Match[bytes] | None) -> Report:
    told = status[0].decode() if status else ""
    if action.startswith(b"delayed"):
        return Report(Failure.SOFT, told)
    if action.startswith((b"delivered", b"relayed", b"expanded")):
        return NO_REPORT
    if status:
        return Report(_BY_CLASS[status[1]], told)
    return Report(_BY_CLASS[code[1]] if code else Failure.HARD, told)


def _is_vacation(header: Header) -> bool:
    """A person's mail program that answers (RFC 3834). Mail servers that bounce say auto-replied too: it proves nothing."""
    if header.first(b"precedence").strip().lower() == b"auto_reply" or any(name in header.fields for name in _VACATION_FIELDS):
        return True
    return header.first(b"subject").strip().lower().startswith(_VACATION_SUBJECTS)


def _recognise(data: bytes) -> Report | None:
    """By the looks of it."""
    head = data[:TEXT_MAX]
    if head.count(b"\n--") > _DELIMITERS_MAX:
        return None
    delayed, failed = all_failures(email.message_from_bytes(head))
    if failed:
        return Report(Failure.HARD)
    return Report(Failure.SOFT) if delayed else None


def _find_reply(data: bytes, header: Header) -> Report | None:
    """From a mail server whose habits nobody wrote down: the reply that it quotes, with an enhanced code before one without."""
    if not _DAEMON.search(header.first(b"from", STRUCTURED_MAX)):
        return None
    found = list(_REPLY.finditer(data, header.end, header.end + _REPLY_WITHIN))
    best = next((reply for reply in found if reply[2]), found[0] if found else None)
    if best is None:
        return None
    status = best[2] or b""
    return Report(_BY_CLASS[status[:1] or best[1]], status.decode())
