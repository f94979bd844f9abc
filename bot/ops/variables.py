"""The environment variables: one table of what each is called, means, holds when unset and how it
is read.

`config/env.example` and the README's table are made from it. How variables go together is in
`bot.ops.settings`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from bot.storage.connect import is_usable

T_co = TypeVar("T_co", covariant=True)


class Secret(str):
    """A text that does not print itself."""

    def __repr__(self) -> str:
        return "'***'"


@dataclass(frozen=True, slots=True)
class Variable(Generic[T_co]):
    """One environment variable."""

    name: str
    parse: Callable[[str], T_co]
    """Reads a value, or the default; raises ValueError with what is to be said after the name."""
    default: str
    secret: bool
    """Its value is never shown."""
    help: str
    """One or two sentences for the operator."""


def _url(text: str) -> str:
    if text and not text.startswith(("https://", "http://")):
        raise ValueError("is not an http(s) address")
    return text.rstrip("/")


def _database(text: str) -> Secret:
    if not is_usable(text):
        raise ValueError("must be sqlite:///FILE or postgresql://USER:PASSWORD@HOST/DATABASE")
    return Secret(text)


def _secrets(text: str) -> tuple[Secret, ...]:
    secrets = tuple(Secret(word) for word in text.split())
    if len(secrets) > 2:
        raise ValueError("holds more than two secrets")
    return secrets


MIN_PASSWORD = 12
"""Characters of a password that has to stand against thousands of guesses a second."""


def _password(text: str) -> Secret:
    if text and len(text) < MIN_PASSWORD:
        raise ValueError(f"is shorter than {MIN_PASSWORD} characters")
    return Secret(text)


def _port(text: str) -> int:
    if not text.isdecimal() or not 0 <= int(text) <= 65535:
        raise ValueError("is not a port number")
    return int(text)


def _one_of(*known: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text and text.lower() not in known:
            raise ValueError(f"must be one of: {', '.join(known)}")
        return text.lower()

    return parse


GITHUB_WEBHOOK_SECRET = Variable(
    "GITHUB_WEBHOOK_SECRET",
    _secrets,
    default="",
    secret=True,
    help="The secret that GitHub signs webhooks with. Two, separated by a space, while one is "
    "replaced.",
)
GITHUB_APP_ID = Variable(
    "GITHUB_APP_ID",
    str,
    default="",
    secret=False,
    help="The id of the GitHub App (the normal way to act on GitHub).",
)
GITHUB_PRIVATE_KEY = Variable(
    "GITHUB_PRIVATE_KEY",
    Secret,
    default="",
    secret=True,
    help="The App's private key as text, with `\\n` for newlines.",
)
GITHUB_PRIVATE_KEY_PATH = Variable(
    "GITHUB_PRIVATE_KEY_PATH",
    str,
    default="",
    secret=False,
    help="The App's private key as a file, instead of as text.",
)
GITHUB_TOKEN = Variable(
    "GITHUB_TOKEN",
    Secret,
    default="",
    secret=True,
    help="Instead of an App: the token of a bot account.",
)
GITHUB_API_URL = Variable(
    "GITHUB_API_URL",
    _url,
    default="https://api.github.com",
    secret=False,
    help="Where GitHub's API is. For GitHub Enterprise Server: `https://HOST/api/v3`.",
)
DEPOT_TOKEN = Variable(
    "DEPOT_TOKEN",
    Secret,
    default="",
    secret=True,
    help="An organisation token of Depot.",
)
DEPOT_ORG_ID = Variable(
    "DEPOT_ORG_ID",
    str,
    default="",
    secret=False,
    help="With a user token of Depot: which organisation is meant.",
)
DEPOT_API_URL = Variable(
    "DEPOT_API_URL",
    _url,
    default="https://api.depot.dev",
    secret=False,
    help="Where Depot's API is.",
)
DATABASE_URL = Variable(
    "DATABASE_URL",
    _database,
    default="sqlite:///depot-bot.db",
    secret=True,  # it may hold a password
    help="The database: `sqlite:///FILE` or `postgresql://USER:PASSWORD@HOST/DATABASE`.",
)
BOT_CONFIG = Variable(
    "BOT_CONFIG",
    Path,
    default="config/bot.toml",
    secret=False,
    help="The file with the operator's settings beyond these variables.",
)
PUBLIC_URL = Variable(
    "PUBLIC_URL",
    _url,
    default="",
    secret=False,
    help="Where the bot is reached from outside, e.g. `https://depot-bot.example.com`.",
)
HOST = Variable(
    "HOST",
    str,
    default="127.0.0.1",
    secret=False,
    help="The address to listen on. With `PORT` given and no `HOST`: all interfaces, as hosting "
    "panels expect.",
)
PORT = Variable(
    "PORT",
    _port,
    default="8000",
    secret=False,
    help="The port to listen on.",
)
ADMIN_PASSWORD = Variable(
    "ADMIN_PASSWORD",
    _password,
    default="",
    secret=True,
    help="The password of the status pages, of `/metrics` and of `/setup` (HTTP Basic, any user "
    "name), at least 12 characters; needed with PostgreSQL. Without it one is made at each start, "
    "and printed to the terminal as a link that logs in.",
)
LOG_LEVEL = Variable(
    "LOG_LEVEL",
    _one_of("debug", "info", "warning", "error"),
    default="info",
    secret=False,
    help="`debug`, `info`, `warning` or `error`.",
)
LOG_FORMAT = Variable(
    "LOG_FORMAT",
    _one_of("console", "json"),
    default="",
    secret=False,
    help="`console` or `json`. When unset: `console` on a terminal, else `json`.",
)

TABLE: tuple[Variable[object], ...] = (
    GITHUB_WEBHOOK_SECRET,
    GITHUB_APP_ID,
    GITHUB_PRIVATE_KEY,
    GITHUB_PRIVATE_KEY_PATH,
    GITHUB_TOKEN,
    GITHUB_API_URL,
    DEPOT_TOKEN,
    DEPOT_ORG_ID,
    DEPOT_API_URL,
    DATABASE_URL,
    BOT_CONFIG,
    PUBLIC_URL,
    HOST,
    PORT,
    ADMIN_PASSWORD,
    LOG_LEVEL,
    LOG_FORMAT,
)
"""Every variable that is read."""

VARIABLES = tuple(one.name for one in TABLE)

SECRETS = frozenset(one.name for one in TABLE if one.secret)

CREDENTIALS = tuple(
    one.name
    for one in (
        GITHUB_WEBHOOK_SECRET,
        GITHUB_APP_ID,
        GITHUB_PRIVATE_KEY,
        GITHUB_PRIVATE_KEY_PATH,
        GITHUB_TOKEN,
    )
)
"""What the bot needs of GitHub; while there is none of it, `/setup` gets it."""
