"""Messages about a failure: Depot's diagnosis and the end of the log."""

from __future__ import annotations

from collections.abc import Sequence

from bot.core.models import TrackedRun
from bot.core.runs import Diagnosis, Failure, Job
from bot.messages.markdown import clean, code, fence
from bot.messages.phrases import name_list, run_name, state_word
from bot.messages.redaction import mask

MAX_FAILURES = 5
"""The most failures of one diagnosis that are shown."""

MARGIN = 2_000
"""Characters beyond those that are shown in which secrets are masked as well."""

MAX_LOG = 40_000
MAX_FAILURE_LOG = 6_000
"""Characters of a log: as the answer of a command, and beside a failed run."""


def diagnosis_of(run: TrackedRun, diagnosis: Diagnosis) -> str:
    """Depot's diagnosis as the answer of a command."""
    if not diagnosis.failures and diagnosis.is_cut:
        return f"Run {run_name(run)} has more failures than Depot's diagnosis holds."
    if not diagnosis.failures:
        return f"Depot knows of no failure in run {run_name(run)} ({state_word(run.run.status)})."
    return f"Run {run_name(run)}:\n\n{_diagnosis(diagnosis)}"


def failure(diagnosis: Diagnosis | None, job: Job | None, lines: Sequence[str]) -> str:
    """Why a run failed: the diagnosis and the end of a log, each if it is known."""
    parts = []
    if diagnosis is not None and diagnosis.failures:
        parts.append(_diagnosis(diagnosis))
    if job is not None and lines:
        parts.append(
            f"The end of {code(job.name or job.key)}:\n\n{log_block(lines, MAX_FAILURE_LOG)}"
        )
    return "\n\n".join(parts)


def _diagnosis(diagnosis: Diagnosis) -> str:
    parts = [_one_failure(failure) for failure in diagnosis.failures[:MAX_FAILURES]]
    if len(diagnosis.failures) > MAX_FAILURES:
        parts.append(f"And {len(diagnosis.failures) - MAX_FAILURES} more kinds of failure.")
    elif diagnosis.is_cut:
        parts.append("And more, which Depot's diagnosis leaves out.")
    if any(f.diagnosis or f.possible_fix for f in diagnosis.failures):
        parts.append("Diagnosis and fix were written by a model, from the log: check them.")
    return "\n\n".join(parts)


def _one_failure(failure: Failure) -> str:
    jobs = name_list(list(dict.fromkeys(failure.jobs))) if failure.jobs else "A job"
    times = f" ({failure.count} times)" if failure.count > 1 else ""
    texts = [
        ("", failure.error),
        ("", "\n".join(failure.lines[:20])),
        ("Diagnosis:", failure.diagnosis),
        ("Possible fix:", failure.possible_fix),
    ]
    parts = [f"{jobs} failed{times}:"]
    for heading, text in texts:
        if text.strip():
            shown = fence(mask(clean(text[:8000]))[:2000], "text")
            parts.append(f"{heading}\n\n{shown}" if heading else shown)
    return "\n\n".join(parts)


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
