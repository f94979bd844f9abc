"""Following a run from queued to over: look, and say when to look again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

from bot.core import jobs
from bot.core.backoff import DETAILS, POLLING
from bot.core.clock import Clock
from bot.core.failures import Evidence
from bot.core.models import TrackedRun
from bot.core.runs import Diagnosis, Job, LogLine, Run
from bot.core.types import Detail
from bot.depot.client import LONGEST_PAUSE, Depot, DepotError, DepotRefused, Target
from bot.engine.active_runs import ActiveRuns
from bot.engine.known_failures import LOOK_SECONDS, MAX_CALLS, Gaps
from bot.github.errors import GitHubError
from bot.messages import diagnosis as diagnosis_messages
from bot.messages import runs
from bot.rules import known_failures

RESUME_SECONDS = 60.0
"""How long a run that a command had go again may look as it did before."""

DETAIL_TRIES = 12
"""How often it is asked again for the times, the diagnosis and the log of a run that is over."""

LOG_LINES = 400
"""Last lines of a failed job's log in which the error is looked for."""

GIVE_UP_SECONDS = 24 * 3600.0
"""A run can stay queued for ever (bot/depot/README.md, "States"). After this we say that we
stop."""


Look = Callable[
    [TrackedRun, Diagnosis | None, Gaps, int, float | None], Awaitable[tuple[Evidence, ...]]
]
"""`bot.engine.known_failures.KnownFailures.look`."""


async def poll(
    depot: Depot,
    active_runs: ActiveRuns,
    clock: Clock,
    tracked: TrackedRun,
    quotable: Callable[[], Awaitable[frozenset[Detail]]],
    look: Look,
) -> TrackedRun:
    """The run as it stands now, and when it is polled next. Never raises for the troubles of
    GitHub and Depot: a read that fails is simply tried at the next poll.

    *quotable* reads what may be quoted of a run that failed; raises GitHubError. *look* finds where
    else its failures were seen.
    """
    try:
        run = await depot.run_status(tracked.run.run_id)
    except DepotError as no:
        if no.code == "not_found" and isinstance(no, DepotRefused):
            return _gone(tracked, active_runs, clock)
        if tracked.is_over:
            return _asked_again(tracked, clock)
        # Whatever else Depot says: the run is there, and can be read again some time.
        asked = min(no.retry_after or 0.0, LONGEST_PAUSE)
        return _later(tracked, clock, POLLING.pause(tracked.polls, asked))
    tracked = attempt_of(replace(tracked, misses=0, read_at=clock.now()), run, clock.now())
    if tracked.resumed_by:
        return _later(tracked, clock, POLLING.pause(tracked.polls))
    if not run.is_over:
        tracked = replace(tracked, run=run, failure="", evidence=(), signature="")
        return _later(tracked, clock, active_runs.pause(tracked))
    if run.status != "cancelled" and tracked.note == runs.cancelled_as_outdated():
        tracked = replace(tracked, note="")  # it was faster
    is_known = tracked.run.is_over
    awaited_end = run.status if tracked.awaited_end == "" else tracked.awaited_end
    if is_known and tracked.polls >= DETAIL_TRIES:
        return replace(tracked, awaited_end=awaited_end, next_poll_at=None)
    gaps: Gaps = []
    details: frozenset[Detail] = frozenset()
    try:
        details = await quotable() if run.status == "failed" else frozenset()
    except GitHubError as error:
        gaps.append(error)  # whether it may be quoted is not known yet
    is_read = run.status == "failed"
    run, diagnosis, (job, lines) = await asyncio.gather(
        _with_times(depot, run, gaps),
        _diagnosis(depot, run if is_read else None, gaps),
        _log(depot, run if Detail.LOGS in details else None, gaps),
    )
    is_shown = Detail.DIAGNOSIS in details
    failure = await asyncio.to_thread(
        diagnosis_messages.failure, diagnosis if is_shown else None, job, lines
    )
    # Depot tells the diagnosis in any case; what is asked for this alone is bounded. Nothing of it
    # delays the first word of how the run ended.
    calls = MAX_CALLS if is_shown else MAX_CALLS - 1
    seconds = None if is_known else LOOK_SECONDS
    evidence = await look(replace(tracked, run=run), diagnosis, gaps, calls, seconds)
    signature = ""
    if tracked.number:  # failures of several runs of the same are counted
        signature = await asyncio.to_thread(known_failures.run_signature, run, diagnosis)
    if gaps and is_known:
        # What an earlier look has read stays.
        run = run if run.seconds is not None else tracked.run
        failure = failure or tracked.failure
        evidence = evidence or tracked.evidence
        signature = signature or tracked.signature
    tries = tracked.polls if is_known else 0
    found = replace(
        tracked,
        run=run,
        failure=failure,
        evidence=evidence,
        signature=signature,
        awaited_end=awaited_end,
    )
    if not gaps or tries >= DETAIL_TRIES:
        # So many tries: nothing is missing, and nothing of it is asked for again.
        return replace(found, polls=DETAIL_TRIES, next_poll_at=None)
    return _asked_again(replace(found, polls=tries), clock)


def _asked_again(tracked: TrackedRun, clock: Clock) -> TrackedRun:
    """How it ended is known, and said; what else there is to say of it is asked for again."""
    if tracked.polls >= DETAIL_TRIES:
        return replace(tracked, next_poll_at=None)
    pause = DETAILS.pause(tracked.polls)
    return replace(tracked, polls=tracked.polls + 1, next_poll_at=clock.now() + pause)


def attempt_of(tracked: TrackedRun, run: Run, now: float) -> TrackedRun:
    """What is known of the attempt that a run shows now: another one when it was over and moves, or
    has a job that was tried again since."""
    has_moved = not run.is_over or jobs.is_tried_again(run, tracked.run)
    if tracked.run.is_over and has_moved:
        # Of the new one nothing is known yet.
        began = tracked.next_attempt(now)
        return replace(began, run=replace(run, status="queued"))
    if not tracked.resumed_by:
        return tracked
    is_late = now - (tracked.resumed_at or 0.0) >= RESUME_SECONDS
    if has_moved and tracked.attempts and not tracked.asked_by:
        # The attempt was seen before it was stored who had asked for it.
        return replace(tracked, asked_by=tracked.resumed_by, resumed_by="")
    # A job of an attempt that goes on was retried, or nothing has moved.
    return replace(tracked, resumed_by="") if has_moved or is_late else tracked


def _gone(tracked: TrackedRun, active_runs: ActiveRuns, clock: Clock) -> TrackedRun:
    """Depot does not know the run: that counts when it says so twice. How one ended is known."""
    if tracked.run.is_over:
        return replace(tracked, resumed_by="", next_poll_at=None)
    if tracked.misses == 0:
        # Right after a start Depot may not know it everywhere.
        tracked = replace(tracked, misses=1)
        return _later(tracked, clock, max(POLLING.longest, active_runs.pause(tracked)))
    return _given_up(tracked, runs.run_disappeared(tracked.number))


def _given_up(tracked: TrackedRun, note: str) -> TrackedRun:
    """A run that is followed no more, and why."""
    awaited_end = "unknown" if tracked.awaited_end == "" else tracked.awaited_end
    return replace(tracked, note=note, awaited_end=awaited_end, next_poll_at=None)


def _later(tracked: TrackedRun, clock: Clock, wait: float) -> TrackedRun:
    """The run, to be polled again in *wait* seconds; not when it has taken too long."""
    now = clock.now()
    if now - tracked.tracked_since >= GIVE_UP_SECONDS:
        return _given_up(tracked, runs.following_given_up(tracked.number))
    return replace(tracked, polls=tracked.polls + 1, next_poll_at=now + wait)


async def _with_times(depot: Depot, run: Run, gaps: Gaps) -> Run:
    """The run with how long things took; without, when Depot does not say. What is to be asked
    for again is added to *gaps*."""
    try:
        times = await depot.times(run.run_id)
    except DepotError as error:
        _note(gaps, error)
        return run
    workflows = tuple(
        replace(
            workflow,
            jobs=tuple(
                replace(
                    job,
                    seconds=times.jobs.get(job.job_id),
                    conclusion=times.conclusions.get(job.job_id, ""),
                )
                for job in workflow.jobs
            ),
        )
        for workflow in run.workflows
    )
    return replace(run, workflows=workflows, seconds=times.run)


def _note(gaps: Gaps, error: DepotError) -> None:
    if not isinstance(error, DepotRefused):
        gaps.append(error)


async def _diagnosis(depot: Depot, run: Run | None, gaps: Gaps) -> Diagnosis | None:
    """Why a run failed, as far as Depot tells."""
    if run is None:
        return None
    try:
        return await depot.diagnosis(Target.RUN, run.run_id)
    except DepotError as error:
        _note(gaps, error)
        return None


async def _log(depot: Depot, run: Run | None, gaps: Gaps) -> tuple[Job | None, list[LogLine]]:
    """The first failed job of a run, and the end of its log."""
    its_jobs = run.jobs if run is not None else ()
    job = next((job for job in its_jobs if job.status == "failed" and job.attempts), None)
    attempt = job.newest_attempt if job is not None else None
    if attempt is None:
        return None, []
    try:
        return job, await depot.log_tail(attempt.attempt_id, LOG_LINES)
    except DepotError as error:
        _note(gaps, error)
        return job, []
