"""`GetJobAttemptLogs`."""

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from bot.demo.simulators.depot.calls import Caller
from bot.demo.simulators.depot.compile import StepSpec
from bot.demo.simulators.depot.errors import ConnectError
from bot.demo.simulators.depot.lists import read_token, write_token
from bot.demo.simulators.depot.messages import logs as m
from bot.demo.simulators.depot.model import Attempt, Job, Run, Workflow
from bot.demo.simulators.depot.plans import Line, Plan
from bot.demo.simulators.depot.world import World

_NO_STEP = StepSpec("", "", "", "")


@dataclass(frozen=True, slots=True)
class Written:
    """A line of a log: what, when, by which step."""

    line: Line
    at: float
    number: int
    """Counted per step and stream."""
    step: StepSpec
    step_key: str


def log_of(
    world: World, run: Run, workflow: Workflow, job: Job, attempt: Attempt
) -> Iterator[Written]:
    """What an attempt has written so far, oldest first, spread evenly over its time."""
    if attempt.started_at is None:
        return
    plan = world.played(run, workflow, job, attempt)
    lines = plan.log or ()
    pace = _seconds(attempt, plan) / max(len(lines), 1)
    until = world.time if attempt.finished_at is None else attempt.finished_at
    step, key = _test_step(job)
    counts: Counter[bool] = Counter()
    for index, line in enumerate(lines):
        at = attempt.started_at + pace * index
        if at > until:
            return
        counts[line.stderr] += 1
        yield Written(line, at, counts[line.stderr], step, key)


def _seconds(attempt: Attempt, plan: Plan) -> float:
    """How long it takes to write the whole log; who is cancelled does not get to the end."""
    planned = plan.seconds or 0.0
    if attempt.started_at is None or attempt.status not in ("finished", "failed"):
        return planned
    return (attempt.finished_at or attempt.started_at) - attempt.started_at


def get_logs(
    world: World, caller: Caller, request: m.GetJobAttemptLogsRequest
) -> m.GetJobAttemptLogsResponse:
    """`GetJobAttemptLogs`."""
    run, workflow, job, attempt = find_attempt(world, caller, request.attempt_id, request.job_id)
    log = list(log_of(world, run, workflow, job, attempt))
    start = read_token(request.page_token) or 0
    end = start + world.switches.log_page_size
    return m.GetJobAttemptLogsResponse(
        lines=tuple(as_message(written) for written in log[start:end]),
        next_page_token=write_token(end) if end < len(log) else "",
    )


def find_attempt(
    world: World, caller: Caller, attempt_id: str, job_id: str
) -> tuple[Run, Workflow, Job, Attempt]:
    """An attempt by its id, or the latest of a job."""
    if attempt_id:
        return world.find_attempt(caller.org_id, attempt_id)
    if not job_id:
        raise ConnectError("invalid_argument", "attempt_id is required")
    # Believed: newer servers take a job too, and mean its latest attempt.
    run, workflow, job = world.find_job(caller.org_id, job_id)
    if job.attempt is None:
        raise ConnectError("not_found", "Attempt not found")
    return run, workflow, job, job.attempt


def _test_step(job: Job) -> tuple[StepSpec, str]:
    """The step that does the work, taken to be the last with a command of its own."""
    steps = [step for step in job.spec.steps if step.run and not step.uploads]
    step = steps[-1] if steps else _NO_STEP
    key = hashlib.sha256(f"{job.spec.key}:{step.run}".encode()).hexdigest()
    return step, key[:32]


def as_message(written: Written) -> m.LogLine:
    """A line as it is sent."""
    return m.LogLine(
        step_key=written.step_key,
        timestamp_ms=str(int(written.at * 1000)),
        line_number=written.number,
        stream=1 if written.line.stderr else 0,
        body=written.line.body,
        step_id=written.step.step_id,
        step_name=written.step.name,
    )
