"""`/depot rerun`: every job of a run again, on the same commit."""

from __future__ import annotations

from dataclasses import dataclass

from bot.commands.base import Answer, Command, Here, Said
from bot.core.reasons import Reason
from bot.core.types import Permission
from bot.messages import runs
from bot.parsing.arguments import run_id, word


@dataclass(frozen=True, slots=True)
class Rerun:
    run: str | None = word("a run's id; the newest without it", default=None, convert=run_id)


async def rerun(command: Rerun, here: Here) -> Answer:
    run = await here.run(command.run)
    await here.check_again(run)
    if here.deed is None and not run.run.is_over:
        return Said(runs.still_running(run, "rerun"), reason=Reason.STILL_RUNNING)
    if not run.run.workflows:
        return Said(runs.nothing_to_rerun(run), reason=Reason.NOTHING_TO_RERUN)
    await here.set_going(run, run.run.workflows, here.depot.rerun_workflow)
    return await here.follow_again(run, "queued", Reason.RERUN)


RERUN = Command(
    Rerun,
    rerun,
    needs=Permission.WRITE,
    summary="Run every job of a run again, on the same commit.",
    examples=("rerun",),
)
