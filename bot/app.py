"""The web application: an app factory, routes as one list, no state at import."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial

import structlog
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bot import metrics, webhooks
from bot.archive import Archive
from bot.doctor import Finding, ledger_finding, outside_findings
from bot.pages import Pages, guarded
from bot.services import Services, working
from bot.store import LedgerUnavailable

log = structlog.get_logger()


def create_app(services: Services, *, run_worker: bool = True) -> Starlette:
    """The bot's web application over its services.

    Without *run_worker* due work waits until somebody calls `services.worker.drain`.
    """

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        if not run_worker:
            yield
            return
        async with working(services):
            yield

    door = Door(services)
    archive = Archive(services.store)
    password = services.settings.admin_password
    pages = Pages(
        archive, services.ledger, services.github.rate_limits, partial(_check, services), password
    )
    figures = Figures(services.metrics, archive)
    return Starlette(
        routes=[
            Route("/webhook", door.webhook, methods=["POST"]),
            Route("/healthz", door.alive),
            Route("/readyz", door.ready),
            Route("/metrics", guarded(figures.metrics, password)),
            *pages.routes(),
        ],
        lifespan=lifespan,
    )


async def _check(services: Services) -> list[Finding]:
    settings, github, depot = services.settings, services.github, services.depot
    outside = await outside_findings(settings, github, depot, services.clock.now())
    return [*outside, await ledger_finding(services.ledger)]


class Door:
    """What the outside can ask of the bot."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._secrets = services.settings.webhook_secrets
        self._metrics = services.metrics

    async def webhook(self, request: Request) -> Response:
        """Verify, read, store, answer; nobody upstream is called."""
        body = await _body(request)
        if body is None:
            self._metrics.delivered("rejected")
            return _problem(413, f"the body is larger than {webhooks.MAX_BODY} bytes")
        headers: Mapping[str, str] = request.headers
        try:
            webhooks.verify(headers, body, self._secrets)
            delivery = webhooks.delivery(headers)
            event = webhooks.read(delivery, body)
        except webhooks.Rejected as no:
            log.warning("delivery turned away", status=no.status, why=str(no))
            self._metrics.delivered("rejected")
            return _problem(no.status, str(no))
        try:
            result = await self._store(delivery, event)
        except LedgerUnavailable as error:
            log.error("a delivery could not be stored", error=str(error), delivery=delivery.guid)
            self._metrics.delivered("failed")
            return _problem(503, "the ledger cannot store it")
        self._metrics.delivered(result)
        if result == "queued":
            self._services.worker.wake()
        return JSONResponse({"result": result}, 202)

    async def _store(self, delivery: webhooks.Delivery, event: webhooks.Event) -> str:
        """Put what happened on disk; what the sender is told."""
        ledger = self._services.ledger
        match event:
            case webhooks.CommentWritten(comments):
                return "queued" if await ledger.accept(delivery, comments) else "duplicate"
            case webhooks.HeadSet():
                return "queued" if await ledger.accept_head(delivery, event) else "duplicate"
            case webhooks.CheckMoved(repo, sha):
                return "queued" if await ledger.wake(repo, sha) else "ignored"
        return "ignored"

    async def alive(self, _: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def ready(self, _: Request) -> Response:
        try:
            await self._services.ledger.check()
        except LedgerUnavailable as error:
            return JSONResponse({"status": "unavailable", "database": str(error)}, 503)
        return JSONResponse({"status": "ok"})


class Figures:
    """What Prometheus comes for."""

    def __init__(self, counted: metrics.Metrics, archive: Archive) -> None:
        self._counted = counted
        self._archive = archive

    async def metrics(self, _: Request) -> Response:
        try:
            queue = await self._archive.queue()
        except LedgerUnavailable as error:
            log.error("the ledger cannot be read", error=str(error))
            queue = None
        return Response(self._counted.text(queue), media_type=metrics.CONTENT_TYPE)


async def _body(request: Request) -> bytes | None:
    """The body; none when it is too large, which is found out without reading it all."""
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length) > webhooks.MAX_BODY:
        return None
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > webhooks.MAX_BODY:
            return None
        chunks.append(chunk)
    return b"".join(chunks)


def _problem(status: int, detail: str) -> Response:
    """One shape for every error."""
    return JSONResponse({"error": detail}, status)
