"""`/depot logs`: the end of a job's log."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from bot.commands.base import Answer, CommandSpec, RunReader
from bot.core import jobs
from bot.core.errors import Refused
from bot.core.models import TrackedRun
from bot.core.reasons import Reason
from bot.core.runs import Job
from bot.core.types import Detail, Permission
from bot.messages import answers, refusals
from bot.parsing.arguments import argument, number, run_argument

DEFAULT_LINES = 50
MAX_LINES = 500


@dataclass(frozen=True, slots=True)
class LogsArguments:
    run: str | None = run_argument("a run's id, or a workflow; the newest run without it")
    job: str | None = argument(
        "of this job; of the failed one without it", default=None, keyword=True
    )
    lines: int = argument(
        f"how many lines, {DEFAULT_LINES} if not given",
        default=DEFAULT_LINES,
        show="N",
        keyword=True,
        convert=number(1, MAX_LINES),
    )


async def logs(command: LogsArguments, reader: RunReader) -> Answer:
    run = await reader.run(command.run)
    job = (await reader.job((run,), command.job))[2] if command.job else _obvious(run)
    attempt = job.newest_attempt
    if attempt is None:
        return Answer(answers.no_log_yet(job, run), reason=Reason.NO_LOG)
    lines = await reader.log_tail(attempt.attempt_id, command.lines)
    if not lines:
        return Answer(answers.no_log_yet(job, run), reason=Reason.NO_LOG)
    # Masking takes its time: nothing waits for it.
    return Answer(await asyncio.to_thread(answers.log_tail, job, run, lines))


def _obvious(run: TrackedRun) -> Job:
    """The job that is meant when none is named: the only one that failed, or ran at all."""
    started = [job for job in run.run.jobs if job.attempts]
    meant = jobs.failed(started) or started
    if len(meant) != 1:
        raise Refused(
            Reason.WHICH_JOB, refusals.which_job(run, [job.key for job in meant or run.run.jobs])
        )
    return meant[0]


LOGS = CommandSpec(
    LogsArguments,
    logs,
    required_permission=Permission.TRIAGE,
    summary="Show the end of a job's log.",
    quotes=Detail.LOGS,
    examples=("logs", "logs ci.yml", "logs job=test lines=100"),
)
