"""text/enriched and its forerunner text/richtext to plain text (RFC 1896, RFC 1341 section 7.1.3).

In: the decoded text. Out: the same without its formatting; a single line end is a blank there, two are one.
"""

from __future__ import annotations

import re

_COMMAND = re.compile(r"<(<|/?[A-Za-z0-9-]{1,60}>)", re.ASCII)
_PARAMETER = re.compile(r"<param>[^<]{0,200}</param>", re.IGNORECASE)
_LINE_ENDS = re.compile(r"\n+")


def enriched_to_text(text: str, *, is_richtext: bool) -> str:
    """The words of `text`; `is_richtext`: the older kind, with <nl> and <lt>."""
    if is_richtext:
        return "\n".join(line.strip(" ") for line in _COMMAND.sub(_old_command, text.replace("\n", " ")).split("\n"))
    text = _LINE_ENDS.sub(lambda ends: "\n" * (len(ends[0]) - 1) or " ", text)
    return _COMMAND.sub(lambda match: "<" if match[1] == "<" else "", _PARAMETER.sub("", text))


def _old_command(match: re.Match[str]) -> str:
    name = match[1].lower()
    return {"nl>": "\n", "lt>": "<", "<": "<<", "paragraph>": "\n\n", "/paragraph>": "\n"}.get(name, "")
