"""Reach the simulator without a socket, and still lose answers and time as on a real one."""

import anyio
import httpx
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class InProcess(httpx.AsyncBaseTransport):
    """`httpx.ASGITransport`, plus what only a socket has.

    An answer that is not finished becomes a `RemoteProtocolError`, one that takes longer than the
    client's read time-out a `ReadTimeout`.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._inner = httpx.ASGITransport(app=_Connection(app))

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request."""
        seconds = request.extensions.get("timeout", {}).get("read")
        with anyio.move_on_after(seconds):
            return await self._inner.handle_async_request(request)
        raise httpx.ReadTimeout("no answer in time", request=request)


class _Connection:
    """An application whose unfinished answers are noticed."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not await answers_whole(self._app, scope, receive, send):
            raise httpx.RemoteProtocolError("peer closed connection without sending complete body")


async def answers_whole(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> bool:
    """Let an application answer; whether it came to the end of its answer."""
    finished = False

    async def note(message: Message) -> None:
        nonlocal finished
        finished = message["type"] == "http.response.body" and not message.get("more_body")
        await send(message)

    await app(scope, receive, note)
    return finished
