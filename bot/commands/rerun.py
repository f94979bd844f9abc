"""`/depot rerun`: every job of a run again, on the same commit."""

from __future__ import annotations

from dataclasses import dataclass

from bot.commands.base import Answer, Change, ChangeRun, CommandSpec, Handled, RunReader
from bot.core.reasons import Reason
from bot.core.types import Permission
from bot.messages import runs
from bot.parsing.arguments import argument, run_id


@dataclass(frozen=True, slots=True)
class RerunArguments:
    run: str | None = argument("a run's id; the newest without it", default=None, convert=run_id)


async def rerun(command: RerunArguments, reader: RunReader) -> Handled:
    run = await reader.run(command.run)
    await reader.check_again(run)
    if reader.pending_change is None and not run.run.is_over:
        return Answer(runs.still_running(run, "rerun"), reason=Reason.STILL_RUNNING)
    if not run.run.workflows:
        return Answer(runs.nothing_to_rerun(run), reason=Reason.NOTHING_TO_RERUN)
    return ChangeRun(Change.RERUN, run, run.run.workflows)


RERUN = CommandSpec(
    RerunArguments,
    rerun,
    required_permission=Permission.WRITE,
    summary="Run every job of a run again, on the same commit.",
    examples=("rerun",),
)
