"""The HTTP server on a real socket: what leaves it, and how long it waits."""

from __future__ import annotations

import asyncio
import contextlib
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
async def serving(
    app: ASGIApp, patience: float = REQUEST_SECONDS, kind: type[Connection] = Connection
) -> AsyncIterator[int]:
    """The application as the bot is served; its port."""

    class Patient(kind):  # type: ignore[misc, valid-type]  # a class that is a value
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


# --- how many there may be -----------------------------------------------------------------------


class Few(Connection):
    most = 5


@asynccontextmanager
async def crowded(app: ASGIApp) -> AsyncIterator[int]:
    async with serving(app, kind=Few) as port:
        yield port


async def hangs_up(reader: asyncio.StreamReader) -> bool:
    # Sooner than a connection that nothing comes on is closed anyway.
    with anyio.move_on_after(3):
        try:
            return await reader.read() == b""
        except ConnectionResetError:
            return True
    return False


async def test_of_too_many_the_one_that_waits_longest_is_closed() -> None:
    async with crowded(in_pieces) as port:
        readers = []
        for place in range(5):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            # Half of a request, none at all, and one that was answered: all wait for more.
            writer.write([HALF_A_HEAD, b"", WHOLE][place % 3])
            if place % 3 == 2:
                await reader.readuntil(BODY * 2)
            await asyncio.sleep(0.02)
            readers.append((reader, writer))
        newest = []
        for reader, writer in readers:
            assert (await asked(port, "/", close=True)).endswith(BODY * 2)
            newest.append((await asyncio.open_connection("127.0.0.1", port))[1])
            assert await hangs_up(reader)
            writer.close()
        for writer in newest:
            writer.close()


async def test_one_that_is_being_answered_is_not_closed() -> None:
    go_on = asyncio.Event()

    async def waits(scope: Scope, receive: Receive, send: Send) -> None:
        await go_on.wait()
        await in_pieces(scope, receive, send)

    async with crowded(waits) as port:
        busy = [asyncio.create_task(asked(port, "/")) for _ in range(5)]
        await asyncio.sleep(0.2)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        assert await hangs_up(reader)
        writer.close()
        go_on.set()
        for answer in await asyncio.gather(*busy):
            assert answer.endswith(BODY * 2)


async def test_a_body_that_nobody_reads_keeps_no_connection() -> None:
    """The rest of it comes after the answer: then the connection waits for a request again."""
    async with serving(in_pieces, patience=0.3) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(HALF_A_BODY)
        await reader.readuntil(BODY * 2)
        writer.write(b"x" * 96)
        assert await hangs_up(reader)
        writer.close()


@pytest.mark.parametrize(
    "sent", [b"GET /" + b"x" * 99_999, b"GET / HTTP/1.1\r\nA: " + b"x" * 99_999, b"\r\n" * 49_999]
)
async def test_a_head_without_end_is_not_kept(sent: bytes) -> None:
    async with serving(in_pieces) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(sent)
        assert await ends(reader)
        writer.close()


async def test_heads_of_many_requests_do_not_add_up() -> None:
    head = b"GET / HTTP/1.1\r\nHost: a\r\nA: " + b"x" * 20_000 + b"\r\n\r\n"
    async with serving(in_pieces) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in range(6):
            writer.write(head)
            await reader.readuntil(BODY * 2)
        writer.close()


async def test_a_client_that_does_not_read_keeps_no_connection() -> None:
    async def much(scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(b"content-length", b"50000000")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        for _ in range(50):
            await send({"type": "http.response.body", "body": bytes(1_000_000), "more_body": True})

    async with serving(much, patience=0.3) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
        writer.write(WHOLE)
        await asyncio.sleep(1.5)
        got = 0
        with anyio.fail_after(30), contextlib.suppress(ConnectionResetError):
            while chunk := await reader.read(65536):
                got += len(chunk)
        assert got < 50_000_000
        writer.close()


async def test_of_those_that_do_not_read_the_oldest_makes_room() -> None:
    async def much(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/":
            await in_pieces(scope, receive, send)
            return
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(50):
            await send({"type": "http.response.body", "body": bytes(1_000_000), "more_body": True})

    async with crowded(much) as port:
        stuck = []
        for _ in range(7):
            _, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
            writer.write(b"GET /much HTTP/1.1\r\nHost: a\r\n\r\n")
            await asyncio.sleep(0.2)
            stuck.append(writer)
        assert (await asked(port, "/", close=True)).endswith(BODY * 2)
        for writer in stuck:
            writer.transport.abort()


@pytest.mark.parametrize(
    "sent",
    [
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\na: "
        + b"x" * 200_000,
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n"
        + b"a: b\r\n" * 40_000,
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1;" + b"x" * 200_000,
        b"GET /" + b"x" * 9_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
        WHOLE * 60_000,
    ],
    ids=["a trailer", "trailers", "a chunk's extension", "an address", "requests at once"],
)
async def test_what_is_beside_the_body_is_bounded(sent: bytes) -> None:
    async def waits(scope: Scope, receive: Receive, send: Send) -> None:
        while (message := await receive()).get("more_body"):
            pass
        if message["type"] == "http.request":
            await asyncio.sleep(0.05)
            await in_pieces(scope, receive, send)

    async with serving(waits) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(sent)
        assert await ends(reader)
        writer.close()


async def ends(reader: asyncio.StreamReader) -> bool:
    """Whether the server hangs up, whatever it says before."""
    with anyio.move_on_after(10):
        try:
            while await reader.read(65536):
                pass
        except ConnectionResetError:
            return True
        return True
    return False


async def test_a_body_in_small_chunks_is_read() -> None:
    sizes: list[int] = []

    async def reads(scope: Scope, receive: Receive, send: Send) -> None:
        size, more = 0, True
        while more:
            message = await receive()
            size += len(message.get("body", b""))
            more = message.get("more_body", False)
        sizes.append(size)
        await in_pieces(scope, receive, send)

    head = b"POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
    async with serving(reads) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(
            head + b"40\r\n" + (b"x" * 64 + b"\r\n40\r\n") * 4_999 + b"x" * 64 + b"\r\n0\r\n\r\n"
        )
        assert (await reader.read()).endswith(BODY * 2)
        writer.close()
    assert sizes == [320_000]
