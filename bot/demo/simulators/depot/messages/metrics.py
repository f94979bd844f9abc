"""Metrics of a run."""

from enum import StrEnum

from bot.demo.simulators.depot.messages.base import Message, UInt32, UInt64


class GetRunMetricsRequest(Message):
    """`GetRunMetrics`."""

    run_id: str = ""


class CIMetricsRunContext(Message):
    """The run."""

    run_id: str = ""
    repo: str = ""
    ref: str = ""
    sha: str = ""
    head_sha: str = ""
    trigger: str = ""
    status: str = ""
    created_at: str = ""
    started_at: str = ""
    finished_at: str = ""


class CIMetricsWorkflowContext(Message):
    """A workflow."""

    workflow_id: str = ""
    workflow_path: str = ""
    name: str = ""
    status: str = ""
    created_at: str = ""
    started_at: str = ""
    finished_at: str = ""


class CIMetricsJobContext(Message):
    """A job."""

    job_id: str = ""
    job_key: str = ""
    status: str = ""
    conclusion: str = ""
    current_attempt: int = 0
    created_at: str = ""
    started_at: str = ""
    finished_at: str = ""


class CIMetricsAttemptContext(Message):
    """An attempt."""

    attempt_id: str = ""
    attempt: int = 0
    status: str = ""
    conclusion: str = ""
    sandbox_id: str = ""
    session_id: str = ""
    created_at: str = ""
    started_at: str = ""
    finished_at: str = ""


class CIMetricsAvailabilityCode(StrEnum):
    """Whether an attempt was measured."""

    UNSPECIFIED = "CI_METRICS_AVAILABILITY_CODE_UNSPECIFIED"
    AVAILABLE = "CI_METRICS_AVAILABILITY_CODE_AVAILABLE"
    NO_SANDBOX = "CI_METRICS_AVAILABILITY_CODE_NO_SANDBOX"
    NO_TIME_RANGE = "CI_METRICS_AVAILABILITY_CODE_NO_TIME_RANGE"
    NO_SAMPLES = "CI_METRICS_AVAILABILITY_CODE_NO_SAMPLES"


class CIMetricsAvailability(Message):
    """Whether an attempt was measured, and why not."""

    code: CIMetricsAvailabilityCode = CIMetricsAvailabilityCode.UNSPECIFIED
    reason: str = ""


class CIMetricsStats(Message):
    """What an attempt used. Utilizations go from 0 to 1."""

    sample_count: UInt32 = 0
    cpu_sample_count: UInt32 = 0
    memory_sample_count: UInt32 = 0
    peak_cpu_utilization: float | None = None
    average_cpu_utilization: float | None = None
    peak_memory_utilization: float | None = None
    average_memory_utilization: float | None = None
    observed_started_at: str = ""
    observed_finished_at: str = ""
    peak_memory_usage_bytes: UInt64 | None = None
    average_memory_usage_bytes: float | None = None


class CIMetricsCapMetadata(Message):
    """How samples were thinned out."""

    raw_sample_count: UInt32 = 0
    returned_sample_count: UInt32 = 0
    max_returned_sample_count: UInt32 = 0
    downsampled: bool = False
    downsample_strategy: str = ""


class CIMetricsAttemptSummary(Message):
    """An attempt among others: without samples."""

    attempt: CIMetricsAttemptContext | None = None
    availability: CIMetricsAvailability | None = None
    stats: CIMetricsStats | None = None
    cap: CIMetricsCapMetadata | None = None


class CIMetricsJobMetrics(Message):
    """One job in `GetRunMetrics`."""

    job: CIMetricsJobContext | None = None
    attempts: tuple[CIMetricsAttemptSummary, ...] = ()


class CIMetricsWorkflowMetrics(Message):
    """One workflow in `GetRunMetrics`."""

    workflow: CIMetricsWorkflowContext | None = None
    jobs: tuple[CIMetricsJobMetrics, ...] = ()


class GetRunMetricsResponse(Message):
    """Answer of `GetRunMetrics`."""

    run: CIMetricsRunContext | None = None
    workflows: tuple[CIMetricsWorkflowMetrics, ...] = ()
    snapshot_at: str = ""
