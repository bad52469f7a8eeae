"""The HTML replies of talon's corpus: what the author wrote, and nothing of what was quoted, comes out as new text."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.mail.message import SpanKind
from gateway.parse.message import parse_message

# The sentence that talon's own test expects of each, without its blanks.
EXPECTED = "Hi.Iamfine.Thanks,Alex"
NAMES = ["gmail", "hotmail", "mail_ru", "ms_outlook_2003", "ms_outlook_2007", "ms_outlook_2010", "thunderbird"]
NAMES += ["windows_mail", "yandex_ru"]
OTHERS = [("OLK_SRC_BODY_SECTION", "Reply"), ("reply-separated-by-hr", "HithereBob")]


def new_text(path: Path) -> str:
    raw = b"From: ada@example.org\nContent-Type: text/html; charset=utf-8\n\n" + path.read_bytes()
    kinds = (SpanKind.TEXT, SpanKind.CLIENT_FOOTER, SpanKind.FORWARD)
    return "".join("".join(span.text.split()) for span in parse_message(raw).spans if span.kind in kinds)


@pytest.mark.parametrize("name", NAMES)
def test_html_replies(corpora: Path, name: str) -> None:
    assert new_text(corpora / "d" / "talon" / "html_replies" / f"{name}.html") == EXPECTED


@pytest.mark.parametrize(("name", "expected"), OTHERS)
def test_no_word_of_the_author_is_lost(corpora: Path, name: str, expected: str) -> None:
    assert new_text(corpora / "d" / "talon" / f"{name}.html").startswith(expected)


def test_the_table_is_complete(corpora: Path) -> None:
    assert sorted(NAMES) == sorted(path.stem for path in (corpora / "d" / "talon" / "html_replies").glob("*.html"))
