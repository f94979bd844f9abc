"""A server that speaks HTTP/2 without TLS, and HTTP/1.1 on the same port.

Depot's CLI speaks nothing but HTTP/2 to an `http://` address, and uvicorn does not speak it. What
comes in on a connection goes to hypercorn; the connections are ours, so that they can be broken.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import cast

from hypercorn.app_wrappers import ASGIWrapper
from hypercorn.asyncio.tcp_server import TCPServer
from hypercorn.asyncio.worker_context import WorkerContext
from hypercorn.config import Config
from hypercorn.typing import ASGIFramework
from starlette.types import ASGIApp, Receive, Scope, Send

from bot.demo.servers import HOST
from bot.demo.simulators.depot.transport import answers_whole


@asynccontextmanager
async def serving_http2(app: ASGIApp) -> AsyncIterator[str]:
    """Serve an application on a free port of loopback meanwhile; its URL."""
    config, context = Config(), WorkerContext(None)
    loop = asyncio.get_running_loop()
    connections: dict[asyncio.Task[object], asyncio.WriteTransport] = {}
    answers: set[asyncio.Task[object]] = set()

    async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections[_this_task()] = writer.transport
        breaking = ASGIWrapper(cast(ASGIFramework, _Breaking(app, writer.transport, answers)))
        try:
            await TCPServer(breaking, loop, config, context, {}, reader, writer)
        finally:
            del connections[_this_task()]

    server = await asyncio.start_server(connect, HOST, 0)
    try:
        yield f"http://{HOST}:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        # Hypercorn ends with its connections, and these with the answers under way on them.
        await context.terminated.set()
        for transport in connections.values():
            transport.abort()
        for answer in answers:
            answer.cancel()
        await asyncio.gather(*connections)


@dataclass(frozen=True, slots=True)
class _Breaking:
    """An application whose unfinished answers break the connection.

    Hypercorn would leave the stream open for ever on HTTP/2.
    """

    app: ASGIApp
    connection: asyncio.WriteTransport
    answers: set[asyncio.Task[object]]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.answers.add(_this_task())
        whole = False
        try:
            whole = await answers_whole(self.app, scope, receive, send)
        finally:
            self.answers.discard(_this_task())
            if not whole:
                # Hypercorn sends in a task of its own: what was said goes out first.
                await asyncio.sleep(0.01)
                self.connection.abort()


def _this_task() -> asyncio.Task[object]:
    task = asyncio.current_task()
    assert task is not None
    return task
