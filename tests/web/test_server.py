"""The HTTP server on a real socket: what leaves it, and how long it waits."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from bot.demo.servers import Server
from bot.web.server import REQUEST_SECONDS, Connection, configuration

pytestmark = pytest.mark.anyio

BODY = b"x" * 1000


async def in_pieces(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers in three messages; `/slow` takes a turn of the event loop between them."""
    assert scope["type"] == "http", scope
    headers = [(b"content-length", b"2000")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    for more in (True, False):
        if scope["path"] == "/slow":
            await asyncio.sleep(0.01)
        await send({"type": "http.response.body", "body": BODY, "more_body": more})


@asynccontextmanager
async def serving(app: ASGIApp, patience: float = REQUEST_SECONDS) -> AsyncIterator[int]:
    """The application as the bot is served; its port."""

    class Patient(Connection):
        pass

    Patient.patience = patience
    with socket.create_server(("127.0.0.1", 0)) as listening:
        config = configuration(app, "127.0.0.1", 0)
        assert config.http is Connection
        config.http = Patient
        config.lifespan = "off"
        server = Server(config)
        running = asyncio.create_task(server.serve([listening]))
        yield listening.getsockname()[1]
        server.should_exit = True
        await running


async def asked(port: int, *paths: str, close: bool = False) -> bytes:
    """All that comes back on one connection, on which these were asked at once."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    ending = "Connection: close\r\n" if close else ""
    for path in paths:
        writer.write(f"GET {path} HTTP/1.1\r\nHost: a\r\n{ending}\r\n".encode())
    got = b""
    while got.count(BODY * 2) < len(paths):
        got += await reader.read(65536)
    if close:
        assert await reader.read() == b""
    writer.close()
    return got


@pytest.mark.parametrize("path", ["/", "/slow"])
@pytest.mark.parametrize("close", [False, True])
async def test_an_answer_arrives_whole(path: str, close: bool) -> None:
    async with serving(in_pieces) as port:
        got = await asked(port, path, close=close)
    assert got.startswith(b"HTTP/1.1 200 OK\r\n")
    assert got.endswith(b"\r\n\r\n" + BODY * 2)


async def test_requests_that_follow_each_other_at_once_are_answered_in_order() -> None:
    async with serving(in_pieces) as port:
        got = await asked(port, "/slow", "/", "/slow")
    assert got.count(b"HTTP/1.1 200 OK\r\n") == 3
    assert got.count(b"\r\n\r\n" + BODY * 2) == 3


WHOLE = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
HALF_A_HEAD = b"POST / HTTP/1.1\r\nHost: a\r\n"
HALF_A_BODY = HALF_A_HEAD + b"Content-Length: 100\r\n\r\nhalf"


@pytest.mark.parametrize(
    ("before", "sent"),
    [
        (b"", b""),
        (b"", HALF_A_HEAD),
        (b"", HALF_A_BODY),
        (WHOLE, HALF_A_HEAD),
        (WHOLE, HALF_A_BODY),
    ],
)
async def test_a_request_that_does_not_come_ends_the_connection(before: bytes, sent: bytes) -> None:
    ended: list[str] = []

    async def reads(scope: Scope, receive: Receive, send: Send) -> None:
        while (message := await receive()).get("more_body"):
            pass
        ended.append(message["type"])
        if message["type"] == "http.request":
            await in_pieces(scope, receive, send)

    async with serving(reads, patience=0.2) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(before)
        if before:
            await reader.readuntil(BODY * 2)
        writer.write(sent)
        with anyio.fail_after(30):
            assert await reader.read() == b""
        writer.close()
    assert ended == ["http.request"] * bool(before) + ["http.disconnect"] * (sent == HALF_A_BODY)


async def test_an_answer_may_take_longer_than_its_request() -> None:
    async def thinks(scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.sleep(1.0)
        await in_pieces(scope, receive, send)

    async with serving(thinks, patience=0.2) as port:
        got = await asked(port, "/")
    assert got.endswith(BODY * 2)


async def test_nobody_is_told_what_serves() -> None:
    async with serving(in_pieces) as port:
        got = await asked(port, "/")
    assert b"uvicorn" not in got
    assert b"\r\ndate: " in got
