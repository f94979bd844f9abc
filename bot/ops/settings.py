"""The operator's settings: environment, `.env` and TOML, read once into one frozen object.

Each variable's name, default and parser are in `bot.ops.variables`; here is how they go together.
Everything that is missing or contradictory is named in one SettingsError.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, TypeVar

import msgspec

from bot.core.credentials import AppCredentials, Credentials, TokenCredentials
from bot.ops import variables as v
from bot.ops.variables import Secret
from bot.storage.connect import is_shared

T = TypeVar("T")


class SettingsError(Exception):
    """What is wrong with the settings, all of it."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__(self.problems)

    def __str__(self) -> str:
        return "\n".join(self.problems)


class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Commands from comments in an hour."""

    per_person: Annotated[int, msgspec.Meta(ge=1)] = 60
    """By one person, in one repository."""
    per_repository: Annotated[int, msgspec.Meta(ge=1)] = 600
    """That start or change runs, in one repository."""
    runs_per_repository: Annotated[int, msgspec.Meta(ge=1)] = 300
    """Runs that they start: a command may start several."""


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
    """Empty: one is made at each start."""
    log_level: str
    log_format: str
    """`console`, `json`, or empty: whichever suits where the log goes."""
    operator: Operator


def load(environment: Mapping[str, str]) -> Settings:
    """The settings; raises SettingsError with everything that is wrong."""
    return _Loader(environment).load()


def lacks_credentials(environment: Mapping[str, str]) -> bool:
    """Whether nothing of GitHub's is set: the bot has not been set up yet."""
    return not any(environment.get(name, "").strip() for name in v.CREDENTIALS)


def load_for_setup(environment: Mapping[str, str]) -> Settings:
    """The settings without credentials, which are to come, but with a public address; raises
    SettingsError with everything that is wrong."""
    return _SetupLoader(environment).load()


def database_url(environment: Mapping[str, str]) -> Secret:
    """Where the ledger is, whatever else is set; raises SettingsError."""
    loader = _Loader(environment)
    url = loader.read(v.DATABASE_URL)
    if loader.problems:
        raise SettingsError(loader.problems)
    return url


class _Loader:
    def __init__(self, environment: Mapping[str, str]) -> None:
        self.values = {name: environment.get(name, "").strip() for name in v.VARIABLES}
        self.problems: list[str] = []

    def load(self) -> Settings:
        settings = Settings(
            webhook_secrets=self.webhook_secrets(),
            github=self.credentials(),
            github_url=self.read(v.GITHUB_API_URL),
            depot_token=self.required(v.DEPOT_TOKEN, "an organisation token of Depot"),
            depot_org_id=self.read(v.DEPOT_ORG_ID),
            depot_url=self.read(v.DEPOT_API_URL),
            database_url=self.read(v.DATABASE_URL),
            public_url=self.read(v.PUBLIC_URL),
            host=self.host(),
            port=self.read(v.PORT),
            admin_password=self.admin_password(),
            log_level=self.read(v.LOG_LEVEL),
            log_format=self.read(v.LOG_FORMAT),
            operator=self.operator(),
        )
        if self.problems:
            raise SettingsError(self.problems)
        return settings

    def is_given(self, variable: v.Variable[object]) -> bool:
        return bool(self.values[variable.name])

    def read(self, variable: v.Variable[T]) -> T:
        """The variable's value, or its default: also when the value is noted as a problem."""
        try:
            return variable.parse(self.values[variable.name] or variable.default)
        except ValueError as error:
            self.problems.append(f"{variable.name} {error}")
            return variable.parse(variable.default)

    def required(self, variable: v.Variable[T], what: str) -> T:
        if not self.is_given(variable):
            self.problems.append(f"{variable.name} is missing: {what}")
        return self.read(variable)

    def webhook_secrets(self) -> tuple[Secret, ...]:
        return self.required(v.GITHUB_WEBHOOK_SECRET, "the secret that GitHub signs webhooks with")

    def credentials(self) -> Credentials:
        app_id, token = self.read(v.GITHUB_APP_ID), self.read(v.GITHUB_TOKEN)
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
        elif app_id and not key and not self.problems_with(v.GITHUB_PRIVATE_KEY):
            self.problems.append("GITHUB_PRIVATE_KEY or GITHUB_PRIVATE_KEY_PATH is missing")
        return TokenCredentials(token) if token else AppCredentials(app_id, key)

    def problems_with(self, variable: v.Variable[object]) -> bool:
        return any(problem.startswith(variable.name) for problem in self.problems)

    def private_key(self) -> str:
        key: str = self.read(v.GITHUB_PRIVATE_KEY)
        path = self.read(v.GITHUB_PRIVATE_KEY_PATH)
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
        # Some that read `.env` take a backslash in quotes for itself, so that two come of it.
        key = re.sub(r"\\+n", "\n", key).strip()
        if key and not key.startswith("-----BEGIN "):
            self.problems.append("GITHUB_PRIVATE_KEY is not a PEM key (-----BEGIN …)")
        return key

    def admin_password(self) -> Secret:
        password = self.read(v.ADMIN_PASSWORD)
        if not self.is_given(v.ADMIN_PASSWORD) and is_shared(self.values[v.DATABASE_URL.name]):
            self.problems.append(
                "ADMIN_PASSWORD is missing: machines that share a PostgreSQL ledger share it"
            )
        return password

    def host(self) -> str:
        if self.is_given(v.PORT) and not self.is_given(v.HOST):
            return "0.0.0.0"
        return self.read(v.HOST)

    def operator(self) -> Operator:
        path = self.read(v.BOT_CONFIG)
        # Named as in config/env.example it is not asked for either.
        if str(path) == v.BOT_CONFIG.default and not path.exists():
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
        if not self.is_given(v.PUBLIC_URL):
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
