"""Starting a run once.

Depot's `Run` carries nothing to recognise a repeated call by. So the intent is stored first, with
the runs that are there already; then `Run` is called once. When its outcome stays unknown, the new
run is looked for in ListRuns for a while. One that could be it is adopted, several are named, and
only if there is none is `Run` sent once more (bot/depot/README.md, "Starting a run once").
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from bot.commands.base import Answer, Outcome, RetryLater, TrackRuns
from bot.core.backoff import POLLING, START_SEARCH
from bot.core.clock import Clock
from bot.core.models import Claim, StartAttempt, StartRequest, TrackedRun, WorkItem
from bot.core.reasons import Reason
from bot.core.runs import ListedRun, Run
from bot.core.types import CommandId, Sha
from bot.depot.client import Depot, DepotError, DepotNotReached, DepotRefused, DepotUnavailable
from bot.messages import refusals, runs
from bot.parsing.workflow_file import path
from bot.storage.ledger import Ledger, StartInProgress

WINDOW_SECONDS = 45.0
"""How long a run is looked for after a call whose outcome is unknown."""

LATE_SECONDS = 300.0
"""How long after sending again the run of the first call is still looked for."""

SKEW_SECONDS = 120.0
"""How far Depot's clock may be behind ours."""

TRIGGER = "api"
"""The trigger of runs that `Run` makes (believed: bot/depot/README.md, "Run")."""

DISPATCH_TRIGGER = "workflow_dispatch"
"""The trigger of runs that `DispatchWorkflow` makes (believed: bot/depot/README.md,
"DispatchWorkflow")."""


@dataclass(frozen=True, slots=True)
class Starter:
    """Starts runs for one claimed request."""

    depot: Depot
    ledger: Ledger
    clock: Clock
    claim: Claim

    async def before(self, start: StartRequest) -> list[ListedRun]:
        """The runs that are there already: none of them can be the one to be started."""
        if start.branch:
            # A dispatch runs what the branch points to when it arrives: maybe another commit.
            return await self.depot.newest_runs(start.repo, DISPATCH_TRIGGER)
        return await self.depot.runs(start.repo, start.sha, trigger=TRIGGER)

    async def send(
        self,
        command_id: CommandId,
        start: StartRequest,
        before: Sequence[ListedRun],
        lost: StartAttempt | None = None,
    ) -> Outcome:
        """Note the intent, then call `Run` once.

        *lost* is the intent of a first call that left no trace. DepotNotReached is raised when
        nothing was sent; any other doubt is resolved here or answered with Wait.
        """
        ids = tuple(run.run_id for run in before)
        noted = StartAttempt(0, command_id, start, ids, self.clock.now(), 0, "open")
        try:
            intent = await self.ledger.add_start_attempt(self.claim, noted, lost)
        except StartInProgress:
            return RetryLater(2.0, runs.waiting_for_other_start())
        try:
            run = await self._call(start)
        except DepotNotReached:
            await self.ledger.save_start_attempt(self.claim, replace(intent, outcome="unsent"))
            raise
        except DepotUnavailable as unknown:
            if unknown.retry_after:
                return RetryLater(unknown.retry_after, runs.looking_for_run())
            return await self.resume(intent, is_second=lost is not None)
        except DepotRefused as no:
            return Answer(
                refusals.depot_refused(no.code, no.message),
                reason=Reason.from_depot(no.code),
                settles=replace(intent, outcome="refused"),
            )
        return await self._started(intent, run, runs.started_again() if lost else "")

    async def _call(self, start: StartRequest) -> Run:
        if start.branch:
            return await self.depot.dispatch(start.repo, start.workflow, start.branch, start.inputs)
        return await self.depot.run(
            start.repo,
            start.sha,
            workflow=path(start.workflow) if start.workflow else None,
            content=start.content,
            job=start.job or None,
        )

    async def resume(self, intent: StartAttempt, *, is_second: bool) -> Outcome:
        """Find out what became of a call whose outcome is unknown.

        *is_second* says that a first call before this one left no trace either.
        """
        candidates = await self._candidates(intent)
        fitting = [run for run in candidates if _fits(intent.start, run)]
        pending = [run for run in candidates if not run.workflows and not run.is_over]
        is_last_look = self.clock.now() >= intent.created_at + WINDOW_SECONDS
        if is_last_look:
            fitting += pending
            pending = []
        if len(fitting) > 1:
            return Answer(
                runs.ambiguous_start([run.run_id for run in fitting]),
                reason=Reason.START_AMBIGUOUS,
                settles=replace(intent, outcome="ambiguous"),
            )
        if fitting and not pending:
            return await self._started(intent, fitting[0], runs.adopted())
        if not is_last_look:
            await self.ledger.save_start_attempt(
                self.claim, replace(intent, searches=intent.searches + 1)
            )
            return RetryLater(START_SEARCH.pause(intent.searches), runs.looking_for_run())
        lost = replace(intent, outcome="lost")
        if is_second:
            return Answer(runs.start_unknown(), reason=Reason.START_UNKNOWN, settles=lost)
        before = await self.before(intent.start)
        return await self.send(intent.command_id, intent.start, before, lost)

    async def late(self, request: WorkItem) -> list[TrackedRun]:
        """Runs of first calls that came to light only after the call was sent again."""
        return [
            self._followed(intent, run, runs.late_twin())
            for intent in _watched(request, self.clock.now())
            for run in await self._candidates(intent)
            if _fits(intent.start, run)
        ]

    async def _candidates(self, intent: StartAttempt) -> list[Run]:
        """New runs on the commit that no command of ours has claimed, with their trees."""
        new = [
            run
            for run in await self.before(intent.start)
            if run.run_id not in intent.runs_before
            and (run.created is None or run.created >= intent.created_at - SKEW_SECONDS)
        ]
        claimed = await self.ledger.known_run_ids([run.run_id for run in new])
        unclaimed = [run for run in new if run.run_id not in claimed]
        return [await self.depot.run_status(run.run_id) for run in unclaimed]

    async def _started(self, intent: StartAttempt, run: Run, note: str) -> Outcome:
        followed = self._followed(intent, run, note)
        if intent.start.branch:
            followed = replace(followed, sha=await self._dispatched_commit(intent, run))
        return TrackRuns((followed,), settles=replace(intent, outcome="started"))

    async def _dispatched_commit(self, intent: StartAttempt, run: Run) -> Sha:
        """What a dispatch really runs: the branch may have moved after we looked."""
        try:
            return (await self.depot.listed_run(run.run_id)).sha or intent.start.sha
        except DepotError:
            return intent.start.sha

    def _followed(self, intent: StartAttempt, run: Run, note: str) -> TrackedRun:
        now = self.clock.now()
        start = intent.start
        return TrackedRun(
            command_id=intent.command_id,
            run=run,
            repo=start.repo,
            sha=start.sha,
            workflow=start.workflow,
            job=start.job,
            tracked_since=now,
            is_inline=bool(start.content),
            in_fork=start.in_fork,
            note="\n\n".join(text for text in (note, start.note) if text),
            next_poll_at=now + POLLING.first,
        )


def is_watched(request: WorkItem, now: float) -> bool:
    """Whether a run of a lost first call may still come to light."""
    return bool(_watched(request, now))


def _watched(request: WorkItem, now: float) -> list[StartAttempt]:
    """The lost calls whose runs are still looked for."""
    watch = WINDOW_SECONDS + LATE_SECONDS
    return [i for i in request.start_attempts if i.outcome == "lost" and now < i.created_at + watch]


def _fits(start: StartRequest, run: Run) -> bool:
    """Whether a run may be what *start* asked for, judging by its compiled tree."""
    if not run.workflows:
        return False
    names = [workflow.path.rpartition("/")[2] for workflow in run.workflows]
    if start.workflow and names != [start.workflow]:
        return False
    if start.content and any(names):
        return False
    if start.job and run.jobs:
        return all(job.status == "skipped" or start.job in job.key.split(":") for job in run.jobs)
    return True
