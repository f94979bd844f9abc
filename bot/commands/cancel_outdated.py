"""Cancels what was started on an earlier head, where the repository's config wants that.

Nobody types this: it follows on a new head, and when a pull request is closed
(`bot.rules.automations`).
"""

from __future__ import annotations

from dataclasses import dataclass

from bot.commands.base import Answer, Change, ChangeRun, ChangeRuns, CommandSpec, Handled, RunReader
from bot.core.reasons import Reason
from bot.core.types import Permission
from bot.messages import runs


@dataclass(frozen=True, slots=True)
class CancelOutdatedArguments:
    pass


async def cancel_outdated(command: CancelOutdatedArguments, reader: RunReader) -> Handled:
    found = await reader.outdated_runs()
    if not found:
        return Answer("", reason=Reason.ALREADY_OVER)
    changes = tuple(ChangeRun(Change.CANCEL, run) for run in found)
    return ChangeRuns(changes, note=runs.cancelled_as_outdated(), is_quiet=True)


CANCEL_OUTDATED = CommandSpec(
    CancelOutdatedArguments,
    cancel_outdated,
    required_permission=Permission.NONE,
    summary="Cancel what was started on an earlier head.",
    examples=(),
    is_always_answered=True,
)
