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

import asyncio
import re
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from http import HTTPStatus
from typing import Any, TypeVar, cast

import gidgethub
import gidgethub.httpx
import httpx
import jwt
import msgspec
from cachetools import LRUCache, TLRUCache, TTLCache
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from gidgethub import apps
from gidgethub.sansio import RateLimit, accept_format

from bot import __version__, config
from bot.cache import Cached
from bot.clock import Clock
from bot.types import WORKFLOW_FOLDER, Head, Permission, RepoName, Sha, Source

ROLE_SECONDS = 60
"""How long a person's role is believed."""

CONFIG_SECONDS = 60
"""How long a repository's config is believed."""

TOKEN_MARGIN = 300
"""Seconds before its end at which an installation token is no longer used (it lives an hour)."""

MAX_FILE = 512 * 1024
"""Bytes of a workflow file that we read; GitHub would give more (bot/github/README.md, "Reading
files")."""

SECONDARY_PAUSE = 60.0
"""Seconds to wait when GitHub refuses for a limit and does not say how long (bot/github/README.md,
"Rate limits")."""

MAX_DELIVERIES = 3000
"""Deliveries that are looked through for failed ones."""

MAX_COMMENTS = 3000
"""Comments that are looked through for a reply of ours."""

RAW = "application/vnd.github.raw+json"


class GitHubError(Exception):
    """A request to GitHub failed. The text is for the log, never for a reply."""


class NotFound(GitHubError):
    pass


class Forbidden(GitHubError):
    pass


class Rejected(GitHubError):
    pass


class BadCredentials(GitHubError):
    pass


class GitHubUnavailable(GitHubError):
    """No useful answer now. `retry_after` is in seconds, when GitHub said so."""

    def __init__(self, text: str, retry_after: float | None = None) -> None:
        super().__init__(text, retry_after)
        self.text = text
        self.retry_after = retry_after

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class AppCredentials:
    """A GitHub App's identity (docs.github.com, "Authenticating as a GitHub App")."""

    app_id: str
    private_key: str

    def __repr__(self) -> str:
        return f"AppCredentials(app_id={self.app_id!r}, private_key=***)"


@dataclass(frozen=True, slots=True)
class TokenCredentials:
    """A bot account's own token."""

    token: str

    def __repr__(self) -> str:
        return "TokenCredentials(token=***)"


Credentials = AppCredentials | TokenCredentials


@dataclass(frozen=True, slots=True)
class PullRequest:
    """A pull request as GitHub shows it now."""

    number: int
    head: Head
    is_open: bool


@dataclass(frozen=True, slots=True)
class PostedComment:
    comment_id: int
    body: str


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


class _Login(msgspec.Struct):
    login: str


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


class _Repo(msgspec.Struct):
    full_name: str


class _Ref(msgspec.Struct):
    sha: str
    ref: str
    repo: _Repo | None = None


class _Pull(msgspec.Struct):
    number: int
    state: str
    head: _Ref
    base: _Ref


class _Role(msgspec.Struct):
    role_name: str = ""


class _Entry(msgspec.Struct):
    name: str
    type: str


class _File(msgspec.Struct):
    filename: str
    previous_filename: str = ""

    @property
    def names(self) -> list[str]:
        return [name for name in (self.filename, self.previous_filename) if name]


class _Suite(msgspec.Struct):
    created_at: datetime | None = None


class _Suites(msgspec.Struct):
    check_suites: list[_Suite] = []


class _Comment(msgspec.Struct):
    id: int
    body: str | None = None
    user: _Login | None = None


class _Id(msgspec.Struct):
    id: int


T = TypeVar("T")


class _Api(gidgethub.httpx.GitHubAPI):
    """gidgethub's client, which sends credentials to the configured host only."""

    async def _request(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes = b""
    ) -> tuple[int, Mapping[str, str], bytes]:
        # gidgethub follows `Link` headers and takes absolute URLs; a token must not follow them
        # to another host.
        if not url.startswith(self.base_url.rstrip("/") + "/"):
            raise GitHubError("refusing to send credentials to another host")
        status, answered, content = await super()._request(method, url, headers, body)
        if headers.get("accept") == RAW:
            # A file may hold anything, and gidgethub decodes it strictly.
            content = content.decode("utf-8", "replace").encode()
        # gidgethub counts a 304 as spent, which it is not; each answer has GitHub's own count.
        limit = RateLimit.from_http(answered)
        if limit is not None:
            self.rate_limit = limit
        return status, answered, content

    async def manage_rate_limit(self, *, method: str, url: str) -> None:
        """Do not ask while the hour's quota is used up."""
        limit = self.rate_limit
        if limit is not None and not limit:
            wait = (limit.reset_datetime - datetime.now(UTC)).total_seconds()
            raise GitHubUnavailable("rate limit", max(1.0, wait))


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
        self._apis: LRUCache[int | None, _Api] = LRUCache(1000)
        self._tokens: Cached[int, _Token] = Cached(TLRUCache(1000, _until, clock.now))
        self._installations: Cached[RepoName, int] = Cached(TTLCache(10_000, 3600, clock.now))
        self._logins: Cached[str, str] = Cached({})
        self._roles: Cached[tuple[RepoName, str], Permission] = Cached(
            TTLCache(10_000, ROLE_SECONDS, clock.now)
        )
        self._configs: Cached[RepoName, tuple[tuple[str, str], ...]] = Cached(
            TTLCache(10_000, CONFIG_SECONDS, clock.now)
        )
        self._folders: Cached[tuple[RepoName, Sha], tuple[str, ...]] = Cached(LRUCache(1000))
        self._files: Cached[tuple[RepoName, Sha, str], str | None] = Cached(
            LRUCache(16 * 1024 * 1024, getsizeof=lambda text: len(text or "") + 1)
        )

    async def login(self) -> str:
        """The login under which the bot writes."""
        return await self._logins.get("self", self._ask_login)

    async def _ask_login(self) -> str:
        if isinstance(self._credentials, TokenCredentials):
            with _errors():
                return _read(await self._api(None).getitem("/user"), _Login).login
        return (await self.app_facts()).slug + "[bot]"

    async def app_facts(self) -> AppFacts:
        """Our App as GitHub knows it; only with App credentials."""
        with _errors():
            return _read(await self._api(None).getitem("/app"), AppFacts)

    async def hook_config(self) -> HookConfig:
        """Our App's webhook; only with App credentials."""
        with _errors():
            return _read(await self._api(None).getitem("/app/hook/config"), HookConfig)

    @property
    def is_app(self) -> bool:
        """Whether we are an App, not a bot account."""
        return isinstance(self._credentials, AppCredentials)

    def at(self, repo: RepoName, installation: int | None) -> Repository:
        """What the bot can do in *repo*; *installation* is the one its webhook named."""
        return Repository(self, repo, installation)

    def _api(self, installation: int | None) -> _Api:
        """The client of one installation: each has its own ETags and rate limit."""
        api = self._apis.get(installation)
        if api is None:
            api = self._apis[installation] = self._make_api()
        return api

    def _make_api(self) -> _Api:
        cache: LRUCache[str, Any] = LRUCache(500)
        requester = f"depot-bot/{__version__}"
        if isinstance(self._credentials, TokenCredentials):
            return _Api(
                self._client,
                requester,
                oauth_token=self._credentials.token,
                cache=cache,
                base_url=self._url,
            )
        return _Api(
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

    async def access(self, installation: int | None) -> tuple[_Api, str | None]:
        """The client of an installation and the token to send; none where it has its own."""
        if isinstance(self._credentials, TokenCredentials) or installation is None:
            return self._api(None), None
        token = await self._tokens.get(installation, lambda: self._ask_token(installation))
        return self._api(installation), token.token

    async def _ask_installation(self, repo: RepoName) -> int:
        with _errors():
            answer = await self._api(None).getitem(f"/repos/{repo}/installation")
        return _read(answer, _Id).id

    async def _ask_token(self, installation: int) -> _Token:
        assert isinstance(self._credentials, AppCredentials)
        with _errors():
            answer = await apps.get_installation_access_token(
                self._api(None),
                installation_id=str(installation),
                app_id=self._credentials.app_id,
                private_key=self._private_key,
            )
        return _read(answer, _Token)

    async def failed_deliveries(self, since: float) -> list[FailedDelivery]:
        """The App's webhook deliveries since then none of whose attempts succeeded, oldest first.

        A bot account has no such log (bot/github/README.md, "Missed deliveries").
        """
        if isinstance(self._credentials, TokenCredentials):
            return []
        attempts: dict[str, list[_Delivery]] = {}
        seen = 0
        with _errors():
            async for item in self._api(None).getiter("/app/hook/deliveries?per_page=100"):
                delivery = _read(item, _Delivery)
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
        with _errors():
            await self._api(None).post(f"/app/hook/deliveries/{delivery_id}/attempts", data=b"")

    def rate_limits(self) -> dict[int | None, RateLimit]:
        """What GitHub last said is left of this hour's requests, by installation; none is the App
        itself, or the bot account."""
        limits = {installation: api.rate_limit for installation, api in self._apis.items()}
        return {key: limit for key, limit in limits.items() if limit is not None}

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


class Repository:
    """What the bot reads and writes in one repository."""

    def __init__(self, github: GitHub, repo: RepoName, installation: int | None) -> None:
        self._github = github
        self._repo = repo
        self._installation = installation
        self._vars = dict(zip(("owner", "repo"), repo.split("/", 1), strict=True))

    async def pull_request(self, number: int) -> PullRequest:
        """The pull request now (docs.github.com/rest/pulls, "Get a pull request")."""
        pull = _read(
            await self._get("/repos/{owner}/{repo}/pulls/{number}", number=str(number)), _Pull
        )
        return PullRequest(
            number=pull.number,
            head=Head(
                sha=Sha(pull.head.sha),
                branch=pull.head.ref,
                repo=RepoName(pull.head.repo.full_name) if pull.head.repo else None,
                base=RepoName(pull.base.repo.full_name) if pull.base.repo else self._repo,
            ),
            is_open=pull.state == "open",
        )

    async def permission(self, login: str) -> Permission:
        """A person's role here; somebody GitHub does not know has none."""
        return await self._github._roles.get(
            (self._repo, login.lower()), lambda: self._ask_permission(login)
        )

    async def _ask_permission(self, login: str) -> Permission:
        try:
            answer = await self._get(
                "/repos/{owner}/{repo}/collaborators/{login}/permission", login=login
            )
        except NotFound:
            return Permission.NONE
        return Permission.from_role(_read(answer, _Role).role_name)

    async def workflow_names(self, sha: Sha) -> tuple[str, ...]:
        """The file names in `.depot/workflows` at a commit, sorted; empty without that folder."""
        return await self._github._folders.get(
            (self._repo, sha), lambda: self._ask_workflow_names(sha)
        )

    async def _ask_workflow_names(self, sha: Sha) -> tuple[str, ...]:
        try:
            answer = await self._get(
                "/repos/{owner}/{repo}/contents{/path*}{?ref}",
                path=WORKFLOW_FOLDER.split("/"),
                ref=sha,
            )
        except NotFound:
            return ()
        entries = _read(answer if isinstance(answer, list) else [], list[_Entry])
        return tuple(
            sorted(
                entry.name
                for entry in entries
                if entry.type == "file" and entry.name.endswith((".yml", ".yaml"))
            )
        )

    def has_read(self, sha: Sha, names: Sequence[str]) -> bool:
        """Whether the workflow folder at a commit is known, and all of these files if any are."""
        files, folder = self._github._files, self._github._folders
        return folder.has((self._repo, sha)) and all(
            files.has((self._repo, sha, name)) for name in names
        )

    async def workflow_text(self, sha: Sha, name: str) -> str | None:
        """A workflow file's text at a commit; none when it is not there or too large to read."""
        if "/" in name:
            return None  # a path could lead anywhere in GitHub's API
        text = await self._github._files.get(
            (self._repo, sha, name), lambda: self._ask_text(sha, f"{WORKFLOW_FOLDER}/{name}")
        )
        return text if text is not None and len(text) <= MAX_FILE else None

    async def _ask_text(self, sha: Sha | None, path: str) -> str | None:
        try:
            answer = await self._get(
                "/repos/{owner}/{repo}/contents{/path*}{?ref}",
                accept=RAW,
                path=path.split("/"),
                ref=sha,
            )
        except NotFound:
            return None
        if isinstance(answer, str):
            return answer
        # gidgethub has no body for an empty file, and a listing where the path is a folder.
        return "" if answer is None else repr(answer)

    async def config_texts(self) -> tuple[tuple[str, str], ...]:
        """The repository's config on its default branch: path and text of each file there is."""
        return await self._github._configs.get(self._repo, self._ask_config_texts)

    async def _ask_config_texts(self) -> tuple[tuple[str, str], ...]:
        return await self.texts(config.PATHS)

    async def texts(
        self, paths: Sequence[str], sha: Sha | None = None
    ) -> tuple[tuple[str, str], ...]:
        """Those of some files that are there, at a commit or on the default branch."""
        texts = await asyncio.gather(*(self._ask_text(sha, path) for path in paths))
        return tuple(
            (path, text) for path, text in zip(paths, texts, strict=True) if text is not None
        )

    async def changed_paths(self, number: int) -> list[str]:
        """The files that a pull request changes, at most the first 300."""
        files: list[str] = []
        for page in range(1, 4):
            answer = await self._get(
                "/repos/{owner}/{repo}/pulls/{number}/files{?per_page,page}",
                number=str(number),
                per_page="100",
                page=str(page),
            )
            found = _read(answer, list[_File])
            files += [name for file in found for name in file.names]
            if len(found) < 100:
                break
        return files

    async def oldest_check_suite(self, sha: Sha) -> float | None:
        """When GitHub first opened a check suite for a commit; none when it has none."""
        answer = await self._get(
            "/repos/{owner}/{repo}/commits/{sha}/check-suites{?per_page}",
            sha=sha,
            per_page="100",
        )
        times = [s.created_at for s in _read(answer, _Suites).check_suites if s.created_at]
        return min(times).timestamp() if times else None

    async def react(self, source: Source, comment_id: int) -> None:
        """Put 👀 on a comment. A review's own text takes no reaction."""
        kind = {Source.ISSUE_COMMENT: "issues", Source.REVIEW_COMMENT: "pulls"}.get(source)
        if kind is not None:
            await self._send(
                "post",
                f"/repos/{{owner}}/{{repo}}/{kind}/comments/{{id}}/reactions",
                {"content": "eyes"},
                id=str(comment_id),
            )

    async def comment(self, number: int, body: str) -> int:
        """Write a comment under a pull request; its id."""
        answer = await self._send(
            "post",
            "/repos/{owner}/{repo}/issues/{number}/comments",
            {"body": body},
            number=str(number),
        )
        return _read(answer, _Id).id

    async def edit_comment(self, comment_id: int, body: str) -> None:
        """Replace a comment's text."""
        await self._send(
            "patch",
            "/repos/{owner}/{repo}/issues/comments/{id}",
            {"body": body},
            id=str(comment_id),
        )

    async def own_comments(self, number: int, since: float) -> AsyncIterator[PostedComment]:
        """The bot's own comments under a pull request, written or changed since *since*."""
        login = await self._github.login()
        moment = datetime.fromtimestamp(since, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        api, token = await self._access()
        seen = 0
        with self._errors():
            async for item in api.getiter(
                "/repos/{owner}/{repo}/issues/{number}/comments{?since,per_page}",
                {**self._vars, "number": str(number), "since": moment, "per_page": "100"},
                oauth_token=token,
            ):
                seen += 1
                if seen > MAX_COMMENTS:
                    break
                comment = _read(item, _Comment)
                if comment.user is not None and comment.user.login == login:
                    yield PostedComment(comment.id, comment.body or "")

    async def _access(self) -> tuple[_Api, str | None]:
        if self._installation is None:
            self._installation = await self._github.installation(self._repo)
        return await self._github.access(self._installation)

    async def _get(self, url: str, *, accept: str = accept_format(), **variables: Any) -> Any:
        if any(value in (".", "..") for value in variables.values()):
            raise NotFound(url)  # such a step in a path leads somewhere else
        api, token = await self._access()
        with self._errors():
            return await api.getitem(
                url, {**self._vars, **variables}, oauth_token=token, accept=accept
            )

    async def _send(self, method: str, url: str, data: Any, **variables: str) -> Any:
        api, token = await self._access()
        with self._errors():
            return await getattr(api, method)(
                url, {**self._vars, **variables}, data=data, oauth_token=token
            )

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            with _errors():
                yield
        except BadCredentials:
            self._github.forget_token(self._installation)
            raise


@contextmanager
def _errors() -> Iterator[None]:
    """The border: what gidgethub and httpx raise becomes our family."""
    try:
        yield
    except GitHubError:
        raise
    except jwt.PyJWTError as error:
        raise BadCredentials("the App's private key cannot be used") from error
    except gidgethub.RateLimitExceeded as error:
        raise GitHubUnavailable("rate limit", _retry_after(error)) from error
    except gidgethub.HTTPException as error:
        raise _http_error(error) from error
    except gidgethub.GitHubException as error:
        raise GitHubUnavailable(f"not understood: {type(error).__name__}") from error
    except httpx.HTTPError as error:
        raise GitHubUnavailable(type(error).__name__) from error
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        # gidgethub decodes bodies and status codes without a net: a proxy's page, a cut answer.
        raise GitHubUnavailable(f"not understood: {type(error).__name__}") from error


def _http_error(error: gidgethub.HTTPException) -> GitHubError:
    text = f"{error.status_code.value}: {error}"
    match error.status_code:
        case HTTPStatus.UNAUTHORIZED:
            return BadCredentials(text)
        case HTTPStatus.TOO_MANY_REQUESTS:
            return GitHubUnavailable(text, _retry_after(error))
        case HTTPStatus.FORBIDDEN:
            if "retry-after" in error.headers or re.search("rate limit|abuse", text, re.I):
                return GitHubUnavailable(text, _retry_after(error))
            return Forbidden(text)
        case HTTPStatus.NOT_FOUND | HTTPStatus.GONE:
            return NotFound(text)
        case HTTPStatus.UNPROCESSABLE_ENTITY:
            return Rejected(text)
    return GitHubUnavailable(text, _retry_after(error))


def _retry_after(error: gidgethub.HTTPException) -> float | None:
    """How long GitHub wants us to wait, in seconds (bot/github/README.md, "Rate limits")."""
    headers = error.headers
    value = headers.get("retry-after", "")
    if value.isdecimal():
        return float(value)
    if error.status_code not in {HTTPStatus.FORBIDDEN, HTTPStatus.TOO_MANY_REQUESTS}:
        return None
    reset = headers.get("x-ratelimit-reset", "")
    if headers.get("x-ratelimit-remaining") == "0" and reset.isdecimal():
        return max(1.0, float(reset) - _server_time(headers))
    return SECONDARY_PAUSE


def _server_time(headers: Mapping[str, str]) -> float:
    """GitHub's own time, by which its reset times go."""
    try:
        return parsedate_to_datetime(headers.get("date", "")).timestamp()
    except ValueError:
        return datetime.now(UTC).timestamp()


def _read(answer: Any, shape: type[T]) -> T:
    """GitHub's JSON as the fields we use; anything else counts as no answer."""
    try:
        return msgspec.convert(answer, shape)
    except msgspec.ValidationError as error:
        raise GitHubUnavailable(f"not understood: {error}") from error
