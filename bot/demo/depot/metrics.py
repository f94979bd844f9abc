"""`GetRunMetrics`: conclusions and times of a whole run in one call."""

from bot.demo.depot import messages as m
from bot.demo.depot.errors import ConnectError
from bot.demo.depot.model import Attempt, Job, Run, Workflow
from bot.demo.depot.views import (
    Views,
    attempt_conclusion,
    conclusion_of,
    finished_at,
    started_at,
)
from bot.demo.depot.wire import timestamp
from bot.demo.depot.world import World

_CODE = "CI_METRICS_AVAILABILITY_CODE_"
_MEMORY_BYTES = 8 * 1024**3
_SECONDS_PER_SAMPLE = 1


def run_metrics(world: World, org_id: str, request: m.RunId) -> m.MetricsAnswer:
    """`GetRunMetrics`."""
    run = world.find_run(org_id, request.run_id)
    if len(list(run.tree())) > world.switches.metrics_cap:
        raise ConnectError(
            "resource_exhausted", "run has too many attempts; use GetJobMetrics for a single job"
        )
    return m.MetricsAnswer(
        run=Views(world).run(run, org=False),
        workflows=tuple(_workflow(world, run, workflow) for workflow in run.workflows),
        snapshot_at=timestamp(world.time),
    )


def _workflow(world: World, run: Run, workflow: Workflow) -> m.WorkflowMetrics:
    return m.WorkflowMetrics(
        workflow=m.WorkflowNode(
            workflow_id=workflow.workflow_id,
            workflow_path=Views(world).path(workflow),
            name=workflow.spec.name,
            status=workflow.status,
            created_at=timestamp(workflow.created_at),
            started_at=timestamp(workflow.started_at),
            finished_at=timestamp(workflow.finished_at),
        ),
        jobs=tuple(_job(world, workflow, job) for job in workflow.jobs),
    )


def _job(world: World, workflow: Workflow, job: Job) -> m.JobMetrics:
    return m.JobMetrics(
        job=m.JobNode(
            job_id=job.job_id,
            job_key=Views(world).key(workflow, job),
            status=job.status,
            conclusion=conclusion_of(job),
            current_attempt=job.attempt.number if job.attempt else 0,
            created_at=timestamp(job.created_at),
            started_at=timestamp(started_at(job)),
            finished_at=timestamp(finished_at(job)),
        ),
        attempts=tuple(_attempt(world, attempt) for attempt in job.attempts),
    )


def _attempt(world: World, attempt: Attempt) -> m.AttemptMetrics:
    node = m.AttemptNode(
        attempt_id=attempt.attempt_id,
        attempt=attempt.number,
        status=attempt.status,
        conclusion=attempt_conclusion(attempt),
        sandbox_id=attempt.sandbox_id,
        session_id=attempt.session_id,
        created_at=timestamp(attempt.created_at),
        started_at=timestamp(attempt.started_at),
        finished_at=timestamp(attempt.finished_at),
    )
    if attempt.started_at is None:
        missing = m.Availability(code=f"{_CODE}NO_SANDBOX", reason="the attempt has no sandbox")
        return m.AttemptMetrics(attempt=node, availability=missing)
    until = world.time if attempt.finished_at is None else attempt.finished_at
    samples = int((until - attempt.started_at) / _SECONDS_PER_SAMPLE)
    if samples == 0:
        missing = m.Availability(code=f"{_CODE}NO_SAMPLES", reason="no samples were taken")
        return m.AttemptMetrics(attempt=node, availability=missing)
    return m.AttemptMetrics(
        attempt=node,
        availability=m.Availability(code=f"{_CODE}AVAILABLE"),
        stats=_stats(samples, attempt.started_at, until),
        cap=m.Cap(
            raw_sample_count=samples,
            returned_sample_count=samples,
            max_returned_sample_count=1000,
        ),
    )


def _stats(samples: int, start: float, end: float) -> m.Stats:
    return m.Stats(
        sample_count=samples,
        cpu_sample_count=samples,
        memory_sample_count=samples,
        peak_cpu_utilization=0.92,
        average_cpu_utilization=0.41,
        peak_memory_utilization=0.5,
        average_memory_utilization=0.25,
        average_memory_usage_bytes=_MEMORY_BYTES * 0.25,
        peak_memory_usage_bytes=str(_MEMORY_BYTES // 2),
        observed_started_at=timestamp(start),
        observed_finished_at=timestamp(end),
    )
