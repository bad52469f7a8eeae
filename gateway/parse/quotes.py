"""The lines that mail programs write around what they quote: attributions, header blocks, dividers, footers (design 6).

In: lines of a body and a place among them. Out: how many lines there, or whether one, are such a thing. Each answer looks
at a bounded number of lines and at a bounded part of each, so that a body takes time in proportion to its length.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from gateway.parse.languages import FORWARDED, LABELS, OPENS, ORIGINAL, SENDER, SENT, SENT_FROM, SUBJECT, WROTE

ATTRIBUTION_LINES: Final = 4
ATTRIBUTION_MAX: Final = 400
HEADER_LINES: Final = 16
# So many labels make a header block.
LABELS_MIN: Final = 3
_LABEL_MAX = 24
_FOOTER_MAX = 160
_LIST_FOOTER_LINES = 12

_ENDS = (":", "：", ">", "-", "*", ")", "г.", "uhr:")
# A year, a date with signs, or a time of day.
_WHEN = re.compile(r"\b(?:19|20)\d\d\b|\b\d{1,4}[./-]\d{1,2}[./-]\d{1,4}\b|\b\d{1,2}[:.h]\d\d\b|\d年|\d月")
_DIGIT = re.compile(r"[0-9]")
_YEAR = re.compile(r"\b(?:19|20)\d\d\b")
_DATE_FIRST = re.compile(r"\d{4}(?:[-/.]\d{1,2}[-/.]\d{1,2} |年\d{1,2}月\d{1,2}日)")
_STARRED = re.compile(r"\* [^<>@]{1,80}<[^<>]{1,200}> [\[(]")
_STAMPED = re.compile(r"\d{4}-\d\d-\d\d \d{1,2}:\d\d GMT[+-]\d\d:\d\d ")
# What stands before an attribution on its own line: the author's words.
_INSIDE = re.compile(r"\s(?=(?:On|At|Am|Le|El|Il|Em|Op|Den) (?:[A-Za-z]{2,10}\.?,? )?(?:[A-Za-z]{3,9}\.? )?\d)")
_DECORATION = " \t*-_=>#~|:–—<>"
_RULE = re.compile(r"[-_=*~ ]{3,}")
_LIST_WORDS = (
    "mailing list",
    "unsubscribe",
    "/listinfo",
    "/lists/",
    "listinfo",
    "groups.io",
    "you received this message because",
)


def attribution_at(lines: Sequence[str], index: int) -> int:
    """How many lines, ending with that one, are an attribution ("On ... NAME wrote:"); 0 for none.

    It has a verb of a known language and a date or an address, or a name and a quote right below; or an address and a date.
    """
    last = lines[index].rstrip()
    if not last or len(last) > ATTRIBUTION_MAX or not last.endswith(_ENDS):
        return _stamped(last)
    if last[:1] == ">" and not _closes_bracket(lines, index):
        return 0
    is_quote_below = _is_quote_below(lines, index)
    joined = ""
    for count in range(1, ATTRIBUTION_LINES + 1):
        at = index - count + 1
        if at < 0 or not lines[at].strip() or (count > 1 and lines[at][:1] == ">"):
            break
        joined = f"{lines[at].strip()} {joined}".strip()
        if len(joined) > ATTRIBUTION_MAX:
            break
        if _is_attribution(joined, is_quote_below=is_quote_below):
            return count + _opening_above(lines, at, joined)
    # A year or an address and a quote right below will do without a verb.
    return int(is_quote_below and last.endswith((":", "：")) and len(last) <= 120 and bool("@" in last or _YEAR.search(last)))


def _closes_bracket(lines: Sequence[str], index: int) -> bool:
    """Whether the ">" that begins a line ends an address that was wrapped, as in "NAME <a@b" above ">:"."""
    above = lines[index - 1] if index else ""
    if lines[index].strip("> :：").casefold() in WROTE:
        return True
    return above[:1] != ">" and above.rfind("<") > above.rfind(">") and len(lines[index]) <= 40


def _stamped(line: str) -> int:
    return 1 if line and len(line) <= ATTRIBUTION_MAX and _STAMPED.match(line) else 0


def _is_quote_below(lines: Sequence[str], index: int) -> bool:
    for below in lines[index + 1 : index + 3]:
        if below.strip():
            return below.lstrip()[:1] == ">"
    return False


def _is_attribution(joined: str, *, is_quote_below: bool) -> bool:
    folded = joined.casefold()
    has_when = _DIGIT.search(joined) is not None and _WHEN.search(joined) is not None
    has_address = "@" in joined
    end = joined.rstrip("* ")
    if end.endswith((":", "：", "---")):
        tail = folded.rstrip(_DECORATION)
        if tail.endswith((*WROTE, "(a)", "(а)")):
            return has_when or has_address or is_quote_below
        if (has_when or has_address) and any(word in folded for word in WROTE):
            return is_quote_below or has_when
    if has_address and has_when and end.endswith(":") and _STARRED.match(joined):
        return True
    # "2013/7/20 NAME <a@b>": no verb at all.
    return has_address and end.endswith((">", ":")) and _DATE_FIRST.match(joined) is not None


def _opening_above(lines: Sequence[str], at: int, joined: str) -> int:
    """One or two lines more when the opening words stand there: "On Monday, NAME" above "<a@b> wrote:"."""
    if joined.casefold().startswith(OPENS) or _DATE_FIRST.match(joined):
        return 0
    for more in (1, 2, 3):
        above = lines[at - more].strip() if at >= more else ""
        if not above and lines[at - more + 1].strip() == "<" and at > more:
            # Some programs tear the address out of its line.
            continue
        if not above or above[:1] == ">":
            return 0
        is_open = above.rfind("<") > above.rfind(">") or above.casefold().startswith(OPENS)
        if is_open and _WHEN.search(above) and len(above) + len(joined) <= ATTRIBUTION_MAX:
            return more
    return 0


def words_before(line: str) -> int:
    """Where in an attribution's first line the attribution begins: what stands before it is the author's."""
    if line.casefold().lstrip().startswith(OPENS):
        return 0
    inside = _INSIDE.search(line[:ATTRIBUTION_MAX])
    return inside.end() if inside else 0


def label_of(line: str) -> str:
    """The label of a line such as "Subject: ..." or "*Von:* ..." in any known language, casefolded; "" for none."""
    colon = line.find(":", 0, _LABEL_MAX + 4)
    if colon < 0:
        colon = line.find("：", 0, _LABEL_MAX + 4)
    if colon < 1:
        return ""
    label = line[:colon].strip(_DECORATION).casefold()
    return label if label in LABELS else ""


def header_block_at(lines: Sequence[str], index: int) -> int:
    """How many lines from that one are the header of a quoted or forwarded mail; 0 for none.

    Its first line names the sender or, in some programs, the date; it has at least three labels, one of them the sender's and
    one the subject's or two others. Long values wrap; at most one blank line stands between two labels.
    """
    if not label_of(lines[index]):
        return 0
    found: list[str] = []
    end = at = index
    blank = wrapped = 0
    while at < len(lines) and at - index < HEADER_LINES:
        line = lines[at]
        if label := label_of(line):
            found.append(label)
            end, blank, wrapped = at + 1, 0, 0
        elif not line.strip():
            blank += 1
            if blank > 1:
                break
        elif blank or wrapped >= 2:
            break
        else:
            wrapped += 1
        at += 1
    has_sender = any(label in SENDER for label in found)
    has_subject = any(label in SUBJECT for label in found)
    # Outlook leaves an empty subject out.
    is_outlook = len(found) > 1 and found[0] in SENDER and found[1] in SENT
    if not has_sender or len(set(found)) < LABELS_MIN or not (has_subject or is_outlook or len(set(found)) > LABELS_MIN):
        return 0
    while wrapped and end < len(lines) and lines[end].strip() and not blank:
        # The subject wraps too.
        end, wrapped = end + 1, wrapped - 1
    return end - index


def divider_of(line: str) -> str:
    """ "original" or "forward" for a line that announces such a mail, "rule" for a line of signs alone, else ""."""
    text = line.strip()
    if not text or len(text) > 100:
        return ""
    if _RULE.fullmatch(text):
        return "rule"
    core = text.strip(_DECORATION).casefold()
    is_marked = text[:1] in "-_=*—>" or text[:3] == "___"
    if core.startswith(FORWARDED) and (is_marked or text.endswith(":")):
        return "forward"
    if core in ORIGINAL and (is_marked or text.endswith(":")):
        return "original"
    return ""


def is_client_footer(line: str) -> bool:
    """Whether a mail program, not the author, wrote that line: "Sent from my ..."."""
    text = line.strip().strip("*_[]<>() ").casefold()
    if not 4 < len(text) <= _FOOTER_MAX or text.endswith((":", "?")):
        return False
    return text.startswith(SENT_FROM) or (len(text) <= 60 and text.endswith(SENT_FROM))


def list_footer_at(lines: Sequence[str]) -> int:
    """Where the footer of a list server begins; len(lines) when there is none. It is the end of the mail."""
    end = len(lines)
    for index in range(end - 1, max(-1, end - 1 - _LIST_FOOTER_LINES), -1):
        line = lines[index].strip()
        if line == "--" or (len(line) >= 20 and _RULE.fullmatch(line)):
            below = "\n".join(lines[index + 1 :]).casefold()
            if any(word in below for word in _LIST_WORDS):
                return index
        if line[:1] == ">":
            return end
    return end
