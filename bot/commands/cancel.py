"""`/depot cancel`: end a run, or jobs of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bot.commands.base import (
    Answer,
    Change,
    ChangeRun,
    ChangeRuns,
    CommandSpec,
    Handled,
    RunReader,
)
from bot.core import jobs
from bot.core.errors import Refused
from bot.core.models import RunSeries, TrackedRun
from bot.core.reasons import Reason
from bot.core.runs import is_over
from bot.core.types import Permission
from bot.messages import refusals, runs
from bot.parsing.arguments import jobs_argument, run_argument


@dataclass(frozen=True, slots=True)
class CancelArguments:
    run: str | None = run_argument("a run's id, or a workflow; the one under way without it")
    job: str | None = jobs_argument()


async def cancel(command: CancelArguments, reader: RunReader) -> Handled:
    found = await reader.runs_under_way(command.run)
    newest = found or (await reader.run(command.run),)
    series = await reader.series(newest)
    is_going = series is not None and bool(
        series.is_open or series.moving or reader.pending_changes
    )
    if series is not None and is_going and command.job in {None, newest[0].job}:
        return _cancel_series(series, found if reader.pending_changes else series.moving, reader)
    if not found:
        return Answer(runs.already_over(newest[0]), reason=Reason.ALREADY_OVER)
    if command.job is not None:
        return await _cancel_jobs(found, command.job, reader)
    if len(found) > 1:
        choices = await _choices(found, reader)
        raise Refused(Reason.WHICH_RUN, refusals.which_run("cancel", choices))
    (run,) = found
    is_done = _is_done(run.run.status, reader)
    if run.run.is_over and not is_done:
        return Answer(runs.already_over(run), reason=Reason.ALREADY_OVER)
    # A workflow that was named is cancelled alone, whatever else is in its run.
    is_named = command.run is not None and command.run != run.run.run_id
    workflows = tuple(one for one in run.run.workflows if not is_over(one.status))
    if is_named and not workflows and not is_done:
        return Answer(runs.already_over(run), reason=Reason.ALREADY_OVER)
    part = workflows if is_named else ()
    return ChangeRuns((ChangeRun(Change.CANCEL, run, part, is_done=is_done),))


def _cancel_series(
    series: RunSeries, moving: Sequence[TrackedRun], reader: RunReader
) -> ChangeRuns:
    """Cancel all runs of the same that one command wanted, whichever was named."""
    changes = []
    for run in moving:
        is_done = _is_done(run.run.status, reader)
        if is_done or not run.run.is_over:
            changes.append(ChangeRun(Change.CANCEL, run, is_done=is_done))
    return ChangeRuns(tuple(changes), stops=series.command_id)


async def _choices(found: Sequence[TrackedRun], reader: RunReader) -> list[TrackedRun]:
    """The runs that may be meant; of several runs of the same one, which stands for all of them."""
    known = await reader.known_runs([run.run.run_id for run in found])
    choices: dict[str, TrackedRun] = {}
    for run in found:
        one = known.get(run.run.run_id)
        is_of_several = one is not None and one.run.number > 0
        choices.setdefault(one.run.command_id if one and is_of_several else run.run.run_id, run)
    return list(choices.values())


async def _cancel_jobs(found: Sequence[TrackedRun], typed: str, reader: RunReader) -> Handled:
    changes = []
    for name in jobs.named(typed, [job for run in found for job in run.run.jobs]):
        run, workflow, job = await reader.job(found, name)
        is_done = _is_done(job.status, reader)
        if is_over(job.status) and not is_done:
            return Answer(runs.job_already_over(job, run), reason=Reason.ALREADY_OVER)
        changes.append(ChangeRun(Change.CANCEL, run, (workflow,), job, is_done=is_done))
    return ChangeRuns(tuple(changes))


def _is_done(status: str, reader: RunReader) -> bool:
    """Whether an earlier step of this command may have cancelled what has this status."""
    return bool(reader.pending_changes) and status == "cancelled"


CANCEL = CommandSpec(
    CancelArguments,
    cancel,
    required_permission=Permission.WRITE,
    summary="Cancel a queued or running run, or jobs of it; of several runs of the same "
    "(`times=`) all.",
    examples=("cancel", "cancel ci.yml", "cancel job=test"),
)
