"""Failed jobs go again by themselves, where the repository has a rule for them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import structlog

from bot.core.clock import Clock
from bot.core.models import BY_RULE, Claim, TrackedRun, WorkItem
from bot.depot.client import Depot, DepotError
from bot.rules import retries
from bot.rules.repository_config import Config
from bot.storage.ledger import Ledger

HOUR = 3600.0

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class RuleRetries:
    """Retries runs of a claimed work item by rule."""

    depot: Depot
    ledger: Ledger
    clock: Clock
    claim: Claim

    async def retry(self, item: WorkItem, run: TrackedRun, config: Config) -> bool:
        """Have the jobs of a run that has just failed go again, as far as rules want it; whether
        any does. The end of this attempt is stored first, with why it failed."""
        wanted = retries.jobs_to_retry(config, run)
        if not wanted or not await self._has_one_left(item):
            return False
        now = self.clock.now()
        # What nobody has announced is not over yet; a step that is cut here looks at it again.
        ended = replace(run, next_poll_at=now)
        if announced := next((r for r in item.runs if r.run.run_id == run.run.run_id), None):
            ended = replace(ended, awaited_end=announced.awaited_end)
        await self.ledger.items.save_runs(self.claim, [ended])
        has_moved = False
        for workflow, job in wanted:
            try:
                await self.depot.retry_job(workflow.workflow_id, job.job_id)
            except DepotError as error:
                # One that was done all the same shows as an attempt that nobody here asked for.
                log.warning("rule_retry_failed", run_id=run.run.run_id, error=str(error))
            else:
                has_moved = True
        if has_moved:
            log.info("run_retried_by_rule", run_id=run.run.run_id)
            await self.ledger.items.resume_tracking(run.run, now, BY_RULE)
        return True

    async def _has_one_left(self, item: WorkItem) -> bool:
        comment = item.comment
        lately = await self.ledger.items.runs_resumed_lately(comment.repo, comment.number, HOUR)
        return retries.count_retries(lately) < retries.MAX_RETRIES
