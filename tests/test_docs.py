"""README and CHANGELOG tell what is so: commands, floor plan, addresses, version."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from uuid import UUID

import pytest
import typer
from typer.core import TyperGroup
from typer.testing import CliRunner

import gateway
from gateway.admit.route import destination_of
from gateway.cli import app
from gateway.mail.address import parse_address
from gateway.mail.forum import Forum
from tests.conftest import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
TOKEN = "a" * 37


def commands() -> Iterator[tuple[str, ...]]:
    """Every command of the program, as words."""
    program = typer.main.get_command(app)
    assert isinstance(program, TyperGroup)
    for name, command in program.commands.items():
        if isinstance(command, TyperGroup):
            yield from ((name, part) for part in command.commands)
        else:
            yield (name,)


def blocks(kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def shell_lines() -> list[str]:
    """What README tells to type: its shell blocks, and the two lines at the top."""
    lines = "".join(blocks("sh")).replace("\\\n", " ").splitlines()
    return [*lines, *re.findall(r"^    (\S.*)$", README.partition("## ")[0].partition("```")[0], re.MULTILINE)]


def test_the_two_commands_come_first() -> None:
    assert README.startswith("# Thread Gateway\n\n    make demo\n    make test\n")


def test_every_command_has_its_line() -> None:
    listed = re.findall(r"^\| `gateway ([a-z -]+)` \|", README, re.MULTILINE)
    assert sorted(listed) == sorted(" ".join(words) for words in commands())


@pytest.mark.parametrize("words", list(commands()), ids=" ".join)
def test_every_command_has_help_with_an_example(words: tuple[str, ...]) -> None:
    shown = CliRunner().invoke(app, [*words, "--help"])
    assert shown.exit_code == 0
    assert "Example: " in shown.output


def test_commands_in_shell_blocks_exist() -> None:
    known = set(commands())
    told = [tuple(line.split()[1:]) for line in shell_lines() if line.startswith("gateway ")]
    assert len(told) >= 6
    assert [words for words in told if words[:1] not in known and words[:2] not in known] == []


def test_make_targets_exist() -> None:
    told = set(re.findall(r"\bmake ([a-z./]+)", README))
    targets = set(re.findall(r"^([a-z./]+):", MAKEFILE, re.MULTILINE))
    assert {"demo", "test", "check", "bench"} <= told <= targets


def test_options_that_are_named_exist() -> None:
    for words, options in re.findall(r"^\| `gateway ([a-z -]+)` \|(.*)\|$", README, re.MULTILINE):
        shown = CliRunner().invoke(app, [*words.split(), "--help"], env={"COLUMNS": "200"}).output
        assert [option for option in re.findall(r"`(--[a-z-]+)", options) if option not in shown] == []


def test_floor_plan_is_that_of_the_program() -> None:
    """Both drawings of the docstring stand in README, without their indent."""
    assert gateway.__doc__ is not None
    drawings = re.findall(r"(?:^    .*\n)+", gateway.__doc__, re.MULTILINE)
    assert len(drawings) == 2
    for drawing in drawings:
        assert re.sub(r"^    ", "", drawing, flags=re.MULTILINE) in blocks("text")


def test_addresses_are_what_the_table_says() -> None:
    forum = Forum(id=UUID(int=0), name="town", domain="example.org", title="Town Talk")
    told = re.findall(r"`((?:town|postmaster|abuse)[^@`\s]*@)`", README.partition("## Addresses")[2].partition("## ")[0])
    assert len(told) == 20
    for local in told:
        address = parse_address(local.replace("TOKEN", TOKEN) + "example.org")
        assert address is not None
        assert destination_of(address, {str(forum.address): forum}) is not None, local


def test_changelog_has_this_version() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    assert re.search(rf"^## {re.escape(version)}$", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
