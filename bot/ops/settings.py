"""The operator's settings: environment, `.env`, files of secrets and TOML, read into one frozen
object.

Each variable's name, default and parser are in `bot.ops.variables`; here is how they go together.
Everything that is missing or contradictory is named in one SettingsError.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Annotated, TypeVar

import msgspec

from bot.core.credentials import AppCredentials, Credentials, TokenCredentials
from bot.depot.organisations import ANY_OWNER, DepotAccess
from bot.github.session import read_key
from bot.ops import variables as v
from bot.ops.variables import Secret
from bot.storage.connect import is_shared

T = TypeVar("T")

_OWNER = re.compile(r"[A-Za-z0-9_-]{1,100}")
_VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]{0,100}")
"""As variables are written: what looks otherwise may be a token, and is never shown."""


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


class Retention(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How long what is over is kept."""

    # GitHub sends a delivery again for three days, and a run that is over is read again for seven.
    days: Annotated[int, msgspec.Meta(ge=7)] = 90


class DepotOrganisation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The Depot organisation of one GitHub owner's repositories."""

    token: str
    """The variable that holds its token; or, with `_FILE` behind it, the file that does."""
    org: str = ""
    """The organisation's id, when that is a user's token."""


class Operator(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`config/bot.toml`: the operator's defaults and outer bounds. That file explains each key."""

    repositories: tuple[str, ...] = ("*",)
    limits: Limits = Limits()
    retention: Retention = Retention()
    depot: dict[str, DepotOrganisation] = {}


@dataclass(frozen=True, slots=True)
class Settings:
    webhook_secrets: tuple[Secret, ...]
    github: Credentials
    github_url: str
    depot_access: Mapping[str, DepotAccess]
    """By the owner of the repository on GitHub, in lower case; ANY_OWNER is among them."""
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
    warnings: tuple[str, ...] = ()
    """What works, and is probably not what was meant."""


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
    problems = [one for one in loader.problems if one.startswith(v.DATABASE_URL.name)]
    if problems:
        raise SettingsError(problems)
    return url


@dataclass(frozen=True, slots=True)
class Renewal:
    """What new settings come to while the bot runs."""

    settings: Settings
    """The new ones, as far as they take effect at once; else the old ones."""
    changed: tuple[str, ...]
    """The fields that are new."""
    at_restart: tuple[str, ...]
    """The variables whose change waits for the next start."""


def renewed(old: Settings, new: Settings) -> Renewal:
    """What of the new settings takes effect while the bot runs on the old ones."""
    settings = replace(
        new,
        github_url=old.github_url,
        depot_url=old.depot_url,
        database_url=old.database_url,
        public_url=old.public_url,
        host=old.host,
        port=old.port,
    )
    if not _is_same_account(old.github, new.github):
        settings = replace(settings, github=old.github)
    if not new.admin_password:
        # One that is made is told to the terminal, at the start.
        settings = replace(settings, admin_password=old.admin_password)
    names = [one.name for one in fields(Settings)]
    return Renewal(
        settings,
        changed=tuple(one for one in names if getattr(old, one) != getattr(settings, one)),
        at_restart=tuple(
            _VARIABLE_OF.get(one, one.upper())
            for one in names
            if getattr(new, one) != getattr(settings, one)
        ),
    )


_VARIABLE_OF = {
    "github": v.GITHUB_APP_ID.name,
    "github_url": v.GITHUB_API_URL.name,
    "depot_url": v.DEPOT_API_URL.name,
}
"""The variables whose names are not those of the fields."""


def _is_same_account(old: Credentials, new: Credentials) -> bool:
    """Whether these are an App's with the same id, or both a bot account's."""
    return getattr(old, "app_id", None) == getattr(new, "app_id", None)


class _Loader:
    """Reads the settings, and notes all that is wrong with them."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.environment = environment
        self.problems: list[str] = []
        self.warnings: list[str] = []
        self.unreadable: set[str] = set()
        """Secrets whose file was given and brought nothing: they are not missing."""
        self.values = {one.name: self.text(one.name, one.file_name) for one in v.TABLE}

    def text(self, name: str, file_name: str) -> str:
        """What a variable holds, or the file that the other variable names; without the white
        space at its ends."""
        value = self.environment.get(name, "").strip()
        file = self.environment.get(file_name, "").strip()
        if value and file:
            self.problems.append(f"{name} and {file_name} are both set: use one of them")
        if value or not file:
            return value
        try:
            value = Path(file).read_text().strip()
        except (OSError, ValueError) as error:
            self.problems.append(f"{file_name}: {error}")
        else:
            if not value:
                self.problems.append(f"{file_name}: {file} is empty")
        if not value:
            self.unreadable.add(name)
        return value

    def load(self) -> Settings:
        operator = self.operator()
        settings = Settings(
            webhook_secrets=self.webhook_secrets(),
            github=self.credentials(),
            github_url=self.read(v.GITHUB_API_URL),
            depot_access=self.depot_access(operator),
            depot_url=self.read(v.DEPOT_API_URL),
            database_url=self.read(v.DATABASE_URL),
            public_url=self.read(v.PUBLIC_URL),
            host=self.host(),
            port=self.read(v.PORT),
            admin_password=self.admin_password(),
            log_level=self.read(v.LOG_LEVEL),
            log_format=self.read(v.LOG_FORMAT),
            operator=operator,
            warnings=tuple(self.warnings),
        )
        if self.problems:
            raise SettingsError(self.problems)
        return settings

    def is_given(self, variable: v.Variable[object]) -> bool:
        return bool(self.values[variable.name])

    def is_missing(self, variable: v.Variable[object]) -> bool:
        return not self.is_given(variable) and variable.name not in self.unreadable

    def read(self, variable: v.Variable[T]) -> T:
        """The variable's value, or its default: also when the value is noted as a problem."""
        try:
            return variable.parse(self.values[variable.name] or variable.default)
        except ValueError as error:
            self.problems.append(f"{variable.name} {error}")
            return variable.parse(variable.default)

    def required(self, variable: v.Variable[T], what: str) -> T:
        if self.is_missing(variable):
            self.problems.append(f"{variable.name} is missing: {what}")
        return self.read(variable)

    def webhook_secrets(self) -> tuple[Secret, ...]:
        secret = self.required(
            v.GITHUB_WEBHOOK_SECRET, "the secret that GitHub signs webhooks with"
        )
        old = self.read(v.GITHUB_WEBHOOK_SECRET_OLD)
        if len(secret.split()) == 2:
            self.warnings.append(
                "GITHUB_WEBHOOK_SECRET holds a space and is taken as one secret: if these are two, "
                "put the older one into GITHUB_WEBHOOK_SECRET_OLD"
            )
        return (secret, old) if old else (secret,)

    def credentials(self) -> Credentials:
        app_id, token = self.read(v.GITHUB_APP_ID), self.read(v.GITHUB_TOKEN)
        key = self.private_key()
        has_token = not self.is_missing(v.GITHUB_TOKEN)
        has_key = not self.is_missing(v.GITHUB_PRIVATE_KEY) or self.is_given(
            v.GITHUB_PRIVATE_KEY_PATH
        )
        if has_token and (app_id or has_key):
            self.problems.append("GITHUB_TOKEN and GITHUB_APP_ID are both set: use one of them")
        elif not has_token and not app_id and not has_key:
            self.problems.append(
                "GITHUB_APP_ID with GITHUB_PRIVATE_KEY, or GITHUB_TOKEN, is missing"
            )
        elif not has_token and not app_id:
            self.problems.append("GITHUB_APP_ID is missing: the id of the GitHub App")
        elif app_id and not app_id.isdecimal():
            self.problems.append("GITHUB_APP_ID is not a number")
        elif app_id and not has_key:
            self.problems.append("GITHUB_PRIVATE_KEY or GITHUB_PRIVATE_KEY_PATH is missing")
        return TokenCredentials(token) if has_token else AppCredentials(app_id, key)

    def private_key(self) -> str:
        """The App's key; empty when there is none that can be used."""
        key: str = self.read(v.GITHUB_PRIVATE_KEY)
        path = self.read(v.GITHUB_PRIVATE_KEY_PATH)
        if path and not self.is_missing(v.GITHUB_PRIVATE_KEY):
            self.problems.append(
                "GITHUB_PRIVATE_KEY and GITHUB_PRIVATE_KEY_PATH are both set: use one of them"
            )
        elif path:
            try:
                key = Path(path).read_text()
            except (OSError, ValueError) as error:
                self.problems.append(f"GITHUB_PRIVATE_KEY_PATH: {error}")
                return ""
        # Some that read `.env` take a backslash in quotes for itself, so that two come of it.
        key = re.sub(r"\\+n", "\n", key).strip()
        if key and not key.startswith("-----BEGIN "):
            self.problems.append("GITHUB_PRIVATE_KEY is not a PEM key (-----BEGIN …)")
            return ""
        try:
            if key:
                read_key(key)
        except ValueError as error:
            self.problems.append(f"GITHUB_PRIVATE_KEY {error}")
        return key

    def depot_access(self, operator: Operator) -> dict[str, DepotAccess]:
        token = self.required(v.DEPOT_TOKEN, "an organisation token of Depot")
        access = {ANY_OWNER: DepotAccess(token, self.read(v.DEPOT_ORG_ID))}
        for owner, one in operator.depot.items():
            where = f'{self.values[v.BOT_CONFIG.name] or v.BOT_CONFIG.default}: [depot."{owner}"]'
            if not _OWNER.fullmatch(owner):
                self.problems.append(f"{where} is no owner on GitHub, such as octo-org")
                continue
            if owner.lower() in access:
                self.problems.append(f"{where} is there twice: upper and lower case are one")
                continue
            if not _VARIABLE.fullmatch(one.token):
                self.problems.append(
                    f"{where} token is no name of a variable, such as DEPOT_TOKEN_OCTO"
                )
                continue
            try:
                org = v.DEPOT_ORG_ID.parse(one.org)
            except ValueError as error:
                self.problems.append(f"{where} org {error}")
                continue
            access[owner.lower()] = DepotAccess(self.named_token(one.token, where), org)
        return access

    def named_token(self, name: str, where: str) -> Secret:
        text = self.text(name, f"{name}_FILE")
        if not text and name not in self.unreadable:
            self.problems.append(f"{where} names {name}, and neither it nor {name}_FILE is set")
        try:
            return v.DEPOT_TOKEN.parse(text)
        except ValueError as error:
            self.problems.append(f"{name} {error}")
            return Secret("")

    def admin_password(self) -> Secret:
        password = self.read(v.ADMIN_PASSWORD)
        if self.is_missing(v.ADMIN_PASSWORD) and is_shared(self.values[v.DATABASE_URL.name]):
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
