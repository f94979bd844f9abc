"""`/depot flaky`: jobs that failed and then passed on the same commit."""

from __future__ import annotations

from dataclasses import dataclass

from bot.commands.base import Answer, CommandSpec, RunReader
from bot.core.failures import FLAKY_DAYS, FlakyJob
from bot.core.types import Permission
from bot.messages import known_failures
from bot.parsing.arguments import argument


@dataclass(frozen=True, slots=True)
class FlakyArguments:
    job: str | None = argument("only this job", default=None)


async def flaky(command: FlakyArguments, reader: RunReader) -> Answer:
    found = await reader.flaky_jobs()
    if command.job is not None:
        found = [one for one in found if _is_meant(one, command.job)]
    return Answer(known_failures.flaky_jobs(found, FLAKY_DAYS, command.job))


def _is_meant(one: FlakyJob, typed: str) -> bool:
    """Whether a job goes by this name: the one that is shown, its key, or the end of that."""
    return typed in {one.job, one.job_key, one.job_key.rpartition(":")[2]}


FLAKY = CommandSpec(
    FlakyArguments,
    flaky,
    required_permission=Permission.TRIAGE,
    summary="List the jobs that failed and then passed on the same commit in the last "
    f"{FLAKY_DAYS} days, in the runs that were followed here.",
    examples=("flaky", "flaky test"),
)
