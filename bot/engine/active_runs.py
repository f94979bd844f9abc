"""Depot's active runs, listed at once for all that are followed: what has moved is polled now.

A listing tells only how a run as a whole stands. It is worth its pages when several runs are
followed: then none of them is asked for but to read its jobs, and when it has moved. For a few,
asking for each is as cheap.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol

import structlog

from bot.core.backoff import POLLING
from bot.core.clock import Clock
from bot.core.models import TrackedRun
from bot.core.types import RunId
from bot.depot.client import Depot, DepotError

LISTING_SECONDS = 5.0
"""Pause between two listings, in one process of all that share the ledger."""

SECONDS_PER_PAGE = 1.0
RUNS_PER_PAGE = 100
"""The pause is longer where very many runs are active, so that no more pages are read in it."""

FEW_RUNS = 3
"""Up to so many followed runs are asked for one by one."""

MANY_RUNS = 100
"""Above this many, each is polled at the longest interval from the start."""

VERY_MANY_RUNS = 1000
JOBS_SECONDS = 30.0
MANY_JOBS_SECONDS = 120.0
"""How old the table of jobs of a run that moves may become: up to VERY_MANY_RUNS, and above."""

log = structlog.get_logger()


class FollowedRuns(Protocol):
    """What the ledger knows of the runs that are followed."""

    async def count_followed(self) -> int: ...

    async def wake_runs(self, run_ids: Sequence[RunId]) -> bool: ...

    async def reread_runs(self, run_ids: Sequence[RunId]) -> bool: ...

    async def claim_periodic_job(self, name: str, every: float) -> bool: ...


class ActiveRuns:
    """Lists the organisation's active runs now and then, and says how long a run needs no poll."""

    def __init__(
        self, depot: Depot, clock: Clock, runs: FollowedRuns, organisation: str = ""
    ) -> None:
        self._depot = depot
        self._clock = clock
        self._runs = runs
        self._job = f"active runs {organisation}".strip()
        self._followed = 0
        self._listed: dict[RunId, str] | None = None
        self._pause = LISTING_SECONDS
        self._valid_until = -math.inf
        """Until when somebody is taken to list them."""

    async def look(self) -> None:
        """List the active runs when several are followed, unless another process does, and make
        those due that have moved since the last time. Raises LedgerUnavailable."""
        self._followed = await self._runs.count_followed()
        if self._followed <= FEW_RUNS:
            self._listed = None
            self._valid_until = -math.inf
            return
        self._valid_until = self._clock.now() + 3 * self._pause
        if await self._runs.claim_periodic_job(self._job, self._pause):
            await self._list()

    async def _list(self) -> None:
        try:
            states = await self._depot.active_runs()
        except DepotError as error:
            # Each run is asked for by itself meanwhile.
            log.warning("active_runs_unavailable", error=str(error))
            self._valid_until = -math.inf
            return
        self._pause = max(LISTING_SECONDS, len(states) / RUNS_PER_PAGE * SECONDS_PER_PAGE)
        before, self._listed = self._listed, states
        if before is not None:
            moved = [run_id for run_id, state in before.items() if states.get(run_id) != state]
            await self._runs.wake_runs(moved)
        # One that is over for us may have gone again.
        await self._runs.reread_runs(sorted(states.keys() - (before or {}).keys()))

    def pause(self, tracked: TrackedRun, at_least: float | None = None) -> float:
        """Seconds after which a run that goes on is polled again, unless a listing shows before
        that it has moved."""
        grown = POLLING.pause(tracked.polls, at_least)
        is_listed = self._clock.now() < self._valid_until
        if not is_listed or (self._followed <= MANY_RUNS and grown < POLLING.longest):
            return grown
        is_slow = tracked.run.status == "queued" or self._followed > VERY_MANY_RUNS
        return max(MANY_JOBS_SECONDS if is_slow else JOBS_SECONDS, at_least or 0.0)
