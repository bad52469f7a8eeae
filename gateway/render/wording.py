"""The words of a letter in the reader's language (gettext), and dates as that language writes them (CLDR, by Babel).

In: a language tag. Out: a `Wording`. Catalogs are `templates/locale/LANGUAGE.po`: English stands in the code and the
templates, and a language without a catalog gets it.
"""

from __future__ import annotations

import gettext
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from functools import cache, lru_cache
from io import BytesIO
from typing import Final

from babel import Locale, UnknownLocaleError
from babel.dates import format_skeleton
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from gateway.render.templates import find_templates

ENGLISH: Final = "en"
# Longer ones come from nobody who reads.
ACCEPTED_MAX: Final = 200


@dataclass(frozen=True)
class Wording:
    """`word` turns a text into the language, `plural` one of two by a number; `day` writes a date."""

    language: str
    word: Callable[[str], str]
    plural: Callable[[str, str, int], str]
    day: Callable[[date], str]


def languages() -> list[str]:
    """The tags of the languages that there are catalogs for, English first."""
    return [ENGLISH, *sorted(path.stem for path in (find_templates() / "locale").glob("*.po"))]


def best_language(accepted: str) -> str:
    """The first of our languages that a reader's Accept-Language names (RFC 9110 section 12.5.4); English else."""
    ranked: list[tuple[float, str]] = []
    for one in accepted[:ACCEPTED_MAX].split(","):
        tag, _, weight = one.replace(" ", "").lower().partition(";q=")
        try:
            ranked += ((float(weight or 1), one) for one in (tag, tag.partition("-")[0]))
        except ValueError:
            continue
    known = languages()
    return next((tag for weight, tag in sorted(ranked, key=lambda one: -one[0]) if weight > 0 and tag in known), ENGLISH)


@cache
def wording(language: str = ENGLISH) -> Wording:
    """The words of that language; English ones when there is no catalog for it."""
    path = find_templates() / "locale" / f"{language}.po"
    if language == ENGLISH or language not in languages():
        return Wording(ENGLISH, str, lambda one, many, count: one if count == 1 else many, _english_day)
    with path.open("rb") as file:
        catalog = read_po(file, locale=language)
    compiled = BytesIO()
    write_mo(compiled, catalog)
    compiled.seek(0)
    found = gettext.GNUTranslations(compiled)
    return Wording(language, found.gettext, found.ngettext, _day_of(language))


_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("", "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def _english_day(day: date) -> str:
    return f"{_DAYS[day.weekday()]} {day.day} {_MONTHS[day.month]} {day.year:04d}"


def _day_of(language: str) -> Callable[[date], str]:
    try:
        locale = Locale.parse(language, sep="-")
    except (ValueError, UnknownLocaleError):
        return _english_day
    # A digest has few days, and many dates.
    return lru_cache(maxsize=512)(lambda day: format_skeleton("yMMMEd", day, locale=locale))
