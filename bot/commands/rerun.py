"""`/depot rerun`: every job of a run again, on the same commit."""

from __future__ import annotations

from dataclasses import dataclass

from bot.commands.base import Answer, Change, ChangeRun, ChangeRuns, CommandSpec, Handled, RunReader
from bot.core.errors import Refused
from bot.core.reasons import Reason
from bot.core.runs import is_over
from bot.core.types import Permission
from bot.messages import refusals, runs
from bot.parsing.arguments import run_argument


@dataclass(frozen=True, slots=True)
class RerunArguments:
    run: str | None = run_argument("a run's id, or a workflow; the newest run without it")


async def rerun(command: RerunArguments, reader: RunReader) -> Handled:
    try:
        run = await reader.run(command.run)
    except Refused as no:
        if no.reason is Reason.UNKNOWN_RUN and command.run in {"failed", "failed-jobs"}:
            raise Refused(Reason.UNKNOWN_RUN, refusals.rerun_failed()) from no
        raise
    await reader.check_again(run)
    is_over_now = run.run.is_over or (
        bool(run.run.workflows) and all(is_over(one.status) for one in run.run.workflows)
    )
    if not reader.pending_changes and not is_over_now:
        return Answer(runs.still_running(run, "rerun"), reason=Reason.STILL_RUNNING)
    if not run.run.workflows:
        return Answer(runs.nothing_to_rerun(run), reason=Reason.NOTHING_TO_RERUN)
    return ChangeRuns((ChangeRun(Change.RERUN, run, run.run.workflows),))


RERUN = CommandSpec(
    RerunArguments,
    rerun,
    required_permission=Permission.WRITE,
    summary="Run every job of a run again, on the same commit.",
    examples=("rerun", "rerun ci.yml"),
)
