"""Several runs of the same for one command: when another is started, and how they ended. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from bot.core.models import Command, TrackedRun, WorkItem

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


def first_end(run: TrackedRun) -> str:
    """How the first attempt of a run ended: what somebody retried counts as it was. Empty while it
    goes on."""
    return run.attempts[0].status if run.attempts else run.end


def tally(runs: Sequence[TrackedRun]) -> Counter[str]:
    """How many runs ended in which state; with an empty one for those that go on."""
    return Counter(map(first_end, runs))


def failed_alike(runs: Sequence[TrackedRun]) -> list[tuple[TrackedRun, ...]]:
    """The runs whose present attempt failed, in groups of those in which the same failed, the
    largest first. One of which that is not known is a group of its own."""
    groups: dict[str, list[TrackedRun]] = {}
    for run in runs:
        if run.end == "failed":
            groups.setdefault(run.signature or run.run.run_id, []).append(run)
    return sorted(map(tuple, groups.values()), key=lambda group: (-len(group), group[0].number))
