"""The environment variables: one table of what each is called, means, holds when unset and how it
is read.

`config/env.example`, the README's table, `--help` and what `check` shows are made from it. How
variables go together is in `bot.ops.settings`.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar
from urllib.parse import urlsplit

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
    is_reread: bool = False
    """A new value takes effect on SIGHUP; else at the next start."""

    @property
    def file_name(self) -> str:
        """The variable that names a file which holds the value, as Docker's and Kubernetes'
        secrets are handed over; empty for what is no secret."""
        return f"{self.name}_FILE" if self.secret else ""

    @property
    def names(self) -> tuple[str, ...]:
        """All variables by which the value may be given."""
        return (self.name, self.file_name) if self.secret else (self.name,)


def _url(text: str) -> str:
    if text and not text.startswith(("https://", "http://")):
        raise ValueError("is not an http(s) address")
    return text.rstrip("/")


def _public_url(text: str) -> str:
    url = _url(text)
    parts = urlsplit(url)
    if url and not parts.netloc:
        raise ValueError("names no host")
    if parts.query or parts.fragment:
        raise ValueError("has a query or a fragment: links are made by adding to it")
    return url


def _text(text: str) -> Secret:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("is not UTF-8") from None
    return Secret(text)


def _word(text: str) -> str:
    if not all("!" <= character <= "~" for character in text):
        raise ValueError("holds a space, or a character that is not ASCII")
    return text


def _token(text: str) -> Secret:
    return Secret(_word(text))


def _database(text: str) -> Secret:
    if not is_usable(text):
        raise ValueError("must be sqlite:///FILE or postgresql://USER:PASSWORD@HOST/DATABASE")
    return Secret(text)


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
    _text,
    default="",
    secret=True,
    help="The secret that GitHub signs webhooks with: any text, spaces within it included.",
    is_reread=True,
)
GITHUB_WEBHOOK_SECRET_OLD = Variable(
    "GITHUB_WEBHOOK_SECRET_OLD",
    _text,
    default="",
    secret=True,
    help="The secret before it, accepted too while it is being replaced.",
    is_reread=True,
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
    is_reread=True,
)
GITHUB_PRIVATE_KEY_PATH = Variable(
    "GITHUB_PRIVATE_KEY_PATH",
    str,
    default="",
    secret=False,
    help="The App's private key as a file, instead of as text.",
    is_reread=True,
)
GITHUB_TOKEN = Variable(
    "GITHUB_TOKEN",
    _token,
    default="",
    secret=True,
    help="Instead of an App: the token of a bot account.",
    is_reread=True,
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
    _token,
    default="",
    secret=True,
    help="An organisation token of Depot.",
    is_reread=True,
)
DEPOT_ORG_ID = Variable(
    "DEPOT_ORG_ID",
    _word,
    default="",
    secret=False,
    help="With a user token of Depot: which organisation is meant.",
    is_reread=True,
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
    is_reread=True,
)
PUBLIC_URL = Variable(
    "PUBLIC_URL",
    _public_url,
    default="",
    secret=False,
    help="Where the bot is reached from outside, e.g. `https://depot-bot.example.com`; or "
    "`https://example.com/depot-bot`, whether the proxy before it passes that path on or not.",
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
    is_reread=True,
)
LOG_LEVEL = Variable(
    "LOG_LEVEL",
    _one_of("debug", "info", "warning", "error"),
    default="info",
    secret=False,
    help="`debug`, `info`, `warning` or `error`.",
    is_reread=True,
)
LOG_FORMAT = Variable(
    "LOG_FORMAT",
    _one_of("console", "json"),
    default="",
    secret=False,
    help="`console` or `json`. When unset: `console` on a terminal, else `json`.",
    is_reread=True,
)

TABLE: tuple[Variable[object], ...] = (
    GITHUB_WEBHOOK_SECRET,
    GITHUB_WEBHOOK_SECRET_OLD,
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
"""Every variable. Each secret may be in a file that `…_FILE` names, instead."""

VARIABLES = tuple(name for one in TABLE for name in one.names)
"""The names of all variables that are read."""

CREDENTIALS = tuple(
    name
    for one in (
        GITHUB_WEBHOOK_SECRET,
        GITHUB_WEBHOOK_SECRET_OLD,
        GITHUB_APP_ID,
        GITHUB_PRIVATE_KEY,
        GITHUB_PRIVATE_KEY_PATH,
        GITHUB_TOKEN,
    )
    for name in one.names
)
"""What the bot needs of GitHub; while there is none of it, `/setup` gets it."""


def described(variables: Sequence[Variable[object]], width: int = 98) -> str:
    """These variables for a terminal: each with its default and its help below."""
    lines = []
    for one in variables:
        default = f" (default: {one.default})" if one.default else ""
        lines += [f"  {' or '.join(one.names)}{default}"]
        lines += textwrap.wrap(
            one.help.replace("`", ""),
            width,
            initial_indent=" " * 6,
            subsequent_indent=" " * 6,
            break_on_hyphens=False,
        )
    return "\n".join(lines)
