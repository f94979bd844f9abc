"""`/depot cancel`: end a run, or one job of it."""

from __future__ import annotations

from dataclasses import dataclass

from bot import replies
from bot.commands.base import Answer, Command, Here, Said
from bot.depot import DepotRefused
from bot.grammar import run_id, word
from bot.records import FollowedRun
from bot.types import Permission, is_over


@dataclass(frozen=True, slots=True)
class Cancel:
    run: str | None = word("a run's id; the newest without it", default=None, convert=run_id)
    job: str | None = word("only this job", default=None, keyword=True)


async def cancel(command: Cancel, here: Here) -> Answer:
    run = await here.run(command.run)
    is_first_try = here.deed is None
    if command.job is None:
        status = run.run.status
    else:
        workflow, job = await here.job(run, command.job)
        status = job.status
    if is_over(status):
        # In a second try this is what the first one did.
        return (
            _already_over(run)
            if is_first_try
            else await here.follow_again(run, "cancelled", "cancelled")
        )
    await here.note_deed(run)
    try:
        if command.job is None:
            await here.depot.cancel_run(run.run.run_id)
        else:
            await here.depot.cancel_job(workflow.workflow_id, job.job_id)
    except DepotRefused as no:
        if no.code != "failed_precondition":
            raise
        return _already_over(await here.run(run.run.run_id))
    return await here.follow_again(run, "cancelled", "cancelled")


def _already_over(run: FollowedRun) -> Said:
    return Said(replies.already_over(run), reason="already-over")


CANCEL = Command(
    Cancel,
    cancel,
    needs=Permission.WRITE,
    summary="Cancel a queued or running run, or one job of it.",
    examples=("cancel", "cancel job=test"),
)
