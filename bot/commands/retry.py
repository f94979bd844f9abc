"""`/depot retry`: failed jobs again, in the same run."""

from __future__ import annotations

from dataclasses import dataclass

from bot.commands.base import Answer, Command, Here, Said
from bot.core import jobs
from bot.core.errors import Refused
from bot.core.models import FollowedRun
from bot.core.reasons import Reason
from bot.core.runs import is_over
from bot.core.types import Permission
from bot.depot.client import DepotRefused
from bot.messages import refusals, runs
from bot.parsing.arguments import run_id, word


@dataclass(frozen=True, slots=True)
class Retry:
    run: str | None = word("a run's id; the newest without it", default=None, convert=run_id)
    job: str | None = word("only this job", default=None, keyword=True)


async def retry(command: Retry, here: Here) -> Answer:
    run = await here.run(command.run)
    await here.check_again(run)
    if command.job is not None:
        return await _retry_job(run, command.job, here)
    failed = [w for w in run.run.workflows if jobs.failed(w.jobs)]
    if here.deed is None and not failed:
        return Said(runs.nothing_to_retry(run), reason=Reason.NOTHING_TO_RETRY)
    if here.deed is None and any(not is_over(w.status) for w in failed):
        return Said(runs.still_running(run, "retry"), reason=Reason.STILL_RUNNING)
    await here.set_going(run, failed, here.depot.retry_failed_jobs)
    return await here.follow_again(run, "queued", Reason.RETRIED)


async def _retry_job(run: FollowedRun, typed: str, here: Here) -> Answer:
    workflow, job = await here.job(run, typed)
    deed = here.deed
    newest = job.newest_attempt
    if deed is not None and newest and newest.number > deed.attempts.get(job.job_id, 0):
        return await here.follow_again(run, "queued", Reason.RETRIED)  # an earlier try did it
    if job.status not in jobs.FAILED:
        return Said(runs.job_not_failed(job, run), reason=Reason.NOTHING_TO_RETRY)
    await here.note_deed(run)
    try:
        await here.depot.retry_job(workflow.workflow_id, job.job_id)
    except DepotRefused as no:
        if no.code != "failed_precondition":
            raise
        raise Refused(Reason.CANNOT_RETRY_ALONE, refusals.cannot_retry_alone(job, run)) from no
    return await here.follow_again(run, "queued", Reason.RETRIED)


RETRY = Command(
    Retry,
    retry,
    needs=Permission.WRITE,
    summary="Retry the failed jobs of a run, or one of them.",
    examples=("retry", "retry job=test"),
)
