"""`/depot cancel`: end a run, or one job of it."""

from __future__ import annotations

from dataclasses import dataclass

from bot.commands.base import Answer, Change, ChangeRun, CommandSpec, Handled, RunReader
from bot.core.models import TrackedRun
from bot.core.reasons import Reason
from bot.core.runs import is_over
from bot.core.types import Permission
from bot.messages import runs
from bot.parsing.arguments import argument, run_id


@dataclass(frozen=True, slots=True)
class CancelArguments:
    run: str | None = argument("a run's id; the newest without it", default=None, convert=run_id)
    job: str | None = argument("only this job", default=None, keyword=True)


async def cancel(command: CancelArguments, reader: RunReader) -> Handled:
    run = await reader.run(command.run)
    if command.job is not None:
        return await _cancel_job(run, command.job, reader)
    is_done = reader.pending_change is not None and run.run.status == "cancelled"
    if is_over(run.run.status) and not is_done:
        return Answer(runs.already_over(run), reason=Reason.ALREADY_OVER)
    return ChangeRun(Change.CANCEL, run, is_done=is_done)


async def _cancel_job(run: TrackedRun, typed: str, reader: RunReader) -> Handled:
    workflow, job = await reader.job(run, typed)
    is_done = reader.pending_change is not None and job.status == "cancelled"
    if is_over(job.status) and not is_done:
        return Answer(runs.job_already_over(job, run), reason=Reason.ALREADY_OVER)
    return ChangeRun(Change.CANCEL, run, (workflow,), job, is_done=is_done)


CANCEL = CommandSpec(
    CancelArguments,
    cancel,
    required_permission=Permission.WRITE,
    summary="Cancel a queued or running run, or one job of it.",
    examples=("cancel", "cancel job=test"),
)
