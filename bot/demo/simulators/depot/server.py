"""The door: routes, tokens, the Connect protocol, and a log of every call."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bot.demo.simulators.depot.calls import Call, Caller
from bot.demo.simulators.depot.errors import HTTP_STATUS, ConnectError
from bot.demo.simulators.depot.faults import Faults
from bot.demo.simulators.depot.forms import Form
from bot.demo.simulators.depot.methods import Method
from bot.demo.simulators.depot.progress import settle
from bot.demo.simulators.depot.replies import LostResponse, Reply
from bot.demo.simulators.depot.wire import as_object, convert
from bot.demo.simulators.depot.world import World

PACKAGE = "depot.ci.v1"
SERVICE_NAME = "CIService"
SERVICE = f"/{PACKAGE}.{SERVICE_NAME}/"


@dataclass(frozen=True, slots=True)
class Grant:
    """What a token may do."""

    kind: Literal["organisation", "user", "project"]
    orgs: tuple[str, ...]


@dataclass(slots=True)
class Server:
    """The simulated Depot as seen over HTTP."""

    world: World
    methods: Mapping[str, Method]
    faults: Faults
    tokens: dict[str, Grant]
    calls: list[Call] = field(default_factory=list)

    def app(self) -> Starlette:
        """The ASGI application."""
        routes = [
            Route(SERVICE + name, self._endpoint(name), methods=["POST"]) for name in self.methods
        ]
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
        known = {form.content_type: form for form in self.methods[method].forms}
        form = known.get(request.headers.get("content-type", "").partition(";")[0].strip())
        if form is None:
            call.status = 415
            return Response(status_code=415, headers={"accept-post": ", ".join(known)})
        work = _Work(self, call, self.methods[method], form, str(request.base_url))
        work.read()
        fault = self.faults.strike(method)
        response = work().response() if fault is None else await fault.answer(work)
        if not isinstance(response, LostResponse):
            call.status = response.status_code
            call.code = _code(response)
        return response

    def caller(self, headers: Mapping[str, str], base_url: str) -> Caller:
        """Who calls; ConnectError when nobody may."""
        scheme, _, token = headers.get("authorization", "").partition(" ")
        grant = self.tokens.get(token.strip()) if scheme.lower() == "bearer" else None
        if grant is None or grant.kind == "project":
            raise ConnectError("unauthenticated", "Invalid token")
        # An organisation token fixes the organisation by itself.
        wanted = headers.get("x-depot-org", "") if grant.kind == "user" else ""
        if wanted and wanted not in grant.orgs:
            raise ConnectError("permission_denied", "not a member of this organization")
        # Not known: what a user of several organisations gets who names none.
        several = len(grant.orgs) > 1 and not wanted
        if several and self.world.switches.several_orgs_without_header == "refuse":
            raise ConnectError("permission_denied", "x-depot-org is required")
        # Believed: the OpenAPI says required, clients without it are served.
        required = self.world.switches.protocol_version_required
        if required and headers.get("connect-protocol-version") != "1":
            raise ConnectError(
                "invalid_argument", "missing required header: set Connect-Protocol-Version"
            )
        return Caller(wanted or grant.orgs[0], base_url)


@dataclass(slots=True)
class _Work:
    """What a call asks for; done in one go, no other call comes in between."""

    server: Server
    call: Call
    method: Method
    form: Form
    base_url: str
    unreadable: ConnectError | None = None

    def read(self) -> None:
        """Keep what the request says, whatever becomes of the call."""
        try:
            self.call.request = self.form.read(self.call.body, self.call.headers)
        except ConnectError as error:
            self.unreadable = error

    def __call__(self) -> Reply:
        """Do what was asked, and say what came of it."""
        world = self.server.world
        settle(world)
        try:
            caller = self.server.caller(self.call.headers, self.base_url)
            if self.unreadable is not None:
                raise self.unreadable
            request = convert(self.call.request, self.method.request)
            answer = self.method.work(world, caller, request)
        except ConnectError as error:
            return self.refused(error, {})
        return self.form.answer(self.call, answer, extra_keys=world.switches.extra_keys)

    def refused(self, error: ConnectError, headers: Mapping[str, str]) -> Reply:
        """Say that it failed."""
        status = HTTP_STATUS[error.code]
        if error.code == "failed_precondition":
            # Believed: the Connect specification says 400, Depot's error page 412.
            status = self.server.world.switches.failed_precondition_status
        return self.form.refuse(self.call, status, error, headers)


def _code(response: Response) -> str:
    if response.status_code == 200 or response.media_type != "application/json":
        return ""
    try:
        return str(as_object(bytes(response.body)).get("code", ""))
    except ConnectError:
        return ""  # cut in half


async def _without_body(request: Request, error: Exception) -> Response:
    """No path, or not POST: the protocol's library answers with nothing but the number."""
    assert isinstance(error, HTTPException)
    return Response(status_code=error.status_code, headers=error.headers)
