"""The web application: an app factory, routes as one list, no state at import."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import structlog
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bot.ops import metrics as metrics_
from bot.ops.diagnostics import Finding, ledger_finding, outside_findings, warnings
from bot.ops.readiness import Readiness
from bot.services import Services, working
from bot.storage.database import LedgerUnavailable
from bot.storage.items import Items
from bot.storage.job_failures import JobFailures
from bot.storage.ledger import Ledger
from bot.storage.status_queries import StatusQueries
from bot.web.auth import Access
from bot.web.pages import guarded, login, redirect
from bot.web.prefix import path_of, without_prefix
from bot.web.status_pages import Pages
from bot.web.webhook_endpoint import WebhookEndpoint

log = structlog.get_logger()


def create_app(
    services: Services, access: Access | None = None, *, run_worker: bool = True
) -> Starlette:
    """The bot's web application over its services.

    *access* says who sees the operator's pages, by default those who have ADMIN_PASSWORD. Without
    *run_worker* due work waits until somebody calls `services.worker.drain`.
    """

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        if not run_worker:
            yield
            return
        async with working(services):
            yield

    webhook_endpoint = WebhookEndpoint(
        services.ledger,
        lambda: services.settings.webhook_secrets,
        services.metrics,
        services.worker.wake,
    )
    health = Health(services.ledger, services.readiness)
    reader = services.store.reader
    status_queries = StatusQueries(reader)
    settings = services.settings
    access = access or Access.with_password(settings.admin_password)
    base = path_of(settings.public_url)
    pages = Pages(
        status_queries,
        Items(reader).load,
        services.github.rate_limits,
        partial(_check, services),
        access,
        JobFailures(reader).flaky,
        base,
    )
    metrics_endpoint = MetricsEndpoint(services.metrics, status_queries)
    app = Starlette(
        routes=[
            Route("/webhook", webhook_endpoint, methods=["POST"]),
            Route("/healthz", health.alive),
            Route("/readyz", health.ready),
            Route("/metrics", guarded(metrics_endpoint.metrics, access)),
            # The set-up is over.
            Route("/setup", redirect(f"{base}/")),
            Route("/setup/done", redirect(f"{base}/")),
            *login(access, leads_to="/", public_url=settings.public_url),
            *pages.routes(),
        ],
        lifespan=lifespan,
        middleware=without_prefix(base),
    )
    # Such a redirect would lead where the request's Host says.
    app.router.redirect_slashes = False
    return app


async def _check(services: Services) -> list[Finding]:
    outside = await outside_findings(
        services.settings, services.github, services.organisations, services.clock.now()
    )
    doubts = warnings(services.settings)
    return [*doubts, *outside, await ledger_finding(services.ledger)]


class Health:
    """Whether the bot is alive, and able to work."""

    def __init__(self, ledger: Ledger, readiness: Readiness) -> None:
        self._ledger = ledger
        self._readiness = readiness

    async def alive(self, _: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def ready(self, _: Request) -> Response:
        try:
            await self._ledger.queue.check()
        except LedgerUnavailable as error:
            return JSONResponse({"status": "unavailable", "database": str(error)}, 503)
        if problems := self._readiness.problems:
            return JSONResponse({"status": "unavailable", **problems}, 503)
        return JSONResponse({"status": "ok"})


class MetricsEndpoint:
    """What Prometheus comes for."""

    def __init__(self, counted: metrics_.Metrics, status_queries: StatusQueries) -> None:
        self._counted = counted
        self._archive = status_queries

    async def metrics(self, _: Request) -> Response:
        try:
            queue = await self._archive.queue()
            text = self._counted.text(queue, await self._archive.writes_left())
        except LedgerUnavailable as error:
            log.error("ledger_unavailable", error=str(error))
            text = self._counted.text(None)
        return Response(text, media_type=metrics_.CONTENT_TYPE)
