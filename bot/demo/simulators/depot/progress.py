"""From queued to over: one step at a time, each at its own moment."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial

from bot.demo.simulators.depot.compile import (
    FOLDER,
    JobSpec,
    WorkflowSpec,
    compile_file,
    compile_text,
    workflow_paths,
)
from bot.demo.simulators.depot.model import Attempt, Execution, Job, Order, Run, Workflow
from bot.demo.simulators.depot.plans import FOR_EVER, Outcome
from bot.demo.simulators.depot.world import Place, World


@dataclass(frozen=True, slots=True)
class _Step:
    at: float
    act: Callable[[float], None]


def settle(world: World) -> None:
    """Play everything that has happened up to now."""
    now = world.now()
    for run in world.runs.values():
        if run.due <= now and not run.over and not run.shown:
            advance(world, run, now)
    world.time = max(now, world.time)


def advance(world: World, run: Run, now: float) -> None:
    """Play a run up to a moment, every step at the time it was due."""
    while (step := _next_step(world, run)) is not None and step.at <= now:
        # A plan that was changed afterwards does not rewrite what has been seen already.
        at = max(step.at, world.time)
        step.act(at)
        follow_up(world, run, at)
    # Spares a look at every job of every run on every call.
    run.due = FOR_EVER if step is None else step.at


def follow_up(world: World, run: Run, at: float) -> None:
    """Let go what was waiting, and bring the states above and the checks up to date."""
    for workflow in run.workflows:
        _release(world, run, workflow, at)
    run.roll_up(at)
    run.due = 0.0
    world.checks.publish(run, world.switches)


def compile_run(world: World, run: Run, at: float) -> None:
    """Make the workflows and jobs that were asked for appear."""
    run.compiled = True
    for spec in compiled(world, run.order):
        workflow = Workflow(world.ids.short(), spec, created_at=at)
        run.workflows.append(workflow)
        world.places[workflow.workflow_id] = Place(run, workflow)
        begin_execution(world, workflow, at)
        for job in _jobs(world, run.order, spec, at):
            workflow.jobs.append(job)
            world.places[job.job_id] = Place(run, workflow, job)


def compiled(world: World, order: Order) -> list[WorkflowSpec]:
    """The workflows of an order, compiled; those with errors too."""
    files = world.forge.files_at(order.repo, order.sha) or {}
    if order.contents:
        specs = [
            compile_text(text, file=f"_inline_{n}.yaml", path="", files=files)
            for n, text in enumerate(order.contents)
        ]
    elif not order.sha:
        # Believed: so does Depot show a pull request that cannot be merged.
        specs = [WorkflowSpec("", "", error="the pull request conflicts with its base")]
    elif order.workflow:
        path = order.workflow if "/" in order.workflow else FOLDER + order.workflow
        specs = [compile_file(files, path)]
    else:
        specs = [compile_file(files, path) for path in workflow_paths(files)]
    return [_with_job(spec, order.job) for spec in specs]


def begin_execution(world: World, workflow: Workflow, at: float) -> None:
    """Start counting another go through the workflow."""
    number = len(workflow.executions) + 1
    workflow.executions.append(Execution(world.ids.short(), number, created_at=at))


def start_attempt(world: World, job: Job, attempt: Attempt, at: float) -> None:
    """Put a queued attempt on a sandbox."""
    job.status = attempt.status = "running"
    attempt.started_at = at
    attempt.sandbox_id = world.ids.short()
    attempt.session_id = world.ids.uuid()


def end_attempt(
    world: World, at: float, run: Run, workflow: Workflow, job: Job, outcome: Outcome | None = None
) -> None:
    """Let the latest attempt come to the end that is planned for it, or to another."""
    attempt = job.attempts[-1]
    attempt.plan = world.plan_for(run, workflow, job, attempt.number, outcome)
    ending = attempt.plan.outcome or "finished"
    job.status = attempt.status = "failed" if ending == "timed_out" else ending
    attempt.finished_at = at
    if attempt.status != "cancelled":
        world.keep_artifacts(run, workflow, job, attempt)


def cancel_job(world: World, at: float, run: Run, workflow: Workflow, job: Job) -> None:
    """Cancel a job that is not over, with its attempt."""
    job.status = "cancelled"
    attempt = job.attempt
    if attempt is None or attempt.finished_at is not None:
        return
    plan = world.played(run, workflow, job, attempt)
    attempt.plan = replace(plan, outcome="cancelled", error_message="", artifacts={})
    attempt.status = "cancelled"
    attempt.finished_at = at


def skip_job(job: Job, at: float) -> None:
    """Pass a job over."""
    job.status = "skipped"
    job.skipped_at = at


def _next_step(world: World, run: Run) -> _Step | None:
    if not run.compiled:
        at = run.created_at + world.switches.compile_seconds
        return _Step(at, partial(compile_run, world, run))
    steps = [step for w in run.workflows for job in w.jobs for step in _steps(world, run, w, job)]
    return min(steps, key=lambda step: step.at, default=None)


def _steps(world: World, run: Run, workflow: Workflow, job: Job) -> Iterator[_Step]:
    attempt = job.attempt
    if attempt is None or job.status not in ("queued", "running"):
        return
    plan = world.plan_for(run, workflow, job, attempt.number)
    if attempt.started_at is None:
        at = attempt.created_at + (plan.queued or 0)
        yield _Step(at, partial(start_attempt, world, job, attempt))
    else:
        at = attempt.started_at + (plan.seconds or 0)
        yield _Step(at, lambda at: end_attempt(world, at, run, workflow, job))


def _release(world: World, run: Run, workflow: Workflow, at: float) -> None:
    """Queue or skip what waits for nothing any more; skipping may let go of more."""
    while ready := [job for job in workflow.jobs if _is_ready(workflow, job)]:
        for job in ready:
            number = len(job.attempts) + 1
            planned = world.plan_for(run, workflow, job, number).outcome
            needs_met = all(need.green for need in workflow.needed_by(job))
            if not needs_met or planned == "skipped":
                skip_job(job, at)
            else:
                _queue(world, run, workflow, job, at)


def _is_ready(workflow: Workflow, job: Job) -> bool:
    return job.status == "waiting" and all(need.over for need in workflow.needed_by(job))


def _queue(world: World, run: Run, workflow: Workflow, job: Job, at: float) -> None:
    attempt = Attempt(world.ids.short(), len(job.attempts) + 1, created_at=at)
    job.status = "queued"
    job.attempts.append(attempt)
    world.places[attempt.attempt_id] = Place(run, workflow, job, attempt)


def _with_job(spec: WorkflowSpec, job: str) -> WorkflowSpec:
    """The workflow as it is, or one that does not compile because the job is not there."""
    if not job or spec.error or any(_is_selected(each, job) for each in spec.jobs):
        return spec
    return replace(spec, error=f"job '{job}' not found in {spec.file}", jobs=())


def _is_selected(spec: JobSpec, job: str) -> bool:
    return spec.family == job or spec.family.startswith(f"{job}:")


def _jobs(world: World, order: Order, spec: WorkflowSpec, at: float) -> Iterator[Job]:
    chosen = {each.key for each in spec.jobs if not order.job or _is_selected(each, order.job)}
    mode = world.switches.needs_of_job
    # Not known: what becomes of the needs of the one job that was asked for.
    kept = _with_needs(spec, chosen) if mode == "run" else chosen
    for each in spec.jobs:
        alone = order.job and mode == "skipped" and each.key in chosen
        needs = tuple(need for need in each.needs if need in chosen) if alone else each.needs
        job = Job(world.ids.short(), each, created_at=at, needs=needs)
        guarded = bool(each.events) and order.trigger not in each.events
        if guarded or each.empty_matrix or each.key not in kept:
            job.excluded = True
            skip_job(job, at)
        yield job


def _with_needs(spec: WorkflowSpec, keys: set[str]) -> set[str]:
    needs: Mapping[str, tuple[str, ...]] = {each.key: each.needs for each in spec.jobs}
    kept: set[str] = set()
    todo = list(keys)
    while todo:
        key = todo.pop()
        kept.add(key)
        todo += [need for need in needs[key] if need not in kept]
    return kept
