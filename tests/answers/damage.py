"""What happens to a quote on its way: wrapped anew, its markers taken out, its blanks changed, its marks lost. Text only."""

from __future__ import annotations

import random
import re
import textwrap

MARKER = re.compile(r" ?(?:· )?\[#\w{8,}\]")


def without_markers(text: str) -> str:
    return MARKER.sub("", text)


def wrapped(text: str, width: int) -> str:
    """Lines no longer than that, quotes within kept apart; wide lines join the paragraph."""
    if width > 100:
        return "\n\n".join(" ".join(line.strip() for line in part.split("\n")) for part in text.split("\n\n"))
    return "\n".join(textwrap.fill(line, width, break_long_words=False, break_on_hyphens=False) for line in text.split("\n"))


def marks_lost(text: str, width: int) -> str:
    """Wrapped after the marks were put: what was broken off has none ("\\x01" in front says so)."""
    lines: list[str] = []
    for line in text.split("\n"):
        first, *rest = textwrap.wrap(line, width, break_long_words=False, break_on_hyphens=False) or [""]
        lines += [first, *(f"\x01{one}" for one in rest)]
    return "\n".join(lines)


def hard_blanks(text: str, rng: random.Random) -> str:
    return "".join("\u00a0" if char == " " and rng.random() < 0.4 else char for char in text)


def tabs(text: str, rng: random.Random) -> str:
    return "\n".join(f"\t{line.strip()}" if rng.random() < 0.3 else line.replace("  ", "\t") for line in text.split("\n"))


def typography(text: str) -> str:
    return text.replace("'", "’").replace('"', "”").replace("...", "…").replace(" - ", " – ")


TEXT_DAMAGES = ("none", "none", "none", "wrap 40", "wrap 65", "wrap 998", "marks lost", "blanks", "tabs", "typography")


def damaged(text: str, damage: str, rng: random.Random) -> str:
    """The quoted text after that damage."""
    match damage:
        case "wrap 40" | "wrap 65" | "wrap 998":
            return wrapped(text, int(damage.split()[1]))
        case "marks lost":
            return marks_lost(text, 65)
        case "blanks":
            return hard_blanks(text, rng)
        case "tabs":
            return tabs(text, rng)
        case "typography":
            return typography(text)
    return text


def html_damaged(html: str, damage: str) -> str:
    if damage == "blanks":
        return re.sub(r">([^<]+)<", lambda found: ">" + found[1].replace(" a", "&nbsp;a").replace(" i", "&nbsp;i") + "<", html)
    if damage == "typography":
        return re.sub(r">([^<]+)<", lambda found: ">" + typography(found[1]) + "<", html)
    return html
