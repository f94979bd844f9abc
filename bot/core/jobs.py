"""Jobs of a run: finding the one that was meant, and the name shown for each.

Pure. Keys come in several shapes, `ci.yml:test`, `ci.yml:test:matrix-0`, `_inline_0.yaml:test`
(bot/depot/README.md, "Job keys").
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from bot.core.runs import Job, Run, Workflow, is_over

FAILED = frozenset({"failed", "cancelled"})
"""States of a job that a retry starts again."""


def match(typed: str, jobs: Sequence[Job]) -> list[Job]:
    """The jobs that *typed* may mean: equal keys; else keys that end in it; else keys that contain
    it, always as whole segments; else labels. More than one is ambiguous."""
    wanted = typed.split(":")
    by_level = (
        [job for job in jobs if job.key == typed],
        [job for job in jobs if job.key.split(":")[-len(wanted) :] == wanted],
        [job for job in jobs if _contains(job.key.split(":"), wanted)],
        [job for job in jobs if job.name == typed],
    )
    return next((found for found in by_level if found), [])


def named(typed: str, jobs: Sequence[Job]) -> list[str]:
    """The names in a list with commas; a job's own name may hold one, as in `test (3.11, linux)`,
    and then is one name."""
    if match(typed, jobs):
        return [typed]
    return list(dict.fromkeys(name.strip() for name in typed.split(",")))


def _contains(segments: Sequence[str], wanted: Sequence[str]) -> bool:
    starts = range(len(segments) - len(wanted) + 1)
    return any(list(segments[start : start + len(wanted)]) == list(wanted) for start in starts)


def names(jobs: Sequence[Job]) -> dict[str, str]:
    """The name shown for each job, by id: Depot's label, else its key without the file. Two jobs
    that would have the same name keep their whole keys."""
    short = {job.job_id: job.name or job.key.partition(":")[2] or job.key for job in jobs}
    seen = Counter(short.values())
    return {
        job.job_id: short[job.job_id] if seen[short[job.job_id]] == 1 else job.key for job in jobs
    }


def failed(jobs: Sequence[Job]) -> list[Job]:
    """The failed and cancelled jobs."""
    return [job for job in jobs if job.status in FAILED]


def attempts(run: Run) -> dict[str, int]:
    """The number of each job's newest attempt, by job id."""
    return {
        job.job_id: newest.number for job in run.jobs if (newest := job.newest_attempt) is not None
    }


def is_tried_again(run: Run, before: Run) -> bool:
    """Whether a job of a run has been tried again since it was read as *before*. Jobs that were not
    known then say nothing."""
    known = attempts(before)
    return any(number > known.get(job_id, number) for job_id, number in attempts(run).items())


def has_moved(workflow: Workflow, before: Mapping[str, int]) -> bool:
    """Whether a workflow that was over has been started again.

    *before* has the number of each job's newest attempt at that time, by job id.
    """
    return not is_over(workflow.status) or any(
        newest.number > before.get(job.job_id, 0)
        for job in workflow.jobs
        if (newest := job.newest_attempt) is not None
    )
