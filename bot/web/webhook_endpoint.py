"""`POST /webhook`: verify, read, store, answer; nobody upstream is called.

Most deliveries are none of the bot's business, and they come in the greatest number. So this is a
plain ASGI application (asgi.readthedocs.io, "HTTP Connection Scope") and not a handler of requests:
what a delivery is gets decided from its headers and the bytes of its body alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence

import structlog
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from bot.core import deliveries
from bot.github import webhooks
from bot.ops.metrics import Metrics
from bot.storage.database import LedgerUnavailable
from bot.storage.ledger import Ledger
from bot.web.request_body import Bodies, Disconnected

READ = {name.encode(): name for name in ("content-length", *webhooks.HEADERS)}
"""Headers that are looked at, as a server names them."""

SMALL_BODY = 1024 * 1024
"""Bytes whose signature is checked at once; a larger body would hold up others."""

STORE_SECONDS = 8.0
"""How long the ledger may take: GitHub waits for ten seconds. What is stored later is a duplicate
when it is sent again."""

log = structlog.get_logger()


class WebhookEndpoint:
    """Where webhooks come in. *secrets* gives those of the moment; *wake* is called when there is
    something to do."""

    def __init__(
        self,
        ledger: Ledger,
        secrets: Callable[[], Sequence[str]],
        metrics: Metrics,
        wake: Callable[[], None],
        store_seconds: float = STORE_SECONDS,
    ) -> None:
        self._ledger = ledger
        self._secrets = secrets
        self._metrics = metrics
        self._wake = wake
        self._store_seconds = store_seconds
        self._bodies = Bodies()
        self._accepted = {
            result: JSONResponse({"result": result}, 202)
            for result in ("queued", "ignored", "duplicate")
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            answer = await self._answer(_headers(scope), receive)
        except Disconnected:
            log.warning("delivery_incomplete")
            self._metrics.count_delivery("rejected")
            return
        await answer(scope, receive, send)

    async def _answer(self, headers: Mapping[str, str], receive: Receive) -> JSONResponse:
        try:
            # Without a signature nothing of the body is taken.
            webhooks.signature(headers)
            body = await self._bodies.read(headers, receive)
            if len(body) <= SMALL_BODY:
                webhooks.verify(headers, body, self._secrets())
            else:
                await asyncio.to_thread(webhooks.verify, headers, body, self._secrets())
            delivery = webhooks.delivery(headers)
            event = webhooks.read(delivery, body)
        except webhooks.DeliveryRejected as no:
            log.warning("delivery_rejected", status=no.status, error=str(no))
            self._metrics.count_delivery("rejected")
            return _problem(no.status, str(no))
        if isinstance(event, deliveries.Ignored):
            return self._accept("ignored")
        try:
            async with asyncio.timeout(self._store_seconds):
                result = await self._store(delivery, event)
        except (LedgerUnavailable, TimeoutError) as error:
            why = str(error) or "the ledger takes too long"
            log.error("delivery_not_stored", error=why, delivery=delivery.guid)
            self._metrics.count_delivery("failed")
            return _problem(503, "the ledger cannot store it")
        if result == "queued":
            self._wake()
        return self._accept(result)

    def _accept(self, result: str) -> JSONResponse:
        self._metrics.count_delivery(result)
        return self._accepted[result]

    async def _store(self, delivery: deliveries.Delivery, event: deliveries.Stored) -> str:
        """Store the event; the result for the sender."""
        match event:
            case deliveries.CommentWritten(comments):
                is_new = await self._ledger.inbox.accept(delivery, comments)
                return "queued" if is_new else "duplicate"
            case deliveries.HeadChanged():
                is_new = await self._ledger.inbox.accept_head(delivery, event)
                return "queued" if is_new else "duplicate"
            case deliveries.CheckRunChanged(repo, sha):
                return "queued" if await self._ledger.queue.wake(repo, sha) else "ignored"


def _headers(scope: Scope) -> dict[str, str]:
    """The headers that are looked at; a server gives their names in lower case. Of repeated ones
    the last counts."""
    return {READ[name]: value.decode("latin-1") for name, value in scope["headers"] if name in READ}


def _problem(status: int, detail: str) -> JSONResponse:
    """One shape for every error."""
    return JSONResponse({"error": detail}, status)
