"""`/depot retry`: failed jobs again, in the same run."""

from __future__ import annotations

from dataclasses import dataclass

from bot.commands.base import Answer, Change, ChangeRun, CommandSpec, Handled, RunReader
from bot.core import jobs
from bot.core.models import TrackedRun
from bot.core.reasons import Reason
from bot.core.runs import is_over
from bot.core.types import Permission
from bot.messages import refusals, runs
from bot.parsing.arguments import argument, run_id


@dataclass(frozen=True, slots=True)
class RetryArguments:
    run: str | None = argument("a run's id; the newest without it", default=None, convert=run_id)
    job: str | None = argument("only this job", default=None, keyword=True)


async def retry(command: RetryArguments, reader: RunReader) -> Handled:
    run = await reader.run(command.run)
    await reader.check_again(run)
    if command.job is not None:
        return await _retry_job(run, command.job, reader)
    failed = tuple(w for w in run.run.workflows if jobs.failed(w.jobs))
    if reader.pending_change is None and not failed:
        return Answer(runs.nothing_to_retry(run), reason=Reason.NOTHING_TO_RETRY)
    if reader.pending_change is None and any(not is_over(w.status) for w in failed):
        return Answer(runs.still_running(run, "retry"), reason=Reason.STILL_RUNNING)
    return ChangeRun(Change.RETRY, run, failed)


async def _retry_job(run: TrackedRun, typed: str, reader: RunReader) -> Handled:
    workflow, job = await reader.job(run, typed)
    change, newest = reader.pending_change, job.newest_attempt
    is_done = (
        change is not None
        and newest is not None
        and newest.number > change.attempts.get(job.job_id, 0)
    )
    if not is_done and job.status not in jobs.FAILED:
        return Answer(runs.job_not_failed(job, run), reason=Reason.NOTHING_TO_RETRY)
    refused = Answer(refusals.cannot_retry_alone(job, run), reason=Reason.CANNOT_RETRY_ALONE)
    return ChangeRun(Change.RETRY, run, (workflow,), job, refused=refused, is_done=is_done)


RETRY = CommandSpec(
    RetryArguments,
    retry,
    required_permission=Permission.WRITE,
    summary="Retry the failed jobs of a run, or one of them.",
    examples=("retry", "retry job=test"),
)
