"""`GetJobMetrics` and `GetJobAttemptMetrics`: as of a run, and with samples."""

from bot.demo.simulators.depot.calls import Caller
from bot.demo.simulators.depot.errors import ConnectError
from bot.demo.simulators.depot.messages.metrics import CIMetricsCapMetadata
from bot.demo.simulators.depot.metrics import (
    CPU,
    MEMORY,
    MEMORY_BYTES,
    SECONDS_PER_SAMPLE,
    job_context,
    run_context,
    stride,
    summary_of,
    workflow_context,
)
from bot.demo.simulators.depot.model import Attempt
from bot.demo.simulators.depot.wire import timestamp
from bot.demo.simulators.depot.world import World
from tests.simulators.depot import messages as m


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
        run=run_context(run),
        workflow=workflow_context(world, workflow),
        job=job_context(world, workflow, job),
        attempts=tuple(summary_of(world, attempt) for attempt in job.attempts),
        snapshot_at=timestamp(world.time),
    )


def attempt_metrics(
    world: World, caller: Caller, request: m.GetJobAttemptMetricsRequest
) -> m.GetJobAttemptMetricsResponse:
    """`GetJobAttemptMetrics`: one attempt, with samples."""
    run, workflow, job, attempt = world.find_attempt(caller.org_id, request.attempt_id)
    summary = summary_of(world, attempt)
    return m.GetJobAttemptMetricsResponse(
        run=run_context(run),
        workflow=workflow_context(world, workflow),
        job=job_context(world, workflow, job),
        attempt=m.CIMetricsAttemptMetrics(
            attempt=summary.attempt,
            availability=summary.availability,
            stats=summary.stats,
            cap=summary.cap,
            samples=_samples(attempt, summary.cap),
        ),
        snapshot_at=timestamp(world.time),
    )


def _samples(attempt: Attempt, cap: CIMetricsCapMetadata | None) -> tuple[m.CIMetricSample, ...]:
    if cap is None or attempt.started_at is None:
        return ()
    taken = cap.raw_sample_count
    return tuple(
        m.CIMetricSample(
            timestamp=timestamp(attempt.started_at + index * SECONDS_PER_SAMPLE),
            cpu_utilization=CPU[index % len(CPU)],
            memory_utilization=MEMORY[index % len(MEMORY)],
            memory_usage_bytes=str(int(MEMORY_BYTES * MEMORY[index % len(MEMORY)])),
        )
        for index in range(0, taken, stride(taken))
    )
