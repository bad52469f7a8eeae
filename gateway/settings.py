"""config/gateway.toml and the environment -> one frozen, validated value.

In: the path of a TOML file, or none for the defaults; `GATEWAY_SMTP__PORT=2525` and the like win over the file. Out:
`Settings`. A wrong or unknown key stops the start: `BadSettings` names file, line, table and key.
"""

from __future__ import annotations

import dataclasses
import os
import re
import tomllib
from ipaddress import ip_network
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, create_model, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)

from gateway.digest.parts import Caps
from gateway.mail.address import is_domain
from gateway.people.badges import DEFAULT_RULES, BadgeRule
from gateway.people.courtesy import DEFAULT, Courtesy
from gateway.smtp.limits import Limits
from gateway.verify.dns import place_of

_PLACE = re.compile(r"(?P<host>\[[0-9a-fA-F:.]+\]|[^\s:/\[\]]+):(?P<port>\d{1,5})\Z", re.ASCII)


class BadSettings(Exception):
    """The configuration is wrong; the text says where and how."""

    temporary = False


_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_LMTP = re.compile(r"/.+|\[?[^/]+\]?:[0-9]{1,5}\Z")


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


if TYPE_CHECKING:
    LimitsTable = BaseModel
else:
    # One key for each field of `smtp.limits.Limits`, which describes and declares them.
    LimitsTable = create_model(
        "LimitsTable",
        __base__=_Table,
        **{
            field.name: (get_type_hints(Limits)[field.name], Field(default=field.default, ge=0))
            for field in dataclasses.fields(Limits)
        },
    )


class SmtpTable(_Table):
    host: str = "127.0.0.1"
    port: int = Field(default=2525, ge=0, le=65535)
    hostname: str = "localhost"
    lmtp_port: int | None = Field(default=None, ge=0, le=65535)
    lmtp_socket: Path | None = None
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    limits: LimitsTable = Field(default_factory=LimitsTable)

    @field_validator("hostname")
    @classmethod
    def _is_domain(cls, value: str) -> str:
        if not (value.isascii() and is_domain(value)):
            raise ValueError("must be a domain name")
        return value

    @model_validator(mode="after")
    def _pairs(self) -> SmtpTable:
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ValueError("tls_certificate and tls_key go together")
        if self.lmtp_port is not None and self.lmtp_socket is not None:
            raise ValueError("lmtp_port and lmtp_socket exclude each other")
        return self

    def as_limits(self) -> Limits:
        return Limits(**self.limits.model_dump())


class StoreTable(_Table):
    url: str | None = None


class DigestTable(_Table):
    tick: float = Field(default=5.0, gt=0)
    max_posts: int = Field(default=Caps().posts, ge=1)
    max_size: int = Field(default=Caps().size, ge=1_000)
    templates: Path | None = None

    def as_caps(self) -> Caps:
        return Caps(posts=self.max_posts, size=self.max_size)


class SendTable(_Table):
    courier: Literal["maildir", "relay", "lmtp"] = "maildir"
    maildir: Path | None = None
    relay_host: str = "127.0.0.1"
    relay_port: int = Field(default=25, ge=1, le=65535)
    relay_tls: Literal["none", "starttls", "implicit"] = "none"
    relay_ca: Path | None = None
    relay_user: str | None = None
    relay_password: SecretStr | None = None
    relay_password_file: Path | None = None
    lmtp: str | None = None
    connections: int = Field(default=1, ge=1, le=8)
    per_minute: int = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _belongs_together(self) -> SendTable:
        if self.relay_password is not None and self.relay_password_file is not None:
            raise ValueError("relay_password and relay_password_file exclude each other")
        if bool(self.relay_user) != bool(self.relay_password or self.relay_password_file):
            raise ValueError("relay_user goes with relay_password or relay_password_file")
        if self.relay_user and self.relay_tls == "none" and self.relay_host not in _LOOPBACK:
            raise ValueError("relay_user needs relay_tls: the password would travel in the clear")
        if self.relay_password is not None and not self.relay_password.get_secret_value().isascii():
            raise ValueError("relay_password must be ASCII")
        if self.courier == "lmtp" and not _LMTP.match(self.lmtp or ""):
            raise ValueError("lmtp must be the path of a socket, or HOST:PORT")
        return self


class LettersTable(_Table):
    questions_per_address_and_day: int = Field(default=DEFAULT.questions_per_address_and_day, ge=0)
    questions_per_network_and_hour: int = Field(default=DEFAULT.questions_per_network_and_hour, ge=0)
    questions_per_hour: int = Field(default=DEFAULT.questions_per_hour, ge=0)

    def as_courtesy(self) -> Courtesy:
        return Courtesy(**self.model_dump())


class WebTable(_Table):
    url: str = ""
    listen: str = ""

    @field_validator("url")
    @classmethod
    def _is_https(cls, value: str) -> str:
        if value and not value.startswith(("https://", "http://")):
            raise ValueError("must begin with https://")
        return value.rstrip("/")

    @field_validator("listen")
    @classmethod
    def _is_place(cls, value: str) -> str:
        match = _PLACE.match(value)
        if value and (match is None or int(match["port"]) > 65535):
            raise ValueError("must be HOST:PORT, such as 127.0.0.1:8080")
        return value

    @property
    def place(self) -> tuple[str, int] | None:
        """Host and port to listen at; None for no pages."""
        match = _PLACE.match(self.listen)
        return (match["host"].strip("[]"), int(match["port"])) if match is not None else None


class AuthTable(_Table):
    dkim_selectors: list[str] = []
    dkim_keys: Path | None = None
    verify_dkim: bool = True
    dns: list[str] = []
    authserv_id: str = ""
    border_networks: list[str] = ["127.0.0.0/8", "::1/128"]
    trusted_networks: list[str] = []

    @field_validator("border_networks", "trusted_networks")
    @classmethod
    def _are_networks(cls, value: list[str]) -> list[str]:
        for text in value:
            ip_network(text)
        return value

    @field_validator("dns")
    @classmethod
    def _are_servers(cls, value: list[str]) -> list[str]:
        for text in value:
            place_of(text)
        return value

    @field_validator("authserv_id")
    @classmethod
    def _is_one_word(cls, value: str) -> str:
        if value and (not value.isascii() or re.search(r"[\s;\"()=]", value)):
            raise ValueError("must be one word, as the mail server in front of us writes it")
        return value

    @field_validator("dkim_selectors")
    @classmethod
    def _are_labels(cls, value: list[str]) -> list[str]:
        if not all(is_domain(selector) and selector.isascii() for selector in value):
            raise ValueError("must be names as they may stand in the DNS, such as gate2026")
        return value


class BadgeRuleTable(_Table):
    name: str
    member_days: int = Field(default=0, ge=0)
    posts: int = Field(default=-1, ge=-1)
    up_votes: int = Field(default=-1, ge=-1)


class BadgesTable(_Table):
    rules: list[BadgeRuleTable] = [BadgeRuleTable(**dataclasses.asdict(rule)) for rule in DEFAULT_RULES]

    def as_rules(self) -> tuple[BadgeRule, ...]:
        return tuple(BadgeRule(**rule.model_dump()) for rule in self.rules)


class LimitsOfPosts(_Table):
    posts_per_member_and_hour: int = Field(default=30, ge=0)
    posts_per_forum_and_hour: int = Field(default=600, ge=0)


class AdmitTable(_Table):
    rules: Path | None = None


class Settings(BaseSettings):
    """Everything that can be set; relative paths start at the working directory."""

    model_config = SettingsConfigDict(
        env_prefix="GATEWAY_", env_nested_delimiter="__", extra="forbid", frozen=True, nested_model_default_partial_update=True
    )

    data: Path = Path("var")
    smtp: SmtpTable = SmtpTable()
    store: StoreTable = StoreTable()
    digest: DigestTable = DigestTable()
    send: SendTable = SendTable()
    letters: LettersTable = LettersTable()
    web: WebTable = WebTable()
    auth: AuthTable = AuthTable()
    badges: BadgesTable = BadgesTable()
    limits: LimitsOfPosts = LimitsOfPosts()
    admit: AdmitTable = AdmitTable()

    @property
    def dkim(self) -> Path:
        return self.auth.dkim_keys or self.data / "dkim"

    @property
    def database_url(self) -> str:
        return self.store.url or f"sqlite:///{self.data / 'gateway.db'}"

    @property
    def maildir(self) -> Path:
        return self.send.maildir or self.data / "Maildir"


def load_settings(path: Path | None) -> Settings:
    """The settings in the file at `path` (None: the defaults) and in the environment. Raises BadSettings."""

    class Loaded(Settings):
        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,
            env_settings: PydanticBaseSettingsSource,
            dotenv_settings: PydanticBaseSettingsSource,
            file_secret_settings: PydanticBaseSettingsSource,
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            files = () if path is None else (TomlConfigSettingsSource(settings_cls, toml_file=path),)
            return (init_settings, env_settings, *files)

    text = ""
    try:
        if path is not None:
            text = path.read_text(encoding="utf-8")
            tomllib.loads(text)
        return Loaded()
    except OSError as error:
        raise BadSettings(f"{path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadSettings(f"{path}: not TOML: {error}") from None
    except SettingsError as error:
        raise BadSettings(f"environment: {error}") from None
    except ValidationError as error:
        raise BadSettings("\n".join(_complaint(path, text, one) for one in error.errors())) from None


def _complaint(path: Path | None, text: str, error: Any) -> str:
    keys = [str(key) for key in error["loc"]]
    line = _line_of(text, keys)
    variable = "__".join(["GATEWAY", *keys]).upper().replace("__", "_", 1)
    # What is in the environment wins over the file, so it is at fault first.
    is_set = any(name.upper() == variable for name in os.environ)
    where = f"environment: {variable}" if is_set or path is None else f"{path}:{line}" if line else str(path)
    reason = "there is no such key" if error["type"] == "extra_forbidden" else error["msg"].removeprefix("Value error, ")
    return f"{where}: {'.'.join(keys)}: {reason[:1].lower()}{reason[1:]}"


def _line_of(text: str, keys: list[str]) -> int | None:
    """The line where a key stands, by a plain scan: its table, then the key; the table's line when it names no key."""
    table, found = "", None
    for number, line in enumerate(text.splitlines(), 1):
        bare = line.strip()
        if bare.startswith("[") and not bare.startswith("[["):
            table = bare.strip("[] \t").split("]")[0]
            if table == ".".join(keys):
                found = number
        elif "=" in bare and not bare.startswith("#"):
            name = bare.split("=")[0].strip().strip("\"'")
            if [*(table.split(".") if table else []), *name.split(".")] == keys:
                return number
    return found
