"""The configuration: the file lists every key with its default, and a broken one says what is wrong and where."""

from __future__ import annotations

import os
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from gateway.settings import BadSettings, Settings, load_settings
from tests.conftest import ROOT

FILE = ROOT / "config" / "gateway.toml"
BROKEN = sorted((Path(__file__).parent / "configs").glob("*.toml"))


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.upper().startswith("GATEWAY_"):
            monkeypatch.delenv(name)


def keys_of(model: BaseModel, prefix: str = "") -> dict[str, Any]:
    """Every key that can be set, with its default."""
    found: dict[str, Any] = {}
    for name in type(model).model_fields:
        value = getattr(model, name)
        if isinstance(value, list):
            value = [one.model_dump() if isinstance(one, BaseModel) else one for one in value]
        found |= keys_of(value, f"{prefix}{name}.") if isinstance(value, BaseModel) else {f"{prefix}{name}": value}
    return found


def flat(table: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in table.items():
        found |= flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {f"{prefix}{name}": value}
    return found


def test_the_file_names_every_key_once_and_no_other() -> None:
    text = FILE.read_text(encoding="utf-8")
    everything = re.sub(r"(?m)^# (\w+ = )", r"\1", text)
    assert sorted(flat(tomllib.loads(everything))) == sorted(keys_of(Settings()))


def test_the_file_gives_the_defaults() -> None:
    written = flat(tomllib.loads(FILE.read_text(encoding="utf-8")))
    defaults = keys_of(Settings())
    assert {name: str(defaults[name]) if isinstance(defaults[name], Path) else defaults[name] for name in written} == written
    assert [name for name in defaults if name not in written] == [name for name, value in defaults.items() if value is None]
    assert load_settings(FILE).model_dump() == load_settings(None).model_dump()


def test_a_key_that_is_not_set_has_an_example_that_is_good() -> None:
    everything = re.sub(r"(?m)^# (\w+ = )", r"\1", FILE.read_text(encoding="utf-8"))
    unset = tomllib.loads(everything)
    del unset["smtp"]["lmtp_socket"], unset["send"]["relay_password"]
    assert Settings.model_validate(unset).smtp.lmtp_port == 2424


def test_every_key_has_its_reason() -> None:
    """A comment stands over each key, or over the keys right above it."""
    is_told = False
    for line in FILE.read_text(encoding="utf-8").splitlines():
        if re.match(r"(# )?\w+ = ", line):
            assert is_told, line
        else:
            is_told = line.startswith("#")


@pytest.mark.parametrize("path", BROKEN, ids=lambda path: path.stem)
def test_a_broken_file_is_refused_with_its_line(path: Path) -> None:
    expected = path.read_text(encoding="utf-8").splitlines()[0].removeprefix("# ")
    with pytest.raises(BadSettings) as caught:
        load_settings(path)
    first = str(caught.value).splitlines()[0]
    assert first.startswith(f"{path.parent}/{expected}")
    assert len(first) < len(str(path.parent)) + 160


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    path = tmp_path / "g.toml"
    path.write_text('[smtp]\nport = "x"\nhots = "y"\n[send]\nrelay_port = 0\n')
    with pytest.raises(BadSettings) as caught:
        load_settings(path)
    assert [line.split(" ")[1] for line in str(caught.value).splitlines()] == ["smtp.port:", "smtp.hots:", "send.relay_port:"]


@pytest.mark.parametrize(("data", "reason"), [(b"\xff\xfe", "not TOML"), (None, "No such file")])
def test_a_file_that_cannot_be_read(tmp_path: Path, data: bytes | None, reason: str) -> None:
    path = tmp_path / "g.toml"
    if data is not None:
        path.write_bytes(data)
    with pytest.raises(BadSettings, match=f"g.toml: {reason}"):
        load_settings(path)


def test_the_environment_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "g.toml"
    path.write_text('data = "here"\n[smtp]\nport = 1025\nhost = "0.0.0.0"\n[smtp.limits]\nidle = 5\n')
    monkeypatch.setenv("GATEWAY_SMTP__PORT", "2026")
    monkeypatch.setenv("GATEWAY_SMTP__LIMITS__IDLE", "7")
    monkeypatch.setenv("GATEWAY_STORE__URL", "postgresql://h/d")
    found = load_settings(path)
    assert (found.smtp.port, found.smtp.host, found.smtp.limits.idle) == (2026, "0.0.0.0", 7)
    assert (found.database_url, found.data) == ("postgresql://h/d", Path("here"))
    assert load_settings(None).smtp.port == 2026


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("GATEWAY_SMTP__PORT", "x", "environment: GATEWAY_SMTP__PORT: smtp.port: input should be a valid integer"),
        ("GATEWAY_SMTP__PROT", "1", "smtp.prot: there is no such key"),
        ("GATEWAY_SMTP", "not json", "environment: "),
    ],
)
@pytest.mark.parametrize("with_file", [True, False])
def test_a_mistake_in_the_environment_is_told_as_such(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str, reason: str, with_file: bool
) -> None:
    path = tmp_path / "g.toml"
    path.write_text("[smtp]\nport = 25\n")
    monkeypatch.setenv(name, value)
    with pytest.raises(BadSettings) as caught:
        load_settings(path if with_file else None)
    assert reason in str(caught.value)
    assert str(caught.value).startswith("environment: ")


def test_places_follow_from_the_data_folder() -> None:
    found = Settings(data=Path("/srv/g"))
    assert found.database_url == "sqlite:////srv/g/gateway.db"
    assert found.maildir == Path("/srv/g/Maildir")


def test_settings_do_not_change() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Settings().data = Path("x")  # type: ignore[misc]
