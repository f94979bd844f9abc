"""Logs, in pages."""

from typing import Annotated

from bot.demo.simulators.depot.messages.base import Int64, Message, Number, UInt32


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
