"""Logs, in pages, as a stream and as a file; and summaries."""

from enum import StrEnum
from typing import Annotated

from bot.demo.simulators.depot.messages.base import Int64, Message, Number, OneOf, UInt32


class GetJobAttemptLogsRequest(Message):
    """`GetJobAttemptLogs`."""

    attempt_id: str = ""
    page_token: str = ""
    job_id: Annotated[str, Number(None)] = ""
    """Believed: newer servers are said to take it, the CLI does not know it."""


class LogLine(Message):
    """A line of a log."""

    step_key: str = ""
    timestamp_ms: Int64 = "0"
    """Epoch milliseconds."""
    line_number: UInt32 = 0
    stream: UInt32 = 0
    """0 stdout, 1 stderr."""
    body: str = ""
    step_id: str = ""
    step_name: str = ""


class GetJobAttemptLogsResponse(Message):
    """Answer of `GetJobAttemptLogs`."""

    lines: tuple[LogLine, ...] = ()
    next_page_token: str = ""


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
