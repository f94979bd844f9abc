"""`/depot why`: Depot's diagnosis of a failure."""

from __future__ import annotations

from dataclasses import dataclass

from bot.commands.base import Answer, CommandSpec, Handled, RunReader
from bot.core.types import Permission
from bot.depot.client import Target
from bot.messages import diagnosis as diagnosis_messages
from bot.parsing.arguments import argument, run_id


@dataclass(frozen=True, slots=True)
class WhyArguments:
    run: str | None = argument("a run's id; the newest without it", default=None, convert=run_id)
    job: str | None = argument("only this job", default=None, keyword=True)


async def why(command: WhyArguments, reader: RunReader) -> Handled:
    run = await reader.run(command.run)
    if command.job is None:
        diagnosis = await reader.diagnosis(Target.RUN, run.run.run_id)
    else:
        _, job = await reader.job(run, command.job)
        diagnosis = await reader.diagnosis(Target.JOB, job.job_id)
    return Answer(diagnosis_messages.diagnosis_of(run, diagnosis))


WHY = CommandSpec(
    WhyArguments,
    why,
    required_permission=Permission.TRIAGE,
    summary="Show Depot's diagnosis of what failed.",
    examples=("why", "why job=test"),
)
