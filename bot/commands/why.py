"""`/depot why`: Depot's diagnosis of a failure, and where else it was seen."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace

from bot.commands.base import Answer, CommandSpec, RunReader
from bot.core import jobs
from bot.core.models import TrackedRun
from bot.core.runs import Job
from bot.core.types import Detail, Permission
from bot.depot.client import Target
from bot.messages import diagnosis as diagnosis_messages
from bot.messages import runs as run_messages
from bot.parsing.arguments import argument, run_argument


@dataclass(frozen=True, slots=True)
class WhyArguments:
    run: str | None = run_argument(
        "a run's id, or a workflow; what failed in the newest run of each workflow without it"
    )
    job: str | None = argument("only this job", default=None, show="KEY", keyword=True)


async def why(command: WhyArguments, reader: RunReader) -> Answer:
    found = await reader.newest_runs(command.run)
    if command.job is not None:
        run, _, job = await reader.job(found, command.job)
        diagnosis = await reader.diagnosis(Target.JOB, job.job_id)
        found_elsewhere = await reader.seen_elsewhere(_only(run, job), diagnosis)
        return Answer(diagnosis_messages.diagnosis_of(run, diagnosis, found_elsewhere))
    failed = [run for run in found if jobs.failed(run.run.jobs) or run.run.status == "failed"]
    if not failed:
        return Answer(run_messages.nothing_failed(found))
    diagnoses = await asyncio.gather(
        *(reader.diagnosis(Target.RUN, run.run.run_id) for run in failed)
    )
    elsewhere = await asyncio.gather(*map(reader.seen_elsewhere, failed, diagnoses))
    said = await asyncio.to_thread(
        lambda: list(map(diagnosis_messages.diagnosis_of, failed, diagnoses, elsewhere))
    )
    return Answer("\n\n".join(said))


def _only(run: TrackedRun, job: Job) -> TrackedRun:
    """The run with one of its jobs alone."""
    workflows = tuple(
        replace(workflow, jobs=(job,)) for workflow in run.run.workflows if job in workflow.jobs
    )
    return replace(run, run=replace(run.run, workflows=workflows))


WHY = CommandSpec(
    WhyArguments,
    why,
    required_permission=Permission.TRIAGE,
    summary="Show Depot's diagnosis of what failed, and where else it was seen: in the newest run "
    "of each workflow at the head, or in one run or workflow, or one job.",
    quotes=Detail.DIAGNOSIS,
    examples=("why", "why ci.yml", "why job=test"),
)
