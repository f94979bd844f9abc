"""The only code that speaks to GitHub: gidgethub over httpx, as an App or with a token.

    GitHubError               every failure
    ├── NotFound              404 or 410: it is not there, or not for us
    ├── Forbidden             403 that is no rate limit
    ├── Rejected              422: GitHub does not take what was sent
    ├── BadCredentials        401
    └── GitHubUnavailable     no answer, a server error, or a rate limit; ask again later

`GitHub` is the account; `GitHub.at(repo, installation)` is what it may do in one repository.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, cast

import httpx
import msgspec
from cachetools import LRUCache, TLRUCache, TTLCache
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from gidgethub import apps

from bot import __version__
from bot.core.clock import Clock
from bot.core.credentials import AppCredentials, Credentials, TokenCredentials
from bot.core.rate_limit import Quota
from bot.core.single_flight import SingleFlightCache
from bot.core.types import Permission, RepoName, Sha
from bot.github.errors import translated_errors
from bot.github.repository import Repository
from bot.github.session import Id, Login, Session, decode

ROLE_SECONDS = 60
"""How long a person's role is believed."""

CONFIG_SECONDS = 60
"""How long a repository's config is believed."""

TOKEN_MARGIN = 300
"""Seconds before its end at which an installation token is no longer used (it lives an hour)."""

MAX_DELIVERIES = 3000
"""Deliveries that are looked through for failed ones."""


@dataclass(frozen=True, slots=True)
class FailedDelivery:
    """A webhook that never reached us."""

    delivery_id: int
    """Of its newest attempt."""
    guid: str
    event: str
    attempts: int


class _Delivery(msgspec.Struct):
    id: int
    guid: str
    event: str
    delivered_at: datetime
    status_code: int = 0


class AppFacts(msgspec.Struct, frozen=True):
    """What GitHub says of our App."""

    slug: str
    permissions: dict[str, str] = {}
    events: list[str] = []


class HookConfig(msgspec.Struct, frozen=True):
    """Where GitHub sends our App's webhooks."""

    url: str = ""
    content_type: str = ""
    insecure_ssl: str | int = "0"
    secret: str = ""
    """Asterisks when there is one."""


class _Token(msgspec.Struct):
    token: str
    expires_at: datetime


class GitHub:
    """The bot's account on GitHub."""

    def __init__(
        self, client: httpx.AsyncClient, credentials: Credentials, *, url: str, clock: Clock
    ) -> None:
        self._client = client
        self._credentials = credentials
        self._url = url
        self._clock = clock
        self._private_key = (
            _loaded(credentials.private_key) if isinstance(credentials, AppCredentials) else ""
        )
        self._apis: LRUCache[int | None, Session] = LRUCache(1000)
        self._tokens: SingleFlightCache[int, _Token] = SingleFlightCache(
            TLRUCache(1000, _until, clock.now)
        )
        self._installations: SingleFlightCache[RepoName, int] = SingleFlightCache(
            TTLCache(10_000, 3600, clock.now)
        )
        self._logins: SingleFlightCache[str, str] = SingleFlightCache({})
        self._roles: SingleFlightCache[tuple[RepoName, str], Permission] = SingleFlightCache(
            TTLCache(10_000, ROLE_SECONDS, clock.now)
        )
        self._configs: SingleFlightCache[RepoName, tuple[tuple[str, str], ...]] = SingleFlightCache(
            TTLCache(10_000, CONFIG_SECONDS, clock.now)
        )
        self._folders: SingleFlightCache[tuple[RepoName, Sha], tuple[str, ...]] = SingleFlightCache(
            LRUCache(1000)
        )
        self._files: SingleFlightCache[tuple[RepoName, Sha, str], str | None] = SingleFlightCache(
            LRUCache(16 * 1024 * 1024, getsizeof=lambda text: len(text or "") + 1)
        )

    async def login(self) -> str:
        """The login under which the bot writes."""
        return await self._logins.get("self", self._ask_login)

    async def _ask_login(self) -> str:
        if isinstance(self._credentials, TokenCredentials):
            with translated_errors():
                return decode(await self._api(None).getitem("/user"), Login).login
        return (await self.app_facts()).slug + "[bot]"

    async def app_facts(self) -> AppFacts:
        """Our App as GitHub knows it; only with App credentials."""
        with translated_errors():
            return decode(await self._api(None).getitem("/app"), AppFacts)

    async def hook_config(self) -> HookConfig:
        """Our App's webhook; only with App credentials."""
        with translated_errors():
            return decode(await self._api(None).getitem("/app/hook/config"), HookConfig)

    @property
    def is_app(self) -> bool:
        """Whether we are an App, not a bot account."""
        return isinstance(self._credentials, AppCredentials)

    def at(self, repo: RepoName, installation: int | None) -> Repository:
        """What the bot can do in *repo*; *installation* is the one its webhook named."""
        return Repository(self, repo, installation)

    def _api(self, installation: int | None) -> Session:
        """The client of one installation: each has its own ETags and rate limit."""
        api = self._apis.get(installation)
        if api is None:
            api = self._apis[installation] = self._make_api()
        return api

    def _make_api(self) -> Session:
        cache: LRUCache[str, Any] = LRUCache(500)
        requester = f"depot-bot/{__version__}"
        if isinstance(self._credentials, TokenCredentials):
            return Session(
                self._client,
                requester,
                oauth_token=self._credentials.token,
                cache=cache,
                base_url=self._url,
            )
        return Session(
            self._client,
            requester,
            app_id=self._credentials.app_id,
            private_key=self._private_key,
            cache=cache,
            base_url=self._url,
        )

    async def installation(self, repo: RepoName) -> int | None:
        """The App installation on *repo*; none for a bot account."""
        if isinstance(self._credentials, TokenCredentials):
            return None
        return await self._installations.get(repo, lambda: self._ask_installation(repo))

    async def access(self, installation: int | None) -> tuple[Session, str | None]:
        """The client of an installation and the token to send; none where it has its own."""
        if isinstance(self._credentials, TokenCredentials) or installation is None:
            return self._api(None), None
        token = await self._tokens.get(installation, lambda: self._ask_token(installation))
        return self._api(installation), token.token

    async def _ask_installation(self, repo: RepoName) -> int:
        with translated_errors():
            answer = await self._api(None).getitem(f"/repos/{repo}/installation")
        return decode(answer, Id).id

    async def _ask_token(self, installation: int) -> _Token:
        assert isinstance(self._credentials, AppCredentials)
        with translated_errors():
            answer = await apps.get_installation_access_token(
                self._api(None),
                installation_id=str(installation),
                app_id=self._credentials.app_id,
                private_key=self._private_key,
            )
        return decode(answer, _Token)

    async def failed_deliveries(self, since: float) -> list[FailedDelivery]:
        """The App's webhook deliveries since then none of whose attempts succeeded, oldest first.

        A bot account has no such log (bot/github/README.md, "Missed deliveries").
        """
        if isinstance(self._credentials, TokenCredentials):
            return []
        attempts: dict[str, list[_Delivery]] = {}
        seen = 0
        with translated_errors():
            async for item in self._api(None).getiter("/app/hook/deliveries?per_page=100"):
                delivery = decode(item, _Delivery)
                seen += 1
                if delivery.delivered_at.timestamp() < since or seen > MAX_DELIVERIES:
                    break
                attempts.setdefault(delivery.guid, []).append(delivery)
        return [
            FailedDelivery(newest.id, guid, newest.event, len(tried))
            for guid, tried in reversed(attempts.items())
            if not any(200 <= attempt.status_code < 300 for attempt in tried)
            and (newest := tried[0])
        ]

    async def redeliver(self, delivery_id: int) -> None:
        """Have GitHub send a delivery once more, under the same guid."""
        with translated_errors():
            await self._api(None).post(f"/app/hook/deliveries/{delivery_id}/attempts", data=b"")

    def rate_limits(self) -> dict[int | None, Quota]:
        """What GitHub last said is left of this hour's requests, by installation; none is the App
        itself, or the bot account."""
        limits = {installation: api.rate_limit for installation, api in self._apis.items()}
        return {
            installation: Quota(limit.limit, limit.remaining, limit.reset_datetime.timestamp())
            for installation, limit in limits.items()
            if limit is not None
        }

    def forget_token(self, installation: int | None) -> None:
        """Ask for a new installation token next time: this one was refused."""
        if installation is not None:
            self._tokens.forget(installation)


@lru_cache(maxsize=1)
def _loaded(private_key: str) -> str:
    """The App's key, read once: reading and checking it takes 70 ms, which gidgethub would spend,
    and keep everybody waiting, for each token that it signs.

    gidgethub hands it to PyJWT as it is, which takes keys as well as their text
    (pyjwt.readthedocs.io, `jwt.encode`). One that cannot be read fails there, when it is used.
    """
    try:
        return cast(str, load_pem_private_key(private_key.encode(), password=None))
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return private_key


def _until(_: int, token: _Token, __: float) -> float:
    return token.expires_at.timestamp() - TOKEN_MARGIN
