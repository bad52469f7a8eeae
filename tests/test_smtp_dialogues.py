r"""Plays the dialogues of `tests/dialogues` against a real port, on both event loops.

@lmtp            on the LMTP port                @limit KEY=N   with another limit
C: TEXT          sends TEXT and CR LF            C~ TEXT        sends TEXT, with \r \n \t \0, and no line end
S: TEXT          the next reply ends with a line that begins with TEXT
S+ TEXT          ... and had this line           S- TEXT        ... and had this nowhere
X                the server has closed           N n            so many mails were kept
R TEXT           the last mail kept, raw         #              says why
"""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.mail.envelope import Via
from tests.test_smtp_door import LOOPS, House

DIALOGUES = sorted((Path(__file__).parent / "dialogues").glob("*.smtp"))
_ESCAPES = {r"\r": "\r", r"\n": "\n", r"\t": "\t", r"\0": "\0"}


def unescape(text: str) -> bytes:
    for written, meant in _ESCAPES.items():
        text = text.replace(written, meant)
    return text.encode()


def play(house: House, steps: list[tuple[int, str, str]], via: Via) -> None:
    client = house.connect(via)
    lines: list[str] = []
    for number, sign, text in steps:
        where = f"line {number}: {sign} {text}"
        if sign == "C:":
            client.send(text.encode() + b"\r\n")
        elif sign == "C~":
            client.send(unescape(text))
        elif sign == "S:":
            lines = client.lines()
            assert lines[-1].startswith(text), f"{where}, got {lines}"
            assert lines[-1], f"{where}, but the server has closed"
        elif sign == "S+":
            assert text in lines, where
        elif sign == "S-":
            assert text not in "\n".join(lines), where
        elif sign == "X":
            assert client.rest() == [], where
        elif sign == "N":
            assert len(house.door.kept) == int(text), where
        elif sign == "R":
            assert house.door.kept[-1][1] == unescape(text), where
        else:
            pytest.fail(f"unknown sign, {where}")


def parse(text: str) -> tuple[list[tuple[int, str, str]], dict[str, int], Via]:
    steps, limits, via = [], {}, Via.SMTP
    for number, line in enumerate(text.splitlines(), 1):
        if not line or line.startswith("#"):
            continue
        sign, _, rest = line.partition(" ")
        if sign == "@lmtp":
            via = Via.LMTP
        elif sign == "@limit":
            key, _, value = rest.partition("=")
            limits[key] = int(value)
        else:
            steps.append((number, sign, rest))
    return steps, limits, via


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("path", DIALOGUES, ids=lambda path: path.stem)
def test_dialogue(path: Path, loop: str, tmp_path: Path) -> None:
    steps, limits, via = parse(path.read_text(encoding="utf-8"))
    with House(tmp_path, loop=loop, **limits) as house:
        play(house, steps, via)
    assert list(tmp_path.iterdir()) == []


def test_dialogues_are_there() -> None:
    assert len(DIALOGUES) >= 20
