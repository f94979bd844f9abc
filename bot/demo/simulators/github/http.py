"""What all REST endpoints share: who may call, errors, pages, conditional requests, limits."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from email.utils import formatdate
from enum import Enum
from typing import Any, TypeVar

import msgspec
from starlette.background import BackgroundTask
from starlette.datastructures import URL, Headers, QueryParams
from starlette.requests import Request
from starlette.responses import Response

from bot.demo.simulators.github.access import ANONYMOUS, Access, BadCredentials, Principal
from bot.demo.simulators.github.bodies import Json
from bot.demo.simulators.github.hooks import Hooks
from bot.demo.simulators.github.model import App, Installation, Repository, User
from bot.demo.simulators.github.quotas import Quota, Quotas
from bot.demo.simulators.github.thread_bodies import ThreadBodies
from bot.demo.simulators.github.threads import Threads

T = TypeVar("T")

_JSON = "application/json; charset=utf-8"
_DOCS = "https://docs.github.com/rest"
_MAX_PAGE = 100


class RequiredLogin(Enum):
    """Who may call an endpoint."""

    OPEN = "anyone"
    APP = "the App, by its JWT"
    TOKEN = "an installation or a person, by token"
    ANY = "anyone with credentials"


@dataclass(frozen=True, slots=True)
class Backend:
    """The parts that endpoints work with."""

    world: Threads
    bodies: ThreadBodies
    access: Access
    quotas: Quotas
    hooks: Hooks
    convert_manifest: Callable[[str], Json | None]


@dataclass(frozen=True, slots=True)
class Call:
    """One authenticated request."""

    backend: Backend
    principal: Principal
    params: Mapping[str, str]
    query: QueryParams
    headers: Headers
    url: URL
    content: bytes
    known_repository: Repository | None

    @property
    def world(self) -> Threads:
        """The state."""
        return self.backend.world

    @property
    def bodies(self) -> ThreadBodies:
        """The renderer."""
        return self.backend.bodies

    @property
    def repository(self) -> Repository:
        """The repository that the path names."""
        if self.known_repository is None:
            raise not_found()
        return self.known_repository

    @property
    def user(self) -> User:
        """The account that acts."""
        if self.principal.user is None:
            raise ApiError(401, "Bad credentials")
        return self.principal.user

    @property
    def via_app(self) -> App | None:
        """The App that acts, when it is one."""
        token = self.principal.token
        return token.installation.app if token else None

    def json(self) -> Json:
        """The request's body, which must be a JSON object; none at all is an empty one."""
        try:
            body: Any = msgspec.json.decode(self.content) if self.content.strip() else {}
        except msgspec.DecodeError:
            raise ApiError(400, "Problems parsing JSON") from None
        if not isinstance(body, dict):
            raise ApiError(400, "Body should be a JSON object")
        return body

    def number(self, name: str) -> int:
        """A number in the path; anything else names nothing."""
        if not self.params[name].isdecimal():
            raise not_found()
        return int(self.params[name])


@dataclass(frozen=True, slots=True)
class Answer:
    """What an endpoint answers: JSON, unless `raw` has bytes of `media_type`."""

    body: object = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    raw: bytes | None = None
    media_type: str = _JSON
    afterwards: BackgroundTask | None = None


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A route. Installations need one of the permissions in `needs`."""

    method: str
    path: str
    handler: Callable[[Call], Answer]
    door: RequiredLogin = RequiredLogin.TOKEN
    needs: Mapping[str, str] = field(default_factory=dict)
    apps_only: bool = False
    free: bool = False


class ApiError(Exception):
    """An error that GitHub answers in JSON."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        errors: Sequence[Json] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.errors = tuple(errors)
        self.headers = dict(headers or {})

    def answer(self) -> Answer:
        """The error as GitHub words it."""
        body: Json = {"message": self.message}
        if self.errors:
            body["errors"] = list(self.errors)
        body |= {"documentation_url": _DOCS, "status": str(self.status)}
        return Answer(body, self.status, self.headers)


def not_found() -> ApiError:
    """What is not there, and what one may not see."""
    return ApiError(404, "Not Found")


def invalid(resource: str, field: str, code: str, message: str | None = None) -> ApiError:
    """422 for one field."""
    error = {"resource": resource, "field": field, "code": code}
    if message is not None:
        error["message"] = message
    return ApiError(422, "Validation Failed", errors=[error])


def not_accessible(needs: Mapping[str, str] | None = None) -> ApiError:
    """403 for an App that lacks a permission; GitHub names the ones that would do."""
    wanted = "; ".join(f"{name}={level}" for name, level in (needs or {}).items())
    headers = {"x-accepted-github-permissions": wanted} if wanted else {}
    return ApiError(403, "Resource not accessible by integration", headers=headers)


def page(call: Call, items: Sequence[T]) -> tuple[Sequence[T], dict[str, str]]:
    """The items of the page asked for, and the `Link` header to the others."""
    size = page_size(call)
    current = max(_number(call.query.get("page"), 1), 1)
    last = max(-(-len(items) // size), 1)
    links: dict[str, int] = {}
    if current > 1:
        links |= {"prev": min(current - 1, last), "first": 1}
    if current < last:
        links |= {"next": current + 1, "last": last}
    start = (current - 1) * size
    urls = {rel: call.url.include_query_params(page=number) for rel, number in links.items()}
    return items[start : start + size], link_header(urls)


def page_size(call: Call) -> int:
    """`per_page`, within GitHub's bounds."""
    return min(max(_number(call.query.get("per_page"), 30), 1), _MAX_PAGE)


def link_header(urls: Mapping[str, URL]) -> dict[str, str]:
    """The `Link` header, or nothing when there is a single page."""
    if not urls:
        return {}
    return {"link": ", ".join(f'<{url}>; rel="{rel}"' for rel, url in urls.items())}


def _number(text: str | None, default: int) -> int:
    return int(text) if text is not None and text.isdecimal() else default


async def serve(endpoint: Endpoint, backend: Backend, request: Request) -> Response:
    """One request from its credentials to its response."""
    principal = ANONYMOUS
    content = await request.body()
    try:
        principal = backend.access.authenticate(request.headers.get("authorization"))
        _admit(endpoint, principal)
        if not endpoint.free:
            _check_quota(backend.quotas.of(principal.name))
        answer = endpoint.handler(_call(endpoint, backend, principal, request, content))
    except BadCredentials as error:
        answer = ApiError(401, str(error)).answer()
    except ApiError as error:
        answer = error.answer()
    return _respond(endpoint, backend, principal, request, answer)


def _call(
    endpoint: Endpoint, backend: Backend, principal: Principal, request: Request, content: bytes
) -> Call:
    params: dict[str, str] = request.path_params
    repository = None
    if "owner" in params:
        repository = _repository(backend, endpoint, principal, request)
    _authorize(endpoint, principal)
    return Call(
        backend=backend,
        principal=principal,
        params=params,
        query=request.query_params,
        headers=request.headers,
        url=request.url,
        content=content,
        known_repository=repository,
    )


def _admit(endpoint: Endpoint, principal: Principal) -> None:
    if endpoint.door is RequiredLogin.OPEN:
        return
    if principal.kind == "anonymous":
        raise ApiError(401, "Requires authentication")
    if endpoint.door is RequiredLogin.APP and principal.kind != "app":
        raise ApiError(401, "A JSON web token could not be decoded")
    if endpoint.door is RequiredLogin.TOKEN and principal.kind == "app":
        raise ApiError(401, "Bad credentials")


def _check_quota(quota: Quota) -> None:
    if quota.remaining == 0:
        raise ApiError(403, "API rate limit exceeded")


def _repository(
    backend: Backend, endpoint: Endpoint, principal: Principal, request: Request
) -> Repository:
    params: dict[str, str] = request.path_params
    full_name = f"{params['owner']}/{params['repo']}".lower()
    repository = backend.world.repositories.get(full_name)
    if repository is None:
        moved = backend.world.moved.get(full_name)
        if moved is None or not backend.access.reaches(principal, moved):
            raise not_found()
        raise _moved(moved, request)
    # The App itself sees no repository; what it may ask here is where it is installed.
    if endpoint.door is not RequiredLogin.APP and not backend.access.reaches(principal, repository):
        raise not_found()
    return repository


def _moved(repository: Repository, request: Request) -> ApiError:
    """The redirect to a repository that was renamed: by its id (docs.github.com/rest, "Follow
    redirects")."""
    before, _, under = request.url.path.partition("/repos/")
    path = "/".join([before, "repositories", str(repository.id), *under.split("/")[2:]])
    status = 301 if request.method == "GET" else 307
    message = "Moved Permanently" if status == 301 else "Temporary Redirect"
    return ApiError(status, message, headers={"location": str(request.url.replace(path=path))})


def _authorize(endpoint: Endpoint, principal: Principal) -> None:
    installation = principal.token.installation if principal.token else None
    _check_suspension(installation)
    if endpoint.apps_only and installation is None:
        raise ApiError(403, "You must authenticate via a GitHub App.")
    granted = (principal.may(name, level) for name, level in endpoint.needs.items())
    if endpoint.needs and not any(granted):
        raise not_accessible(endpoint.needs)


def _check_suspension(installation: Installation | None) -> None:
    if installation is not None and installation.suspended_at is not None:
        raise ApiError(403, "This installation has been suspended")


def _respond(
    endpoint: Endpoint, backend: Backend, principal: Principal, request: Request, answer: Answer
) -> Response:
    content = answer.raw
    if content is None:
        content = b"" if answer.status == 204 else msgspec.json.encode(answer.body)
    etag = f'"{hashlib.sha256(content).hexdigest()}"'
    fresh = request.method == "GET" and answer.status == 200
    unchanged = fresh and _same(request.headers.get("if-none-match"), etag)
    free = endpoint.free or unchanged
    quota = backend.quotas.of(principal.name) if free else backend.quotas.spend(principal.name)
    headers = {**_limit_headers(quota), "x-github-media-type": "github.v3; format=json"}
    headers |= {"x-github-request-id": f"{backend.world.next_id():016X}", **answer.headers}
    headers["date"] = formatdate(backend.world.now(), usegmt=True)
    if principal.kind == "user":
        headers["x-oauth-scopes"] = "repo"
    if fresh:
        headers |= {"etag": etag, "cache-control": "private, max-age=60, s-maxage=60"}
    if unchanged:
        return Response(status_code=304, headers=headers)
    if answer.status != 204:
        headers["content-type"] = answer.media_type
    return Response(content, answer.status, headers=headers, background=answer.afterwards)


def _same(condition: str | None, etag: str) -> bool:
    return condition is not None and etag in (one.strip() for one in condition.split(","))


def _limit_headers(quota: Quota) -> dict[str, str]:
    return {
        "x-ratelimit-limit": str(quota.limit),
        "x-ratelimit-remaining": str(quota.remaining),
        "x-ratelimit-used": str(min(quota.used, quota.limit)),
        "x-ratelimit-reset": str(quota.reset),
        "x-ratelimit-resource": "core",
    }
