"""Which failed jobs of a run go again by themselves, by the repository's rules (`retry`). Pure."""

from __future__ import annotations

from collections.abc import Sequence

from bot.core import jobs
from bot.core.models import BY_RULE, TrackedRun
from bot.core.runs import Job, Workflow
from bot.rules.repository_config import Config

MAX_RETRIES = 3
"""Retries by rule under one pull request in an hour."""


def jobs_to_retry(config: Config, run: TrackedRun) -> list[tuple[Workflow, Job]]:
    """The failed jobs of a run that is over for which a rule leaves an attempt. On a fork's code
    none, unless the repository lets that run at all."""
    if run.in_fork and config.forks != "pinned":
        return []
    names = jobs.names(run.run.jobs)
    return [
        (workflow, job)
        for workflow in run.run.workflows
        for job in workflow.jobs
        if job.status == "failed"
        and (newest := job.newest_attempt) is not None
        and newest.number < config.attempts(workflow.file_name, (job.key, names[job.job_id]))
    ]


def count_retries(runs: Sequence[TrackedRun]) -> int:
    """How often a rule had one of these go again."""
    return sum(
        [run.asked_by, run.resumed_by, *(one.asked_by for one in run.attempts)].count(BY_RULE)
        for run in runs
    )
