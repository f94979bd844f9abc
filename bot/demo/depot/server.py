"""The door: routes, tokens, the Connect protocol, and a log of every call."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bot.demo.depot import artifacts
from bot.demo.depot.errors import HTTP_STATUS, ConnectError
from bot.demo.depot.faults import Faults, LostResponse, Reply
from bot.demo.depot.methods import METHODS, Caller
from bot.demo.depot.progress import settle
from bot.demo.depot.wire import as_object, written
from bot.demo.depot.world import World

SERVICE = "/depot.ci.v1.CIService/"


@dataclass(frozen=True, slots=True)
class Grant:
    """What a token may do."""

    kind: Literal["organisation", "user", "project"]
    orgs: tuple[str, ...]


@dataclass(slots=True)
class Call:
    """A call as it came in, and how it was answered."""

    at: float
    method: str
    headers: Mapping[str, str]
    body: bytes
    status: int | None = None
    """None while there is no answer, or when it was lost."""
    code: str = ""
    """The Connect error code; empty on success, and for answers that are not Depot's."""

    @property
    def request(self) -> Mapping[str, Any]:
        """The body as an object; empty when it is none."""
        try:
            return as_object(self.body)
        except ConnectError:
            return {}


@dataclass(slots=True)
class Server:
    """The simulated Depot as seen over HTTP."""

    world: World
    faults: Faults
    tokens: dict[str, Grant]
    calls: list[Call] = field(default_factory=list)

    def app(self) -> Starlette:
        """The ASGI application."""
        routes = [
            Route(SERVICE + method, self._endpoint(method), methods=["POST"]) for method in METHODS
        ]
        routes.append(Route(f"{artifacts.PATH}{{artifact_id}}", self._download))
        app = Starlette(routes=routes, exception_handlers={HTTPException: _without_body})
        app.router.redirect_slashes = False
        return app

    def _endpoint(self, method: str) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            return await self._call(method, request)

        return endpoint

    async def _call(self, method: str, request: Request) -> Response:
        body = await request.body()
        call = Call(self.world.now(), method, dict(request.headers), body)
        self.calls.append(call)
        if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
            call.status = 415
            return Response(status_code=415, headers={"accept-post": "application/json"})
        work = partial(self._work, call, request)
        fault = self.faults.strike(method)
        response = work().response() if fault is None else await fault.answer(work)
        if not isinstance(response, LostResponse):
            call.status = response.status_code
            call.code = _code(response)
        return response

    def _work(self, call: Call, request: Request) -> Reply:
        """Do what was asked, in one go: no other call comes in between."""
        settle(self.world)
        try:
            caller = Caller(self._organisation(request), str(request.base_url))
            self._check_protocol(request)
            answer = METHODS[call.method](self.world, caller, call.body)
        except ConnectError as error:
            return self._refusal(error)
        return Reply(200, written(answer, extra_keys=self.world.switches.extra_keys))

    def _organisation(self, request: Request) -> str:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        grant = self.tokens.get(token.strip()) if scheme.lower() == "bearer" else None
        if grant is None or grant.kind == "project":
            raise ConnectError("unauthenticated", "Invalid token")
        # An organisation token fixes the organisation by itself.
        wanted = request.headers.get("x-depot-org", "") if grant.kind == "user" else ""
        if wanted and wanted not in grant.orgs:
            raise ConnectError("permission_denied", "not a member of this organization")
        # O: what a user of several organisations gets who names none.
        several = len(grant.orgs) > 1 and not wanted
        if several and self.world.switches.several_orgs_without_header == "refuse":
            raise ConnectError("permission_denied", "x-depot-org is required")
        return wanted or grant.orgs[0]

    def _check_protocol(self, request: Request) -> None:
        # O: the OpenAPI says required, clients without it are served.
        required = self.world.switches.protocol_version_required
        if required and request.headers.get("connect-protocol-version") != "1":
            raise ConnectError(
                "invalid_argument", "missing required header: set Connect-Protocol-Version"
            )

    def _refusal(self, error: ConnectError) -> Reply:
        status = HTTP_STATUS[error.code]
        if error.code == "failed_precondition":
            # O: the Connect specification says 400, Depot's error page 412.
            status = self.world.switches.failed_precondition_status
        return Reply(status, {"code": error.code, "message": error.message})

    async def _download(self, request: Request) -> Response:
        settle(self.world)
        query = request.query_params
        content = artifacts.download(
            self.world,
            request.path_params["artifact_id"],
            query.get("expires", ""),
            query.get("signature", ""),
        )
        if content is None:
            return Response(status_code=403)
        return Response(content, media_type="application/zip")


def _code(response: Response) -> str:
    if response.status_code == 200 or response.media_type != "application/json":
        return ""
    return str(as_object(bytes(response.body)).get("code", ""))


async def _without_body(request: Request, error: Exception) -> Response:
    """No path, or not POST: the protocol's library answers with nothing but the number."""
    assert isinstance(error, HTTPException)
    return Response(status_code=error.status_code, headers=error.headers)
