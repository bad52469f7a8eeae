"""Lines of at most so many columns, for the text part of a letter and for a terminal.

In: lines that strangers wrote. Out: lines that fit, except for a link, which is never broken. A line that fits is not
touched. East Asian wide characters (Unicode TR 11) take two columns and may be parted anywhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from unicodedata import combining, east_asian_width

from gateway.render.blocks import one_line

# All but the narrow: of a set that begins with what is frequent, the rest is not asked.
_WIDE = re.compile(
    "[^\x00-\u10ff\u1160-\u2319\u2400-\u2e7f\u303f-\u3040\ua4d0-\uabff\ud7a4-\uf8ff\ufb00-\ufe2f\ufe70-\uff00\uff61-\uffdf"
    "\uffe7-\U0001efff\U0001fb00-\U0001ffff\U0003fffe-\U0010ffff]"
)
_NOT_ASCII = re.compile(r"[^\x00-\x7f]")
# Stands for the second column of a wide character while lines are filled; no text that was cleaned holds it.
_SECOND = "\x00"
# A mail program breaks lines between these columns; what is longer is a line of its own.
GOES_ON_MIN, GOES_ON_MAX = 45, 100
SHORT = 1000
# Lines of a patch may be so much longer: 78 columns still fit (RFC 5322 section 2.1.1).
KEPT_MORE = 6
_PATCH = ("+", "@@ ", "diff ", "--- ", "> +")
_CODE = ("{", "}", ";", "\\", ");", "*/")
# Where the text of a line begins: behind its margin and the mark of a list.
_ITEM = re.compile(r" *(?:(?:\d{1,3}[.)]|\(?[a-z]\)|[-*•]) {1,3})?(?=\S)")
_TABULAR = re.compile(r"[^.!?:]  ")
_MARK = re.compile(r"(?:\d{1,3}[.)]|\(?[a-z]\)|[-*•]) ")
_LABEL = re.compile(r"[A-Z][\w-]{1,30}: ")
_LINK = re.compile(r"(?:https?|ftp|mailto|news|file):|www\.", re.IGNORECASE)


def columns(text: str) -> int:
    """How many columns a terminal gives to one line."""
    if text.isascii() or not has_wide(text):
        return len(text)
    return len(text) + sum(_width(char) - 1 for char in _NOT_ASCII.findall(text))


def has_wide(text: str) -> bool:
    """Whether any character takes two columns."""
    return not text.isascii() and _WIDE.search(text) is not None


def set_lines(lines: list[str], width: int, *, may_flow: bool) -> list[str]:
    """The lines as they are when all fit; else broken one by one, or flowing anew, which looks less like a comb."""
    longest = max(map(len, lines))
    if longest * 2 <= width:
        return lines
    text = " ".join(lines)
    if longest <= width and not (has_wide(text) and max(map(columns, lines)) > width):
        return lines
    if may_flow:
        return wrap(one_line(text), width)
    if has_wide(text):
        return [piece for line in lines for piece in (wrap(line, width) if columns(line) > width else [line])]
    if longest <= width + KEPT_MORE and any(line.startswith(_PATCH) for line in lines):
        return lines
    return list(_carried(lines, width))


def _carried(lines: list[str], width: int) -> Iterator[str]:
    """Lines that keep their order; what one is too long by begins the next, when that goes on with its sentence."""
    rest = ""
    hang = 0
    for index, line in enumerate(lines):
        if rest and index and _goes_on(lines[index - 1], line):
            line = f"{rest} {line.lstrip()}"
        else:
            if rest:
                yield rest
            start = _ITEM.match(line)
            hang = min(start.end(), width // 4) if start else 0
        rest = ""
        if columns(line) <= width:
            yield line
            continue
        first, *more = wrap(line, width) or [""]
        yield first
        if more:
            margin = " " * hang
            *full, rest = wrap(" ".join(more), width - hang)
            for piece in full:
                yield margin + piece
            rest = margin + rest
    if rest:
        yield rest


def _goes_on(line: str, following: str) -> bool:
    """Whether `following` is more of the sentence of `line`, which a mail program broke there."""
    if not GOES_ON_MIN <= len(line) <= GOES_ON_MAX:
        return False
    text = following.lstrip()
    if not (text[:1].isalnum() or text[:1] in "(`'\"") or text[:4] == line.lstrip()[:4]:
        return False
    # What is plain to see spares the expressions: most lines have nothing that these look for.
    if ("." in text[:5] or ")" in text[:5]) and _MARK.match(text):
        return False
    if (": " in text and _LABEL.match(text)) or ("  " in text and _TABULAR.search(text)):
        return False
    if line.endswith(_CODE) or text.rstrip().endswith(_CODE) or line.lstrip().startswith(("//", "/*", "* ", "diff ")):
        return False
    return not (text[:1].isupper() and line.endswith((".", ":", ";", "!", "?")))


def wrap(text: str, width: int) -> list[str]:
    """One line as several of at most `width` columns, filled from the left; a word too wide is cut unless it is a link."""
    is_wide = has_wide(text)
    if len(text) <= SHORT and not is_wide and "  " not in text and not text[:1].isspace():
        # Half the time that the expression takes, which wins where there is more to set.
        return _wrap_narrow(text.rstrip(" "), width)
    spread = _WIDE.sub(_spread, text) if is_wide else text
    lines: list[str] = _filler(width).findall(spread)
    # One expression sets ordinary text; what it had to skip, such as a word wider than the line, takes the long way.
    if "".join(lines) != spread:
        return _wrap_narrow(text, width) if spread is text else _wrap_wide(text, width)
    if spread is not text:
        lines = "\n".join(lines).replace(_SECOND, "").split("\n")
    return [line.rstrip(" ") for line in lines]


@lru_cache(maxsize=64)
def _filler(width: int) -> re.Pattern[str]:
    """Lines that end at a blank, or before or after a wide character."""
    return re.compile(rf"\S.{{0,{width - 1}}}(?: |\Z|(?=.{_SECOND})|(?<={_SECOND}))")


def _spread(wide: re.Match[str]) -> str:
    return wide[0] + _SECOND if _width(wide[0]) == 2 else wide[0]


def _wrap_narrow(text: str, width: int) -> list[str]:
    lines = []
    start, end = 0, len(text)
    while end - start > width:
        cut = text.rfind(" ", start, start + width + 1)
        if cut <= start:
            cut = _end_of_word(text, start, width)
        lines.append(text[start:cut])
        start = cut
        while start < end and text[start] == " ":
            start += 1
    if start < end:
        lines.append(text[start:])
    return lines


def clip(text: str, width: int) -> str:
    """`text` on one line of at most `width` columns, with an ellipsis where it was cut."""
    if len(text) * 2 <= width or columns(text) <= width:
        return text
    used = 1
    for place, char in enumerate(text):
        used += _width(char)
        if used > width:
            return text[:place].rstrip() + "…"
    return text


def _end_of_word(text: str, start: int, width: int) -> int:
    space = text.find(" ", start + width)
    end = len(text) if space < 0 else space
    return end if _LINK.search(text, start, start + width) else start + width


def _wrap_wide(text: str, width: int) -> list[str]:
    lines: list[str] = []
    line, used = "", 0
    for word in text.split(" "):
        size = len(word) if word.isascii() else columns(word)
        if line and used + 1 + size <= width:
            line, used = f"{line} {word}", used + 1 + size
            continue
        if size == len(word) <= width and line:
            lines.append(line.rstrip(" "))
            line, used = word, size
            continue
        *full, line = _part_wide(f"{line} {word}" if line else word, width) or [""]
        lines += full
        used = columns(line)
    return [*lines, line] if line else lines


def _part_wide(text: str, width: int) -> list[str]:
    """Character by character: wide ones may be parted anywhere."""
    lines: list[str] = []
    start, used, chance = 0, 0, 0
    for place, char in enumerate(text):
        step = _width(char)
        if step == 2 or char == " ":
            chance = place
        if used + step > width and place > start:
            in_link = chance <= start and _LINK.search(text, start, place) is not None
            if not in_link:
                cut = chance if chance > start else place
                lines.append(text[start:cut].rstrip(" "))
                start = cut + (text[cut] == " ")
                used = sum(map(_width, text[start:place])) if start < place else 0
        used += step
        if step == 2:
            chance = place + 1
    if start < len(text):
        lines.append(text[start:])
    return lines


def _width(char: str) -> int:
    if char.isascii():
        return 1
    return 0 if combining(char) else 2 if east_asian_width(char) in "WF" else 1
