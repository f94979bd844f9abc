"""The bot's account on GitHub: as an App or with a token.

`GitHub` puts the parts together and has the App's own calls; `GitHub.at(repo, installation)` is
what the account may do in one repository. Every failure is a GitHubError (bot/github/errors.py).
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

import httpx
import msgspec
from cachetools import LRUCache, TTLCache

from bot.core.clock import Clock
from bot.core.credentials import Credentials
from bot.core.rate_limit import Quota
from bot.core.single_flight import SingleFlightCache
from bot.core.types import RepoName
from bot.github.errors import GitHubUnavailable, translated_errors
from bot.github.repository import Caches, Repository
from bot.github.session import ServerClock, Sessions, decode

ROLE_SECONDS = 60
"""How long a person's role is kept."""

CONFIG_SECONDS = 60
"""How long a repository's config is kept."""

COMMITS_SECONDS = 60
"""How long the newest commits of a branch are kept."""

FILE_CHARACTERS = 16 * 1024 * 1024
"""Characters of workflow files that are kept."""

MAX_DELIVERIES = 3000
"""Deliveries that `check` looks through."""


@dataclass(frozen=True, slots=True)
class FailedDelivery:
    """A webhook delivery that never reached the bot."""

    delivery_id: int
    """Of its newest attempt."""
    guid: str
    event: str
    failed_at: float
    """By GitHub's clock."""
    status_code: int = 0
    """Of the bot's answer; without an answer GitHub puts one of its own."""
    status: str = ""
    """What GitHub says of it, such as "timed out": for people."""


class _Delivery(msgspec.Struct):
    id: int
    guid: str
    event: str
    delivered_at: datetime
    status_code: int = 0
    status: str = ""

    @property
    def has_arrived(self) -> bool:
        return 200 <= self.status_code < 300

    def failed(self) -> FailedDelivery:
        return FailedDelivery(
            self.id,
            self.guid,
            self.event,
            self.delivered_at.timestamp(),
            self.status_code,
            self.status,
        )


class Account(msgspec.Struct, frozen=True):
    """A user, an organisation, or an enterprise, which has a slug and no login."""

    login: str = ""
    slug: str = ""
    type: str = ""

    @property
    def name(self) -> str:
        return self.login or self.slug


class AppFacts(msgspec.Struct, frozen=True):
    """The App as GitHub knows it."""

    slug: str
    html_url: str = ""
    owner: Account = Account()
    permissions: dict[str, str] = {}
    events: list[str] = []


class InstallationFacts(msgspec.Struct, frozen=True):
    """The App where it is installed."""

    id: int
    account: Account = Account()
    html_url: str = ""
    """Where its owner sees it."""
    permissions: dict[str, str] = {}
    events: list[str] = []
    suspended_at: str | None = None


class HookConfig(msgspec.Struct, frozen=True):
    """Where GitHub sends the App's webhooks."""

    url: str = ""
    content_type: str = ""
    insecure_ssl: str | int = "0"
    secret: str = ""
    """Asterisks when one is set."""


def web_url(api_url: str) -> str:
    """Where people meet the GitHub whose API this is: github.com, a tenant of ghe.com, or an
    Enterprise Server, which has its API under its own address."""
    parts = urlsplit(api_url)
    if parts.path.rstrip("/") == "/api/v3":
        return f"{parts.scheme}://{parts.netloc}"
    return f"{parts.scheme}://{parts.netloc.removeprefix('api.')}"


class GitHub:
    """The bot's account on GitHub."""

    def __init__(
        self, client: httpx.AsyncClient, credentials: Credentials, *, url: str, clock: Clock
    ) -> None:
        self._sessions = Sessions(client, credentials, url=url, clock=clock)
        self._caches = Caches(
            roles=SingleFlightCache(TTLCache(10_000, ROLE_SECONDS, clock.now)),
            memberships=SingleFlightCache(TTLCache(10_000, ROLE_SECONDS, clock.now)),
            configs=SingleFlightCache(TTLCache(10_000, CONFIG_SECONDS, clock.now)),
            folders=SingleFlightCache(LRUCache(1000)),
            files=SingleFlightCache(
                LRUCache(FILE_CHARACTERS, getsizeof=lambda text: len(text) + 1)
            ),
            outlines=SingleFlightCache(LRUCache(1000)),
            commits=SingleFlightCache(TTLCache(100, COMMITS_SECONDS, clock.now)),
        )

    @property
    def is_app(self) -> bool:
        """Whether the account is an App, not a bot account."""
        return self._sessions.is_app

    def use(self, credentials: Credentials) -> None:
        """Go on with other credentials of the same account."""
        self._sessions.use(credentials)

    def at(self, repo: RepoName, installation: int | None, *, absent: str = "") -> Repository:
        """What the bot can do in *repo*; *installation* is the one its webhook named.

        *absent* is the path of a request for which an absence counts by now.
        """
        return Repository(self._sessions, self._caches, repo, installation, absent=absent)

    async def login(self) -> str:
        """The login under which the bot writes; raises GitHubError."""
        return await self._sessions.login()

    def rate_limits(self) -> dict[int | None, Quota]:
        """What GitHub last said is left of this hour's requests, by installation; none is the App
        itself, or the bot account."""
        return self._sessions.rate_limits()

    @property
    def server_clock(self) -> ServerClock:
        """GitHub's clock, as far as it has answered."""
        return self._sessions.server_clock

    async def check(self) -> None:
        """Raises GitHubError unless GitHub answers and takes the credentials."""
        with translated_errors():
            await self._sessions.own.getitem("/app" if self.is_app else "/user")

    def forget_rules(self, repo: RepoName) -> None:
        """Read a repository's config anew next time."""
        self._caches.configs.forget(repo)

    def forget_token(self, installation: int | None) -> None:
        """Ask for a new installation token next time."""
        self._sessions.forget_token(installation)

    async def app_facts(self) -> AppFacts:
        """The App as GitHub knows it; only with App credentials. Raises GitHubError."""
        with translated_errors():
            return decode(await self._sessions.own.getitem("/app"), AppFacts)

    async def installations(self) -> list[InstallationFacts]:
        """Where the App is installed; only with App credentials. Raises GitHubError."""
        url = "/app/installations?per_page=100"
        with translated_errors():
            return [
                decode(item, InstallationFacts) async for item in self._sessions.own.getiter(url)
            ]

    async def hook_config(self) -> HookConfig:
        """The App's webhook; only with App credentials. Raises GitHubError."""
        with translated_errors():
            return decode(await self._sessions.own.getitem("/app/hook/config"), HookConfig)

    async def failed_attempts(self, since: float) -> AsyncIterator[FailedDelivery]:
        """Attempts at webhook deliveries of the App that failed since then, newest first; all of
        them, however many. A later attempt may have succeeded. Raises GitHubError."""
        # An older server knows no `status`, and lists all.
        async for delivery in self._deliveries(since, "&status=failure"):
            if not delivery.has_arrived:
                yield delivery.failed()

    async def failed_deliveries(self, since: float) -> list[FailedDelivery]:
        """The App's webhook deliveries since then, of the newest MAX_DELIVERIES, none of whose
        attempts succeeded. Raises GitHubError."""
        attempts: dict[str, list[_Delivery]] = {}
        seen = 0
        async for delivery in self._deliveries(since):
            seen += 1
            if seen > MAX_DELIVERIES:
                break
            attempts.setdefault(delivery.guid, []).append(delivery)
        return [
            tried[0].failed()
            for tried in reversed(attempts.values())
            if not any(attempt.has_arrived for attempt in tried)
        ]

    async def _deliveries(self, since: float, which: str = "") -> AsyncIterator[_Delivery]:
        """Attempts at webhook deliveries of the App since then, newest first.

        A bot account has no such log (bot/github/README.md, "Missed deliveries"). One that cannot
        be read keeps no other from being found. Raises GitHubError.
        """
        if not self.is_app:
            return
        url = f"/app/hook/deliveries?per_page=100{which}"
        with translated_errors():
            async for item in self._sessions.own.getiter(url):
                decode(item, dict[str, object])
                try:
                    delivery = decode(item, _Delivery)
                except GitHubUnavailable:
                    continue
                if delivery.delivered_at.timestamp() < since:
                    break
                yield delivery

    async def redeliver(self, delivery_id: int) -> None:
        """Have GitHub send a delivery once more, under the same guid; raises GitHubError."""
        url = f"/app/hook/deliveries/{delivery_id}/attempts"
        with translated_errors():
            await self._sessions.own.post(url, data=b"")
