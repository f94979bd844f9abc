"""Access to GitHub: gidgethub's client, and one such client and token per installation."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Any, TypeVar, cast
from urllib.parse import urljoin

import gidgethub
import gidgethub.httpx
import httpx
import msgspec
from cachetools import LRUCache, TLRUCache, TTLCache
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from gidgethub import apps
from gidgethub.sansio import RateLimit

from bot import __version__
from bot.core.backoff import seconds_asked
from bot.core.clock import Clock
from bot.core.credentials import AppCredentials, Credentials, TokenCredentials
from bot.core.json_repair import readable, repaired
from bot.core.rate_limit import Quota
from bot.core.single_flight import SingleFlightCache
from bot.core.types import RepoName
from bot.github.errors import (
    GitHubError,
    GitHubUnavailable,
    NotDone,
    NotFound,
    NotInstalled,
    translated_errors,
)

RAW = "application/vnd.github.raw+json"
"""The media type under which GitHub sends a file as it is."""

ETAG_BYTES = 4 * 1024 * 1024
"""What is kept of an installation's answers, so that GitHub need not send them again."""

MAX_REDIRECTS = 3
"""Redirects that are followed for one request."""

REDIRECTS = frozenset({301, 302, 307, 308})
"""After these the same request is sent elsewhere, whatever its method (bot/github/README.md,
"Redirects")."""

HALF_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
"""An escape in JSON that may be one: GitHub writes whole characters as they are."""

WINDOW_SECONDS = 3600.0
"""GitHub's quotas are for an hour, so that none is away for longer."""

TOKEN_MARGIN = 300
"""Seconds before its end at which an installation token is no longer used (it lives an hour)."""


class Login(msgspec.Struct):
    login: str


class Id(msgspec.Struct):
    id: int


class _App(msgspec.Struct):
    slug: str


class _Token(msgspec.Struct):
    token: str
    expires_at: datetime


T = TypeVar("T")


class ServerClock:
    """GitHub's clock, as the `date` of its answers shows it, to the second."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.offset = 0.0
        """Seconds by which this machine's clock is ahead of GitHub's; 0 until it has answered."""
        self.is_known = False

    def now(self) -> float:
        return self._clock.now() - self.offset

    def observe(self, headers: Mapping[str, str]) -> None:
        """GitHub has answered with these headers."""
        if "x-github-request-id" not in headers:
            return  # what a proxy between us says of the time counts for nothing
        try:
            theirs = parsedate_to_datetime(headers.get("date", "")).timestamp()
        except (ValueError, OverflowError):
            return
        self.offset = self._clock.now() - theirs
        self.is_known = True


class Session(gidgethub.httpx.GitHubAPI):
    """gidgethub's client, which sends credentials to the configured host only."""

    def __init__(self, *arguments: Any, server_clock: ServerClock, **options: Any) -> None:
        self._answers: LRUCache[str, Any] = LRUCache(ETAG_BYTES, getsizeof=_size)
        super().__init__(*arguments, cache=self._answers, **options)
        self._server_clock = server_clock
        self.redirects = 0
        """How often a request was redirected: a repository was renamed or transferred."""

    def forget_answers(self) -> None:
        """Have GitHub send anew what it would say is unchanged: one was not all of it."""
        self._answers.clear()

    def _is_ours(self, url: str) -> bool:
        return url.startswith(self.base_url.rstrip("/") + "/")

    async def _request(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes = b""
    ) -> tuple[int, Mapping[str, str], bytes]:
        # gidgethub follows `Link` headers and takes absolute URLs; a token must not follow them
        # to another host.
        if not self._is_ours(url):
            raise GitHubError("refusing to send credentials to another host")
        if headers.get("accept") == RAW:
            # A few bytes that unpack to many are not taken.
            headers = {**headers, "accept-encoding": "identity"}
        status, answered, content = await super()._request(method, url, headers, body)
        for _ in range(MAX_REDIRECTS):
            location = answered.get("location", "")
            to = urljoin(url, location)
            if status not in REDIRECTS or not location or not self._is_ours(to):
                break
            self.redirects += 1
            status, answered, content = await super()._request(method, to, headers, body)
        self._server_clock.observe(answered)
        if answered.get("content-type", "").startswith("text/html"):
            # GitHub's API has no pages: this is a proxy's, or that of a GitHub in trouble.
            raise GitHubUnavailable(f"{status}: a page, not an answer", seconds_asked(answered))
        if headers.get("accept") == RAW:
            # A file may hold anything, and gidgethub decodes it strictly.
            content = content.decode("utf-8", "replace").encode()
        elif HALF_SURROGATE.search(content):
            content = repaired(content)
        # gidgethub counts a 304 as spent, which it is not; each answer has GitHub's own count.
        limit = RateLimit.from_http(answered)
        if limit is not None:
            self.rate_limit = limit
        return status, answered, content

    async def manage_rate_limit(self, *, method: str, url: str) -> None:
        """Do not ask while the hour's quota is used up."""
        limit = self.rate_limit
        if limit is not None and not limit:
            wait = limit.reset_datetime.timestamp() - self._server_clock.now()
            if wait <= WINDOW_SECONDS:  # what is farther away is no quota of GitHub's
                raise NotDone("rate limit", max(1.0, wait))


def decode(answer: Any, shape: type[T]) -> T:
    """GitHub's JSON as the fields we use; raises GitHubUnavailable for anything else."""
    try:
        return msgspec.convert(answer, shape)
    except msgspec.ValidationError:
        pass  # null may stand for what is empty
    try:
        return msgspec.convert(readable(answer), shape)
    except msgspec.ValidationError as error:
        raise GitHubUnavailable(f"not understood: {error}") from error


class Sessions:
    """The sessions of one account: its own, and that of each of the App's installations."""

    def __init__(
        self, client: httpx.AsyncClient, credentials: Credentials, *, url: str, clock: Clock
    ) -> None:
        self._client = client
        self._credentials = credentials
        self._url = url
        self.server_clock = ServerClock(clock)
        self._private_key = _key(credentials)
        self._sessions: LRUCache[int | None, Session] = LRUCache(1000)
        self._tokens: SingleFlightCache[int, _Token] = SingleFlightCache(
            TLRUCache(1000, _token_expiry, clock.now)
        )
        self._installations: SingleFlightCache[RepoName, int] = SingleFlightCache(
            TTLCache(10_000, 3600, clock.now)
        )
        self._logins: SingleFlightCache[str, str] = SingleFlightCache({})

    def use(self, credentials: Credentials) -> None:
        """Go on with other credentials of the same account, for what is asked from now on."""
        if credentials == self._credentials:
            return
        self._credentials = credentials
        self._private_key = _key(credentials)
        # It holds the credentials that it was made with. Those of installations get their tokens
        # with each request.
        self._sessions.pop(None, None)
        self._logins.forget("self")

    @property
    def is_app(self) -> bool:
        """Whether the account is an App, not a bot account."""
        return isinstance(self._credentials, AppCredentials)

    @property
    def own(self) -> Session:
        """The session of the App itself, or of the bot account."""
        return self._session(None)

    async def login(self) -> str:
        """The login under which the bot writes; raises GitHubError."""
        return await self._logins.get("self", self._fetch_login)

    async def installation(self, repo: RepoName) -> int | None:
        """The App's installation on *repo*; none for a bot account. Raises GitHubError."""
        if isinstance(self._credentials, TokenCredentials):
            return None
        return await self._installations.get(repo, lambda: self._fetch_installation(repo))

    async def new_installation(self, repo: RepoName) -> int | None:
        """The same, asked anew: the App may have been installed again."""
        self._installations.forget(repo)
        return await self.installation(repo)

    async def access(self, installation: int | None) -> tuple[Session, str | None]:
        """The session of an installation and the token to send; none where the session has its
        own. Raises GitHubError."""
        if isinstance(self._credentials, TokenCredentials) or installation is None:
            return self.own, None
        token = await self._tokens.get(installation, lambda: self._fetch_token(installation))
        return self._session(installation), token.token

    def forget_token(self, installation: int | None) -> None:
        """Ask for a new installation token next time: this one was refused."""
        if installation is not None:
            self._tokens.forget(installation)

    def rate_limits(self) -> dict[int | None, Quota]:
        """What GitHub last said is left of this hour's requests, by installation; none is the App
        itself, or the bot account."""
        limits = {key: session.rate_limit for key, session in self._sessions.items()}
        return {
            installation: Quota(limit.limit, limit.remaining, limit.reset_datetime.timestamp())
            for installation, limit in limits.items()
            if limit is not None
        }

    def _session(self, installation: int | None) -> Session:
        """The session of one installation: each has its own ETags and rate limit."""
        session = self._sessions.get(installation)
        if session is None:
            session = self._sessions[installation] = self._new_session()
        return session

    def _new_session(self) -> Session:
        requester = f"depot-bot/{__version__}"
        if isinstance(self._credentials, TokenCredentials):
            return Session(
                self._client,
                requester,
                oauth_token=self._credentials.token,
                base_url=self._url,
                server_clock=self.server_clock,
            )
        return Session(
            self._client,
            requester,
            app_id=self._credentials.app_id,
            private_key=self._private_key,
            base_url=self._url,
            server_clock=self.server_clock,
        )

    async def _fetch_login(self) -> str:
        with translated_errors():
            if isinstance(self._credentials, TokenCredentials):
                return decode(await self.own.getitem("/user"), Login).login
            return decode(await self.own.getitem("/app"), _App).slug + "[bot]"

    async def _fetch_installation(self, repo: RepoName) -> int:
        with _of_installation():
            answer = await self.own.getitem(f"/repos/{repo}/installation")
        return decode(answer, Id).id

    async def _fetch_token(self, installation: int) -> _Token:
        assert isinstance(self._credentials, AppCredentials)
        with _of_installation():
            answer = await apps.get_installation_access_token(
                self.own,
                installation_id=str(installation),
                app_id=self._credentials.app_id,
                private_key=self._private_key,
            )
        return decode(answer, _Token)


@contextmanager
def _of_installation() -> Iterator[None]:
    """Raise GitHubError; what is not found is the installation."""
    try:
        with translated_errors():
            yield
    except NotFound as error:
        raise NotInstalled(f"the App is not installed there: {error}") from error


@lru_cache(maxsize=2)
def read_key(text: str) -> RSAPrivateKey:
    """The App's key, read once; raises ValueError with what is to be said of the text.

    Reading and checking it takes 70 ms, which gidgethub would spend for each token that it signs
    while everything else waits.
    """
    try:
        key = load_pem_private_key(text.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise ValueError("cannot be read: is it whole, and without a password?") from error
    if not isinstance(key, RSAPrivateKey):
        raise ValueError("is not an RSA key, as GitHub makes them")
    return key


def _key(credentials: Credentials) -> str:
    """What gidgethub is given as the App's key; nothing for a bot account.

    gidgethub hands it to PyJWT as it is, which takes keys as well as their text
    (pyjwt.readthedocs.io, `jwt.encode`). A key that cannot be read fails there, when it is used.
    """
    if isinstance(credentials, TokenCredentials):
        return ""
    try:
        return cast(str, read_key(credentials.private_key))
    except ValueError:
        return credentials.private_key


def _size(answer: Any) -> int:
    """About how many bytes an answer takes; one that is too large for the cache is not kept."""
    return len(msgspec.json.encode(answer)) + 200


def _token_expiry(_: int, token: _Token, __: float) -> float:
    return token.expires_at.timestamp() - TOKEN_MARGIN
