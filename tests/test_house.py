"""The house stands as its plan says: floors, one owner for each outside library, pure rooms that stay pure, and manners."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from importlinter.cli import lint_imports

import gateway
from tests.conftest import ROOT

HOUSE = ROOT / "gateway"
MODULES = sorted(path for path in HOUSE.rglob("*.py") if "_data" not in path.parts)
TESTS = sorted((ROOT / "tests").rglob("*.py"))
# Who may know each library; `house` and `cli` are one module and one room each, like the others.
OWNERS = {
    "aiosmtpd": {"smtp"},
    "mailparser": {"parse"},
    "nh3": {"parse"},
    "inscriptis": {"parse"},
    "cchardet": {"parse"},
    "flufl": {"parse.bounces"},
    "disarm": {"people"},
    "dkim": {"send", "verify"},
    "dns": {"verify"},
    "cryptography": {"send", "people.password"},
    "PIL": {"parse.pictures"},
    "jinja2": {"render"},
    "babel": {"render"},
    "css_inline": {"render"},
    "markupsafe": {"render"},
    "sqlmodel": {"store"},
    "sqlalchemy": {"store"},
    "alembic": {"store"},
    "psycopg": {"store"},
    "zstandard": {"store"},
    "typer": {"cli"},
    "rich": {"cli"},
    "pydantic": {"settings"},
    "pydantic_core": {"store"},
    "pydantic_settings": {"settings"},
    "smtplib": {"send", "cli.demo"},
    "starlette": {"web"},
    "uvicorn": {"web"},
    "uvloop": {"house"},
    "structlog": {"journal", "cli.common"},
    "uuid_utils": {"house", "cli"},
}
PURE = {"digest", "thread", "admit", "people", "parse", "mail"}
IMPURE = {"socket", "os", "subprocess", "sqlite3", "asyncio", "threading", "random", "time", "secrets", "uuid_utils", "tempfile"}


def contract() -> list[str]:
    config = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    layers: list[str] = config["tool"]["importlinter"]["contracts"][0]["layers"]
    return layers


def plan() -> list[str]:
    """The rooms of the floor plan, top to bottom."""
    doc = gateway.__doc__ or ""
    return re.findall(r"^    ([a-z]+)  ", doc.partition("The flow of one mail")[0], re.MULTILINE)


def imports(path: Path) -> Iterator[str]:
    """Every module that `path` imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield node.module or ""


def room_of(path: Path) -> str:
    """`cli.demo` for gateway/cli/demo.py."""
    return ".".join(path.relative_to(HOUSE).with_suffix("").parts).removesuffix(".__init__")


def test_plan_contract_and_folders_agree() -> None:
    names = {path.stem for path in HOUSE.iterdir() if path.suffix == ".py" or (path / "__init__.py").is_file()}
    assert plan() == contract()
    assert set(plan()) == names - {"__init__", "__main__"}


def test_the_floors_hold(capsys: pytest.CaptureFixture[str]) -> None:
    assert lint_imports(config_filename=str(ROOT / "pyproject.toml"), no_cache=True) == 0, capsys.readouterr().out


@pytest.mark.parametrize("path", MODULES, ids=room_of)
def test_each_library_has_one_owner(path: Path) -> None:
    room = room_of(path)
    for name in imports(path):
        library = name.partition(".")[0]
        owners = OWNERS.get(library)
        if owners is None:
            assert library in sys.stdlib_module_names or library == "gateway", f"{library} has no owner"
        else:
            assert any(room == owner or room.startswith(f"{owner}.") for owner in owners), f"{room} imports {library}"


def test_every_dependency_has_an_owner() -> None:
    project: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    wanted = [*project["dependencies"], *extras["postgres"], *extras["web"]]
    names = {re.match(r"[\w-]+", one)[0].lower().replace("-", "_") for one in wanted}  # type: ignore[index]
    known = {"mail_parser": "mailparser", "css_inline": "css_inline", "faust_cchardet": "cchardet", "pillow": "PIL"}
    # tzdata is read by the standard library, python-multipart by Starlette.
    assert {known.get(name, name) for name in names} - {"tzdata", "python_multipart"} <= OWNERS.keys()


@pytest.mark.parametrize("path", [path for path in MODULES if path.relative_to(HOUSE).parts[0] in PURE], ids=room_of)
def test_pure_rooms_stay_pure(path: Path) -> None:
    assert not {name.partition(".")[0] for name in imports(path)} & IMPURE
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    calls = {ast.unparse(node.func) for node in nodes if isinstance(node, ast.Call)}
    assert not calls & {"datetime.now", "datetime.utcnow", "date.today", "uuid.uuid4", "uuid.uuid1"}
    names = {node.id for node in nodes if isinstance(node, ast.Name)}
    assert not names & {"open", "print", "input"}


@pytest.mark.parametrize("path", [*MODULES, *TESTS], ids=lambda path: str(path.relative_to(ROOT)))
def test_manners(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count("\n") <= 400, "a file of more than 400 lines"
    assert not re.search(r"utils|helper|manager|misc", path.name)
    assert not any(
        isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
        for node in ast.walk(ast.parse(text))
    ) or path.is_relative_to(ROOT / "tests" / "bench")
    if text.strip():
        assert ast.get_docstring(ast.parse(text)), "no docstring says what it is for"


@pytest.mark.parametrize("path", MODULES, ids=room_of)
def test_nobody_catches_everything_silently(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        assert not (isinstance(node, ast.ExceptHandler) and node.type is None), "bare except"
        assert not isinstance(node, ast.Global)
