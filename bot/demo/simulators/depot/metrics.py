"""`GetRunMetrics`: conclusions, times, and use."""

from bot.demo.simulators.depot.calls import Caller
from bot.demo.simulators.depot.errors import ConnectError
from bot.demo.simulators.depot.messages import metrics as m
from bot.demo.simulators.depot.model import Attempt, Job, Run, Workflow
from bot.demo.simulators.depot.views import (
    Views,
    attempt_conclusion,
    conclusion_of,
    finished_at,
    started_at,
)
from bot.demo.simulators.depot.wire import timestamp
from bot.demo.simulators.depot.world import World

_Code = m.CIMetricsAvailabilityCode

MEMORY_BYTES = 8 * 1024**3
SECONDS_PER_SAMPLE = 1
_MOST_SAMPLES = 1000
CPU = (0.2, 0.92, 0.3, 0.22)
"""What the samples say, over and over."""
MEMORY = (0.1, 0.2, 0.5, 0.2)


def run_metrics(
    world: World, caller: Caller, request: m.GetRunMetricsRequest
) -> m.GetRunMetricsResponse:
    """`GetRunMetrics`: a whole run in one call."""
    run = world.find_run(caller.org_id, request.run_id)
    if len(list(run.tree())) > world.switches.metrics_cap:
        raise ConnectError(
            "resource_exhausted", "run has too many attempts; use GetJobMetrics for a single job"
        )
    return m.GetRunMetricsResponse(
        run=run_context(run),
        workflows=tuple(
            m.CIMetricsWorkflowMetrics(
                workflow=workflow_context(world, workflow),
                jobs=tuple(
                    m.CIMetricsJobMetrics(
                        job=job_context(world, workflow, job),
                        attempts=tuple(summary_of(world, attempt) for attempt in job.attempts),
                    )
                    for job in workflow.jobs
                ),
            )
            for workflow in run.workflows
        ),
        snapshot_at=timestamp(world.time),
    )


def run_context(run: Run) -> m.CIMetricsRunContext:
    """The run, in every answer."""
    return m.CIMetricsRunContext(
        run_id=run.run_id,
        repo=run.repo,
        ref=run.ref,
        sha=run.sha,
        head_sha=run.head_sha,
        trigger=run.trigger,
        status=run.status,
        created_at=timestamp(run.created_at),
        started_at=timestamp(run.started_at),
        finished_at=timestamp(run.finished_at),
    )


def workflow_context(world: World, workflow: Workflow) -> m.CIMetricsWorkflowContext:
    """A workflow, where it is told apart."""
    return m.CIMetricsWorkflowContext(
        workflow_id=workflow.workflow_id,
        workflow_path=Views(world).path(workflow),
        name=workflow.spec.name,
        status=workflow.status,
        created_at=timestamp(workflow.created_at),
        started_at=timestamp(workflow.started_at),
        finished_at=timestamp(workflow.finished_at),
    )


def job_context(world: World, workflow: Workflow, job: Job) -> m.CIMetricsJobContext:
    """A job."""
    return m.CIMetricsJobContext(
        job_id=job.job_id,
        job_key=Views(world).key(workflow, job),
        status=job.status,
        conclusion=conclusion_of(job),
        current_attempt=job.attempt.number if job.attempt else 0,
        created_at=timestamp(job.created_at),
        started_at=timestamp(started_at(job)),
        finished_at=timestamp(finished_at(job)),
    )


def summary_of(world: World, attempt: Attempt) -> m.CIMetricsAttemptSummary:
    """An attempt without its samples."""
    context = m.CIMetricsAttemptContext(
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
        missing = m.CIMetricsAvailability(
            code=_Code.NO_SANDBOX, reason="the attempt has no sandbox"
        )
        return m.CIMetricsAttemptSummary(attempt=context, availability=missing)
    until = world.time if attempt.finished_at is None else attempt.finished_at
    taken = int((until - attempt.started_at) / SECONDS_PER_SAMPLE)
    if taken == 0:
        missing = m.CIMetricsAvailability(code=_Code.NO_SAMPLES, reason="no samples were taken")
        return m.CIMetricsAttemptSummary(attempt=context, availability=missing)
    return m.CIMetricsAttemptSummary(
        attempt=context,
        availability=m.CIMetricsAvailability(code=_Code.AVAILABLE),
        stats=_stats(taken, attempt.started_at, until),
        cap=m.CIMetricsCapMetadata(
            raw_sample_count=taken,
            returned_sample_count=len(range(0, taken, stride(taken))),
            max_returned_sample_count=_MOST_SAMPLES,
            downsampled=taken > _MOST_SAMPLES,
            downsample_strategy="stride" if taken > _MOST_SAMPLES else "",
        ),
    )


def _stats(samples: int, start: float, end: float) -> m.CIMetricsStats:
    memory = sum(MEMORY) / len(MEMORY)
    return m.CIMetricsStats(
        sample_count=samples,
        cpu_sample_count=samples,
        memory_sample_count=samples,
        peak_cpu_utilization=max(CPU),
        average_cpu_utilization=sum(CPU) / len(CPU),
        peak_memory_utilization=max(MEMORY),
        average_memory_utilization=memory,
        average_memory_usage_bytes=MEMORY_BYTES * memory,
        peak_memory_usage_bytes=str(int(MEMORY_BYTES * max(MEMORY))),
        observed_started_at=timestamp(start),
        observed_finished_at=timestamp(end),
    )


def stride(samples: int) -> int:
    """One of how many samples is sent."""
    return -(-samples // _MOST_SAMPLES) or 1
