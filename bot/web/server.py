"""The HTTP server: uvicorn, as the bot needs it."""

from __future__ import annotations

import asyncio
import math
import resource
import signal
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager
from operator import itemgetter

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

STOP_SECONDS = 20
"""How long open connections may take to end when the server is stopped."""

MAX_HEAD = 64 * 1024
"""Bytes of a request beside its body."""

MAX_URL = 8 * 1024
"""Bytes of an address."""

MAX_PIPELINED = 16
"""Requests that wait on a connection while one before them is answered."""

REQUEST_SECONDS = 30.0
"""How long a request may take to arrive. GitHub itself gives a delivery up after ten seconds."""


def configuration(app: ASGIApp, host: str, port: int) -> uvicorn.Config:
    """How the bot is served: no log of its own, nobody's word for who the client is."""
    return uvicorn.Config(
        app,
        host=host,
        port=port,
        http=Connection,
        ws="none",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        backlog=max(8, min(256, _open_files() // 8)),
        timeout_graceful_shutdown=STOP_SECONDS,
    )


async def listen(
    app: ASGIApp, host: str, port: int, *, beside: Awaitable[None] | None = None
) -> int:
    """Serve until told to stop (SIGINT, SIGTERM); the process's exit status.

    What is done *beside* it is stopped with it. When that fails, nothing more is served, and its
    exception raised.
    """
    server = _Server(configuration(app, host, port))
    if beside is None:
        await server.serve()
        return 0 if server.started else 1
    task = asyncio.ensure_future(beside)

    def stop_if_failed(_: object) -> None:
        if not task.cancelled() and task.exception() is not None:
            server.should_exit = True

    task.add_done_callback(stop_if_failed)
    try:
        await server.serve()
    finally:
        task.cancel()
        await asyncio.wait([task])
    if not task.cancelled():
        task.result()
    return 0 if server.started else 1


class _Server(uvicorn.Server):
    """uvicorn, which leaves the process alive after it was told to stop.

    Its own handling raises the signal anew once the server has stopped, which ends the process
    before the ledger is closed, with a status that says it was killed.
    """

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        signals = (signal.SIGINT, signal.SIGTERM)
        for number in signals:
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in signals:
                loop.remove_signal_handler(number)


def _open_files() -> int:
    """How many files and connections this process may have open."""
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


class Connection(HttpToolsProtocol):
    """uvicorn's connection, with an end to waiting for a request, and a bound on their number.

    uvicorn waits for ever for the rest of a request, with all that has come of it in memory, and
    takes connections until the process may open no more files.
    """

    patience = REQUEST_SECONDS

    @property
    def most(self) -> int:
        """How many connections there may be; the ledger, GitHub and Depot need files, too."""
        return max(8, min(1000, _open_files() // 2))

    def connection_made(  # type: ignore[override]  # as uvicorn has it
        self, transport: asyncio.Transport
    ) -> None:
        super().connection_made(transport)
        self._waits_since: float | None = self.loop.time()
        self._stalled_since: float | None = None
        self._beside_body = 0
        self._look()
        if len(self.connections) > self.most:
            self._make_room()

    def _make_room(self) -> None:
        """Close the connection that has waited longest for its client; this one, when all others
        are being answered."""
        waiting = [
            (other._since, other) for other in self.connections if isinstance(other, Connection)
        ]
        _, oldest = min(waiting, key=itemgetter(0))
        # Closing takes effect a little later, and the next connection may be here before.
        self.connections.discard(oldest)
        oldest.transport.abort()

    @property
    def _since(self) -> float:
        """Since when the client has sent nothing of what it should, or read nothing of its answer;
        never, while it is being answered."""
        since = (one for one in (self._waits_since, self._stalled_since) if one is not None)
        return min(since, default=math.inf)

    def data_received(self, data: bytes) -> None:
        self._beside_body += len(data)
        super().data_received(data)
        if self._beside_body > MAX_HEAD:
            self.transport.abort()

    def pause_writing(self) -> None:
        self._stalled_since = self.loop.time()
        super().pause_writing()

    def resume_writing(self) -> None:
        self._stalled_since = None
        super().resume_writing()

    def on_message_begin(self) -> None:
        if len(self.pipeline) >= MAX_PIPELINED:
            raise ValueError("too many requests at once")  # which uvicorn answers with 400
        self._waits_since = self.loop.time()
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        if len(self.url) > MAX_URL:
            raise ValueError("the address is too long")

    def on_body(self, body: bytes) -> None:
        # Chunks have their sizes beside them: as much as in them may come, and a head's worth more.
        self._beside_body = max(0, self._beside_body - 2 * len(body))
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._beside_body = 0
        super().on_message_complete()
        # The answer may be out already: a body that nobody wants is not waited for.
        self._waits_since = self.loop.time() if self._is_idle else None

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self._is_idle:
            self._waits_since = self.loop.time()

    @property
    def _is_idle(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def connection_lost(self, exc: Exception | None) -> None:
        self._next_look.cancel()
        super().connection_lost(exc)

    def _look(self) -> None:
        """Hang up when the rest of a request has not come, or an answer is not read; otherwise
        look again later.

        One timer for each connection: one for each request would cost more than reading it.
        """
        now = self.loop.time()
        since = min(self._since, now)
        if now - since >= self.patience:
            self.transport.abort()
        else:
            self._next_look = self.loop.call_at(since + self.patience, self._look)
