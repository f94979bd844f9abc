"""Several runs of the same for one command: whether another may still be what was asked for."""

from __future__ import annotations

from bot.commands.base import Handled, StartRuns
from bot.core import models
from bot.core.errors import Refused
from bot.core.models import TrackedRun, WorkItem
from bot.core.reasons import Reason
from bot.core.types import CommandId
from bot.messages import refusals


def runs_wanted(item: WorkItem, command_id: CommandId, wanted: StartRuns) -> int:
    """How many runs are to be started: at first all of several of the same, then one by one."""
    if item.runs_of(command_id):
        return len(wanted.requests)
    return sum(one.times for one in wanted.requests)


def refused(item: WorkItem, command: models.Command) -> Refused | None:
    """Why no more runs of the same are started where each would fail as those before it."""
    if command.series is not None and any(map(_is_broken, item.runs_of(command.command_id))):
        return Refused(Reason.BAD_WORKFLOW, refusals.never_compiles())
    return None


def check_same(item: WorkItem, command: models.Command, handled: Handled) -> None:
    """Raises Refused where a command that wants several runs of the same would do something else by
    now: its alias may have changed."""
    if command.series is None:
        return
    first = item.runs_of(command.command_id)[0]
    match handled:
        case StartRuns(requests=(request,)) if request.times > 1:
            if (request.workflow, request.job) == (first.workflow, first.job):
                return
    raise Refused(Reason.ALIAS_CHANGED, refusals.alias_changed())


def _is_broken(run: TrackedRun) -> bool:
    """Whether its workflow does not compile: all of them are of the same commit."""
    return run.end == "failed" and any(workflow.is_invalid for workflow in run.run.workflows)
