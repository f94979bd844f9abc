"""The failure diagnosis. States and conclusions are enums here, unlike everywhere else."""

from enum import StrEnum
from typing import Annotated

from bot.demo.simulators.depot.messages.base import Message, UInt32


class FailureDiagnosisTargetType(StrEnum):
    """What an id stands for."""

    UNSPECIFIED = "FAILURE_DIAGNOSIS_TARGET_TYPE_UNSPECIFIED"
    RUN = "FAILURE_DIAGNOSIS_TARGET_TYPE_RUN"
    WORKFLOW = "FAILURE_DIAGNOSIS_TARGET_TYPE_WORKFLOW"
    JOB = "FAILURE_DIAGNOSIS_TARGET_TYPE_JOB"
    ATTEMPT = "FAILURE_DIAGNOSIS_TARGET_TYPE_ATTEMPT"


class FailureDiagnosisState(StrEnum):
    """What kind of answer it is."""

    UNSPECIFIED = "FAILURE_DIAGNOSIS_STATE_UNSPECIFIED"
    EMPTY = "FAILURE_DIAGNOSIS_STATE_EMPTY"
    GROUPED_FAILURES = "FAILURE_DIAGNOSIS_STATE_GROUPED_FAILURES"
    FOCUSED_FAILURE = "FAILURE_DIAGNOSIS_STATE_FOCUSED_FAILURE"
    OVER_LIMIT = "FAILURE_DIAGNOSIS_STATE_OVER_LIMIT"


class FailureDiagnosisEmptyReason(StrEnum):
    """Why there is nothing to say."""

    UNSPECIFIED = "FAILURE_DIAGNOSIS_EMPTY_REASON_UNSPECIFIED"
    NO_FAILURE_EVIDENCE = "FAILURE_DIAGNOSIS_EMPTY_REASON_NO_FAILURE_EVIDENCE"


class FailureDiagnosisResourceStatus(StrEnum):
    """The state of a run, workflow, job or attempt."""

    UNSPECIFIED = "FAILURE_DIAGNOSIS_RESOURCE_STATUS_UNSPECIFIED"
    QUEUED = "FAILURE_DIAGNOSIS_RESOURCE_STATUS_QUEUED"
    WAITING = "FAILURE_DIAGNOSIS_RESOURCE_STATUS_WAITING"
    RUNNING = "FAILURE_DIAGNOSIS_RESOURCE_STATUS_RUNNING"
    FINISHED = "FAILURE_DIAGNOSIS_RESOURCE_STATUS_FINISHED"
    FAILED = "FAILURE_DIAGNOSIS_RESOURCE_STATUS_FAILED"
    CANCELLED = "FAILURE_DIAGNOSIS_RESOURCE_STATUS_CANCELLED"
    SKIPPED = "FAILURE_DIAGNOSIS_RESOURCE_STATUS_SKIPPED"


class FailureDiagnosisConclusion(StrEnum):
    """How a job or an attempt ended."""

    UNSPECIFIED = "FAILURE_DIAGNOSIS_CONCLUSION_UNSPECIFIED"
    SUCCESS = "FAILURE_DIAGNOSIS_CONCLUSION_SUCCESS"
    FAILURE = "FAILURE_DIAGNOSIS_CONCLUSION_FAILURE"
    CANCELLED = "FAILURE_DIAGNOSIS_CONCLUSION_CANCELLED"
    SKIPPED = "FAILURE_DIAGNOSIS_CONCLUSION_SKIPPED"
    TIMED_OUT = "FAILURE_DIAGNOSIS_CONCLUSION_TIMED_OUT"


class DrillDownCommandKind(StrEnum):
    """What a suggested command shows."""

    UNSPECIFIED = "DRILL_DOWN_COMMAND_KIND_UNSPECIFIED"
    LOGS = "DRILL_DOWN_COMMAND_KIND_LOGS"
    SUMMARY = "DRILL_DOWN_COMMAND_KIND_SUMMARY"
    DIAGNOSE_WORKFLOW = "DRILL_DOWN_COMMAND_KIND_DIAGNOSE_WORKFLOW"
    DIAGNOSE_JOB = "DRILL_DOWN_COMMAND_KIND_DIAGNOSE_JOB"


_NO_TYPE = FailureDiagnosisTargetType.UNSPECIFIED
_NO_STATUS = FailureDiagnosisResourceStatus.UNSPECIFIED
_NO_CONCLUSION = FailureDiagnosisConclusion.UNSPECIFIED


class GetFailureDiagnosisRequest(Message):
    """`GetFailureDiagnosis`."""

    target_id: str = ""
    target_type: Annotated[str | int, FailureDiagnosisTargetType] = 0


class FailureDiagnosisTarget(Message):
    """What a diagnosis is about."""

    target_id: str = ""
    target_type: FailureDiagnosisTargetType = _NO_TYPE
    status: FailureDiagnosisResourceStatus = _NO_STATUS


class FailureDiagnosisContext(Message):
    """Where the target belongs."""

    run_id: str = ""
    repo: str = ""
    ref: str = ""
    sha: str = ""
    head_sha: str = ""
    trigger: str = ""
    run_status: FailureDiagnosisResourceStatus = _NO_STATUS
    workflow_id: str = ""
    workflow_name: str = ""
    workflow_path: str = ""
    workflow_status: FailureDiagnosisResourceStatus = _NO_STATUS
    job_id: str = ""
    job_key: str = ""
    job_display_name: str = ""
    job_status: FailureDiagnosisResourceStatus = _NO_STATUS
    job_conclusion: FailureDiagnosisConclusion = _NO_CONCLUSION
    attempt_id: str = ""
    attempt: int = 0
    attempt_status: FailureDiagnosisResourceStatus = _NO_STATUS
    attempt_conclusion: FailureDiagnosisConclusion = _NO_CONCLUSION
    truncated_context_fields: tuple[str, ...] = ()


class RelevantErrorLine(Message):
    """A line of the log that tells what went wrong."""

    step_id: str = ""
    line_number: UInt32 = 0
    content: str = ""
    content_truncated: bool = False
    content_original_length: UInt32 = 0


class DrillDownCommand(Message):
    """What the CLI suggests to look at next."""

    kind: DrillDownCommandKind = DrillDownCommandKind.UNSPECIFIED
    argv: tuple[str, ...] = ()
    target_id: str = ""
    label: str = ""


class RepresentativeAttempt(Message):
    """An attempt that failed, and what is known of the reason."""

    run_id: str = ""
    workflow_id: str = ""
    workflow_name: str = ""
    workflow_path: str = ""
    job_id: str = ""
    job_key: str = ""
    job_display_name: str = ""
    job_status: FailureDiagnosisResourceStatus = _NO_STATUS
    job_conclusion: FailureDiagnosisConclusion = _NO_CONCLUSION
    attempt_id: str = ""
    attempt: int = 0
    attempt_status: FailureDiagnosisResourceStatus = _NO_STATUS
    attempt_conclusion: FailureDiagnosisConclusion = _NO_CONCLUSION
    error_message: str = ""
    error_message_truncated: bool = False
    error_message_original_length: UInt32 = 0
    diagnosis: str = ""
    possible_fix: str = ""
    relevant_lines: tuple[RelevantErrorLine, ...] = ()
    next_commands: tuple[DrillDownCommand, ...] = ()


class FailureGroup(Message):
    """Failures that are alike."""

    fingerprint: str = ""
    source: str = ""
    count: UInt32 = 0
    error_message: str = ""
    error_message_truncated: bool = False
    error_message_original_length: UInt32 = 0
    diagnosis: str = ""
    possible_fix: str = ""
    representatives: tuple[RepresentativeAttempt, ...] = ()
    omitted_representative_count: UInt32 = 0


class FailureDiagnosisBounds(Message):
    """How much there was, and how much was looked at."""

    failed_problem_candidate_count: UInt32 = 0
    failed_problem_candidate_cap: UInt32 = 0
    total_problem_job_count: UInt32 = 0
    skipped_dependent_count: UInt32 = 0
    total_failure_group_count: UInt32 = 0
    omitted_failure_group_count: UInt32 = 0
    failure_group_limit: UInt32 = 0
    representatives_per_group_limit: UInt32 = 0
    recent_attempt_limit: UInt32 = 0
    total_attempt_count: UInt32 = 0
    omitted_attempt_count: UInt32 = 0
    relevant_line_limit: UInt32 = 0
    error_line_body_char_limit: UInt32 = 0
    error_message_char_limit: UInt32 = 0
    context_label_char_limit: UInt32 = 0
    over_limit_workflow_breakdown_limit: UInt32 = 0
    over_limit_job_breakdown_limit: UInt32 = 0
    omitted_workflow_breakdown_count: UInt32 = 0
    omitted_job_breakdown_count: UInt32 = 0
    truncated: bool = False


class FailureDiagnosisCommandCapabilities(Message):
    """Which kinds of suggested commands can be used."""

    summary_command_available: bool = False


class FailureDiagnosisBreakdownRow(Message):
    """A part of the target to ask about instead."""

    target_type: FailureDiagnosisTargetType = _NO_TYPE
    target_id: str = ""
    label: str = ""
    status: FailureDiagnosisResourceStatus = _NO_STATUS
    failed_problem_candidate_count: UInt32 = 0
    next_commands: tuple[DrillDownCommand, ...] = ()


class GetFailureDiagnosisResponse(Message):
    """Answer of `GetFailureDiagnosis`."""

    org_id: str = ""
    target: FailureDiagnosisTarget | None = None
    context: FailureDiagnosisContext | None = None
    state: FailureDiagnosisState = FailureDiagnosisState.UNSPECIFIED
    empty_reason: FailureDiagnosisEmptyReason = FailureDiagnosisEmptyReason.UNSPECIFIED
    failure_groups: tuple[FailureGroup, ...] = ()
    representative_attempts: tuple[RepresentativeAttempt, ...] = ()
    bounds: FailureDiagnosisBounds | None = None
    next_commands: tuple[DrillDownCommand, ...] = ()
    command_capabilities: FailureDiagnosisCommandCapabilities | None = None
    over_limit_breakdown: tuple[FailureDiagnosisBreakdownRow, ...] = ()
