"""What is done now and then: deliveries that never reached us, and rows that are old.

GitHub does not redeliver by itself (bot/github/README.md, "Missed deliveries"). A redelivery keeps
its guid, so one that we know already folds into what is known.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from bot.core.clock import DAY, Clock
from bot.github import webhooks
from bot.github.api import FailedDelivery, GitHub
from bot.github.errors import Forbidden, GitHubError, NotFound, Unprocessable
from bot.storage.ledger import Ledger
from bot.storage.redeliveries import Redelivery
from bot.storage.retention import Deleted

WINDOW_SECONDS = 3 * DAY
"""How long GitHub redelivers (bot/github/README.md, "Missed deliveries")."""

FIRST_LOOK_SECONDS = 15 * 60.0
"""How far the first look of a new ledger goes back: what is older would not be run."""

LATE_ENTRY_SECONDS = 15 * 60.0
"""How much later than its time an entry may appear in GitHub's log."""

MAX_ASKED = 8
"""A delivery that has failed after being sent again so often, in half a day, is left alone."""

DELIVERIES_EVERY = 300.0
OLD_ROWS_EVERY = 300.0
RENAMES_EVERY = 60.0
"""Seconds from one sweep to the next."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Sweeper:
    ledger: Ledger
    github: GitHub
    clock: Clock
    keep_days: int
    """How long what is over is kept."""

    async def deliveries(self) -> None:
        """Have GitHub send again what failed since the last look and concerns us."""
        now = self.github.server_clock.now()
        since = await self.ledger.redeliveries.looked_until()
        if since is None:
            since = now - FIRST_LOOK_SECONDS
            await self.ledger.redeliveries.save_looked_until(since)
        if now - since > WINDOW_SECONDS:
            log.warning("deliveries_out_of_reach", since=since, days=WINDOW_SECONDS / DAY)
        newest: dict[str, FailedDelivery] = {}
        is_whole = True
        try:
            async for failed in self.github.failed_attempts(since - LATE_ENTRY_SECONDS):
                newest.setdefault(failed.guid, failed)
        except GitHubError as error:
            log.warning("missed_deliveries_lookup_failed", error=str(error))
            is_whole = False
        # Oldest first: commands are decided in the order of their comments.
        pending = await self._redeliver(list(reversed(newest.values())))
        if is_whole:
            # What may have to be asked for again has to be found again.
            oldest = min((failed.failed_at for failed in pending), default=now)
            await self.ledger.redeliveries.save_looked_until(min(oldest, now))

    async def _redeliver(self, failed: Sequence[FailedDelivery]) -> list[FailedDelivery]:
        """Have GitHub send these again, with growing pauses between the times that one is asked
        for; those whose outcome is still to be seen."""
        known = await self.ledger.redeliveries.known([delivery.guid for delivery in failed])
        pending = []
        for delivery in failed:
            before = known.get(delivery.guid, Redelivery(0, 0, 0.0))
            is_new = delivery.delivery_id != before.attempt_id
            if delivery.event not in webhooks.EVENTS or not is_new or before.asked >= MAX_ASKED:
                continue
            pending.append(delivery)
            pause = DELIVERIES_EVERY * 2.0 ** (before.asked - 1) if before.asked else 0.0
            if self.clock.now() - before.asked_at < pause:
                continue
            try:
                await self._ask_again(delivery, before)
            except GitHubError as error:
                log.warning("missed_deliveries_lookup_failed", error=str(error))
                return [*failed]
        return pending

    async def _ask_again(self, delivery: FailedDelivery, before: Redelivery) -> None:
        """One that GitHub will not send again must not keep the others from it. Raises
        GitHubError for other trouble."""
        attempt_id = delivery.delivery_id
        try:
            await self.github.redeliver(delivery.delivery_id)
        except (NotFound, Unprocessable, Forbidden) as error:
            log.warning("redelivery_refused", delivery=delivery.guid, error=str(error))
            attempt_id = before.attempt_id
        else:
            log.info("redelivery_requested", delivery=delivery.guid, kind=delivery.event)
        await self.ledger.redeliveries.save(delivery.guid, attempt_id, before.asked + 1)

    async def renames(self) -> None:
        """Have what is over go by the new names of repositories, too."""
        while await self.ledger.inbox.rename_some():
            pass

    async def old_rows(self) -> None:
        """Delete what is over and old."""
        before = await self.ledger.queue.now() - self.keep_days * DAY
        gone = 0
        while (deleted := await self.ledger.retention.delete_some(before)) != Deleted(0, 0):
            gone += deleted.work_items
        if gone:
            log.info("old_work_items_deleted", count=gone)
        while await self.ledger.retention.give_space_back():
            pass
