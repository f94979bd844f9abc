"""Bytes on a socket of the real server: no answer is a failure of ours, and none is logged."""

from __future__ import annotations

import contextlib
import logging
import re
import socket
import threading
from collections.abc import Iterator

import pytest
import uvicorn
from hypothesis import given
from hypothesis import strategies as st

from bot.demo.servers import Server
from bot.web.server import configuration
from tests.fuzz.endpoints import Endpoint
from tests.fuzz.profiles import cases


class _Server(Server):
    """uvicorn in a thread, where there are no signals; says when it listens."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listens = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listens.set()


class Wire(logging.Handler):
    """A port at which the bot listens, and the errors that were logged meanwhile."""

    def __init__(self, port: int) -> None:
        super().__init__(logging.ERROR)
        self.port = port
        self.errors: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.errors.append(self.format(record))

    def send(self, request: bytes, *, ends: bool = False) -> list[int]:
        """The statuses that come back; *ends*: nothing follows the request, and that is said."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=20) as connection:
            connection.sendall(request)
            if ends:
                connection.shutdown(socket.SHUT_WR)
            return [int(found) for found in re.findall(rb"HTTP/1\.1 (\d+)", _all(connection))]


def _all(connection: socket.socket) -> bytes:
    got = b""
    with contextlib.suppress(ConnectionResetError):  # closed before it had read all we sent
        while chunk := connection.recv(65536):
            got += chunk
    return got


@pytest.fixture(scope="module")
def wire(door: Endpoint) -> Iterator[Wire]:
    """As the bot is served."""
    server = _Server(configuration(door.app, "127.0.0.1", 0))
    logger = logging.getLogger("uvicorn.error")
    running = door.portal.start_task_soon(server.serve)
    try:
        assert server.listens.wait(20)
        wire = Wire(server.servers[0].sockets[0].getsockname()[1])
        logger.addHandler(wire)
        yield wire
        logger.removeHandler(wire)
    finally:
        server.should_exit = True
        running.result()


ODD_HEADERS = [
    *(b"X-Hub-Signature-256: sha256=" + b"0" * 64, b"X-Hub-Signature-256: \xff\x80", b"X-A: \xc3"),
    *(b"X-Hub-Signature-256: a\x00b", b"X-Hub-Signature-256:", b"X-GitHub-Event: a\r\n folded"),
    *(b"Content-Type: application/json", b"Content-Type : application/json", b"no colon", b": x"),
    *(b"Expect: 100-continue", b"Upgrade: h2c", b"Upgrade: websocket", b"Content-Encoding: gzip"),
    *(b"Content-Length: -1", b"Content-Length: 9" + b"9" * 5_000, b"Content-Length: 1, 1"),
    *(b"Content-Length: 26214401", b"Host: y"),
    *(b"X-Long: " + b"a" * 70_000, b"\xffX: y", b"X\x7f: y", b"Cookie: a\tb"),
]
WHOLE_BODIES = [
    b"Content-Length: 2\r\n\r\n{}",
    b"Content-Length: 1\r\n\r\n{}",
    b"Content-Length: 0\r\n\r\n",
    b"\r\n",
    b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    b"Transfer-Encoding: chunked\r\n\r\n1;a=b\r\n{\r\n1\r\n}\r\n0\r\nX: y\r\n\r\n",
    b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
    b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n{}\r\n0\r\n\r\n",
    b"Transfer-Encoding: gzip, chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
]
LINES = [
    b"POST /webhook HTTP/1.1",
    b"POST http://bot.test/webhook HTTP/1.1",
    b"POST /webhook HTTP/1.0",
]


@cases(0.5)
@given(
    st.sampled_from(LINES),
    st.lists(st.sampled_from(ODD_HEADERS), max_size=3),
    st.sampled_from(WHOLE_BODIES),
)
def test_no_request_makes_the_server_fail(
    wire: Wire, line: bytes, headers: list[bytes], rest: bytes
) -> None:
    start = b"\r\n".join([line, b"Host: bot", b"Connection: close", *headers])
    statuses = wire.send(start + b"\r\n" + rest)
    assert set(statuses) <= {100, 400, 401, 413, 415}
    assert wire.errors == []


CUT_BODIES = [
    b"Content-Length: 20\r\n\r\n{}",
    b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n",
]


@pytest.mark.parametrize("rest", CUT_BODIES)
def test_a_body_that_is_cut_is_no_error_of_ours(wire: Wire, rest: bytes) -> None:
    wire.send(b"POST /webhook HTTP/1.1\r\nHost: bot\r\n" + rest, ends=True)
    # Whoever went away waits for no answer: the next one's comes after it was dealt with.
    assert wire.send(b"POST /webhook HTTP/1.1\r\nHost: bot\r\nConnection: close\r\n\r\n") == [401]
    assert wire.errors == []
