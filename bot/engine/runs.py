"""Starting and changing runs: the only code that does. Attempt, call, outcome.

Depot's `Run` carries nothing to recognise a repeated call by. So the attempt is stored first, with
the runs that are there already; then `Run` is called once. When its outcome stays unknown, the new
run is looked for in ListRuns for a while. One that could be it is adopted, several are named, and
only if there is none is `Run` sent once more (bot/depot/README.md, "Starting a run once"). A retry,
rerun or cancellation is stored first, too, with how the run stood.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

import structlog

from bot.commands.base import (
    Answer,
    Change,
    ChangeRun,
    ChangeRuns,
    Outcome,
    RetryLater,
    StartRuns,
    TrackRuns,
)
from bot.core import jobs
from bot.core.backoff import POLLING, START_SEARCH
from bot.core.clock import Clock
from bot.core.models import (
    BY_RULE,
    Claim,
    PendingChange,
    StartAttempt,
    StartRequest,
    TrackedRun,
    WorkItem,
)
from bot.core.reasons import Reason
from bot.core.runs import Job, ListedRun, Run, Workflow, is_over
from bot.core.types import CommandId, RepoName, RunId, Sha
from bot.depot.client import (
    LONGEST_PAUSE,
    Depot,
    DepotError,
    DepotNotReached,
    DepotRefused,
    DepotUnavailable,
)
from bot.engine.stored import SLOW_SECONDS, store_anew
from bot.messages import refusals, runs
from bot.parsing.workflow_file import path
from bot.rules import retries
from bot.rules.facts import RunsAtHead
from bot.rules.repository_config import Config
from bot.storage.items import StartInProgress
from bot.storage.ledger import Ledger

WINDOW_SECONDS = 45.0
"""How long a run is looked for after a call whose outcome is unknown."""

LATE_SECONDS = 300.0
"""How long after sending again the run of the first call is still looked for."""

SKEW_SECONDS = 120.0
"""How far Depot's clock may be behind ours."""

HOUR = 3600.0
"""Seconds in which retries by rule are counted."""

TRIGGER = "api"
"""The trigger of runs that `Run` makes (believed: bot/depot/README.md, "Run")."""

DISPATCH_TRIGGER = "workflow_dispatch"
"""The trigger of runs that `DispatchWorkflow` makes (believed: bot/depot/README.md,
"DispatchWorkflow")."""


log = structlog.get_logger()


async def runs_before(
    depot: Depot, repo: RepoName, sha: Sha, *, is_dispatch: bool
) -> list[ListedRun]:
    """The runs that are there already: none of them can be the one to be started."""
    if is_dispatch:
        # A dispatch runs what the branch points to when it arrives: maybe another commit.
        return await depot.newest_runs(repo, DISPATCH_TRIGGER)
    return await depot.runs(repo, sha, trigger=TRIGGER)


def unlisted(listed: Sequence[ListedRun], tracked: Sequence[TrackedRun]) -> list[ListedRun]:
    """Runs under way that are ours and that Depot does not list: it may know the repository by the
    name that it had when they were started."""
    known = {run.run_id for run in listed}
    return [
        ListedRun(one.run.run_id, one.repo, one.sha, TRIGGER, one.run.status, None)
        for one in tracked
        if one.run.run_id not in known and not one.run.is_over
    ]


@dataclass(frozen=True, slots=True)
class Runs:
    """Starts and changes runs for one claimed work item."""

    depot: Depot
    ledger: Ledger
    clock: Clock
    claim: Claim
    latest_start: float
    """Until when a run may be started."""
    started: Callable[[TrackedRun], None]
    """Called with each run that was started."""

    async def start(
        self, item: WorkItem, command_id: CommandId, wanted: StartRuns, before: RunsAtHead
    ) -> Outcome:
        """Start these runs, each once; or point to the same one that is under way, unless it is
        forced. What earlier steps started stays started, whatever becomes of the others."""
        if wanted.requests[0].times > 1:
            return await self._start_next(item, command_id, wanted, before)
        todo = left_to_start(item, command_id, wanted)
        outcome: Outcome = TrackRuns((), reason=Reason.STARTED)
        for place, request in enumerate(todo, start=1):
            request = replace(request, is_last=place == len(todo))
            outcome = await self._start_one(item, command_id, request, before, force=wanted.force)
            if request.is_last or not isinstance(outcome, TrackRuns):
                return outcome
            await self.ledger.items.save_start(self.claim, outcome.runs, outcome.settles)
        return outcome

    async def _start_next(
        self, item: WorkItem, command_id: CommandId, wanted: StartRuns, before: RunsAtHead
    ) -> Outcome:
        """Start one more of several runs of the same. What is said of doubles binds the first."""
        number = item.next_number(command_id)
        request = replace(wanted.requests[0], number=number)
        if number == 1:
            return await self._start_one(item, command_id, request, before, force=wanted.force)
        if await self.ledger.items.is_stopped(command_id):
            return Answer("", reason=Reason.CANCELLED)
        return await self.send(command_id, replace(request, note=""), before.listed)

    async def _start_one(
        self,
        item: WorkItem,
        command_id: CommandId,
        request: StartRequest,
        before: RunsAtHead,
        *,
        force: bool,
    ) -> Outcome:
        running = None if force else _same(request, before, command_id)
        if running is None:
            return await self.send(command_id, request, before.listed)
        # Who only repeats a command has not asked for its end.
        pointing = replace(running, command_id=command_id, awaited_end=None, number=0)
        return TrackRuns((await self._shown(item, pointing),), reason=Reason.ALREADY_RUNNING)

    async def send(
        self,
        command_id: CommandId,
        start: StartRequest,
        before: Sequence[ListedRun],
        lost: StartAttempt | None = None,
    ) -> Outcome:
        """Store the attempt, then call `Run` once.

        *lost* is the attempt of a first call that left no trace. Raises DepotNotReached when
        nothing was sent; any other doubt is resolved here or answered with RetryLater.
        """
        ids = tuple(run.run_id for run in before)
        new = StartAttempt(0, command_id, start, ids, self.clock.now(), 0, "open", start.repo)
        try:
            attempt = await self.ledger.items.add_start_attempt(self.claim, new, lost)
        except StartInProgress:
            return RetryLater(2.0, runs.waiting_for_other_start())
        if self.clock.now() - attempt.created_at > SLOW_SECONDS:
            # The lease may have ended, and somebody else may be looking for the run since then.
            unsent = replace(attempt, outcome="unsent")
            await self.ledger.items.save_start_attempt(self.claim, unsent)
            return RetryLater(START_SEARCH.first, "")
        try:
            run = await self._call(start)
        except DepotNotReached:
            await self.ledger.items.save_start_attempt(
                self.claim, replace(attempt, outcome="unsent")
            )
            raise
        except DepotUnavailable as unknown:
            if unknown.retry_after:
                pause = min(unknown.retry_after, LONGEST_PAUSE)
                return RetryLater(pause, runs.looking_for_run())
            return await self.resume(attempt, is_second=lost is not None)
        except DepotRefused as no:
            return Answer(
                refusals.depot_refused(no.code, no.message),
                reason=Reason.from_depot(no.code),
                settles=replace(attempt, outcome="refused"),
            )
        return await self._started(attempt, run, runs.started_again() if lost else "")

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

    async def resume(self, attempt: StartAttempt, *, is_second: bool) -> Outcome:
        """Find out what became of a call whose outcome is unknown.

        *is_second* says that a first call before this one left no trace either.
        """
        candidates = await self._candidates(attempt)
        fitting = [run for run in candidates if _fits(attempt.start, run)]
        pending = [run for run in candidates if not run.workflows and not run.is_over]
        is_last_look = self.clock.now() >= attempt.created_at + WINDOW_SECONDS
        if is_last_look:
            fitting += pending
            pending = []
        if len(fitting) > 1:
            return Answer(
                runs.ambiguous_start([run.run_id for run in fitting]),
                reason=Reason.START_AMBIGUOUS,
                settles=replace(attempt, outcome="ambiguous"),
            )
        if fitting and not pending:
            return await self._started(attempt, fitting[0], runs.adopted())
        if not is_last_look:
            await self.ledger.items.save_start_attempt(
                self.claim, replace(attempt, searches=attempt.searches + 1)
            )
            return RetryLater(START_SEARCH.pause(attempt.searches), runs.looking_for_run())
        lost = replace(attempt, outcome="lost")
        is_too_late = self.clock.now() > self.latest_start
        if is_second or is_too_late:
            return Answer(runs.start_unknown(), reason=Reason.START_UNKNOWN, settles=lost)
        before = await self._before(attempt)
        again = replace(attempt.start, repo=attempt.repo)
        return await self.send(attempt.command_id, again, before, lost)

    async def _before(self, attempt: StartAttempt) -> list[ListedRun]:
        # Depot may know a repository that was renamed by either name.
        start = attempt.start
        names = dict.fromkeys((start.repo, attempt.repo))
        is_dispatch = bool(start.branch)
        listings = [
            await runs_before(self.depot, name, start.sha, is_dispatch=is_dispatch)
            for name in names
        ]
        return list({run.run_id: run for runs_ in listings for run in runs_}.values())

    async def late(self, item: WorkItem) -> list[TrackedRun]:
        """Runs of first calls that came to light only after the call was sent again."""
        found: dict[RunId, TrackedRun] = {}
        for attempt in _watched(item, self.clock.now()):
            # A run that shows now may be that of the second call.
            if item.open_start_attempt(attempt.command_id) is not None:
                continue
            for run in await self._candidates(attempt):
                if run.run_id not in found and _fits(attempt.start, run):
                    # Its place may be that of the second call's run by now.
                    taken = sum(one.command_id == attempt.command_id for one in found.values())
                    number = item.next_number(attempt.command_id) + taken
                    late = replace(attempt, start=replace(attempt.start, number=number))
                    found[run.run_id] = self._followed(late, run, runs.late_twin())
        for tracked in found.values():
            self.started(tracked)
        return list(found.values())

    async def _candidates(self, attempt: StartAttempt) -> list[Run]:
        """New runs on the commit that no command of ours has claimed, with their trees."""
        new = [
            run
            for run in await self._before(attempt)
            if run.run_id not in attempt.runs_before
            and (run.created is None or run.created >= attempt.created_at - SKEW_SECONDS)
        ]
        claimed = await self.ledger.items.known_run_ids([run.run_id for run in new])
        unclaimed = [run for run in new if run.run_id not in claimed]
        return [await self.depot.run_status(run.run_id) for run in unclaimed]

    async def _started(self, attempt: StartAttempt, run: Run, note: str) -> Outcome:
        tracked = self._followed(attempt, run, note)
        if attempt.start.branch:
            tracked = replace(tracked, sha=await self._dispatched_commit(attempt, run))
        self.started(tracked)
        times = attempt.start.times
        return TrackRuns((tracked,), settles=replace(attempt, outcome="started"), times=times)

    async def _dispatched_commit(self, attempt: StartAttempt, run: Run) -> Sha:
        """What a dispatch really runs: the branch may have moved since it was read."""
        try:
            return (await self.depot.listed_run(run.run_id)).sha or attempt.start.sha
        except DepotError:
            return attempt.start.sha

    def _followed(self, attempt: StartAttempt, run: Run, note: str) -> TrackedRun:
        now = self.clock.now()
        start = attempt.start
        if note and start.times > 1:
            note = runs.about_run(start.number, note)
        return TrackedRun(
            command_id=attempt.command_id,
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
            awaited_end="",
            number=start.number if start.times > 1 else 0,
        )

    async def _shown(self, item: WorkItem, run: TrackedRun) -> TrackedRun:
        """A run that is there, as a command shows it: by a link to the reply that follows it, or by
        following it where none does."""
        now = self.clock.now()
        run = replace(run, tracked_since=now, polls=0, misses=0)
        home = await self.ledger.items.home(run.run.run_id)
        if home is None:
            return replace(run, reply_url=None, next_poll_at=now)
        url = "" if home.work_item_id == item.work_item_id else home.reply_url
        return replace(run, reply_url=url, next_poll_at=None, failure="", attempts=())

    # --- changing runs that are there ------------------------------------------------------------

    async def change(self, item: WorkItem, command_id: CommandId, wanted: ChangeRuns) -> Outcome:
        """Retry, rerun or cancel runs, each once, and track them again.

        One that Depot does not let move keeps no other from it; the answer is about it only when
        none has moved.
        """
        if wanted.is_quiet:
            return await self._cancel_quietly(wanted)
        if wanted.stops is not None:
            await self.ledger.items.stop(wanted.stops, Reason.CANCELLED)
            if not wanted.changes:
                return Answer(runs.no_more_are_started(), reason=Reason.CANCELLED)
        before = {change.run_id: change for change in item.changes_of(command_id)}
        if not before:
            runs_ = {one.run.run.run_id: one.run.run for one in wanted.changes}
            before = {
                run_id: PendingChange(command_id, run_id, jobs.attempts(run))
                for run_id, run in runs_.items()
            }
            changes = tuple(before.values())
            await store_anew(
                self.clock, lambda: self.ledger.items.add_pending_changes(self.claim, changes)
            )
        answers: list[Answer] = []
        moved: dict[RunId, TrackedRun] = {}
        reason = Reason.RETRIED
        for one in wanted.changes:
            if not one.is_done:
                try:
                    await self._send_change(one, before[one.run.run.run_id])
                except DepotRefused as no:
                    answer = await self._not_possible(one, no)
                    if answer is None and wanted.stops is not None:
                        text = refusals.depot_refused(no.code, no.message)
                        text = f"{text}\n\n{runs.cancelled_later()}"
                        answer = Answer(text, reason=Reason.from_depot(no.code))
                    if answer is None and not moved:
                        raise
                    answers += [answer] if answer is not None else []
                    continue
            tracked, reason = await self._track_again(item, one)
            moved[tracked.run.run_id] = tracked
        if not moved:
            return answers[0]
        first, *others = moved.values()
        notes = [wanted.note, *(answer.text for answer in answers)]
        first = replace(first, note="\n\n".join(note for note in notes if note))
        return TrackRuns((first, *others), reason=reason)

    async def _cancel_quietly(self, wanted: ChangeRuns) -> Answer:
        """Cancel runs, which may be done twice; their own replies say so."""
        for one in wanted.changes:
            try:
                await self.depot.cancel_run(one.run.run.run_id)
            except DepotRefused as no:
                log.warning("run_not_cancelled", run_id=one.run.run.run_id, error=str(no))
                continue
            now = self.clock.now()
            await self.ledger.items.resume_tracking(one.run.run, now, "", wanted.note)
        return Answer("", reason=Reason.CANCELLED)

    async def cancel_late(self, late: Sequence[TrackedRun]) -> list[TrackedRun]:
        """Cancel runs that `cancel` did not reach; those that were cancelled. One that Depot does
        not let go is tried again at its next poll."""

        async def is_cancelled(run: TrackedRun) -> bool:
            try:
                await self.depot.cancel_run(run.run.run_id)
            except DepotError as error:
                log.warning("run_not_cancelled", run_id=run.run.run_id, error=str(error))
                return False
            await self.ledger.items.resume_tracking(run.run, self.clock.now(), "", run.note)
            return True

        done = await asyncio.gather(*map(is_cancelled, late))
        return [run for run, is_done in zip(late, done, strict=True) if is_done]

    async def retry_by_rule(self, item: WorkItem, run: TrackedRun, config: Config) -> bool:
        """Have the jobs of a run that has just failed go again, as far as rules want it; whether
        any may. The end of this attempt is stored first, with why it failed."""
        wanted = retries.jobs_to_retry(config, run)
        if not wanted or not await self._has_a_retry_left(item):
            return False
        now = self.clock.now()
        before = next(known for known in item.runs if known.run.run_id == run.run.run_id)
        # Nobody hears of an end that is none. A step that is cut here looks at it again.
        ended = replace(run, awaited_end=before.awaited_end, next_poll_at=now)
        await self.ledger.items.save_runs(self.claim, [ended])
        has_moved = False
        for workflow, job in wanted:
            try:
                await self.depot.retry_job(workflow.workflow_id, job.job_id)
                has_moved = True
            except DepotError as error:
                # One that was done all the same shows as an attempt that nobody here asked for.
                log.warning("rule_retry_failed", run_id=run.run.run_id, error=str(error))
        if has_moved:
            log.info("run_retried_by_rule", run_id=run.run.run_id)
            await self.ledger.items.resume_tracking(run.run, now, BY_RULE)
        return True

    async def _has_a_retry_left(self, item: WorkItem) -> bool:
        """Whether a rule may still have a run of this pull request go again in this hour."""
        comment = item.comment
        lately = await self.ledger.items.runs_resumed_lately(comment.repo, comment.number, HOUR)
        return retries.count_retries(lately) < retries.MAX_RETRIES

    async def _send_change(self, wanted: ChangeRun, before: PendingChange) -> None:
        match wanted:
            case ChangeRun(change=Change.CANCEL, job=None, workflows=[_, *_]):
                await _each(wanted.workflows, self.depot.cancel_workflow)
            case ChangeRun(change=Change.CANCEL, job=None):
                await self.depot.cancel_run(wanted.run.run.run_id)
            case ChangeRun(change=Change.CANCEL, job=Job() as job):
                await self.depot.cancel_job(wanted.workflows[0].workflow_id, job.job_id)
            case ChangeRun(change=Change.RETRY, job=Job() as job):
                await self.depot.retry_job(wanted.workflows[0].workflow_id, job.job_id)
            case ChangeRun(change=Change.RETRY):
                await _each(wanted.workflows, self.depot.retry_failed_jobs, before)
            case _:
                await _each(wanted.workflows, self.depot.rerun_workflow, before)

    async def _not_possible(self, wanted: ChangeRun, no: DepotRefused) -> Answer | None:
        """What to say when the state of the run does not allow it; none when that is not why."""
        if no.code != "failed_precondition":
            return None
        if wanted.change is not Change.CANCEL:
            return wanted.refused or Answer(
                refusals.depot_refused(no.code, no.message), reason=Reason.from_depot(no.code)
            )
        run = replace(wanted.run, run=await self.depot.run_status(wanted.run.run.run_id))
        if wanted.job is None:
            return Answer(runs.already_over(run), reason=Reason.ALREADY_OVER)
        job = next((j for j in run.run.jobs if j.job_id == wanted.job.job_id), wanted.job)
        return Answer(runs.job_already_over(job, run), reason=Reason.ALREADY_OVER)

    async def _track_again(self, item: WorkItem, wanted: ChangeRun) -> tuple[TrackedRun, Reason]:
        """Have a run that was moved polled where it is followed, and show it."""
        asker, now = item.comment.author.login, self.clock.now()
        goes_again = wanted.change is not Change.CANCEL
        by = asker if goes_again else ""
        await self.ledger.items.resume_tracking(wanted.run.run, now, by)
        status, reason = {
            Change.RETRY: ("queued", Reason.RETRIED),
            Change.RERUN: ("queued", Reason.RERUN),
            Change.CANCEL: ("cancelled", Reason.CANCELLED),
        }[wanted.change]
        if wanted.change is Change.CANCEL and (wanted.job is not None or wanted.workflows):
            status = wanted.run.run.status
        # Its jobs are not what they were; the first poll tells.
        workflows = tuple(replace(one, jobs=()) for one in wanted.run.run.workflows)
        expected = replace(wanted.run.run, status=status, workflows=workflows, seconds=None)
        run = wanted.run
        if goes_again and run.run.is_over:
            run = replace(run, resumed_by=asker).next_attempt(now)
        moved = replace(run, run=expected, awaited_end="" if goes_again else None)
        return await self._shown(item, moved), reason


async def _each(
    workflows: Sequence[Workflow],
    call: Callable[[str], Awaitable[None]],
    before: PendingChange | None = None,
) -> None:
    """Call Depot for each, but for those that have moved since *before*: an earlier step called for
    them. Raises DepotRefused when Depot refuses all of them."""
    refused: list[DepotRefused] = []
    for workflow in workflows:
        if before is not None and jobs.has_moved(workflow, before.attempts):
            continue
        try:
            await call(workflow.workflow_id)
        except DepotRefused as no:
            refused.append(no)
    if refused and len(refused) == len(workflows):
        raise refused[0]


def _same(start: StartRequest, before: RunsAtHead, command_id: CommandId) -> TrackedRun | None:
    """A run of the same that Depot lists as under way, no matter who started it."""
    listed = {run.run_id: run for run in before.listed if not is_over(run.status)}
    for tracked in before.tracked:
        if tracked.run.run_id in listed and not tracked.is_inline and _holds(tracked, start):
            return replace(tracked, note=_says_what_it_builds(listed[tracked.run.run_id]))
    for run in before.others:
        if run.run_id in listed and start.workflow and _runs_the_same(run, start):
            return TrackedRun(
                command_id=command_id,
                run=run,
                repo=start.repo,
                sha=start.sha,
                workflow=start.workflow,
                job="",
                tracked_since=0.0,
                in_fork=start.in_fork,
                note=_says_what_it_builds(listed[run.run_id]),
            )
    return None


def _says_what_it_builds(listed: ListedRun) -> str:
    return runs.already_running(listed.built if listed.built != listed.sha else None)


def _holds(tracked: TrackedRun, start: StartRequest) -> bool:
    """Whether a run of ours has what is asked for in it."""
    names = {workflow.file_name for workflow in tracked.run.workflows}
    if start.workflow and names and start.workflow not in names:
        return False
    if (tracked.workflow, tracked.job) == (start.workflow, start.job):
        return True
    if tracked.job or not start.workflow or tracked.workflow not in {"", start.workflow}:
        return False
    # The whole workflow is under way, or all of them; what is asked for may be over in it.
    return not _is_over_in(tracked.run, start)


def _runs_the_same(run: Run, start: StartRequest) -> bool:
    """Whether somebody else's run has what is asked for in it: the workflow, and with a job the
    job, not over; without one all its jobs, none of them left out."""
    workflows = [one for one in run.workflows if one.file_name == start.workflow]
    found = [job for workflow in workflows for job in workflow.jobs]
    if not workflows or _is_over_in(run, start):
        return False
    if start.job:
        return bool(jobs.match(start.job, found))
    return all(job.status != "skipped" for job in found)


def _is_over_in(run: Run, start: StartRequest) -> bool:
    """Whether the workflow, or the job of it, is over in a run that goes on."""
    workflows = [one for one in run.workflows if one.file_name == start.workflow]
    if not start.job:
        return bool(workflows) and all(is_over(one.status) for one in workflows)
    found = jobs.match(start.job, [job for workflow in workflows for job in workflow.jobs])
    return bool(found) and all(is_over(job.status) for job in found)


def left_to_start(item: WorkItem, command_id: CommandId, wanted: StartRuns) -> list[StartRequest]:
    """What no earlier step has started."""
    return [one for one in wanted.requests if not _is_done(item, command_id, one)]


def _is_done(item: WorkItem, command_id: CommandId, request: StartRequest) -> bool:
    """Whether an earlier step started this run, or pointed to one that was under way."""
    return item.has_started(command_id, request) or any(
        run.command_id == command_id
        and (run.workflow, run.job) == (request.workflow, request.job)
        and not run.is_inline
        for run in item.runs
    )


def is_watched(item: WorkItem, now: float) -> bool:
    """Whether a run of a lost first call may still come to light."""
    return bool(_watched(item, now))


def _watched(item: WorkItem, now: float) -> list[StartAttempt]:
    """The lost calls whose runs are still looked for."""
    watch = WINDOW_SECONDS + LATE_SECONDS
    return [i for i in item.start_attempts if i.outcome == "lost" and now < i.created_at + watch]


def _fits(start: StartRequest, run: Run) -> bool:
    """Whether a run may be what *start* asked for, judging by its compiled tree."""
    if not run.workflows:
        return False
    names = [workflow.file_name for workflow in run.workflows]
    if start.workflow and names != [start.workflow]:
        return False
    if start.content and any(names):
        return False
    if start.job and run.jobs:
        return all(job.status == "skipped" or start.job in job.key.split(":") for job in run.jobs)
    return True
