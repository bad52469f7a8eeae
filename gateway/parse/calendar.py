"""An invitation in one line: the first event of a calendar part (RFC 5545, methods of RFC 5546).

In: the decoded text of a text/calendar part. Out: "Invitation: Planning, 2026-11-22 10:00 to 11:00 Europe/Paris, Room 4", or
"" when there is no event in it. Times are told as the sender wrote them, with his name of the zone; only the first lines
are looked at, and nothing is computed but the end of an event that has a duration.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from gateway.parse.text import clean_line

_LINES_MAX: Final = 2_000
_LINE_MAX: Final = 2_000
_SUMMARY_MAX: Final = 200
_WHAT: Final = {
    "REQUEST": "Invitation",
    "ADD": "Invitation",
    "COUNTER": "Other time proposed",
    "CANCEL": "Cancelled",
    "REPLY": "Answer to an invitation",
}
_ANSWERS: Final = {"ACCEPTED": "Accepted", "DECLINED": "Declined", "TENTATIVE": "Perhaps"}
# Up to the first colon outside of quotes.
_HEAD = re.compile(r'[^:"]*+(?:"[^"]*+"[^:"]*+)*+:')
_PARAMETER = re.compile(r';([A-Za-z0-9-]{1,40})=(?:"([^"]*)"|([^;:"]*))')
_ESCAPE = re.compile(r"\\([\\;,nN])")
_DURATION = re.compile(r"\+?P(?:(\d{1,4})W)?(?:(\d{1,4})D)?(?:T(?:(\d{1,4})H)?(?:(\d{1,4})M)?(?:(\d{1,4})S)?)?\Z")
_WANTED: Final = frozenset({"SUMMARY", "DTSTART", "DTEND", "DURATION", "LOCATION", "STATUS", "ATTENDEE", "RRULE"})

_Value = tuple[dict[str, str], str]  # parameters and value of a property


def summarise_calendar(text: str) -> str:
    """One line about the first event of `text`, "" when there is none; never raises."""
    method, event = _read(text)
    if not event:
        return ""
    what = _WHAT.get(method, "Event")
    if method == "REPLY" and "ATTENDEE" in event:
        what = _ANSWERS.get(event["ATTENDEE"][0].get("PARTSTAT", "").upper(), what)
    elif event.get("STATUS", ({}, ""))[1].upper() == "CANCELLED":
        what = _WHAT["CANCEL"]
    title = _text(event, "SUMMARY") or "(no title)"
    pieces = [f"{what}: {title}", _when(event), "repeated" if "RRULE" in event else "", _text(event, "LOCATION")]
    return ", ".join(piece for piece in pieces if piece)


def _read(text: str) -> tuple[str, dict[str, _Value]]:
    """The METHOD and the first VEVENT, the first of repeated properties; what is nested in the event is passed over."""
    method = ""
    event: dict[str, _Value] = {}
    inside: list[str] = []
    for line in _unfolded(text):
        match = _HEAD.match(line)
        head, value = (match[0][:-1], line[match.end() :]) if match else (line, "")
        name = head.partition(";")[0].strip().upper()
        if name == "BEGIN":
            inside.append(value.strip().upper())
        elif name == "END":
            if inside and inside.pop() == "VEVENT":
                return method, event
        elif name == "METHOD" and inside[-1:] != ["VEVENT"]:
            method = value.strip().upper()
        elif name in _WANTED and inside[-1:] == ["VEVENT"]:
            parameters = {match[1].upper(): match[2] or match[3] or "" for match in _PARAMETER.finditer(head)}
            event.setdefault(name, (parameters, value.strip()))
    return method, event


def _unfolded(text: str) -> list[str]:
    lines: list[str] = []
    for line in text.split("\n", _LINES_MAX)[:_LINES_MAX]:
        line = line.rstrip("\r")
        if line[:1] in (" ", "\t") and lines:
            if len(lines[-1]) < _LINE_MAX:
                lines[-1] += line[1:_LINE_MAX]
        else:
            lines.append(line[:_LINE_MAX])
    return lines


def _text(event: dict[str, _Value], name: str) -> str:
    value = event.get(name, ({}, ""))[1]
    return clean_line(_ESCAPE.sub(lambda match: " " if match[1] in "nN" else match[1], value))[:_SUMMARY_MAX].rstrip()


def _when(event: dict[str, _Value]) -> str:
    """Begin, end and zone of the event; "" when its begin cannot be read."""
    parameters, value = event.get("DTSTART", ({}, ""))
    begin = _instant(value)
    if begin is None:
        return ""
    end = _instant(event.get("DTEND", ({}, ""))[1]) or _after(begin, event.get("DURATION", ({}, ""))[1])
    if "T" not in value.upper():
        # The end of an event of whole days is the day after its last.
        last = end - timedelta(days=1) if end and end > begin else begin
        return f"{begin:%Y-%m-%d}" + (f" to {last:%Y-%m-%d}" if last > begin else "")
    zone = "UTC" if value.upper().endswith("Z") else clean_line(parameters.get("TZID", ""))[:_SUMMARY_MAX]
    shown = f"{begin:%Y-%m-%d %H:%M}"
    if end and end > begin:
        shown += f" to {end:%H:%M}" if end.date() == begin.date() else f" to {end:%Y-%m-%d %H:%M}"
    return f"{shown} {zone}".rstrip()


def _instant(value: str) -> datetime | None:
    # The zone is told apart: here UTC stands for whatever the sender meant.
    for form in ("%Y%m%dT%H%M%S", "%Y%m%dT%H%M", "%Y%m%d"):
        try:
            return datetime.strptime(value.upper().removesuffix("Z"), form).replace(tzinfo=UTC)
        except ValueError:
            continue
    return None


def _after(begin: datetime, duration: str) -> datetime | None:
    match = _DURATION.match(duration.strip().upper())
    if match is None:
        return None
    weeks, days, hours, minutes, seconds = (int(group or 0) for group in match.groups())
    try:
        return begin + timedelta(weeks=weeks, days=days, hours=hours, minutes=minutes, seconds=seconds)
    except OverflowError:
        return None
