"""The HTTP server: uvicorn, as the bot needs it."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

STOP_SECONDS = 20
"""How long open connections may take to end when the server is stopped."""

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
        timeout_graceful_shutdown=STOP_SECONDS,
    )


async def listen(app: ASGIApp, host: str, port: int) -> int:
    """Serve until told to stop (SIGINT, SIGTERM); the process's exit status."""
    server = _Server(configuration(app, host, port))
    await server.serve()
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


class Connection(HttpToolsProtocol):
    """uvicorn's connection, with an end to waiting for a request.

    uvicorn waits for ever for the rest of one, with all that has come of it in memory.
    """

    patience = REQUEST_SECONDS

    def connection_made(  # type: ignore[override]  # as uvicorn has it
        self, transport: asyncio.Transport
    ) -> None:
        super().connection_made(transport)
        self._waits_since: float | None = self.loop.time()
        self._look()

    def on_message_begin(self) -> None:
        self._waits_since = self.loop.time()
        super().on_message_begin()

    def on_message_complete(self) -> None:
        self._waits_since = None
        super().on_message_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        self._next_look.cancel()
        super().connection_lost(exc)

    def _look(self) -> None:
        """Hang up when the rest of a request has not come; otherwise look again later.

        One timer for each connection: one for each request would cost more than reading it.
        """
        now = self.loop.time()
        since = now if self._waits_since is None else self._waits_since
        if now - since >= self.patience:
            self.transport.abort()
        else:
            self._next_look = self.loop.call_at(since + self.patience, self._look)
