"""Cancel, retry, rerun: what must hold before, and what it does."""

from collections.abc import Mapping

from bot.demo.simulators.depot import progress
from bot.demo.simulators.depot.errors import ConnectError
from bot.demo.simulators.depot.model import Attempt, Job, Run, Workflow
from bot.demo.simulators.depot.plans import Outcome
from bot.demo.simulators.depot.world import World

_RETRYABLE = ("failed", "cancelled")
_MOVING = ("queued", "running")


def cancel_run(world: World, run: Run) -> None:
    """Stop a run and everything unfinished in it."""
    _must_be_active("run", run.state)
    run.shown = ""
    run.cancelled = True
    # Cancelled before anything was compiled: nothing ever appears in it.
    run.compiled = True
    for workflow in run.workflows:
        if not workflow.over:
            _stop(world, run, workflow)
    progress.follow_up(world, run, world.time)


def cancel_workflow(world: World, run: Run, workflow: Workflow) -> None:
    """Stop a workflow and its jobs."""
    _must_be_active("workflow", workflow.status)
    _stop(world, run, workflow)
    progress.follow_up(world, run, world.time)


def cancel_job(world: World, run: Run, workflow: Workflow, job: Job) -> None:
    """Stop one job; what waits for it is skipped."""
    _must_be_active("job", job.status)
    progress.cancel_job(world, world.time, run, workflow, job)
    progress.follow_up(world, run, world.time)


def retry_job(world: World, run: Run, workflow: Workflow, job: Job) -> Attempt:
    """Another attempt at one failed or cancelled job, and at what was skipped behind it."""
    if job.status not in _RETRYABLE:
        raise _refused(f"job is {job.status}, only failed or cancelled jobs can be retried")
    behind = workflow.behind(job)
    if any(other.status not in ("skipped", "waiting") for other in behind):
        raise _refused("a job that depends on it has started; retry the failed jobs instead")
    _wake(world, run, workflow, [job, *_skipped(behind)])
    return job.attempts[-1]


def retry_failed_jobs(world: World, run: Run, workflow: Workflow) -> list[Job]:
    """Another attempt at every failed or cancelled job, and at what was skipped behind them."""
    _must_be_over(workflow)
    failed = [job for job in workflow.jobs if job.status in _RETRYABLE]
    if not failed:
        # Not known: what Depot answers here.
        if world.switches.nothing_to_retry == "empty":
            return []
        raise _refused("workflow has no failed jobs")
    jobs = failed + _skipped(workflow.behind(*failed))
    _wake(world, run, workflow, jobs)
    return jobs


def rerun_workflow(world: World, run: Run, workflow: Workflow) -> list[Job]:
    """Every job again, as a new execution under the same ids."""
    _must_be_over(workflow)
    jobs = [job for job in workflow.jobs if not job.excluded]
    if not jobs:
        raise _refused("workflow has no jobs to run")
    progress.begin_execution(world, workflow, world.time)
    _wake(world, run, workflow, jobs)
    return jobs


def retry_run(world: World, run: Run) -> None:
    """Retry what failed in a run; rerun what did not, when nothing has failed."""
    failed = [w for w in run.workflows if any(job.status in _RETRYABLE for job in w.jobs)]
    for workflow in failed:
        retry_failed_jobs(world, run, workflow)
    for workflow in [] if failed else run.workflows:
        rerun_workflow(world, run, workflow)


def finish(world: World, run: Run, outcome: Outcome, named: Mapping[str, Outcome]) -> None:
    """Bring a run to its end at once; jobs may be named with an outcome of their own."""
    at = world.time
    if not run.compiled:
        progress.compile_run(world, run, at)
        progress.follow_up(world, run, at)
    if outcome == "cancelled" and not named:
        cancel_run(world, run)
        return
    while jobs := [(w, job) for w in run.workflows for job in w.jobs if job.status in _MOVING]:
        for workflow, job in jobs:
            wanted = named.get(job.spec.key) or named.get(job.spec.family) or outcome
            _end(world, run, workflow, job, wanted)
        progress.follow_up(world, run, at)


def start(world: World, run: Run) -> None:
    """Put a run's first jobs on their sandboxes at once."""
    at = world.time
    if not run.compiled:
        progress.compile_run(world, run, at)
        progress.follow_up(world, run, at)
    for job in run.jobs:
        if job.status == "queued" and job.attempt is not None:
            progress.start_attempt(world, job, job.attempt, at)
    progress.follow_up(world, run, at)


def _end(world: World, run: Run, workflow: Workflow, job: Job, outcome: Outcome) -> None:
    at = world.time
    attempt = job.attempts[-1]
    if outcome == "skipped":
        job.attempts.remove(attempt)
        progress.skip_job(job, at)
        return
    if attempt.started_at is None and outcome != "cancelled":
        progress.start_attempt(world, job, attempt, at)
    progress.end_attempt(world, at, run, workflow, job, outcome)


def _stop(world: World, run: Run, workflow: Workflow) -> None:
    workflow.cancelled = True
    for job in workflow.jobs:
        if not job.over:
            progress.cancel_job(world, world.time, run, workflow, job)


def _wake(world: World, run: Run, workflow: Workflow, jobs: list[Job]) -> None:
    """Let jobs wait again; those whose needs are met are queued at once."""
    for job in jobs:
        job.status = "waiting"
        job.skipped_at = None
    workflow.cancelled = run.cancelled = False
    run.shown = ""
    progress.follow_up(world, run, world.time)


def _skipped(jobs: list[Job]) -> list[Job]:
    return [job for job in jobs if job.status == "skipped" and not job.excluded]


def _must_be_active(what: str, state: str) -> None:
    if state not in ("queued", "waiting", "running"):
        raise _refused(f"{what} is already {state}")


def _must_be_over(workflow: Workflow) -> None:
    if not workflow.over:
        raise _refused(f"workflow is still {workflow.status}")


def _refused(message: str) -> ConnectError:
    return ConnectError("failed_precondition", message)
