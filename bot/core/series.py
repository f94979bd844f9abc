"""Several runs of the same for one command: when another is started, and how they ended. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bot.core.models import Command, TrackedRun, WorkItem
from bot.core.reasons import Reason

SIDE_BY_SIDE = 5
"""Runs of one command that are under way at a time."""


def wants_another(item: WorkItem, command: Command) -> bool:
    """Whether one more run of the same is to be started now, or looked for."""
    if not item.is_to_go_on(command):
        return False
    if item.open_start_attempt(command.command_id) is not None:
        return True
    moving = sum(run.end == "" for run in item.runs_of(command.command_id))
    return moving < SIDE_BY_SIDE


def outliving_cancel(item: WorkItem, runs: Sequence[TrackedRun]) -> list[TrackedRun]:
    """Those of the runs that go on although their command was cancelled: they were just being
    started, or Depot did not hear of it. One that was cancelled has been resumed, and of one that
    goes again this is not the first attempt."""
    cancelled = {
        command.command_id
        for command in item.commands
        if command.series is not None and command.series.stopped is Reason.CANCELLED
    }
    return [
        run
        for run in runs
        if run.number and run.command_id in cancelled
        if not (run.is_over or run.resumed_at or run.attempts)
    ]


@dataclass(frozen=True, slots=True)
class Tally:
    """How runs of the same ended; what somebody retried counts as it was."""

    passed: int
    failed: int
    cancelled: int
    unknown: int
    """It is not known how they ended."""
    moving: int
    """Not over."""


def tally(runs: Sequence[TrackedRun]) -> Tally:
    """How many ended in which way."""
    ends = [run.attempts[0].status if run.attempts else run.end for run in runs]
    passed, failed, cancelled = map(ends.count, ("finished", "failed", "cancelled"))
    moving = ends.count("")
    return Tally(
        passed, failed, cancelled, len(ends) - passed - failed - cancelled - moving, moving
    )


def failed_alike(runs: Sequence[TrackedRun]) -> list[tuple[TrackedRun, ...]]:
    """The runs whose present attempt failed, in groups of those in which the same failed, the
    largest first. One of which that is not known is a group of its own."""
    groups: dict[str, list[TrackedRun]] = {}
    for run in runs:
        if run.end == "failed":
            groups.setdefault(run.signature or run.run.run_id, []).append(run)
    return sorted(map(tuple, groups.values()), key=lambda group: (-len(group), group[0].number))
