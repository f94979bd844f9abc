"""Structured logs: for people on a terminal, JSON elsewhere; one line each, whatever is in it."""

from __future__ import annotations

import logging
import os
import sys
from types import NoneType

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from bot.messages.markdown import clean

MAX_TEXT = 1000
MAX_COMMAND_LINE = 200
"""Characters of a text, and of a command line, which anybody may have written."""

MAX_TEXTS = 20
"""Texts of a list."""

MAX_TRACEBACK = 20_000

FOREIGN_EVENT = "library_message"
"""The event of what uvicorn and other libraries log: their sentence is its `message`."""


def set_up_logging(level: str, format: str) -> None:
    """Log to standard error. *format* is `console`, `json`, or empty for whichever suits."""
    is_terminal = sys.stderr.isatty()
    console = format == "console" or (not format and is_terminal)
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        # Plain tracebacks: others show local variables, and those hold secrets.
        structlog.processors.format_exc_info,
        harmless,
    ]
    last: Processor = (
        structlog.dev.ConsoleRenderer(
            colors=is_terminal and not os.environ.get("NO_COLOR"),  # no-color.org
            exception_formatter=structlog.dev.plain_traceback,
        )
        if console
        else structlog.processors.JSONRenderer()
    )
    threshold = getattr(logging, level.upper())
    structlog.configure(
        processors=[*shared, last],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    # uvicorn and others log through the standard library: the same lines, the same place.
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[_of_library, *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, last],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(max(threshold, logging.INFO))
    logging.captureWarnings(True)
    # httpx logs every request with its address: noise here, and nobody else's business.
    logging.getLogger("httpx").setLevel(logging.WARNING)
    logging.getLogger("alembic").setLevel(logging.WARNING)


def harmless(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """The event with its texts bounded, each on one line and without control characters: much of
    them is untrusted."""
    for name, value in event.items():
        if name == "exception":
            event[name] = clean(str(value)[:MAX_TRACEBACK])
        elif isinstance(value, list | tuple):
            event[name] = [_one_line(name, str(one)) for one in value[:MAX_TEXTS]]
        elif not isinstance(value, int | float | NoneType) and not name.startswith("_"):
            event[name] = _one_line(name, str(value))
    return event


def _one_line(name: str, text: str) -> str:
    limit = MAX_COMMAND_LINE if name in {"command", "commands"} else MAX_TEXT
    if len(text) <= limit and text.isascii() and text.isprintable():
        return text
    line = " ".join(clean(text[: 10 * limit]).split())
    return line if len(line) <= limit else f"{line[: limit - 1]}…"


def _of_library(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """What a library logs, under a name that can be searched for."""
    record = event.get("_record")
    if isinstance(record, logging.LogRecord):
        event.update(event=FOREIGN_EVENT, logger=record.name, message=event.get("event"))
    return event
