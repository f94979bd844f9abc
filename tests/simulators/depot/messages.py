"""The messages of the methods that the bot does not call."""

from enum import StrEnum
from typing import Annotated

from bot.demo.simulators.depot.messages.artifacts import Artifact
from bot.demo.simulators.depot.messages.base import Message, OneOf, UInt32, UInt64
from bot.demo.simulators.depot.messages.logs import LogLine
from bot.demo.simulators.depot.messages.metrics import (
    CIMetricsAttemptSummary,
    CIMetricsJobContext,
    CIMetricsRunContext,
    CIMetricsWorkflowContext,
)


class GetWorkflowRequest(Message):
    """`GetWorkflow`."""

    workflow_id: str = ""


class GetWorkflowExecution(Message):
    """One go through a workflow."""

    execution_id: str = ""
    execution: int = 0
    status: str = ""
    created_at: str = ""
    started_at: str = ""
    finished_at: str = ""


class GetWorkflowJobAttempt(Message):
    """An attempt in `GetWorkflow`."""

    attempt_id: str = ""
    attempt: int = 0
    status: str = ""
    sandbox_id: str = ""
    session_id: str = ""
    started_at: str = ""
    finished_at: str = ""


class GetWorkflowJob(Message):
    """A job in `GetWorkflow`."""

    job_id: str = ""
    job_key: str = ""
    status: str = ""
    started_at: str = ""
    finished_at: str = ""
    attempts: tuple[GetWorkflowJobAttempt, ...] = ()
    job_display_name: str = ""


class WorkflowContext(Message):
    """The run and workflow that `GetWorkflow`, `GetJob` and `GetAttempt` begin with."""

    org_id: str = ""
    run_id: str = ""
    repo: str = ""
    ref: str = ""
    sha: str = ""
    head_sha: str = ""
    trigger: str = ""
    run_status: str = ""
    run_created_at: str = ""
    run_started_at: str = ""
    run_finished_at: str = ""
    workflow_id: str = ""
    workflow_name: str = ""
    workflow_path: str = ""
    workflow_status: str = ""
    workflow_error_message: str = ""
    workflow_created_at: str = ""
    workflow_started_at: str = ""
    workflow_finished_at: str = ""


class GetWorkflowResponse(WorkflowContext):
    """Answer of `GetWorkflow`."""

    executions: tuple[GetWorkflowExecution, ...] = ()
    jobs: tuple[GetWorkflowJob, ...] = ()


# From here on in JSON only: Depot publishes these, its CLI does not know them.


class GetJobRequest(Message):
    """`GetJob`."""

    job_id: str = ""


class GetAttemptRequest(Message):
    """`GetAttempt`."""

    attempt_id: str = ""


class FullAttempt(Message):
    """An attempt in `GetJob` and `GetAttempt`."""

    attempt_id: str = ""
    attempt: int = 0
    status: str = ""
    conclusion: str = ""
    error_message: str = ""
    sandbox_id: str = ""
    session_id: str = ""
    created_at: str = ""
    dispatched_at: str = ""
    started_at: str = ""
    finished_at: str = ""
    is_current: bool = False


class Strategy(Message):
    """How many cells a job's matrix has."""

    job_total: int = 0


class RunsOn(Message):
    """Where a job runs."""

    labels: tuple[str, ...] = ()


class JobContext(WorkflowContext):
    """The job that `GetJob` and `GetAttempt` show."""

    job_id: str = ""
    job_key: str = ""
    job_display_name: str = ""
    job_status: str = ""
    job_conclusion: str = ""
    job_error_message: str = ""
    job_created_at: str = ""
    job_dispatched_at: str = ""
    job_started_at: str = ""
    job_finished_at: str = ""
    current_attempt_id: str = ""
    current_attempt: int = 0
    strategy: Strategy | None = None
    runs_on: RunsOn | None = None


class GetJobResponse(JobContext):
    """Answer of `GetJob`."""

    attempts: tuple[FullAttempt, ...] = ()


class GetAttemptResponse(JobContext):
    """Answer of `GetAttempt`."""

    attempt: FullAttempt | None = None


class StreamJobAttemptLogsRequest(Message):
    """`StreamJobAttemptLogs`: exactly one of the ids."""

    attempt_id: str = ""
    cursor: str = ""
    job_id: str = ""


class StreamJobAttemptLogsResponse(Message):
    """A message of `StreamJobAttemptLogs`; without a line it reports the state only."""

    line: LogLine | None = None
    next_cursor: str = ""
    attempt_status: str = ""


class JobAttemptLogExportFormat(StrEnum):
    """As what a log is exported. Unspecified means text."""

    UNSPECIFIED = "JOB_ATTEMPT_LOG_EXPORT_FORMAT_UNSPECIFIED"
    TEXT = "JOB_ATTEMPT_LOG_EXPORT_FORMAT_TEXT"
    JSONL = "JOB_ATTEMPT_LOG_EXPORT_FORMAT_JSONL"


class ExportJobAttemptLogsRequest(Message):
    """`ExportJobAttemptLogs`: exactly one of the ids."""

    attempt_id: str = ""
    job_id: str = ""
    format: Annotated[str | int, JobAttemptLogExportFormat] = 0


class JobAttemptLogExportMetadata(Message):
    """What an export begins with."""

    filename: str = ""
    content_type: str = ""
    format: JobAttemptLogExportFormat = JobAttemptLogExportFormat.UNSPECIFIED


class ExportJobAttemptLogsResponse(Message):
    """A message of `ExportJobAttemptLogs`: first the metadata, then the file in pieces."""

    metadata: Annotated[JobAttemptLogExportMetadata | None, OneOf("event")] = None
    chunk: Annotated[bytes, OneOf("event")] = b""


class GetJobSummaryRequest(Message):
    """`GetJobSummary`."""

    job_id: str = ""
    attempt_id: str = ""


class GetJobSummaryResponse(Message):
    """Answer of `GetJobSummary`."""

    org_id: str = ""
    run_id: str = ""
    workflow_id: str = ""
    job_id: str = ""
    attempt_id: str = ""
    attempt: int = 0
    job_status: str = ""
    attempt_status: str = ""
    has_summary: bool = False
    empty_reason: str = ""
    step_count: UInt32 = 0
    markdown: str = ""


class GetArtifactDownloadURLRequest(Message):
    """`GetArtifactDownloadURL`."""

    artifact_id: str = ""


class GetArtifactDownloadURLResponse(Message):
    """Answer of `GetArtifactDownloadURL`."""

    artifact: Artifact | None = None
    url: str = ""
    expires_at: str = ""


class GetJobMetricsRequest(Message):
    """`GetJobMetrics`."""

    job_id: str = ""


class GetJobAttemptMetricsRequest(Message):
    """`GetJobAttemptMetrics`."""

    attempt_id: str = ""


class CIMetricSample(Message):
    """One measurement."""

    timestamp: str = ""
    cpu_utilization: float | None = None
    memory_utilization: float | None = None
    memory_usage_bytes: UInt64 | None = None


class CIMetricsAttemptMetrics(CIMetricsAttemptSummary):
    """An attempt by itself: with samples."""

    samples: tuple[CIMetricSample, ...] = ()


class GetJobMetricsResponse(Message):
    """Answer of `GetJobMetrics`."""

    run: CIMetricsRunContext | None = None
    workflow: CIMetricsWorkflowContext | None = None
    job: CIMetricsJobContext | None = None
    attempts: tuple[CIMetricsAttemptSummary, ...] = ()
    snapshot_at: str = ""


class GetJobAttemptMetricsResponse(Message):
    """Answer of `GetJobAttemptMetrics`."""

    run: CIMetricsRunContext | None = None
    workflow: CIMetricsWorkflowContext | None = None
    job: CIMetricsJobContext | None = None
    attempt: CIMetricsAttemptMetrics | None = None
    snapshot_at: str = ""
