"""What is done now and then: deliveries that never reached us, and rows that are old.

GitHub does not redeliver by itself (bot/github/README.md, "Missed deliveries"). A redelivery keeps
its guid, so one that we know already folds into what is known.
"""

from __future__ import annotations

from dataclasses import dataclass

import structlog

from bot.core.clock import Clock
from bot.github import webhooks
from bot.github.api import FailedDelivery, GitHub
from bot.github.errors import Forbidden, GitHubError, NotFound, Unprocessable
from bot.storage.ledger import Ledger

WINDOW_SECONDS = 3 * 24 * 3600.0
"""How long GitHub redelivers (bot/github/README.md, "Missed deliveries")."""

MAX_ATTEMPTS = 8
"""After so many attempts at a delivery it is left alone."""

DELIVERIES_EVERY = 300.0
OLD_ROWS_EVERY = 3600.0
"""Seconds from one sweep to the next."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Sweeper:
    ledger: Ledger
    github: GitHub
    clock: Clock

    async def deliveries(self) -> None:
        """Have GitHub send again what failed and concerns us."""
        try:
            failed = await self.github.failed_deliveries(self.clock.now() - WINDOW_SECONDS)
            for delivery in failed:
                if delivery.event in webhooks.EVENTS and delivery.attempts < MAX_ATTEMPTS:
                    await self._redeliver(delivery)
        except GitHubError as error:
            log.warning("missed_deliveries_lookup_failed", error=str(error))

    async def _redeliver(self, delivery: FailedDelivery) -> None:
        """One that GitHub will not send again must not keep the others from it."""
        try:
            await self.github.redeliver(delivery.delivery_id)
        except (NotFound, Unprocessable, Forbidden) as error:
            log.warning("redelivery_refused", delivery=delivery.guid, error=str(error))
        else:
            log.info("redelivery_requested", delivery=delivery.guid, kind=delivery.event)

    async def old_rows(self) -> None:
        """Delete what is over and old."""
        if gone := await self.ledger.retention.delete_old():
            log.info("old_work_items_deleted", count=gone)
