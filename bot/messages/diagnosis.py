"""Messages about a failure: Depot's diagnosis and the end of the log."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from bot.core.failures import Evidence
from bot.core.models import TrackedRun
from bot.core.runs import Diagnosis, Failure, Job, LogLine
from bot.messages.known_failures import seen_elsewhere
from bot.messages.markdown import clean, code, fence
from bot.messages.phrases import name_list, run_name, state_word
from bot.messages.redaction import mask
from bot.messages.runs import workflow_errors

MAX_FAILURES = 5
"""The most failures of one diagnosis that are shown."""

MARGIN = 2_000
"""Characters beyond those that are shown in which secrets are masked as well."""

LINES_SHOWN = 30
"""Log lines that are shown with a failed run."""

MAX_LINE = 500
"""Characters of a log line in which an error is looked for."""

_ERROR = re.compile(
    r"\b(?:error|fatal|panic|traceback|exception|assert\w*|fail(?:ed|ure|s)?)\b|\w(?:Error|Exception)\b",
    re.IGNORECASE,
)
_SAYS_NOTHING = re.compile(
    r"\bexit(?:ed)?(?: with)?(?: code| status)? \d|\b0 (?:errors?|fail\w*)|^make\S*: \*\*\* \[",
    re.IGNORECASE,
)
"""Lines that end any failed step, and those that count none."""

_FENCE = re.compile(r"\s*`{3,}\w*\s*")

MAX_LOG = 40_000
MAX_FAILURE_LOG = 6_000
"""Characters of a log: as the answer of a command, and beside a failed run."""


def diagnosis_of(run: TrackedRun, diagnosis: Diagnosis, elsewhere: Sequence[Evidence] = ()) -> str:
    """Depot's diagnosis as the answer of a command, and where *elsewhere* the same was seen."""
    if not diagnosis.failures and diagnosis.is_cut:
        return f"Run {run_name(run)} has more failures than Depot's diagnosis holds."
    if not diagnosis.failures and (errors := workflow_errors(run.run)):
        return "\n\n".join([f"Run {run_name(run)}:", *errors])
    if not diagnosis.failures:
        return f"Depot knows of no failure in run {run_name(run)} ({state_word(run.run.status)})."
    parts = [f"Run {run_name(run)}:", _diagnosis(diagnosis)]
    if elsewhere:
        parts.append(seen_elsewhere(elsewhere))
    return "\n\n".join(parts)


def failure(diagnosis: Diagnosis | None, job: Job | None, lines: Sequence[LogLine]) -> str:
    """Why a run failed: the diagnosis and the log round the error, each if it is known. *lines* are
    the last of the log."""
    parts = []
    if diagnosis is not None and diagnosis.failures:
        parts.append(_diagnosis(diagnosis))
    if job is not None and lines:
        shown, later, step = _round_the_error(lines)
        name = code(job.name or job.key)
        where = f" in the step {code(step)}" if step else ""
        heading = f"The end of {name}{where}:"
        if later:
            heading = (
                f"The log of {name}{where} round the error ({later} later lines are not shown):"
            )
        parts.append(f"{heading}\n\n{log_block(shown, MAX_FAILURE_LOG)}")
    return "\n\n".join(parts)


def _round_the_error(lines: Sequence[LogLine]) -> tuple[Sequence[str], int, str]:
    """The lines round the last that names an error, how many come after them, and the step; the
    last lines when none does."""
    found = max(
        (place for place, line in enumerate(lines) if _names_an_error(line)),
        default=len(lines) - 1,
    )
    # Most of what explains an error stands before it.
    first = max(0, min(found - LINES_SHOWN * 2 // 3, len(lines) - LINES_SHOWN))
    shown = [line.text for line in lines[first : first + LINES_SHOWN]]
    return shown, len(lines) - first - len(shown), lines[found].step


def _names_an_error(line: LogLine) -> bool:
    text = clean(line.text[:MAX_LINE])
    return _ERROR.search(text) is not None and _SAYS_NOTHING.search(text) is None


def _diagnosis(diagnosis: Diagnosis) -> str:
    failures = _merged(diagnosis.failures)
    parts = [_one_failure(failure) for failure in failures[:MAX_FAILURES]]
    if len(failures) > MAX_FAILURES:
        hidden = len(failures) - MAX_FAILURES + diagnosis.omitted
        parts.append(f"And {hidden} more kinds of failure.")
    elif diagnosis.is_cut:
        more = f"{diagnosis.omitted} more" if diagnosis.omitted else "more"
        parts.append(f"And {more}, which Depot's diagnosis leaves out.")
    if any(f.diagnosis or f.possible_fix for f in failures):
        parts.append("Diagnosis and fix were written by a model, from the log: check them.")
    return "\n\n".join(parts)


def _merged(failures: Sequence[Failure]) -> list[Failure]:
    """Failures of which all is the same but the jobs, once with all their jobs."""
    merged: dict[tuple[object, ...], Failure] = {}
    for one in failures:
        what = (one.error, one.lines, one.diagnosis, one.possible_fix)
        before = merged.get(what)
        if before is not None:
            one = replace(one, jobs=before.jobs + one.jobs, count=before.count + one.count)
        merged[what] = one
    return list(merged.values())


def _one_failure(failure: Failure) -> str:
    jobs = name_list(list(dict.fromkeys(failure.jobs))) if failure.jobs else "A job"
    times = f" ({failure.count} times)" if failure.count > 1 else ""
    parts = [f"{jobs} failed{times}:"]
    # Depot takes the lines from the logs of several jobs.
    lines = list(dict.fromkeys(failure.lines))[:20]
    for text in (failure.error, "\n".join(lines)):
        if text.strip():
            parts.append(fence(_shown(text), "text"))
    for heading, text in (("Diagnosis", failure.diagnosis), ("Possible fix", failure.possible_fix)):
        if text.strip():
            parts.append(f"{heading}:\n\n{_prose(_shown(text))}")
    return "\n\n".join(parts)


def _shown(text: str) -> str:
    return mask(clean(text[:8000]))[:2000]


def _prose(text: str) -> str:
    """Sentences that somebody else wrote: in code spans, which have no effect, and which wrap.
    Fences in them are left out."""
    lines = [line for line in text.split("\n") if line.strip() and not _FENCE.fullmatch(line)]
    return "\n".join(f"> {code(line, limit=1000)}" for line in lines)


def log_block(lines: Sequence[str], limit: int) -> str:
    """The last log lines as a block of at most *limit* characters."""
    # Cut with a margin, so that no secret is cut in two where it can be seen; mask; cut again.
    text = "\n".join(clean(line[: 500 + MARGIN]) for line in lines)
    text = mask(text[-(limit + MARGIN) :])
    cut = (line if len(line) <= 500 else line[:499] + "…" for line in text.split("\n"))
    text = "\n".join(cut)
    if len(text) > limit:
        text = "…\n" + text[-limit:].partition("\n")[2]
    return fence(text, "text")
