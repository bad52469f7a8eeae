"""Every word of a digest is in every catalog, and dates are as the reader's language has them."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from babel.messages.pofile import read_po

import gateway
from gateway.render.dates import reading_date
from gateway.render.templates import find_templates
from gateway.render.wording import languages, wording
from tests.test_render_digest import render_in

_IN_CODE = re.compile(r"(?:words|wording\(language\))\.(?:word|plural)\(\s*((?:f?\"[^\"]*\"(?:, | if [a-z.]+ else )?)+)")
_QUOTED_ONCE = re.compile(r"words\.word\('([^']+)'\)")
_TEXT = re.compile(r"\"([^\"]+)\"")
_IN_TEMPLATE = re.compile(r"(?<!\w)_\((?:\"((?:[^\"\\]|\\.)*)\"|'([^']*)')\)")


def said() -> set[str]:
    """Every text that code and templates ask a translation for."""
    code = "".join(path.read_text() for path in Path(next(iter(gateway.__path__))).rglob("*.py"))
    found = {text.replace("\\n", "\n") for match in _IN_CODE.finditer(code) for text in _TEXT.findall(match[1])}
    found |= set(_QUOTED_ONCE.findall(code))
    found = {text for text in found if "metal" not in text} | {f"{metal} badge" for metal in ("Gold", "Silver", "Bronze")}
    for path in find_templates().glob("*.j2"):
        for one, other in _IN_TEMPLATE.findall(path.read_text()):
            found.add((one or other).replace('\\"', '"').replace("\\n", "\n"))
    return found


@pytest.mark.parametrize("language", languages()[1:])
def test_catalogs_are_whole(language: str) -> None:
    with (find_templates() / "locale" / f"{language}.po").open("rb") as file:
        catalog = read_po(file, locale=language)
    texts = {text for message in catalog if message.id for text in ([message.id] if isinstance(message.id, str) else message.id)}
    assert said() == texts
    for message in catalog:
        if not message.id:
            continue
        ids = [message.id] if isinstance(message.id, str) else list(message.id)
        strings = [message.string] if isinstance(message.string, str) else list(message.string)
        assert all(strings), ids
        names = {name for text in ids for name in re.findall(r"{\w+}", text)}
        assert all(set(re.findall(r"{\w+}", text)) == names for text in strings), ids


def test_a_digest_in_german() -> None:
    rendering = render_in("de")
    assert rendering.subject == "Wombats & Friends, Übersicht, Ausgabe 12: 7 neu"
    assert "7 neue Beiträge in 1 Diskussion" in rendering.text
    assert "Antworten auf 1" in rendering.html
    assert '<html lang="de">' in rendering.html
    assert "End of Wombats & Friends Digest, Issue 12\n" in rendering.text
    assert not re.search(r"\b(?:new|Answer|Leave|Contents)\b", rendering.text.replace("<leave_at>", ""))


def test_an_unknown_language_is_english() -> None:
    assert render_in("tlh").text == render_in("en").text
    assert wording("../../etc/passwd").language == "en"


@pytest.mark.parametrize(
    ("language", "shown"),
    [("en", "Fri 10 Sep 2021, 14:02 CEST"), ("de", "Fr., 10. Sept. 2021, 14:02 CEST")],
)
def test_dates(language: str, shown: str) -> None:
    at = datetime(2021, 9, 10, 12, 2, tzinfo=UTC)
    assert reading_date(at, ZoneInfo("Europe/Berlin"), wording(language)) == shown
    assert wording(language).day(date(2021, 9, 10)) in shown
