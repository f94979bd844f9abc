"""Following a run from queued to over: look, and say when to look again."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from cachetools import TTLCache

from bot.core import jobs
from bot.core.backoff import DETAILS, POLLING
from bot.core.clock import Clock
from bot.core.failures import Evidence
from bot.core.models import TrackedRun
from bot.core.runs import Diagnosis, Job, LogLine, Run
from bot.core.single_flight import SingleFlightCache
from bot.core.types import Detail, RunId
from bot.depot.client import LONGEST_PAUSE, Depot, DepotError, DepotRefused, Target
from bot.engine.known_failures import LOOK_SECONDS, MAX_CALLS, Gaps
from bot.github.errors import GitHubError
from bot.messages import diagnosis as diagnosis_messages
from bot.messages import runs

LISTING_SECONDS = 5.0
"""How long one listing of the active runs serves everybody."""

SHARED_LISTING_FROM = 3
SHARED_LISTING_SECONDS = 60.0
"""More runs than this, polled within so many seconds, are tracked by listings."""

MANY_RUNS = 100
"""Above this many tracked runs, poll each at the longest interval; the shared listing wakes those
that changed."""

VERY_MANY_RUNS = 1000
JOBS_SECONDS = 30.0
MANY_JOBS_SECONDS = 120.0
"""How long the jobs of a run that moves are not read again, and how long above VERY_MANY_RUNS."""

RESUME_SECONDS = 60.0
"""How long a run that a command had go again may look as it did before."""

DETAIL_TRIES = 12
"""How often it is asked again for the times, the diagnosis and the log of a run that is over."""

LOG_LINES = 400
"""Last lines of a failed job's log in which the error is looked for."""

GIVE_UP_SECONDS = 24 * 3600.0
"""A run can stay queued for ever (bot/depot/README.md, "States"). After this we say that we
stop."""


Wake = Callable[[Sequence[RunId]], Awaitable[object]]
"""Makes those runs of these that the bot knows due for a poll."""


class ActiveRuns:
    """The organisation's active runs, listed once for everybody who follows one of them.

    A listing tells only how a run as a whole stands. It is worth its pages when many runs are
    tracked; for a few, asking for each is as cheap and shows their jobs move. Each listing wakes
    those who follow a run that has moved.
    """

    def __init__(self, depot: Depot, clock: Clock, wake: Wake, wake_over: Wake) -> None:
        self._depot = depot
        self._clock = clock
        self._wake = wake
        self._wake_over = wake_over
        """For runs that are listed and that nobody follows: one may have gone again."""
        self._listing: SingleFlightCache[str, dict[RunId, str]] = SingleFlightCache(
            TTLCache(1, LISTING_SECONDS, clock.now)
        )
        # How the runs stood that were polled lately.
        self._followed: TTLCache[RunId, str] = TTLCache(math.inf, SHARED_LISTING_SECONDS, clock.now)
        self._listed: dict[RunId, str] | None = None

    @property
    def shortest_pause(self) -> float:
        """Seconds to leave between two looks at a run, however new it is."""
        return POLLING.longest if len(self._followed) > MANY_RUNS else 0.0

    async def has_moved(self, tracked: TrackedRun) -> bool:
        """Whether a run has to be asked for: its state changed, or the listing does not say."""
        self.saw(tracked.run)
        was_woken = tracked.polls == 0 or tracked.run.is_over
        if was_woken or len(self._followed) <= SHARED_LISTING_FROM:
            return True
        if tracked.run.status != "queued" and self._is_stale(tracked):
            return True  # how its jobs stand, no listing says
        try:
            states = await self._listing.get("active", self._list)
        except DepotRefused:
            return True  # what that means for this run, Depot says when asked for it
        return states.get(tracked.run.run_id) != tracked.run.status

    def _is_stale(self, tracked: TrackedRun) -> bool:
        """Whether its jobs were read so long ago that the reply's table may be wrong."""
        age = math.inf if tracked.read_at is None else self._clock.now() - tracked.read_at
        return age >= (MANY_JOBS_SECONDS if len(self._followed) > VERY_MANY_RUNS else JOBS_SECONDS)

    def saw(self, run: Run) -> None:
        """A tracked run stands like this."""
        if run.is_over:
            self._followed.pop(run.run_id, None)
        else:
            self._followed[run.run_id] = run.status

    async def _list(self) -> dict[RunId, str]:
        states = await self._depot.active_runs()
        before, self._listed = self._listed, states
        if before is None:
            before = dict(self._followed)
        # Against the listing before as well: a run that is in none would be woken by each.
        moved = [
            run_id
            for run_id, status in self._followed.items()
            if states.get(run_id) not in {status, before.get(run_id)}
        ]
        if moved:
            await self._wake(moved)
        if new := states.keys() - before.keys() - self._followed.keys():
            await self._wake_over(sorted(new))
        return states


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
        if not await active_runs.has_moved(tracked):
            return _later(tracked, clock, active_runs.shortest_pause)
        run = await depot.run_status(tracked.run.run_id)
        active_runs.saw(run)
    except DepotError as no:
        if no.code == "not_found" and isinstance(no, DepotRefused):
            return _gone(tracked, clock)
        if tracked.is_over:
            return _asked_again(tracked, clock)
        # Whatever else Depot says: the run is there, and can be read again some time.
        return _later(tracked, clock, min(no.retry_after or 0.0, LONGEST_PAUSE))
    tracked = attempt_of(replace(tracked, misses=0, read_at=clock.now()), run, clock.now())
    if tracked.resumed_by:
        return _later(tracked, clock)
    if not run.is_over:
        moving = replace(tracked, run=run, failure="", evidence=())
        return _later(moving, clock, active_runs.shortest_pause)
    is_known = tracked.run.is_over
    if is_known and tracked.polls >= DETAIL_TRIES:
        return replace(tracked, next_poll_at=None)
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
    if gaps and is_known:
        # What an earlier look has read stays.
        run = run if run.seconds is not None else tracked.run
        failure = failure or tracked.failure
        evidence = evidence or tracked.evidence
    tries = tracked.polls if is_known else 0
    awaited_end = run.status if tracked.awaited_end == "" else tracked.awaited_end
    found = replace(tracked, run=run, failure=failure, evidence=evidence, awaited_end=awaited_end)
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
    before = jobs.attempts(tracked.run)
    # Jobs that were not known before say nothing: where a command moved it, none were stored.
    has_moved = not run.is_over or any(
        job_id in before and number > before[job_id]
        for job_id, number in jobs.attempts(run).items()
    )
    if tracked.run.is_over and has_moved:
        # Of the new one nothing is known yet.
        began = tracked.next_attempt(now)
        return replace(began, run=replace(run, status="queued"))
    if not tracked.resumed_by:
        return tracked
    is_late = now - (tracked.resumed_at or 0.0) >= RESUME_SECONDS
    if has_moved or is_late:
        return replace(tracked, asked_by=tracked.resumed_by, resumed_by="")
    return tracked


def _gone(tracked: TrackedRun, clock: Clock) -> TrackedRun:
    """Depot does not know the run: that counts when it says so twice. How one ended is known."""
    if tracked.run.is_over:
        return replace(tracked, resumed_by="", next_poll_at=None)
    if tracked.misses == 0:
        return _later(replace(tracked, misses=1), clock)
    return _given_up(tracked, runs.run_disappeared())


def _given_up(tracked: TrackedRun, note: str) -> TrackedRun:
    """A run that is followed no more, and why."""
    awaited_end = "unknown" if tracked.awaited_end == "" else tracked.awaited_end
    return replace(tracked, note=note, awaited_end=awaited_end, next_poll_at=None)


def _later(tracked: TrackedRun, clock: Clock, at_least: float | None = None) -> TrackedRun:
    now = clock.now()
    if now - tracked.tracked_since >= GIVE_UP_SECONDS:
        return _given_up(tracked, runs.following_given_up())
    wait = POLLING.pause(tracked.polls, at_least)
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
    jobs = run.jobs if run is not None else ()
    job = next((job for job in jobs if job.status == "failed" and job.attempts), None)
    attempt = job.newest_attempt if job is not None else None
    if attempt is None:
        return None, []
    try:
        return job, await depot.log_tail(attempt.attempt_id, LOG_LINES)
    except DepotError as error:
        _note(gaps, error)
        return job, []
