"""`/depot cancel`: end a run, or one job of it."""

from __future__ import annotations

from dataclasses import dataclass

from bot.commands.base import Answer, CommandSpec, Here, Outcome
from bot.core.models import TrackedRun
from bot.core.reasons import Reason
from bot.core.runs import is_over
from bot.core.types import Permission
from bot.depot.client import DepotRefused
from bot.messages import runs
from bot.parsing.arguments import argument, run_id


@dataclass(frozen=True, slots=True)
class CancelArguments:
    run: str | None = argument("a run's id; the newest without it", default=None, convert=run_id)
    job: str | None = argument("only this job", default=None, keyword=True)


async def cancel(command: CancelArguments, here: Here) -> Outcome:
    run = await here.run(command.run)
    if command.job is not None:
        return await _cancel_job(run, command.job, here)
    if is_over(run.run.status):
        if here.pending_change is not None and run.run.status == "cancelled":
            # An earlier try did it.
            return await here.resume_tracking(run, "cancelled", Reason.CANCELLED)
        return Answer(runs.already_over(run), reason=Reason.ALREADY_OVER)
    await here.save_pending_change(run)
    try:
        await here.depot.cancel_run(run.run.run_id)
    except DepotRefused as no:
        if no.code != "failed_precondition":
            raise
        now = await here.run(run.run.run_id)
        return Answer(runs.already_over(now), reason=Reason.ALREADY_OVER)
    return await here.resume_tracking(run, "cancelled", Reason.CANCELLED)


async def _cancel_job(run: TrackedRun, typed: str, here: Here) -> Outcome:
    workflow, job = await here.job(run, typed)
    if is_over(job.status):
        if here.pending_change is not None and job.status == "cancelled":
            return await here.resume_tracking(run, run.run.status, Reason.CANCELLED)
        return Answer(runs.job_already_over(job, run), reason=Reason.ALREADY_OVER)
    await here.save_pending_change(run)
    try:
        await here.depot.cancel_job(workflow.workflow_id, job.job_id)
    except DepotRefused as no:
        if no.code != "failed_precondition":
            raise
        now = await here.run(run.run.run_id)
        _, job = await here.job(now, typed)
        return Answer(runs.job_already_over(job, now), reason=Reason.ALREADY_OVER)
    return await here.resume_tracking(run, run.run.status, Reason.CANCELLED)


CANCEL = CommandSpec(
    CancelArguments,
    cancel,
    required_permission=Permission.WRITE,
    summary="Cancel a queued or running run, or one job of it.",
    examples=("cancel", "cancel job=test"),
)
