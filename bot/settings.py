"""The operator's settings: environment, `.env` and TOML, read once into one frozen object.

Everything that is missing or contradictory is named in one SettingsError.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import msgspec

from bot.github import AppCredentials, Credentials, TokenCredentials
from bot.stores import is_usable

LOG_LEVELS = ("debug", "info", "warning", "error")
LOG_FORMATS = ("console", "json")

DEFAULT_CONFIG = "config/bot.toml"


class SettingsError(Exception):
    """What is wrong with the settings, all of it."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__(self.problems)

    def __str__(self) -> str:
        return "\n".join(self.problems)


class Secret(str):
    """A text that does not print itself."""

    def __repr__(self) -> str:
        return "'***'"


class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Commands from comments in an hour."""

    per_person: Annotated[int, msgspec.Meta(ge=1)] = 60
    """By one person, in one repository."""
    per_repository: Annotated[int, msgspec.Meta(ge=1)] = 600


class Operator(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`config/bot.toml`: the operator's defaults and outer bounds. That file explains each key."""

    repositories: tuple[str, ...] = ("*",)
    limits: Limits = Limits()


@dataclass(frozen=True, slots=True)
class Settings:
    webhook_secrets: tuple[Secret, ...]
    github: Credentials
    github_url: str
    depot_token: Secret
    depot_org_id: str
    depot_url: str
    database_url: Secret
    public_url: str
    host: str
    port: int
    admin_password: Secret
    """Empty: the pages answer on this machine only."""
    log_level: str
    log_format: str
    """`console`, `json`, or empty: whichever suits where the log goes."""
    operator: Operator


VARIABLES = (
    "GITHUB_WEBHOOK_SECRET",
    "GITHUB_APP_ID",
    "GITHUB_PRIVATE_KEY",
    "GITHUB_PRIVATE_KEY_PATH",
    "GITHUB_TOKEN",
    "GITHUB_API_URL",
    "DEPOT_TOKEN",
    "DEPOT_ORG_ID",
    "DEPOT_API_URL",
    "DATABASE_URL",
    "BOT_CONFIG",
    "PUBLIC_URL",
    "HOST",
    "PORT",
    "ADMIN_PASSWORD",
    "LOG_LEVEL",
    "LOG_FORMAT",
)
"""Every variable that is read; `config/env.example` explains each."""

SECRETS = frozenset(
    {
        "GITHUB_WEBHOOK_SECRET",
        "GITHUB_PRIVATE_KEY",
        "GITHUB_TOKEN",
        "DEPOT_TOKEN",
        "DATABASE_URL",
        "ADMIN_PASSWORD",
    }
)
"""Variables whose values are never shown; a database's address may hold its password."""

CREDENTIALS = (
    "GITHUB_WEBHOOK_SECRET",
    "GITHUB_APP_ID",
    "GITHUB_PRIVATE_KEY",
    "GITHUB_PRIVATE_KEY_PATH",
    "GITHUB_TOKEN",
)
"""What the bot needs of GitHub; while there is none of it, `/setup` gets it."""


def load(environment: Mapping[str, str]) -> Settings:
    """The settings; raises SettingsError with everything that is wrong."""
    return _Loader(environment).load()


def lacks_credentials(environment: Mapping[str, str]) -> bool:
    """Whether nothing of GitHub's is set: the bot has not been set up yet."""
    return not any(environment.get(name, "").strip() for name in CREDENTIALS)


def load_for_setup(environment: Mapping[str, str]) -> Settings:
    """The settings without credentials, which are to come, but with a public address; raises
    SettingsError with everything that is wrong."""
    return _SetupLoader(environment).load()


class _Loader:
    def __init__(self, environment: Mapping[str, str]) -> None:
        self.values = {name: environment.get(name, "").strip() for name in VARIABLES}
        self.problems: list[str] = []

    def load(self) -> Settings:
        settings = Settings(
            webhook_secrets=self.webhook_secrets(),
            github=self.credentials(),
            github_url=self.url("GITHUB_API_URL", "https://api.github.com"),
            depot_token=Secret(self.required("DEPOT_TOKEN", "an organisation token of Depot")),
            depot_org_id=self.values["DEPOT_ORG_ID"],
            depot_url=self.url("DEPOT_API_URL", "https://api.depot.dev"),
            database_url=self.database_url(),
            public_url=self.url("PUBLIC_URL", ""),
            host=self.host(),
            port=self.port(),
            admin_password=Secret(self.values["ADMIN_PASSWORD"]),
            log_level=self.one_of("LOG_LEVEL", LOG_LEVELS, "info"),
            log_format=self.one_of("LOG_FORMAT", LOG_FORMATS, ""),
            operator=self.operator(),
        )
        if self.problems:
            raise SettingsError(self.problems)
        return settings

    def required(self, name: str, what: str) -> str:
        if not self.values[name]:
            self.problems.append(f"{name} is missing: {what}")
        return self.values[name]

    def webhook_secrets(self) -> tuple[Secret, ...]:
        text = self.required("GITHUB_WEBHOOK_SECRET", "the secret that GitHub signs webhooks with")
        secrets = tuple(Secret(word) for word in text.split())
        if len(secrets) > 2:
            self.problems.append("GITHUB_WEBHOOK_SECRET holds more than two secrets")
        return secrets

    def credentials(self) -> Credentials:
        app_id, token = self.values["GITHUB_APP_ID"], self.values["GITHUB_TOKEN"]
        key = self.private_key()
        if token and (app_id or key):
            self.problems.append("GITHUB_TOKEN and GITHUB_APP_ID are both set: use one of them")
        elif not token and not app_id and not key:
            self.problems.append(
                "GITHUB_APP_ID with GITHUB_PRIVATE_KEY, or GITHUB_TOKEN, is missing"
            )
        elif not token and not app_id:
            self.problems.append("GITHUB_APP_ID is missing: the id of the GitHub App")
        elif app_id and not app_id.isdecimal():
            self.problems.append("GITHUB_APP_ID is not a number")
        elif app_id and not key and not self.problems_with("GITHUB_PRIVATE_KEY"):
            self.problems.append("GITHUB_PRIVATE_KEY or GITHUB_PRIVATE_KEY_PATH is missing")
        return TokenCredentials(token) if token else AppCredentials(app_id, key)

    def problems_with(self, name: str) -> bool:
        return any(problem.startswith(name) for problem in self.problems)

    def private_key(self) -> str:
        key, path = self.values["GITHUB_PRIVATE_KEY"], self.values["GITHUB_PRIVATE_KEY_PATH"]
        if key and path:
            self.problems.append(
                "GITHUB_PRIVATE_KEY and GITHUB_PRIVATE_KEY_PATH are both set: use one of them"
            )
        elif path:
            try:
                key = Path(path).read_text()
            except (OSError, UnicodeDecodeError) as error:
                self.problems.append(f"GITHUB_PRIVATE_KEY_PATH: {error}")
                return ""
        key = key.replace("\\n", "\n").strip()
        if key and not key.startswith("-----BEGIN "):
            self.problems.append("GITHUB_PRIVATE_KEY is not a PEM key (-----BEGIN …)")
        return key

    def url(self, name: str, default: str) -> str:
        value = self.values[name] or default
        if value and not value.startswith(("https://", "http://")):
            self.problems.append(f"{name} is not an http(s) address")
        return value.rstrip("/")

    def database_url(self) -> Secret:
        value = self.values["DATABASE_URL"] or "sqlite:///depot-bot.db"
        if not is_usable(value):
            self.problems.append(
                "DATABASE_URL must be sqlite:///FILE or postgresql://USER:PASSWORD@HOST/DATABASE"
            )
        return Secret(value)

    def host(self) -> str:
        return self.values["HOST"] or ("0.0.0.0" if self.values["PORT"] else "127.0.0.1")

    def port(self) -> int:
        value = self.values["PORT"] or "8000"
        if not value.isdecimal() or not 0 <= int(value) <= 65535:
            self.problems.append("PORT is not a port number")
            return 0
        return int(value)

    def one_of(self, name: str, known: tuple[str, ...], default: str) -> str:
        value = self.values[name].lower() or default
        if value and value not in known:
            self.problems.append(f"{name} must be one of: {', '.join(known)}")
        return value

    def operator(self) -> Operator:
        given = self.values["BOT_CONFIG"]
        path = Path(given or DEFAULT_CONFIG)
        if not given and not path.exists():
            return Operator()
        try:
            return msgspec.convert(tomllib.loads(path.read_text()), Operator)
        except (OSError, UnicodeDecodeError) as error:
            self.problems.append(f"BOT_CONFIG: {error}")
        except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
            self.problems.append(f"{path}: {error}")
        return Operator()


class _SetupLoader(_Loader):
    """Asks for no credentials, but for the address that the App is made with."""

    def load(self) -> Settings:
        if not self.values["PUBLIC_URL"]:
            # Either way on is open: what it takes to go without the set-up is named, too.
            super().webhook_secrets()
            super().credentials()
            self.problems.append(
                "PUBLIC_URL is missing: with it, /setup makes the App and gets its credentials"
            )
        return super().load()

    def webhook_secrets(self) -> tuple[Secret, ...]:
        return ()

    def credentials(self) -> Credentials:
        return AppCredentials("", "")
