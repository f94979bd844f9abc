"""`GetRunMetrics`, `GetJobMetrics` and `GetJobAttemptMetrics`: conclusions, times, and use."""

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

_MEMORY_BYTES = 8 * 1024**3
_SECONDS_PER_SAMPLE = 1
_MOST_SAMPLES = 1000
_CPU = (0.2, 0.92, 0.3, 0.22)
"""What the samples say, over and over."""
_MEMORY = (0.1, 0.2, 0.5, 0.2)


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
        run=_run_context(run),
        workflows=tuple(
            m.CIMetricsWorkflowMetrics(
                workflow=_workflow_context(world, workflow),
                jobs=tuple(
                    m.CIMetricsJobMetrics(
                        job=_job_context(world, workflow, job),
                        attempts=tuple(_summary(world, attempt) for attempt in job.attempts),
                    )
                    for job in workflow.jobs
                ),
            )
            for workflow in run.workflows
        ),
        snapshot_at=timestamp(world.time),
    )


def job_metrics(
    world: World, caller: Caller, request: m.GetJobMetricsRequest
) -> m.GetJobMetricsResponse:
    """`GetJobMetrics`: all attempts of one job."""
    run, workflow, job = world.find_job(caller.org_id, request.job_id)
    if len(job.attempts) > world.switches.job_metrics_cap:
        raise ConnectError(
            "resource_exhausted",
            "job has too many attempts; use GetJobAttemptMetrics for a single attempt",
        )
    return m.GetJobMetricsResponse(
        run=_run_context(run),
        workflow=_workflow_context(world, workflow),
        job=_job_context(world, workflow, job),
        attempts=tuple(_summary(world, attempt) for attempt in job.attempts),
        snapshot_at=timestamp(world.time),
    )


def attempt_metrics(
    world: World, caller: Caller, request: m.GetJobAttemptMetricsRequest
) -> m.GetJobAttemptMetricsResponse:
    """`GetJobAttemptMetrics`: one attempt, with samples."""
    run, workflow, job, attempt = world.find_attempt(caller.org_id, request.attempt_id)
    summary = _summary(world, attempt)
    return m.GetJobAttemptMetricsResponse(
        run=_run_context(run),
        workflow=_workflow_context(world, workflow),
        job=_job_context(world, workflow, job),
        attempt=m.CIMetricsAttemptMetrics(
            attempt=summary.attempt,
            availability=summary.availability,
            stats=summary.stats,
            cap=summary.cap,
            samples=_samples(attempt, summary.cap),
        ),
        snapshot_at=timestamp(world.time),
    )


def _run_context(run: Run) -> m.CIMetricsRunContext:
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


def _workflow_context(world: World, workflow: Workflow) -> m.CIMetricsWorkflowContext:
    return m.CIMetricsWorkflowContext(
        workflow_id=workflow.workflow_id,
        workflow_path=Views(world).path(workflow),
        name=workflow.spec.name,
        status=workflow.status,
        created_at=timestamp(workflow.created_at),
        started_at=timestamp(workflow.started_at),
        finished_at=timestamp(workflow.finished_at),
    )


def _job_context(world: World, workflow: Workflow, job: Job) -> m.CIMetricsJobContext:
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


def _summary(world: World, attempt: Attempt) -> m.CIMetricsAttemptSummary:
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
    taken = int((until - attempt.started_at) / _SECONDS_PER_SAMPLE)
    if taken == 0:
        missing = m.CIMetricsAvailability(code=_Code.NO_SAMPLES, reason="no samples were taken")
        return m.CIMetricsAttemptSummary(attempt=context, availability=missing)
    return m.CIMetricsAttemptSummary(
        attempt=context,
        availability=m.CIMetricsAvailability(code=_Code.AVAILABLE),
        stats=_stats(taken, attempt.started_at, until),
        cap=m.CIMetricsCapMetadata(
            raw_sample_count=taken,
            returned_sample_count=len(range(0, taken, _stride(taken))),
            max_returned_sample_count=_MOST_SAMPLES,
            downsampled=taken > _MOST_SAMPLES,
            downsample_strategy="stride" if taken > _MOST_SAMPLES else "",
        ),
    )


def _stats(samples: int, start: float, end: float) -> m.CIMetricsStats:
    memory = sum(_MEMORY) / len(_MEMORY)
    return m.CIMetricsStats(
        sample_count=samples,
        cpu_sample_count=samples,
        memory_sample_count=samples,
        peak_cpu_utilization=max(_CPU),
        average_cpu_utilization=sum(_CPU) / len(_CPU),
        peak_memory_utilization=max(_MEMORY),
        average_memory_utilization=memory,
        average_memory_usage_bytes=_MEMORY_BYTES * memory,
        peak_memory_usage_bytes=str(int(_MEMORY_BYTES * max(_MEMORY))),
        observed_started_at=timestamp(start),
        observed_finished_at=timestamp(end),
    )


def _samples(attempt: Attempt, cap: m.CIMetricsCapMetadata | None) -> tuple[m.CIMetricSample, ...]:
    if cap is None or attempt.started_at is None:
        return ()
    taken = cap.raw_sample_count
    return tuple(
        m.CIMetricSample(
            timestamp=timestamp(attempt.started_at + index * _SECONDS_PER_SAMPLE),
            cpu_utilization=_CPU[index % len(_CPU)],
            memory_utilization=_MEMORY[index % len(_MEMORY)],
            memory_usage_bytes=str(int(_MEMORY_BYTES * _MEMORY[index % len(_MEMORY)])),
        )
        for index in range(0, taken, _stride(taken))
    )


def _stride(samples: int) -> int:
    """One of how many samples is sent."""
    return -(-samples // _MOST_SAMPLES) or 1
