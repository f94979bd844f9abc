"""The messages of `depot.ci.v1.CIService`, as far as they are known: requests, then answers."""

from collections.abc import Mapping
from typing import Any

import msgspec

from bot.demo.depot.wire import Int64, Message

# Requests.


class RunRequest(Message):
    """`Run`."""

    repo: str = ""
    sha: str = ""
    workflow: str = ""
    workflow_content: tuple[str, ...] = ()
    job: str = ""
    workspace_patch_cache_key: str = ""


class DispatchWorkflowRequest(Message):
    """`DispatchWorkflow`."""

    org_id: str = ""
    repo: str = ""
    workflow: str = ""
    ref: str = ""
    inputs: Mapping[str, str] = msgspec.field(default_factory=dict)


class RunId(Message):
    """A request about a run."""

    run_id: str = ""


class WorkflowId(Message):
    """A request about a workflow."""

    workflow_id: str = ""


class JobId(Message):
    """A request about a job."""

    job_id: str = ""


class AttemptId(Message):
    """A request about an attempt."""

    attempt_id: str = ""


class JobOfWorkflow(Message):
    """A request about a job that names its workflow too."""

    workflow_id: str = ""
    job_id: str = ""


class ListRunsRequest(Message):
    """`ListRuns`."""

    status: tuple[str, ...] = ()
    page_size: int = 0
    page_token: str = ""
    repo: str = ""
    sha: str = ""
    trigger: str = ""
    pr: str = ""


class ListWorkflowsRequest(Message):
    """`ListWorkflows`."""

    page_size: int = 0
    name: str = ""
    repo: str = ""
    status: tuple[str, ...] = ()
    trigger: str = ""
    sha: str = ""
    pr: str = ""


class DiagnosisRequest(Message):
    """`GetFailureDiagnosis`."""

    target_id: str = ""
    target_type: Any = 0
    """An enum: its name or its number."""


class LogsRequest(Message):
    """`GetJobAttemptLogs`."""

    attempt_id: str = ""
    job_id: str = ""
    page_token: str = ""


class SummaryRequest(Message):
    """`GetJobSummary`."""

    job_id: str = ""
    attempt_id: str = ""


class ListArtifactsRequest(Message):
    """`ListArtifacts`."""

    run_id: str = ""
    workflow_id: str = ""
    job_id: str = ""
    attempt_id: str = ""
    page_size: int = 0
    page_token: str = ""


class ArtifactId(Message):
    """A request about an artifact."""

    artifact_id: str = ""


# Starting, stopping, trying again.


class RunStarted(Message):
    """Answer of `Run` and `DispatchWorkflow`."""

    org_id: str = ""
    run_id: str = ""


class RunState(Message):
    """Answer of `CancelRun`."""

    run_id: str = ""
    status: str = ""


class WorkflowState(Message):
    """Answer of `CancelWorkflow`."""

    workflow_id: str = ""
    status: str = ""


class JobState(Message):
    """Answer of `CancelJob`."""

    job_id: str = ""
    status: str = ""


class JobRetried(Message):
    """Answer of `RetryJob`."""

    job_id: str = ""
    attempt_id: str = ""
    attempt: int = 0
    status: str = ""


class JobsRetried(Message):
    """Answer of `RetryFailedJobs`; without ids, of `RerunWorkflow`."""

    workflow_id: str = ""
    job_ids: tuple[str, ...] = ()
    job_count: int = 0


# Runs and what is in them.


class RunAnswer(Message):
    """Answer of `GetRun`; without `org_id`, the run in metrics."""

    org_id: str = ""
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


class AttemptNode(Message):
    """An attempt, in every tree; the times are not in `GetRunStatus`."""

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


class JobNode(Message):
    """A job, in every tree."""

    job_id: str = ""
    job_key: str = ""
    job_display_name: str = ""
    status: str = ""
    conclusion: str = ""
    current_attempt: int = 0
    created_at: str = ""
    started_at: str = ""
    finished_at: str = ""
    attempts: tuple[AttemptNode, ...] = ()


class WorkflowNode(Message):
    """A workflow in `GetRunStatus` and in metrics."""

    workflow_id: str = ""
    status: str = ""
    workflow_path: str = ""
    name: str = ""
    error_message: str = ""
    created_at: str = ""
    started_at: str = ""
    finished_at: str = ""
    jobs: tuple[JobNode, ...] = ()


class RunStatusAnswer(Message):
    """Answer of `GetRunStatus`."""

    org_id: str = ""
    run_id: str = ""
    status: str = ""
    workflows: tuple[WorkflowNode, ...] = ()


class ExecutionNode(Message):
    """One go through a workflow."""

    execution_id: str = ""
    execution: int = 0
    status: str = ""
    created_at: str = ""
    started_at: str = ""
    finished_at: str = ""


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


class WorkflowAnswer(WorkflowContext):
    """Answer of `GetWorkflow`."""

    executions: tuple[ExecutionNode, ...] = ()
    jobs: tuple[JobNode, ...] = ()


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


class JobAnswer(JobContext):
    """Answer of `GetJob`."""

    attempts: tuple[AttemptNode, ...] = ()


class AttemptAnswer(JobContext):
    """Answer of `GetAttempt`."""

    attempt: AttemptNode | None = None


# Lists.


class ListedRun(Message):
    """A row of `ListRuns`."""

    run_id: str = ""
    repo: str = ""
    trigger: str = ""
    status: str = ""
    sha: str = ""
    head_sha: str = ""
    ref: str = ""
    created_at: str = ""


class RunsAnswer(Message):
    """Answer of `ListRuns`."""

    runs: tuple[ListedRun, ...] = ()
    next_page_token: str = ""


class JobCounts(Message):
    """How many jobs of a workflow are in which state."""

    total: int = 0
    queued: int = 0
    waiting: int = 0
    running: int = 0
    finished: int = 0
    failed: int = 0
    cancelled: int = 0
    skipped: int = 0


class ListedWorkflow(Message):
    """A row of `ListWorkflows`."""

    workflow_id: str = ""
    name: str = ""
    workflow_path: str = ""
    repo: str = ""
    status: str = ""
    trigger: str = ""
    run_id: str = ""
    sha: str = ""
    head_sha: str = ""
    created_at: str = ""
    job_counts: JobCounts | None = None


class WorkflowsAnswer(Message):
    """Answer of `ListWorkflows`."""

    workflows: tuple[ListedWorkflow, ...] = ()


# Logs, summaries, artifacts.


class LogLine(Message):
    """A line of `GetJobAttemptLogs`."""

    step_key: str = ""
    timestamp_ms: Int64 = "0"
    line_number: int = 0
    stream: int = 0
    body: str = ""
    step_id: str = ""
    step_name: str = ""


class LogsAnswer(Message):
    """Answer of `GetJobAttemptLogs`."""

    lines: tuple[LogLine, ...] = ()
    next_page_token: str = ""


class SummaryAnswer(Message):
    """Answer of `GetJobSummary`."""

    org_id: str = ""
    run_id: str = ""
    workflow_id: str = ""
    job_id: str = ""
    attempt_id: str = ""
    job_status: str = ""
    attempt_status: str = ""
    empty_reason: str = ""
    markdown: str = ""
    attempt: int = 0
    step_count: int = 0
    has_summary: bool = False


class ArtifactNode(Message):
    """An artifact."""

    artifact_id: str = ""
    run_id: str = ""
    workflow_id: str = ""
    workflow_path: str = ""
    job_id: str = ""
    job_key: str = ""
    attempt_id: str = ""
    attempt: int = 0
    name: str = ""
    size_bytes: Int64 = "0"
    created_at: str = ""


class ArtifactsAnswer(Message):
    """Answer of `ListArtifacts`."""

    artifacts: tuple[ArtifactNode, ...] = ()
    next_page_token: str = ""


class DownloadAnswer(Message):
    """Answer of `GetArtifactDownloadURL`."""

    artifact: ArtifactNode | None = None
    url: str = ""
    expires_at: str = ""


# Metrics.


class Availability(Message):
    """Whether an attempt was measured, and why not."""

    code: str = ""
    reason: str = ""


class Stats(Message):
    """What an attempt used."""

    sample_count: int = 0
    cpu_sample_count: int = 0
    memory_sample_count: int = 0
    peak_cpu_utilization: float | None = None
    average_cpu_utilization: float | None = None
    peak_memory_utilization: float | None = None
    average_memory_utilization: float | None = None
    average_memory_usage_bytes: float | None = None
    peak_memory_usage_bytes: Int64 | None = None
    observed_started_at: str = ""
    observed_finished_at: str = ""


class Cap(Message):
    """How samples were thinned out."""

    raw_sample_count: int = 0
    returned_sample_count: int = 0
    max_returned_sample_count: int = 0
    downsampled: bool = False
    downsample_strategy: str = ""


class AttemptMetrics(Message):
    """One attempt in `GetRunMetrics`."""

    attempt: AttemptNode | None = None
    availability: Availability | None = None
    stats: Stats | None = None
    cap: Cap | None = None


class JobMetrics(Message):
    """One job in `GetRunMetrics`."""

    job: JobNode | None = None
    attempts: tuple[AttemptMetrics, ...] = ()


class WorkflowMetrics(Message):
    """One workflow in `GetRunMetrics`."""

    workflow: WorkflowNode | None = None
    jobs: tuple[JobMetrics, ...] = ()


class MetricsAnswer(Message):
    """Answer of `GetRunMetrics`."""

    run: RunAnswer | None = None
    workflows: tuple[WorkflowMetrics, ...] = ()
    snapshot_at: str = ""


# Diagnosis. States and conclusions are enums here, unlike everywhere else.


class Target(Message):
    """What a diagnosis is about."""

    target_id: str = ""
    target_type: str = ""
    status: str = ""


class DiagnosisContext(Message):
    """Where the target belongs."""

    run_id: str = ""
    repo: str = ""
    ref: str = ""
    sha: str = ""
    head_sha: str = ""
    trigger: str = ""
    run_status: str = ""
    workflow_id: str = ""
    workflow_name: str = ""
    workflow_path: str = ""
    workflow_status: str = ""
    job_id: str = ""
    job_key: str = ""
    job_display_name: str = ""
    job_status: str = ""
    job_conclusion: str = ""
    attempt_id: str = ""
    attempt: int = 0
    attempt_status: str = ""
    attempt_conclusion: str = ""
    truncated_context_fields: tuple[str, ...] = ()


class RelevantLine(Message):
    """A line of the log that tells what went wrong."""

    step_id: str = ""
    line_number: int = 0
    content: str = ""
    content_truncated: bool = False
    content_original_length: int = 0


class NextCommand(Message):
    """What the CLI suggests to look at next."""

    kind: str = ""
    argv: tuple[str, ...] = ()
    target_id: str = ""
    label: str = ""


class FailedAttempt(Message):
    """An attempt that failed, and what is known of the reason."""

    run_id: str = ""
    workflow_id: str = ""
    workflow_name: str = ""
    workflow_path: str = ""
    job_id: str = ""
    job_key: str = ""
    job_display_name: str = ""
    attempt_id: str = ""
    attempt: int = 0
    job_status: str = ""
    job_conclusion: str = ""
    attempt_status: str = ""
    attempt_conclusion: str = ""
    error_message: str = ""
    error_message_truncated: bool = False
    error_message_original_length: int = 0
    diagnosis: str = ""
    possible_fix: str = ""
    relevant_lines: tuple[RelevantLine, ...] = ()
    next_commands: tuple[NextCommand, ...] = ()


class FailureGroup(Message):
    """Failures that are alike."""

    fingerprint: str = ""
    source: str = ""
    count: int = 0
    error_message: str = ""
    error_message_truncated: bool = False
    error_message_original_length: int = 0
    diagnosis: str = ""
    possible_fix: str = ""
    representatives: tuple[FailedAttempt, ...] = ()
    omitted_representative_count: int = 0


class OverLimitPart(Message):
    """A part of the target to ask about instead."""

    target_type: str = ""
    target_id: str = ""
    label: str = ""
    status: str = ""
    failed_problem_candidate_count: int = 0
    next_commands: tuple[NextCommand, ...] = ()


class Bounds(Message):
    """How much there was, and how much was looked at."""

    failed_problem_candidate_count: int = 0
    failed_problem_candidate_cap: int = 0
    total_problem_job_count: int = 0
    skipped_dependent_count: int = 0
    total_failure_group_count: int = 0
    omitted_failure_group_count: int = 0
    total_attempt_count: int = 0
    omitted_attempt_count: int = 0
    omitted_workflow_breakdown_count: int = 0
    omitted_job_breakdown_count: int = 0
    recent_attempt_limit: int = 0
    context_label_char_limit: int = 0
    over_limit_workflow_breakdown_limit: int = 0
    over_limit_job_breakdown_limit: int = 0
    failure_group_limit: int = 0
    representatives_per_group_limit: int = 0
    relevant_line_limit: int = 0
    error_line_body_char_limit: int = 0
    error_message_char_limit: int = 0
    truncated: bool = False


class CommandCapabilities(Message):
    """Which kinds of suggested commands can be used."""

    summary_command_available: bool = False


class DiagnosisAnswer(Message):
    """Answer of `GetFailureDiagnosis`."""

    org_id: str = ""
    target: Target | None = None
    context: DiagnosisContext | None = None
    state: str = ""
    empty_reason: str = ""
    failure_groups: tuple[FailureGroup, ...] = ()
    representative_attempts: tuple[FailedAttempt, ...] = ()
    bounds: Bounds | None = None
    over_limit_breakdown: tuple[OverLimitPart, ...] = ()
    command_capabilities: CommandCapabilities | None = None
