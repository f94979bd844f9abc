"""`/depot cancel`: end a run, or one job of it."""

from __future__ import annotations

from dataclasses import dataclass

from bot.commands.base import Answer, Command, Here, Said
from bot.core.models import FollowedRun
from bot.core.reasons import Reason
from bot.core.runs import is_over
from bot.core.types import Permission
from bot.depot.client import DepotRefused
from bot.messages import runs
from bot.parsing.arguments import run_id, word


@dataclass(frozen=True, slots=True)
class Cancel:
    run: str | None = word("a run's id; the newest without it", default=None, convert=run_id)
    job: str | None = word("only this job", default=None, keyword=True)


async def cancel(command: Cancel, here: Here) -> Answer:
    run = await here.run(command.run)
    if command.job is not None:
        return await _cancel_job(run, command.job, here)
    if is_over(run.run.status):
        if here.deed is not None and run.run.status == "cancelled":
            # An earlier try did it.
            return await here.follow_again(run, "cancelled", Reason.CANCELLED)
        return Said(runs.already_over(run), reason=Reason.ALREADY_OVER)
    await here.note_deed(run)
    try:
        await here.depot.cancel_run(run.run.run_id)
    except DepotRefused as no:
        if no.code != "failed_precondition":
            raise
        now = await here.run(run.run.run_id)
        return Said(runs.already_over(now), reason=Reason.ALREADY_OVER)
    return await here.follow_again(run, "cancelled", Reason.CANCELLED)


async def _cancel_job(run: FollowedRun, typed: str, here: Here) -> Answer:
    workflow, job = await here.job(run, typed)
    if is_over(job.status):
        if here.deed is not None and job.status == "cancelled":
            return await here.follow_again(run, run.run.status, Reason.CANCELLED)
        return Said(runs.job_already_over(job, run), reason=Reason.ALREADY_OVER)
    await here.note_deed(run)
    try:
        await here.depot.cancel_job(workflow.workflow_id, job.job_id)
    except DepotRefused as no:
        if no.code != "failed_precondition":
            raise
        now = await here.run(run.run.run_id)
        _, job = await here.job(now, typed)
        return Said(runs.job_already_over(job, now), reason=Reason.ALREADY_OVER)
    return await here.follow_again(run, run.run.status, Reason.CANCELLED)


CANCEL = Command(
    Cancel,
    cancel,
    needs=Permission.WRITE,
    summary="Cancel a queued or running run, or one job of it.",
    examples=("cancel", "cancel job=test"),
)
