"""`/depot retry`: failed jobs again, in the same run."""

from __future__ import annotations

from dataclasses import dataclass

from bot.commands.base import Answer, CommandSpec, Here, Outcome
from bot.core import jobs
from bot.core.errors import Refused
from bot.core.models import TrackedRun
from bot.core.reasons import Reason
from bot.core.runs import is_over
from bot.core.types import Permission
from bot.depot.client import DepotRefused
from bot.messages import refusals, runs
from bot.parsing.arguments import argument, run_id


@dataclass(frozen=True, slots=True)
class RetryArguments:
    run: str | None = argument("a run's id; the newest without it", default=None, convert=run_id)
    job: str | None = argument("only this job", default=None, keyword=True)


async def retry(command: RetryArguments, here: Here) -> Outcome:
    run = await here.run(command.run)
    await here.check_again(run)
    if command.job is not None:
        return await _retry_job(run, command.job, here)
    failed = [w for w in run.run.workflows if jobs.failed(w.jobs)]
    if here.pending_change is None and not failed:
        return Answer(runs.nothing_to_retry(run), reason=Reason.NOTHING_TO_RETRY)
    if here.pending_change is None and any(not is_over(w.status) for w in failed):
        return Answer(runs.still_running(run, "retry"), reason=Reason.STILL_RUNNING)
    await here.set_going(run, failed, here.depot.retry_failed_jobs)
    return await here.resume_tracking(run, "queued", Reason.RETRIED)


async def _retry_job(run: TrackedRun, typed: str, here: Here) -> Outcome:
    workflow, job = await here.job(run, typed)
    deed = here.pending_change
    newest = job.newest_attempt
    if deed is not None and newest and newest.number > deed.attempts.get(job.job_id, 0):
        return await here.resume_tracking(run, "queued", Reason.RETRIED)  # an earlier try did it
    if job.status not in jobs.FAILED:
        return Answer(runs.job_not_failed(job, run), reason=Reason.NOTHING_TO_RETRY)
    await here.save_pending_change(run)
    try:
        await here.depot.retry_job(workflow.workflow_id, job.job_id)
    except DepotRefused as no:
        if no.code != "failed_precondition":
            raise
        raise Refused(Reason.CANNOT_RETRY_ALONE, refusals.cannot_retry_alone(job, run)) from no
    return await here.resume_tracking(run, "queued", Reason.RETRIED)


RETRY = CommandSpec(
    RetryArguments,
    retry,
    required_permission=Permission.WRITE,
    summary="Retry the failed jobs of a run, or one of them.",
    examples=("retry", "retry job=test"),
)
