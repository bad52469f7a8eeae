"""The wheel alone is a working program: templates, default configuration and the seed page come out of it."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

from tests.conftest import ROOT


def pip(*arguments: str) -> None:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=110)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built offline, with the build tools of this environment."""
    folder = tmp_path_factory.mktemp("wheel")
    pip("wheel", "--no-deps", "--no-build-isolation", "--no-index", "-w", str(folder), str(ROOT))
    [file] = folder.iterdir()
    return file


@pytest.fixture(scope="module")
def program(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel in an environment of its own, which borrows the libraries of this one but not its checkout."""
    home = tmp_path_factory.mktemp("venv")
    venv.create(home, with_pip=False, symlinks=True)
    [packages] = home.glob("lib/python*/site-packages")
    pip("install", "--no-deps", "--no-index", "--prefix", str(home), "--ignore-installed", str(wheel))
    # Without executing .pth files of ours, so the editable install of the checkout stays unseen.
    (packages / "borrowed.pth").write_text(f"{sysconfig.get_paths()['purelib']}\n")
    return home


def run(program: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("GATEWAY_", "PYTHON"))}
    command = [str(program / "bin" / "python"), *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=110)


def test_the_wheel_holds_what_travels(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    for folder in ("templates", "config", "seeds"):
        here = {f"gateway/_data/{folder}/{path.name}" for path in (ROOT / folder).iterdir() if path.is_file()}
        assert here
        assert here <= names
    assert {f"gateway/{path.relative_to(ROOT / 'gateway')}" for path in (ROOT / "gateway").rglob("*.py")} <= names
    assert not [name for name in names if name.startswith(("tests", "seeds", "config", "templates")) or name.endswith(".pyc")]
    assert any(name.endswith("/LICENSE") for name in names)


def test_the_program_runs_from_an_empty_folder(program: Path, tmp_path: Path) -> None:
    where = run(program, tmp_path, "-c", "import gateway; print(gateway.__file__)").stdout.strip()
    assert Path(where).is_relative_to(program)
    done = run(program, tmp_path, "-m", "gateway", "demo", "--keep", "here")
    assert done.returncode == 0, done.stderr
    assert "Filed as 1 thread with 42 posts." in done.stdout
    assert "Subject: 4.1.4 The Wombat" in done.stdout
    assert (tmp_path / "here" / "digest.html").stat().st_size > 20_000
    assert [path.name for path in tmp_path.iterdir()] == ["here"]


def test_its_command_and_its_own_files(program: Path, tmp_path: Path) -> None:
    code = "from gateway.house import data_folder; print(*(data_folder(n) for n in ('templates', 'config', 'seeds')), sep='\\n')"
    folders = run(program, tmp_path, "-c", code).stdout.split()
    assert len(folders) == 3
    assert all(Path(folder).is_relative_to(program) and any(Path(folder).iterdir()) for folder in folders)
    command = subprocess.run(
        [str(program / "bin" / "gateway"), "config", "check"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert "built-in defaults: good" in command.stdout
