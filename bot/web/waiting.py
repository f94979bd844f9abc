"""Serving before the ledger can be reached: a PostgreSQL server may start later than the bot."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager

import structlog
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from bot.ops.settings import Settings
from bot.services import Services, open_services, working
from bot.storage.connect import is_shared
from bot.storage.database import LedgerUnavailable, LedgerUnusable
from bot.web.app import create_app
from bot.web.auth import Access

TRY_EVERY = 2.0
"""Seconds between two tries."""

log = structlog.get_logger()


@asynccontextmanager
async def open_bot(
    settings: Settings,
    access: Access,
    work: Callable[[Services], AbstractAsyncContextManager[None]] = working,
) -> AsyncIterator[tuple[ASGIApp, Awaitable[None] | None]]:
    """The bot's application, and what has to be awaited beside serving it, if anything; all closed
    again at the end. *work* does the bot's work.

    A PostgreSQL server that cannot be reached is waited for: it may come up later than the bot.
    Otherwise raises as `bot.storage.connect.open_store` does.
    """
    async with AsyncExitStack() as stack:

        async def start() -> ASGIApp:
            async with AsyncExitStack() as attempt:
                services = await attempt.enter_async_context(open_services(settings))
                await attempt.enter_async_context(work(services))
                # From here on it is no attempt: it stays open as long as all of this.
                stack.push_async_callback(attempt.pop_all().aclose)
            return create_app(services, access, run_worker=False)

        waiting: Waiting | None = None
        try:
            app = await start()
        except LedgerUnavailable as error:
            if isinstance(error, LedgerUnusable) or not is_shared(settings.database_url):
                raise
            app = waiting = Waiting(str(error), start)
        yield app, waiting.wait() if waiting else None


class Waiting:
    """The bot's application once its ledger can be reached; before that, one that says why not.

    *start* raises LedgerUnavailable as long as it cannot be.
    """

    def __init__(self, reason: str, start: Callable[[], Awaitable[ASGIApp]]) -> None:
        self._reason = reason
        self._start = start
        self._app: ASGIApp = Starlette(
            routes=[Route("/healthz", self._alive), Mount("/", self._unavailable)]
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(scope, receive, send)

    async def wait(self) -> None:
        """Try until it can be reached; raises LedgerUnusable when waiting does not help."""
        log.error("ledger_unavailable", error=self._reason)
        while True:
            await asyncio.sleep(TRY_EVERY)
            try:
                self._app = await self._start()
            except LedgerUnusable:
                raise
            except LedgerUnavailable as error:
                if str(error) != self._reason:
                    self._reason = str(error)
                    log.error("ledger_unavailable", error=self._reason)
            else:
                log.info("ledger_available")
                return

    async def _alive(self, _: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def _unavailable(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer = JSONResponse({"status": "unavailable", "database": self._reason}, 503)
        await answer(scope, receive, send)
