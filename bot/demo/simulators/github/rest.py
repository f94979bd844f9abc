"""The REST API as one ASGI app: routes, the request log, and the faults in front of it all."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bot.demo.simulators.github import rest_apps, rest_checks, rest_repositories, rest_threads
from bot.demo.simulators.github.access import Access
from bot.demo.simulators.github.faults import Fault, Faults
from bot.demo.simulators.github.http import Backend, Endpoint, not_found, serve
from bot.demo.simulators.github.model import Repository

ENDPOINTS = (
    *rest_apps.ENDPOINTS,
    *rest_checks.ENDPOINTS,
    *rest_threads.ENDPOINTS,
    *rest_repositories.ENDPOINTS,
)


@dataclass(frozen=True, slots=True)
class RequestRecord:
    """One request that reached the API. `status` is None when no answer was even begun."""

    time: float
    method: str
    path: str
    query: str
    principal: str
    status: int | None
    faulty: bool


def create_api(backend: Backend) -> Starlette:
    """The API without log and faults."""
    routes = [Route(one.path, _route(one, backend), methods=[one.method]) for one in ENDPOINTS]
    # GitHub says 404 for a method that a path does not have, too.
    return Starlette(routes=routes, exception_handlers={404: _nothing, 405: _nothing})


def _route(endpoint: Endpoint, backend: Backend) -> Callable[[Request], Awaitable[Response]]:
    async def route(request: Request) -> Response:
        return await serve(endpoint, backend, request)

    return route


async def _nothing(request: Request, error: Exception) -> Response:
    answer = not_found().answer()
    return JSONResponse(answer.body, answer.status)


class Frontage:
    """Stands before the API: makes trouble where that is asked for, and writes down who came."""

    def __init__(
        self,
        inner: ASGIApp,
        faults: Faults,
        log: list[RequestRecord],
        access: Access,
        now: Callable[[], float],
        repositories: Mapping[str, Repository],
    ) -> None:
        self._repositories = repositories
        self._inner = inner
        self._faults = faults
        self._log = log
        self._access = access
        self._now = now

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._inner(scope, receive, send)
            return
        scope = self._by_name(scope)
        arrived = self._now()
        fault = self._faults.take(scope["method"], scope["path"])
        statuses: list[int] = []

        async def inner(scope: Scope, receive: Receive, send: Send) -> None:
            await self._inner(scope, receive, _watching(send, statuses))

        try:
            if fault is None:
                await inner(scope, receive, send)
            else:
                await fault.behaviour(inner, scope, receive, _watching(send, statuses))
        finally:
            self._log.append(self._record(scope, arrived, fault, statuses))

    def _by_name(self, scope: Scope) -> Scope:
        """A request for a repository by its id, as one by its name."""
        first, _, rest = scope["path"].removeprefix("/").partition("/")
        number, _, under = rest.partition("/")
        named = {str(one.id): one.full_name for one in self._repositories.values()}
        if first != "repositories" or number not in named:
            return scope
        path = f"/repos/{named[number]}/{under}".rstrip("/")
        return {**scope, "path": path, "raw_path": path.encode()}

    def _record(
        self, scope: Scope, arrived: float, fault: Fault | None, statuses: list[int]
    ) -> RequestRecord:
        headers = dict(scope["headers"])
        authorization = headers.get(b"authorization")
        return RequestRecord(
            time=arrived,
            method=scope["method"],
            path=scope["path"],
            query=scope["query_string"].decode(),
            principal=self._access.name_of(authorization.decode() if authorization else None),
            status=statuses[0] if statuses else None,
            faulty=fault is not None,
        )


def _watching(send: Send, statuses: list[int]) -> Send:
    async def watched(message: Message) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])
        await send(message)

    return watched
