"""`/depot cancel`: end a run, or one job of it."""

from __future__ import annotations

from dataclasses import dataclass

from bot import replies
from bot.commands.base import Answer, Command, Here, Said
from bot.depot import DepotRefused
from bot.grammar import run_id, word
from bot.reasons import Reason
from bot.records import FollowedRun
from bot.types import Permission, is_over


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
        return Said(replies.already_over(run), reason=Reason.ALREADY_OVER)
    await here.note_deed(run)
    try:
        await here.depot.cancel_run(run.run.run_id)
    except DepotRefused as no:
        if no.code != "failed_precondition":
            raise
        now = await here.run(run.run.run_id)
        return Said(replies.already_over(now), reason=Reason.ALREADY_OVER)
    return await here.follow_again(run, "cancelled", Reason.CANCELLED)


async def _cancel_job(run: FollowedRun, typed: str, here: Here) -> Answer:
    workflow, job = await here.job(run, typed)
    if is_over(job.status):
        if here.deed is not None and job.status == "cancelled":
            return await here.follow_again(run, run.run.status, Reason.CANCELLED)
        return Said(replies.job_already_over(job, run), reason=Reason.ALREADY_OVER)
    await here.note_deed(run)
    try:
        await here.depot.cancel_job(workflow.workflow_id, job.job_id)
    except DepotRefused as no:
        if no.code != "failed_precondition":
            raise
        now = await here.run(run.run.run_id)
        _, job = await here.job(now, typed)
        return Said(replies.job_already_over(job, now), reason=Reason.ALREADY_OVER)
    return await here.follow_again(run, run.run.status, Reason.CANCELLED)


CANCEL = Command(
    Cancel,
    cancel,
    needs=Permission.WRITE,
    summary="Cancel a queued or running run, or one job of it.",
    examples=("cancel", "cancel job=test"),
)
