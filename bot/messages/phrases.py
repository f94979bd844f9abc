"""Phrases that several messages share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from bot.core import jobs
from bot.core.models import TrackedRun
from bot.core.runs import Job
from bot.core.types import Sha
from bot.messages.markdown import cell, code, link

DEPOT_PAGES = "https://depot.dev/orgs"
"""The web pages of runs (bot/depot/README.md, "Ids and pages"); they need a Depot login."""

MAX_ROWS = 40
"""Rows of a table; further rows are counted."""


def typed(line: str) -> str:
    """A command line as it was typed."""
    return code(f"/depot {line}".strip())


def run_name(tracked: TrackedRun) -> str:
    """A run with its id as a link, its workflow, job and commit."""
    return f"{run_link(tracked)} of {run_what(tracked)}"


def run_link(tracked: TrackedRun) -> str:
    """A run's id, as a link to its page."""
    run = tracked.run
    shown = code(run.run_id)
    if run.org_id:
        shown = link(shown, run.org_id, "workflows", run.run_id, base=DEPOT_PAGES)
    return shown


def run_what(tracked: TrackedRun) -> str:
    """What a run runs: workflow, job and commit."""
    what = code(tracked.workflow) if tracked.workflow else "all workflows"
    if tracked.is_inline:
        what = "the YAML"
    job = f" ({code(tracked.job)})" if tracked.job else ""
    return f"{what}{job} on {commit(tracked.sha)}"


def dashboard() -> str:
    """A link to Depot's pages, where no run is known."""
    return link("Depot's dashboard", "_", "workflows", base=DEPOT_PAGES)


def commit(sha: Sha) -> str:
    """A commit, shortened."""
    return code(sha[:7])


def duration(seconds: float) -> str:
    """How long something took, for people."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    large, small = divmod(whole, 60) if whole < 3600 else divmod(whole // 60, 60)
    units = ("min", "s") if whole < 3600 else ("h", "min")
    return f"{large} {units[0]}" + (f" {small:02} {units[1]}" if small else "")


def minute(moment: float) -> str:
    """A time, by the minute: a comment stands for long, so it is no time ago."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d %H:%M UTC")


STATES: Mapping[str, str] = {
    "queued": "⏸ queued",
    "waiting": "⏸ waiting",
    "running": "⏳ running",
    "finished": "✅ passed",
    "failed": "❌ failed",
    "timed_out": "❌ timed out",
    "cancelled": "🚫 cancelled",
}
"""Depot's states, and the conclusions that say more, in words; the sign alone says nothing."""


def state_word(status: str) -> str:
    """A state in words; one that is not known is shown as untrusted text unless it is a plain
    word."""
    if status in STATES:
        return STATES[status]
    return status if status.isascii() and status.isalpha() else code(status)


def job_state(job: Job) -> str:
    """How a job stands, by its conclusion where that says more."""
    return state_word(job.conclusion if job.conclusion in STATES else job.status)


def job_name(job: Job, tracked: TrackedRun) -> str:
    """A job as the table of its run shows it."""
    return code(jobs.names(tracked.run.jobs).get(job.job_id) or job.name or job.key)


def job_page(org_id: str, workflow_id: str, job: Job, text: str) -> str:
    """*text*, which is Markdown, as a link to a job's page; alone where that is not known."""
    if not workflow_id or not org_id:
        return text
    return link(text, org_id, "workflows", workflow_id, base=DEPOT_PAGES, query={"job": job.job_id})


def state_cell(status: str) -> str:
    """A state for the cell of a table."""
    return in_cell(state_word(status))


def in_cell(text: str) -> str:
    """Markdown for the cell of a table, where a bar ends the cell even inside code."""
    return text.replace("|", "\\|")


def size(number: int) -> str:
    """Bytes, for people."""
    value = float(number)
    for unit in ("B", "kB", "MB", "GB"):  # pragma: no branch - the last unit ends it
        if value < 1000 or unit == "GB":
            break
        value /= 1000
    return f"{value:.0f} {unit}" if unit == "B" or value >= 10 else f"{value:.1f} {unit}"


def name_list(names: Sequence[str]) -> str:
    """Names as code spans; after the first 30 they are counted."""
    shown = ", ".join(code(name) for name in names[:30])
    return shown + (f" and {len(names) - 30} more" if len(names) > 30 else "")


def cell_list(names: Sequence[str]) -> str:
    """The same as `name_list` for the cell of a table."""
    shown = ", ".join(cell(name) for name in names[:30])
    return shown + (f" and {len(names) - 30} more" if len(names) > 30 else "")
