"""The programs that readers have answer a digest of the seed page, by SMTP: each piece must stand below its comment.

Each answers in three ways (`answering.SAID`): below three quoted comments in one mail; above the quote of one comment; below
one sentence, without anything that names the comment.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.interop import claws, webmail
from tests.interop.answering import KINDS, Town, expected
from tests.interop.gate import Gate
from tests.interop.thunderbird import Thunderbird, thunderbird
from tests.interop.writers import alpine, neomutt, s_nail

pytestmark = pytest.mark.interop

NO_LIMIT = {"GATEWAY_LIMITS__POSTS_PER_MEMBER_AND_HOUR": "0"}

Write = Callable[[Town, Path, str], None]


@pytest.fixture(scope="module")
def town(demo: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    folder = tmp_path_factory.mktemp("town") / "data"
    shutil.copytree(demo, folder)
    with Gate(folder, **NO_LIMIT) as gate:
        yield Town(gate)


@pytest.fixture(scope="module")
def bird(town: Town, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Thunderbird]:
    with thunderbird(town, tmp_path_factory.mktemp("thunderbird")) as program:
        yield program


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("write", [neomutt, s_nail, alpine], ids=["neomutt", "s-nail", "alpine"])
def test_on_a_terminal(town: Town, tmp_path: Path, write: Write, kind: str) -> None:
    write(town, tmp_path, kind)
    assert town.filed() == expected(kind)


@pytest.mark.parametrize("kind", KINDS)
def test_claws_mail(town: Town, tmp_path: Path, kind: str) -> None:
    """It answers a list: to the forum's address, with a copy to the digest's, of which one is posted."""
    claws.answer(town, tmp_path, kind)
    assert town.filed() == expected(kind)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("form", ["html", "plain"])
@pytest.mark.timeout(180)
def test_thunderbird(town: Town, bird: Thunderbird, form: str, kind: str) -> None:
    bird.answer(kind, is_html=form == "html")
    assert town.filed() == expected(kind)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", webmail.MAILERS)
def test_in_a_browser(town: Town, tmp_path: Path, name: str, kind: str) -> None:
    webmail.answer(town, tmp_path, kind, name)
    assert town.filed() == expected(kind)
