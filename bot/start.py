"""Starting a run once.

Depot's `Run` carries nothing to recognise a repeated call by (depot-api.md section 9). So the
intent is stored first, together with the runs that are there already; then `Run` is called once.
When its outcome stays unknown, the new run is looked for in ListRuns, for a while; if it shows it
is adopted, if several could be it they are named, and only if none shows is `Run` sent once more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from bot import replies
from bot.clock import Clock
from bot.commands.base import Answer, Follow, Said, Wait
from bot.depot import Depot, DepotNotReached, DepotRefused, DepotUnavailable, ListedRun
from bot.ledger import IntentBusy, Ledger
from bot.records import Claim, FollowedRun, Intent, Request, Start
from bot.types import CommandId, Run, RunId
from bot.workflows import path

WINDOW_SECONDS = 45.0
"""How long a run is looked for after a call whose outcome is unknown."""

LATE_SECONDS = 300.0
"""How long after sending again the run of the first call is still looked for."""

SKEW_SECONDS = 120.0
"""How far Depot's clock may be behind ours."""

TRIGGER = "api"
"""The trigger of runs that `Run` makes (observed, not documented: depot-api.md 8.1)."""


@dataclass(frozen=True, slots=True)
class Starter:
    """Starts runs for one claimed request."""

    depot: Depot
    ledger: Ledger
    clock: Clock
    claim: Claim

    async def before(self, start: Start) -> tuple[RunId, ...]:
        """The runs on the commit now: what is there already cannot be the one to be started."""
        return tuple(RunId(run.run_id) for run in await self._listed(start))

    async def send(
        self,
        command_id: CommandId,
        start: Start,
        before: Sequence[RunId],
        lost: Intent | None = None,
    ) -> Answer:
        """Note the intent, then call `Run` once.

        *lost* is the intent of a first call that left no trace. DepotNotReached is raised when
        nothing was sent; any other doubt is resolved here or answered with Wait.
        """
        noted = Intent(0, command_id, start, tuple(before), self.clock.now(), 0, "open")
        try:
            intent = await self.ledger.note_intent(self.claim, noted, lost)
        except IntentBusy:
            return Wait(2.0, replies.waiting_for_other_start())
        try:
            run = await self.depot.run(
                start.repo,
                start.sha,
                workflow=path(start.workflow) if start.workflow else None,
                content=start.content,
                job=start.job or None,
            )
        except DepotNotReached:
            await self.ledger.update_intent(self.claim, replace(intent, outcome="unsent"))
            raise
        except DepotUnavailable:
            return await self.resume(intent, is_second=lost is not None)
        except DepotRefused as no:
            return Said(
                replies.depot_refused(no.code, no.message),
                reason=f"depot-{no.code}",
                closes=replace(intent, outcome="refused"),
            )
        return self._started(intent, run, replies.started_again() if lost else "")

    async def resume(self, intent: Intent, *, is_second: bool) -> Answer:
        """Find out what became of a call whose outcome is unknown.

        *is_second* says that a first call before this one left no trace either.
        """
        candidates = await self._candidates(intent)
        fitting = [run for run in candidates if _fits(intent.start, run)]
        pending = [run for run in candidates if not run.workflows and not run.is_over]
        is_last_look = self.clock.now() >= intent.noted_at + WINDOW_SECONDS
        if is_last_look:
            fitting += pending
            pending = []
        if len(fitting) > 1:
            return Said(
                replies.ambiguous_start([run.run_id for run in fitting]),
                reason="start-ambiguous",
                closes=replace(intent, outcome="ambiguous"),
            )
        if fitting and not pending:
            return self._started(intent, fitting[0], replies.adopted())
        if not is_last_look:
            await self.ledger.update_intent(self.claim, replace(intent, looks=intent.looks + 1))
            return Wait(_pause(intent.looks), replies.looking_for_run())
        lost = replace(intent, outcome="lost")
        if is_second:
            return Said(replies.start_unknown(), reason="start-unknown", closes=lost)
        before = await self.before(intent.start)
        return await self.send(intent.command_id, intent.start, before, lost)

    async def late(self, request: Request) -> list[FollowedRun]:
        """Runs of first calls that came to light only after the call was sent again."""
        found: list[FollowedRun] = []
        for intent in request.intents:
            if intent.outcome == "lost" and self.clock.now() < _watched_until(intent):
                found += [
                    self._followed(intent, run, replies.late_twin())
                    for run in await self._candidates(intent)
                    if _fits(intent.start, run)
                ]
        return found

    async def _candidates(self, intent: Intent) -> list[Run]:
        """New runs on the commit that no command of ours has claimed, with their trees."""
        new = [
            run
            for run in await self._listed(intent.start)
            if run.run_id not in intent.before
            and (run.created is None or run.created >= intent.noted_at - SKEW_SECONDS)
        ]
        claimed = await self.ledger.claimed_runs([RunId(run.run_id) for run in new])
        return [
            await self.depot.run_status(RunId(run.run_id))
            for run in new
            if run.run_id not in claimed
        ]

    async def _listed(self, start: Start) -> list[ListedRun]:
        return await self.depot.runs(start.repo, start.sha, trigger=TRIGGER)

    def _started(self, intent: Intent, run: Run, note: str) -> Answer:
        return Follow(
            (self._followed(intent, run, note),), closes=replace(intent, outcome="started")
        )

    def _followed(self, intent: Intent, run: Run, note: str) -> FollowedRun:
        now = self.clock.now()
        return FollowedRun(
            command_id=intent.command_id,
            run=run,
            repo=intent.start.repo,
            sha=intent.start.sha,
            workflow=intent.start.workflow,
            job=intent.start.job,
            followed_since=now,
            note=note,
            next_look_at=now + 2.0,
        )


def is_watched(request: Request, now: float) -> bool:
    """Whether a run of a lost first call may still come to light."""
    return any(i.outcome == "lost" and now < _watched_until(i) for i in request.intents)


def _watched_until(intent: Intent) -> float:
    return intent.noted_at + WINDOW_SECONDS + LATE_SECONDS


def _pause(looks: int) -> float:
    return float(min(2**looks, 8))


def _fits(start: Start, run: Run) -> bool:
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
