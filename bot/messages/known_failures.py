"""Messages about failures that were seen before: evidence, and never a verdict."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bot.core.failures import Evidence, FlakyJob
from bot.core.models import MAX_FAILED_NAME
from bot.core.types import RunId
from bot.messages.markdown import cell, code, link
from bot.messages.phrases import DEPOT_PAGES, MAX_ROWS, commit, minute, name_list

MAX_PULLS = 10
"""Pull requests that are named for one failure."""

MAX_EVIDENCE = 10
"""Failures of one run of which it is in the hidden JSON where else they were seen."""


def seen_elsewhere(found: Sequence[Evidence]) -> str:
    """Where else the failures of a run were seen, a line each."""
    return "\n".join(["Seen elsewhere:", "", *map(_line, found)])


def _line(one: Evidence) -> str:
    parts = []
    if one.base_seen and one.since is not None:
        parts.append(
            f"Also on {code(one.base)} since {commit(one.since)}: "
            f"{one.base_seen} of {_runs(one.base_known)} known."
        )
    if one.pulls:
        parts.append(f"Also on {_pulls(one.pulls)}.")
    if one.passed_attempt is not None:
        parts.append(f"Passed on attempt {one.passed_attempt} of the same commit.")
    if one.passed_elsewhere:
        parts.append(
            f"Failed so in {_others(one.passed_elsewhere)}, and then passed on the same commit."
        )
    if one.is_nowhere:
        parts.append(f"Seen nowhere else; {_runs(one.base_known)} of {code(one.base)} known.")
    return f"- {name_list(one.jobs)}: {' '.join(parts)}"


def _runs(number: int) -> str:
    return "1 run" if number == 1 else f"{number} runs"


def _others(number: int) -> str:
    return "1 other run" if number == 1 else f"{number} other runs"


def _pulls(numbers: Sequence[int]) -> str:
    """Other pull requests. In code spans: else GitHub would list this one in each of them."""
    # The newest have the highest numbers.
    newest = sorted(numbers, reverse=True)
    shown = ", ".join(code(f"#{number}") for number in newest[:MAX_PULLS])
    more = f" and {len(newest) - MAX_PULLS} more" if len(newest) > MAX_PULLS else ""
    pulls = "1 other pull request" if len(newest) == 1 else f"{len(newest)} other pull requests"
    return f"{pulls}: {shown}{more}"


def evidence_facts(found: Sequence[Evidence], names: int) -> list[dict[str, Any]]:
    """The same as `seen_elsewhere`, for programs: with the names of so many jobs of each failure.
    What there is nothing to say of is left out."""
    return [_facts(one, names) for one in found[:MAX_EVIDENCE]]


def _facts(one: Evidence, names: int) -> dict[str, Any]:
    pulls = sorted(one.pulls, reverse=True)
    base = {
        "branch": one.base[:MAX_FAILED_NAME],
        "runs_known": one.base_known,
        "runs_seen": one.base_seen,
        "since": one.since,
    }
    said = {
        "more_jobs": len(one.jobs[names:]),
        "base": base if one.base_known else None,
        "pulls": pulls[:MAX_PULLS],
        "more_pulls": len(pulls[MAX_PULLS:]),
        "passed_attempt": one.passed_attempt,
        "passed_in_other_runs": one.passed_elsewhere,
        "nowhere_else": one.is_nowhere,
    }
    return {
        "jobs": [name[:MAX_FAILED_NAME] for name in one.jobs[:names]],
        **{key: value for key, value in said.items() if value},
    }


def flaky_jobs(found: Sequence[FlakyJob], days: int, job: str | None) -> str:
    """The jobs of a repository that failed and then passed on the same commit."""
    since = f"in the last {days} days, in the runs that were followed here"
    if not found:
        what = f"No job that {code(job)} names" if job is not None else "No job"
        return f"{what} has failed and then passed on the same commit {since}."
    lines = [
        f"| {cell(one.job)} | {cell(one.workflow) if one.workflow else ''} | {_times(one.times)} "
        f"| {minute(one.last_at)} | {_run_links(one)} |"
        for one in found[:MAX_ROWS]
    ]
    head = ["job", "workflow", "how often", "last", "newest runs"]
    table = "\n".join([f"| {' | '.join(head)} |", "|---" * len(head) + "|", *lines])
    hidden = len(found) - MAX_ROWS
    more = f"\n\nAnd {hidden} more jobs." if hidden > 0 else ""
    return f"Failed and then passed on the same commit {since}:\n\n{table}{more}"


def _times(number: int) -> str:
    return "once" if number == 1 else f"{number} times"


def _run_links(one: FlakyJob) -> str:
    return ", ".join(_run_link(run_id, org_id) for run_id, org_id in one.runs)


def _run_link(run_id: RunId, org_id: str) -> str:
    shown = cell(run_id)
    return link(shown, org_id, "workflows", run_id, base=DEPOT_PAGES) if org_id else shown
